#!/usr/bin/env python3
"""Run a command beside a busy loop on every core: python tools/beside_load.py COMMAND ..."""

import multiprocessing
import subprocess
import sys


def spin() -> None:
    """Keep one core busy."""
    while True:
        pass


if __name__ == "__main__":
    loops = [multiprocessing.Process(target=spin, daemon=True) for _ in range(multiprocessing.cpu_count())]
    for loop in loops:
        loop.start()
    sys.exit(subprocess.call(sys.argv[1:]))

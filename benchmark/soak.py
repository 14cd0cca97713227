#!/usr/bin/env python3
"""Does the node last? Minutes at 30 Hz: lost messages and memory; then lifecycle cycles: threads, files, memory.

python benchmark/soak.py --minutes 10 --cycles 200
"""

import argparse
import json
import os
import time
from pathlib import Path

from lifecycle_msgs.msg import Transition
from peer.session import Peer, session

DOWN = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
UP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE


def held(pid: int) -> dict[str, float]:
    """What a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {
        "resident_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "files": len(os.listdir(f"/proc/{pid}/fd")),
    }


def soak(peer: Peer, pid: int, minutes: float) -> dict:
    """Messages that the node never saw, and its memory after the first minute (or half of the time) and at the end."""
    first_s = 60.0 * min(1.0, minutes / 2)
    peer.play(first_s)
    early_mb = held(pid)["resident_mb"]
    peer.play(60.0 * minutes - first_s)
    late_mb = held(pid)["resident_mb"]
    time.sleep(3.0)  # two periods of the diagnostics, which carry the count
    return {
        "minutes": minutes,
        "people": peer.people,
        "sent": len(peer.sent),
        "lost": len(peer.sent) - peer.seen_by_node,
        "answered": len(peer.received),
        "resident_mb_early": early_mb,
        "resident_mb_end": late_mb,
        "growth_percent": round(100 * (late_mb / early_mb - 1), 2),
    }


def cycles(peer: Peer, pid: int, count: int) -> dict:
    """What the node holds when unconfigured: after the first tenth of the cycles, and after all."""
    for transition in DOWN:
        peer.change(transition)
    after = []
    for _ in range(count):
        for transition in (*UP, *DOWN):
            peer.change(transition)
        after.append(held(pid))
    subscriptions = [name for name, _ in peer.get_subscriber_names_and_types_by_node("lifter", "/")]
    return {"cycles": count, "early": after[count // 10], "end": after[-1], "subscriptions_left": subscriptions}


def main() -> None:
    """Runs and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--weights", default="body_dtf27", help="name, or path of a .safetensors file")
    options = parser.parse_args()
    report = {}
    with session(options.people, options.weights) as (peer, pid):
        if options.minutes:
            report["soak"] = soak(peer, pid, options.minutes)
        if options.cycles:
            report["lifecycle"] = cycles(peer, pid, options.cycles)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Cut a small motion file out of a large one: `make_motion_sample.py IN OUT [--clips 4] [--frames 240]`.

The clips are spread over the file and cut at their start; terms and notice stay with them.
"""

import argparse
from pathlib import Path

import numpy as np

PER_CLIP = ("clip_fps", "clip_name", "clip_subject", "clip_source")


def cut(data: dict[str, np.ndarray], clips: int, frames: int) -> dict[str, np.ndarray]:
    """The keys of a motion file for `clips` of its clips, each of at most `frames` frames."""
    offset = data["clip_offset"]
    chosen = np.linspace(0, len(offset) - 2, clips).round().astype(int)
    rows = [np.arange(offset[c], min(offset[c] + frames, offset[c + 1])) for c in chosen]
    sample = {key: data[key][np.concatenate(rows)] for key in ("joints", "root")}
    sample |= {key: data[key][chosen] for key in PER_CLIP}
    sample["clip_offset"] = np.cumsum([0, *map(len, rows)])
    return sample | {key: data[key] for key in ("joint_names", "license", "notice")}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=240)
    args = parser.parse_args()
    with np.load(args.source) as data:
        np.savez_compressed(args.target, **cut(dict(data), args.clips, args.frames))


if __name__ == "__main__":
    main()

"""Cut the tests' small file of recorded hands out of the large one: `make_hand_sample.py IN OUT`.

Four seconds of one and all of the other recording that the generator knows nothing of, thinned to about 38 frames
a second, with the terms of the file.
"""

import sys

import numpy as np

CUTS = (("confidence-74fps", 2, 5.0, 9.0), ("pinch", 3, 0.0, 9.0))  # name, every how many frames, seconds
PER_FRAME = ("joints", "valid", "confidence", "hand_id", "time")


def main(source: str, target: str) -> None:
    """Writes the file."""
    with np.load(source) as data:
        table = {name: data[name] for name in data.files}
    names, offset = table["clip_name"].tolist(), table["clip_offset"]
    rows = []
    for name, step, low, high in CUTS:
        clip = names.index(name)
        seconds = table["time"][offset[clip] : offset[clip + 1]]
        rows.append(offset[clip] + np.flatnonzero((seconds >= low) & (seconds < high))[::step])
    cut = {name: table[name][np.concatenate(rows)] for name in PER_FRAME}
    cut |= {name: table[name] for name in ("hand_names", "joint_names", "license", "notice")}
    cut["clip_offset"] = np.cumsum([0] + [len(part) for part in rows])
    cut["clip_name"] = np.array([name for name, *_ in CUTS])
    fps = table["clip_fps"][[names.index(name) for name, *_ in CUTS]]
    cut["clip_fps"] = fps / np.array([step for _, step, *_ in CUTS], np.float32)
    np.savez_compressed(target, **cut)


if __name__ == "__main__":
    main(*sys.argv[1:3])

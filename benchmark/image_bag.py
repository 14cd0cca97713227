"""How long reading a large bag of images takes, and how much memory: python benchmark/image_bag.py [--gigabytes 1]

Writes a bag of raw images (with keypoints, camera_info and truth of a synthetic person) into a temporary folder, then
reads it in a process of its own: all keypoints, the truth, the stamps of all images and a few images.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.truth import load_truth

ROOT = Path(__file__).resolve().parent.parent
MOTION = ROOT / "test" / "data" / "motion_sample.npz"
WIDTH, HEIGHT = 640, 480
IMAGES = 5  # decoded at the end, spread over the bag


def write(path: Path, gigabytes: float, storage: str) -> int:
    """The bag; returns the number of frames."""
    from pose3d_ros.lab.bags.scene import CAMERA, TOPICS
    from pose3d_ros.lab.bags.synthetic import SyntheticConfig, make_scene
    from pose3d_ros.lab.bags.writer import BagWriter

    scene = make_scene(MOTION, SyntheticConfig(width=WIDTH, height=HEIGHT))
    frames, kind = round(gigabytes * 1e9 / (WIDTH * HEIGHT * 3)), "sensor_msgs/msg/Image"
    noise = np.random.default_rng(1).integers(0, 255, WIDTH * HEIGHT * 3, np.uint8)
    start_ns = int(scene.stamps_ns[0])
    with BagWriter(path, storage) as bag:
        for number in range(frames):
            stamp_ns, row = start_ns + number * 33_333_333, number % len(scene.stamps_ns)
            image = bag.make(
                kind, header=bag.header(stamp_ns, CAMERA), height=HEIGHT, width=WIDTH, encoding="bgr8", is_bigendian=0,
                step=3 * WIDTH, data=np.roll(noise, number),
            )  # fmt: skip
            bag.write("/image", kind, stamp_ns, image)
            bag.camera(TOPICS["info"], stamp_ns, scene.camera, stamp_ns, CAMERA)
            bag.skeletons(TOPICS["truth"], stamp_ns, replace(scene.truth(row), stamp_ns=stamp_ns))
            seen = replace(scene.keypoints(row), stamp_ns=stamp_ns)
            bag.keypoints(TOPICS["keypoints"], stamp_ns + 30_000_000, seen)
    return frames


def spread(stamps_ns: tuple[int, ...]) -> tuple[int, ...]:
    """`IMAGES` of them."""
    return stamps_ns[:: max(1, len(stamps_ns) // IMAGES)][:IMAGES]


def read(path: Path) -> dict[str, float]:
    """Seconds of each step, and the most memory this process ever held."""
    found, begin = {}, time.perf_counter()
    bag = Bag(path)
    steps = {
        "keypoints": lambda: len(list(bag.inputs())),
        "truth": lambda: len(load_truth("topic:/truth", bag).frames),
        "image_stamps": lambda: len(bag.image_stamps_ns),
        "images": lambda: sum(bag.image(stamp) is not None for stamp in spread(bag.image_stamps_ns)),
    }
    found["open_s"] = time.perf_counter() - begin
    for name, step in steps.items():
        begin = time.perf_counter()
        found[name] = step()
        found[f"{name}_s"] = time.perf_counter() - begin
    # of this program alone: ru_maxrss would count what the parent held when it was forked
    status = Path("/proc/self/status").read_text()
    found["max_rss_mb"] = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--storage", default="mcap", choices=("mcap", "sqlite3"))
    parser.add_argument("--read", type=Path, help="only read this bag and print the figures")
    args = parser.parse_args()
    if args.read:
        print(json.dumps(read(args.read)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bag"
        frames = write(path, args.gigabytes, args.storage)
        size = sum(file.stat().st_size for file in path.iterdir())
        reader = [sys.executable, __file__, "--read", str(path)]
        found = json.loads(subprocess.run(reader, check=True, capture_output=True, text=True).stdout)
    print(f"{args.storage}: {size / 1e9:.2f} GB, {frames} images {WIDTH}x{HEIGHT}, {frames / 30:.0f} s at 30 Hz")
    for name, value in found.items():
        print(f"  {name:15} {value:10.2f}" if isinstance(value, float) else f"  {name:15} {value:7d}")


if __name__ == "__main__":
    main()

"""How long the state of people takes: `python benchmark/state.py [--people N]`, on one core.

People who move and are seen, without a floor and before one. Times of one update in ms: p50, p95.
"""

import argparse
import time

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.estimation.body_state import BodyStates, Lifted

STEP_NS, WARM_UP = 33_333_333, 50


def measure(people: int, pose: CameraPose, frames: int) -> np.ndarray:
    """Milliseconds (frames,) of updates."""
    rng = np.random.default_rng(0)
    states, taken = BodyStates(formats.get("h36m17")), []
    body = rng.normal(0, 0.4, (people, 17, 3)) + np.array([0, 0.5, 4.0])
    for i in range(WARM_UP + frames):
        xyz_m = body + rng.normal(0, 0.01, body.shape)
        seen = Lifted(xyz_m, np.full((people, 17), 0.09), xyz_m[..., :2] / xyz_m[..., 2:], np.full((people, 17), 0.9))
        begin = time.perf_counter()
        states.update(range(people), 10**9 + i * STEP_NS, seen, pose)
        taken.append(1e3 * (time.perf_counter() - begin))
    return np.array(taken[WARM_UP:])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--frames", type=int, default=500)
    given = parser.parse_args()
    for name, pose in (("no floor", CameraPose()), ("floor", CameraPose(up=(0, -1, 0), height_m=1.5))):
        p50, p95 = np.percentile(measure(given.people, pose, given.frames), (50, 95))
        print(f"{given.people} people, {name}: p50 {p50:.2f} ms, p95 {p95:.2f} ms")


if __name__ == "__main__":
    main()

"""Time of the occlusion guidance: 16 people x 81 slots x 17 joints, on numpy arrays as the robot runs it.

python benchmark/guidance.py
"""

import platform
import time

import numpy as np

from pose3d_ros.guidance import GuidanceConfig, fill
from pose3d_ros.guidance.fill import VARIANTS

RUNS = 500


def window(people: int, frames: int, joints: int = 17, hidden: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """Random keypoints, so many of them missing."""
    rng = np.random.default_rng(0)
    xy = rng.normal(0, 1, (people, frames, joints, 2)).astype(np.float32)
    score = np.where(rng.random((people, frames, joints)) < hidden, 0, 0.9).astype(np.float32)
    xy[score == 0] = np.nan
    return xy, score


def main() -> None:
    """Print percentiles."""
    print(f"guidance, numpy {np.__version__}, Python {platform.python_version()}, {platform.machine()}, ms per call")
    print(f"{'variant':>8} {'people':>6} {'slots':>5} {'p50':>7} {'p95':>7}")
    for people, frames in ((1, 27), (4, 27), (16, 81)):
        xy, score = window(people, frames)
        for variant in VARIANTS:
            config, times = GuidanceConfig(variant=variant), []
            for _ in range(RUNS):
                begin = time.perf_counter()
                fill(xy, score, config)
                times.append(1e3 * (time.perf_counter() - begin))
            p50, p95 = np.percentile(times[RUNS // 10 :], (50, 95))
            print(f"{variant:>8} {people:>6} {frames:>5} {p50:7.3f} {p95:7.3f}")


if __name__ == "__main__":
    main()

"""Fits the table of the hand generator to recorded hands: python tools/fit_hand_motion.py FILE.npz ... > TABLE.py

Made with leap.npz and dex_right.npz, written to pose3d_ros/lab/synthesis/hand_statistics.py. The recordings in LEFT_OUT
are the test set of the hand lifter and enter nothing.
"""

import sys

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry import hand
from pose3d_ros.lab.synthesis.hand_recordings import LEFT_OUT, Recording, load

POSES = 32
GAP = 0.1  # between the centres of two tips that touch, in units of wrist to middle knuckle
RATE_HZ = 30.0


def palm_shape(recordings: list[Recording]) -> tuple[np.ndarray, np.ndarray]:
    """Mean thumb base and knuckles (5, 3), and mean bones (5, 3), in units of wrist to middle knuckle."""
    palms, bones = [], []
    for rec in recordings:
        left = np.full(len(rec.xyz_m), rec.left)
        axes, _ = hand.palm_axes(rec.xyz_m, left)
        palm = np.einsum("nji,nkj->nki", axes, rec.xyz_m - rec.xyz_m[:, :1]) * [1, -1 if rec.left else 1, 1]
        size = np.linalg.norm(palm[:, hand.KNUCKLES[1]], axis=-1)[:, None, None]
        palm = palm / size
        palms.append(palm[:, [chain[0] for chain in hand.CHAINS]].mean(0))
        bones.append([np.linalg.norm(np.diff(palm[:, chain], axis=1), axis=-1).mean(0) for chain in hand.CHAINS])
    return np.mean(palms, 0), np.mean(bones, 0)


HEADER = '''"""What recorded hands do. Written by tools/fit_hand_motion.py from leap.npz and dex_right.npz; do not edit.

Percentiles are the 25th, 50th, 75th, 90th, 95th and 99th. Shapes are in units of wrist to middle knuckle.
"""

# fmt: off
# ruff: noqa: E501'''


def pinches(palm: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Postures (P, 20) in degrees in which the thumb's tip meets one, two or four other tips, near a loose hand."""
    rest = np.radians([35, -10, 15, 25] + [-4, 40, 45, 25] * 2 + [6, 40, 45, 25] * 2)
    free = [rest + np.radians(offset) for offset in (0.0, 12.0, -10.0)]
    found = []
    for start in free:
        for tips in ([8], [8], [12], [16], [20], [8, 12], [8, 12], [8, 12, 16, 20]):

            def cost(angles: np.ndarray, start=start, tips=tips) -> float:
                joints = hand.joints_of(angles, palm, bones)
                apart = np.linalg.norm(joints[tips] - joints[4], axis=-1) - GAP
                return 100 * (apart**2).sum() + 0.3 * ((angles - start) ** 2).sum()

            found.append(np.degrees(minimize(cost, start).x))
    return np.array(found)


def rates(values: np.ndarray) -> np.ndarray:
    """Absolute rates per second over 0.1 s, which keeps the sensor's own noise out."""
    return np.abs(values[3:] - values[:-3]) * RATE_HZ / 3


def percentiles(values: np.ndarray) -> list[float]:
    """Those that the table holds."""
    return np.round(np.percentile(values, (25, 50, 75, 90, 95, 99)), 2).tolist()


def statistics(recordings: list[Recording]) -> dict[str, object]:
    """Everything that is compared between recorded and generated hands; each recording counts alike."""
    angles, angle_rates, turns, speeds, apertures = [], [], [], [], []
    rng = np.random.default_rng(0)
    for rec in recordings:
        pose = hand.describe(rec.xyz_m, np.full(len(rec.xyz_m), rec.left))
        degrees = np.degrees(pose.angles_rad)
        pick = rng.integers(len(degrees), size=300)
        angles.append(degrees[pick])
        apertures.append(1e3 * pose.aperture_m[pick])
        if len(degrees) < 10:
            continue
        found = rates(degrees)
        pick = rng.integers(len(found), size=300)
        angle_rates.append(found[pick])
        if not rec.in_palm_frame:
            turn = Rotation.from_quat(pose.quat_xyzw)
            turns.append(np.degrees((turn[:-3].inv() * turn[3:]).magnitude()[pick]) * RATE_HZ / 3)
            speeds.append(np.linalg.norm(rec.xyz_m[3:, 0] - rec.xyz_m[:-3, 0], axis=-1)[pick] * RATE_HZ / 3)
    angles = np.concatenate(angles)
    return {
        "angles": angles,
        "ANGLE_MEAN_DEG": np.round(angles.mean(0)).tolist(),
        "ANGLE_STD_DEG": np.round(angles.std(0)).tolist(),
        "ANGLE_LOW_DEG": np.round(np.percentile(angles, 1, axis=0)).tolist(),
        "ANGLE_HIGH_DEG": np.round(np.percentile(angles, 99, axis=0)).tolist(),
        "FLEXION_RATE_DEG_S": percentiles(np.concatenate(angle_rates)),
        "PALM_TURN_DEG_S": percentiles(np.concatenate(turns)),
        "WRIST_SPEED_M_S": percentiles(np.concatenate(speeds)),
        "APERTURE_MM": percentiles(np.concatenate(apertures)),
    }


def main(paths: list[str]) -> None:
    """Prints the table of these files."""
    recordings = [rec for path in paths for rec in load(path, RATE_HZ) if rec.name not in LEFT_OUT]
    palm, bones = palm_shape(recordings)
    found = statistics(recordings)
    poses, _ = kmeans2(found.pop("angles"), POSES, minit="++", seed=1, iter=50)
    print(HEADER)
    print("# recordings:", ", ".join(sorted({rec.name for rec in recordings})))
    print("PALM =", np.round(palm, 3).tolist())
    print("BONES =", np.round(bones, 3).tolist())
    for name, value in found.items():
        print(name, "=", value)
    for name, rows in (("POSES_DEG", poses), ("PINCHES_DEG", pinches(palm, bones))):
        print(f"{name} = [")
        for row in np.round(rows).astype(int):
            print(f"    {row.tolist()},")
        print("]")


if __name__ == "__main__":
    main(sys.argv[1:])

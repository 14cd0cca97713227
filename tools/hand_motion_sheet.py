"""Images and numbers of the generated hands: `hand_motion_sheet.py OUT.png TABLE.md`.

Eight generated stretches of 0.9 s from the palm and from the side, and their statistics beside those of recorded hands.
"""

import sys

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry import hand
from pose3d_ros.lab.synthesis import hand_motion
from pose3d_ros.lab.synthesis import hand_statistics as recorded
from pose3d_ros.lab.synthesis.rng import Rng

FRAMES, RATE_HZ, SHOWN, ROWS = 27, 30.0, (0, 9, 18, 26), 8
COLOURS = ("tab:gray", "tab:orange", "tab:green", "tab:red", "tab:purple")
PERCENT = (25, 50, 75, 90, 95, 99)


def draw(path: str, palm: np.ndarray) -> None:
    """Palms (N, T, 21, 3) in their own frames, as a grid."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, grid = pyplot.subplots(ROWS, len(SHOWN), figsize=(11, 15))
    for row, axes in enumerate(grid):
        for frame, axis in zip(SHOWN, axes, strict=True):
            joints = palm[row, frame]
            for x, aside in ((-joints[:, 1], 0.0), (joints[:, 2], 0.2)):
                for colour, chain in zip(COLOURS, hand.CHAINS, strict=True):
                    rows = [0, *chain]
                    axis.plot(x[rows] + aside, joints[rows, 0], color=colour, marker=".", markersize=3)
            axis.set(xlim=(-0.12, 0.33), ylim=(-0.05, 0.22), aspect="equal")
            axis.axis("off")
            axis.set_title(f"{frame / RATE_HZ:.1f} s", fontsize=8)
    figure.suptitle("Generated right hands: from the palm, and from the thumb's side")
    figure.tight_layout()
    figure.savefig(path, dpi=60)


def table(hands: np.ndarray, pose: hand.HandPose) -> str:
    """Markdown: percentiles of generated hands (N, T, 21, 3) beside the recorded ones."""
    count, frames = hands.shape[:2]
    angles = np.degrees(pose.angles_rad).reshape(count, frames, 20)
    turn = Rotation.from_quat(pose.quat_xyzw).as_matrix().reshape(count, frames, 3, 3)
    between = np.einsum("ntji,ntjk->ntik", turn[:, :-3], turn[:, 3:])
    cosine = (np.einsum("ntii->nt", between) - 1) / 2
    per_s = RATE_HZ / 3
    rows = {
        "joint rate, deg/s": (np.abs(angles[:, 3:] - angles[:, :-3]) * per_s, recorded.FLEXION_RATE_DEG_S),
        "palm turning, deg/s": (np.degrees(np.arccos(np.clip(cosine, -1, 1))) * per_s, recorded.PALM_TURN_DEG_S),
        "wrist speed, m/s": (
            np.linalg.norm(hands[:, 3:, 0] - hands[:, :-3, 0], axis=-1) * per_s,
            recorded.WRIST_SPEED_M_S,
        ),
        "aperture, mm": (1e3 * pose.aperture_m, recorded.APERTURE_MM),
    }
    lines = ["| | " + " | ".join(f"{p} %" for p in PERCENT) + " |", "|---" * (len(PERCENT) + 1) + "|"]
    for name, (made, real) in rows.items():
        found = np.percentile(made, PERCENT)
        digits = 2 if "m/s" in name else 0
        lines.append(f"| {name}: generated | " + " | ".join(f"{v:.{digits}f}" for v in found) + " |")
        lines.append(f"| {name}: recorded | " + " | ".join(f"{v:.{digits}f}" for v in real) + " |")
    flat = angles.reshape(-1, 20)
    low, high = np.percentile(flat, (1, 99), axis=0)
    lines += ["", "| angle, degrees | generated mean, 1 to 99 % | recorded mean, 1 to 99 % |", "|---|---|---|"]
    for i, name in enumerate(hand.ANGLE_NAMES):
        real = recorded.ANGLE_MEAN_DEG[i], recorded.ANGLE_LOW_DEG[i], recorded.ANGLE_HIGH_DEG[i]
        made = flat[:, i].mean(), low[i], high[i]
        lines.append(
            f"| {name} | {made[0]:.0f}, {made[1]:.0f} to {made[2]:.0f} | " + "{:.0f}, {:.0f} to {:.0f} |".format(*real)
        )
    return "\n".join(lines) + "\n"


def main(image: str, page: str) -> None:
    """Writes both."""
    hands = hand_motion.draw(Rng(4), 1500, FRAMES, RATE_HZ).double().numpy()
    flat = hands.reshape(-1, 21, 3)
    pose = hand.describe(flat, np.zeros(len(flat), bool))
    turn = Rotation.from_quat(pose.quat_xyzw).as_matrix()
    palm = np.einsum("nji,nkj->nki", turn, flat - flat[:, :1]).reshape(hands.shape)
    draw(image, palm)
    with open(page, "w") as file:
        file.write(table(hands, pose))


if __name__ == "__main__":
    main(*sys.argv[1:3])

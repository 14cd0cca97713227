#!/usr/bin/env python3
"""Draws docs/body24.png: rest pose and axes of body24, and one moment of recorded motion.

. tools/env.sh && python tools/body24_docs.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.formats.body24 import REST_M, SKELETON
from pose3d_ros.core.types import JointState, Person3D
from pose3d_ros.geometry.rotations import matrix_of
from pose3d_ros.stages.articulation import Articulation, as_body24

ROOT = Path(__file__).parents[1]
MOTION, CLIP, FRAME = ROOT / "test/data/motion_sample.npz", 3, 150
AXIS_M, COLOURS = 0.09, ("#d62728", "#2ca02c", "#1f77b4")


def rest_pose() -> tuple[np.ndarray, np.ndarray]:
    """Joints (24, 3) and axes (24, 3, 3) at rest."""
    xyz_m = np.zeros((len(SKELETON), 3))
    for row, joint in enumerate(SKELETON.joints):
        parent = SKELETON.parents.get(joint)
        xyz_m[row] = np.array(REST_M[joint]) + (xyz_m[SKELETON.index(parent)] if parent else 0)
    return xyz_m, np.tile(np.eye(3), (len(SKELETON), 1, 1))


def moment() -> tuple[np.ndarray, np.ndarray]:
    """The same of a frame of recorded motion."""
    with np.load(MOTION) as data:
        first = data["clip_offset"][CLIP]
        joints = data["joints"][first : first + FRAME].astype(np.float32)
    part, count = Articulation(), len(formats.get("h36m17"))
    for i, xyz_m in enumerate(joints):
        person = Person3D("", 1, "h36m17", xyz_m, np.zeros(count), np.full(count, JointState.MEASURED))
        people = part.articulate(i * 16_666_667, [person])
    (body,) = as_body24(people)
    return body.xyz_m, matrix_of(body.quat_xyzw)


def draw(axes, xyz_m: np.ndarray, turns: np.ndarray, title: str, names: bool) -> None:
    """One skeleton with the axes of its joints: x red, y green, z blue."""
    for a, b in SKELETON.bones:
        axes.plot(*xyz_m[[a, b]].T, color="#888888", linewidth=3, solid_capstyle="round")
    for row, joint in enumerate(SKELETON.joints):
        for column, colour in enumerate(COLOURS):
            tip = xyz_m[row] + AXIS_M * turns[row, :, column]
            axes.plot(*np.stack((xyz_m[row], tip)).T, color=colour, linewidth=1.3)
        if names and not joint.startswith("right"):
            axes.text(*(xyz_m[row] + (0, 0.02, 0.02)), joint.removeprefix("left_"), fontsize=7)
    axes.set_title(title, fontsize=10, y=1.1)
    low, high = xyz_m.min(0) - 0.05, xyz_m.max(0) + 0.05
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axes.set_box_aspect(high - low, zoom=1.15)
    axes.set_axis_off()
    axes.view_init(elev=14, azim=28)


def main() -> None:
    """Both drawings beside each other."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(12, 7), dpi=110)
    draw(
        figure.add_subplot(121, projection="3d"),
        *rest_pose(),
        "at rest: x (red) ahead, y (green) left, z (blue) up",
        True,
    )
    draw(figure.add_subplot(122, projection="3d"), *moment(), "recorded motion, derived from 17 joints", False)
    figure.tight_layout()
    figure.savefig(ROOT / "docs/body24.png")


if __name__ == "__main__":
    main()

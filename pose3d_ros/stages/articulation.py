"""Rotations of every joint, and the skeleton that robots take: the last part of the pipeline."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import Hand3D, Person3D
from pose3d_ros.geometry.articulation import Articulated, articulate, places, unknown
from pose3d_ros.geometry.body24 import BODY24, body24_of, joint_quats
from pose3d_ros.geometry.rotations import matrix_of, quat_of
from pose3d_ros.stages.part import Part

FORGET_S = 10.0  # a person who comes back later starts again
SIDES = ("left", "right")


class Articulation(Part):
    """Remembers how everybody's limbs were turned. Not for several threads at once."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, Articulated]] = {}  # track: stamp, and what was found then

    def articulate(self, stamp_ns: int, people: Sequence[Person3D], hands: Sequence[Hand3D] = ()) -> list[Person3D]:
        """The same people with `quat_xyzw`; as they are where their skeleton cannot be articulated.

        A joint's rotation turns its axes at rest (docs/body24.md) into the frame of `xyz_m`; it is NaN where joints
        that it needs are invalid. All people have the same skeleton.
        """
        skeleton = formats.get(people[0].skeleton) if people else BODY24
        where = places(skeleton)
        if where is None:
            return list(people)
        # from a stamp that lies ahead, time ran back: that is another recording
        self._before = {t: kept for t, kept in self._before.items() if 0 <= stamp_ns - kept[0] < FORGET_S * 1e9}
        before = [self._before.get(person.track) or (stamp_ns, unknown(1)) for person in people]
        since_s = np.array([stamp_ns - stamp for stamp, _ in before]) / 1e9
        memory = Articulated(*map(_joined, zip(*(kept for _, kept in before), strict=True)))
        xyz_m = np.array([person.xyz_m for person in people], np.float64)
        found = articulate(xyz_m, where, _palms(people, hands), memory, since_s)
        for i, person in enumerate(people):
            self._before[person.track] = stamp_ns, Articulated(*(value[i : i + 1] for value in found))
        quat = joint_quats(quat_of(found.axes), skeleton).astype(np.float32)
        return [replace(person, quat_xyzw=quat[i]) for i, person in enumerate(people)]

    def reset(self) -> None:
        self._before.clear()


def as_body24(people: Sequence[Person3D]) -> list[Person3D]:
    """Articulated people of one skeleton as `body24`; without those whose skeleton cannot be articulated."""
    people = [person for person in people if person.quat_xyzw is not None]
    if not people or people[0].skeleton == BODY24.name:
        return people
    names = ("xyz_m", "sigma_m", "state", "velocity_m_s", "quat_xyzw")
    values = {name: [getattr(person, name) for person in people] for name in names}
    stacked = {name: None if any(v is None for v in of) else np.array(of) for name, of in values.items()}
    found = body24_of(formats.get(people[0].skeleton), **stacked)._asdict()
    return [
        replace(person, skeleton=BODY24.name, **{n: None if v is None else v[i] for n, v in found.items()})
        for i, person in enumerate(people)
    ]


def _joined(values: tuple[np.ndarray, ...]) -> np.ndarray:
    return values[0] if len(values) == 1 else np.concatenate(values)


def _palms(people: Sequence[Person3D], hands: Sequence[Hand3D]) -> np.ndarray | None:
    """Axes (N, 2, 3, 3) of everybody's left and right palm, NaN where there is none."""
    row = {person.track: i for i, person in enumerate(people)}
    own = [hand for hand in hands if hand.track in row]
    if not own:
        return None
    palms = np.full((len(people), 2, 3, 3), np.nan)
    axes = matrix_of(np.array([hand.quat_xyzw for hand in own], np.float64))
    palms[[row[hand.track] for hand in own], [SIDES.index(hand.side) for hand in own]] = axes
    return palms

"""Where people are some time after the image: velocities carried on, with sigma that grows."""

from dataclasses import replace

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import Hand3D, Person3D, Skeletons3D

# Velocities of joints do not last (docs/state.md)
JOINT_S, ROOT_S = 0.15, 1.0  # time over which the velocity of a joint against its root, and of a root, fades
JOINT_M_S2, ROOT_M_S2 = 6.0, 2.0  # what they change by meanwhile, 1 sigma


def predicted(result: Skeletons3D, ahead_s: float) -> Skeletons3D:
    """Everybody `ahead_s` after the stamp; as they are where nothing is known of how they move."""
    if ahead_s <= 0:
        return result
    people = tuple(_person(person, ahead_s) for person in result.people)
    wrists = {after.track: _wrist_steps(before, after) for before, after in zip(result.people, people, strict=True)}
    hands = tuple(_hand(hand, wrists.get(hand.track, {})) for hand in result.hands)
    return replace(result, people=people, hands=hands, predicted_s=float(ahead_s))


def carried_hands(hands: list[Hand3D], people: list[Person3D]) -> list[Hand3D]:
    """The hands with the velocity of the wrist that they hang on."""
    of = {person.track: person for person in people if person.velocity_m_s is not None}
    found = []
    for hand in hands:
        person = of.get(hand.track)
        name = f"{hand.side}_wrist"
        if person is None or name not in formats.get(person.skeleton):
            found.append(hand)
            continue
        velocity = person.velocity_m_s[formats.get(person.skeleton).index(name)]
        found.append(replace(hand, velocity_m_s=np.tile(velocity, (len(hand.xyz_m), 1)).astype(np.float32)))
    return found


def _person(person: Person3D, ahead_s: float) -> Person3D:
    if person.velocity_m_s is None:
        return person
    root_m_s = person.velocity_m_s[:1]
    step = root_m_s * _travel(ahead_s, ROOT_S) + (person.velocity_m_s - root_m_s) * _travel(ahead_s, JOINT_S)
    covariance = person.root_covariance
    if covariance is not None:
        covariance = covariance + (0.5 * ROOT_M_S2 * ahead_s**2) ** 2 * np.eye(3)
    return replace(
        person,
        xyz_m=person.xyz_m + step,
        sigma_m=np.hypot(person.sigma_m, 0.5 * JOINT_M_S2 * ahead_s**2),
        root_covariance=covariance,
    )


def _travel(ahead_s: float, fades_s: float) -> float:
    return fades_s * -np.expm1(-ahead_s / fades_s)


def _wrist_steps(before: Person3D, after: Person3D) -> dict[str, np.ndarray]:
    skeleton = formats.get(before.skeleton)
    names = [side for side in ("left", "right") if f"{side}_wrist" in skeleton]
    rows = [skeleton.index(f"{side}_wrist") for side in names]
    return {side: after.xyz_m[row] - before.xyz_m[row] for side, row in zip(names, rows, strict=True)}


def _hand(hand: Hand3D, steps: dict[str, np.ndarray]) -> Hand3D:
    """Goes with its wrist."""
    step = steps.get(hand.side)
    if step is None:
        return hand
    return replace(hand, wrist_m=hand.wrist_m + step, xyz_m=(hand.xyz_m + step).astype(np.float32))

"""Whether a hand or a body is good enough to act on, else why not: from a small set of texts, to be counted."""

import numpy as np

from pose3d_ros.control.config import HoldConfig
from pose3d_ros.core.types import Hand3D, JointState, Person3D, Skeletons3D, TrackState

STALE = "the input is stale"
BACK, GAP = "time jumped back", "time jumped ahead"
SETTLING = "waiting until all has been well for a while"
SILENT = "no input"
HAND_LOST, TWO_HANDS, SAME_HAND = "the hand is lost", "two hands of one side", "both sides are one hand"
INFERRED, UNSURE, NOT_FINITE = "too much is inferred, not measured", "its sigma is too large", "it is not finite"
COASTING, NEW = "the person is not seen", "the person is new"
SAME_HAND_M = 0.04  # wrists of two sides that are nearer, with all joints, are one hand


def hand_of(result: Skeletons3D, track: int, side: str, config: HoldConfig) -> tuple[Hand3D | None, str]:
    """The hand of that person to act on and "", or None and why not."""
    own = [hand for hand in result.hands if hand.track == track]
    found = [hand for hand in own if hand.side == side]
    if len(found) != 1:
        return None, TWO_HANDS if found else HAND_LOST
    hand = found[0]
    if any(_same(hand, other) for other in own if other.side != side):
        return None, SAME_HAND
    whole = np.isfinite(hand.xyz_m).all() and np.isfinite(hand.quat_xyzw).all() and np.isfinite(hand.wrist_m).all()
    reason = NOT_FINITE if not whole else _doubt(hand.state, hand.sigma_m, config)
    return (None, reason) if reason else (hand, "")


def body_of(result: Skeletons3D, track: int, config: HoldConfig) -> tuple[Person3D | None, str]:
    """The body of that person to act on and "", or None and why not."""
    person = next((person for person in result.people if person.track == track), None)
    if person is None or person.track_state == TrackState.LOST:
        return None, COASTING
    if person.track_state == TrackState.TENTATIVE:
        return None, NEW
    reason = _doubt(person.state, person.sigma_m, config)
    return (None, reason) if reason else (person, "")


def _doubt(state: np.ndarray, sigma_m: np.ndarray, config: HoldConfig) -> str:
    if np.count_nonzero(state == JointState.MEASURED) < config.measured:
        return INFERRED
    known = sigma_m[np.isfinite(sigma_m)]
    return "" if len(known) and np.median(known) <= config.sigma_m else UNSURE


def _same(hand: Hand3D, other: Hand3D) -> bool:
    off = np.linalg.norm(hand.xyz_m - other.xyz_m, axis=1)
    return bool(np.median(off) < SAME_HAND_M)  # False where it is NaN

"""Streams that nobody should send: people, numbers, stamps and calibrations of every wrong kind, from a seed."""

import numpy as np

from pose3d_ros.core.types import MAX_STAMP_NS, Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera

STEP_NS = 33_333_333
CAMERA = Camera.from_fov(640, 480, 70.0)
FORMATS = {"h36m17": 17, "coco17": 17, "body25": 25, "hand21": 21}
STEPS = (1, 1, 1, 1, 1, 1, 1, 0, -1, -3, 2, 20, 200, -200, 10**6, -(10**6))  # of the stamp, in frames
STANDING_M = np.array((
    (0, 0, 0), (-0.1, 0, 0), (-0.1, 0.45, 0), (-0.1, 0.9, 0), (0.1, 0, 0), (0.1, 0.45, 0), (0.1, 0.9, 0),
    (0, -0.25, 0), (0, -0.5, 0), (0, -0.62, -0.05), (0, -0.75, 0),
    (0.18, -0.48, 0), (0.22, -0.2, 0), (0.25, 0.05, -0.1), (-0.18, -0.48, 0), (-0.22, -0.2, 0), (-0.25, 0.05, -0.1),
))  # fmt: skip


def walker(number: int, frame: int) -> Person2D:
    """Somebody who walks where they can be."""
    at = np.array((0.8 * number - 1.2 + 0.3 * np.sin(frame / 30), 0, 3.5 + 0.2 * np.cos(frame / 20 + number)))
    joints = STANDING_M.copy()
    joints[[3, 12, 13], 2] += 0.2 * np.sin(frame / 5)
    return Person2D("h36m17", CAMERA.project(joints + at), np.full(17, 0.9), f"good{number}")


def good(frame: int, people: int = 1, stamp_ns: int | None = None) -> Keypoints2D:
    """A frame as it should be."""
    stamp_ns = (frame + 1) * STEP_NS if stamp_ns is None else stamp_ns
    return Keypoints2D(stamp_ns, tuple(walker(i, frame) for i in range(people)), "camera", 640, 480)


def person(rng: np.random.Generator) -> Person2D:
    """Anything that a detector could say in its worst hour."""
    name = str(rng.choice([n for n in FORMATS if n in _known()]))
    joints = FORMATS[name]
    scale = float(10.0 ** rng.uniform(-3, 38)) if rng.random() < 0.3 else 640.0
    with np.errstate(all="ignore"):
        xy_px = (rng.normal(0.5, 0.5, (joints, 2)) * scale).astype(np.float32)
        odd = rng.random(joints) < 0.3
        xy_px[odd] = rng.choice(np.float32([np.nan, np.inf, -np.inf, 0, 1e-38, 3e38]), (int(odd.sum()), 2))
        score = rng.choice(np.float32([0, 0.1, 0.5, 1, 7, -1, np.nan, np.inf]), joints)
    id = str(rng.choice(["", "", "a", "b", "good0", "x" * 40]))
    return Person2D(name, xy_px, score, id, str(rng.choice(["", "left", "right"])) if name == "hand21" else "")


def frame(rng: np.random.Generator, stamp_ns: int, most: int = 6) -> Keypoints2D:
    """A frame of such people, now and then a crowd, and somebody good among them half of the time."""
    count = int(rng.integers(200)) if rng.random() < 0.01 else int(rng.integers(most))
    people = [person(rng) for _ in range(count)]
    if rng.random() < 0.5:
        people.append(walker(0, stamp_ns // STEP_NS % 1000))
    return Keypoints2D(stamp_ns, tuple(people), "camera", 640, 480)


def next_stamp(rng: np.random.Generator, stamp_ns: int) -> int:
    """Mostly the next one; sometimes anything."""
    return int(np.clip(stamp_ns + int(rng.choice(STEPS)) * STEP_NS, 0, MAX_STAMP_NS - 1))


def faults(result) -> list[str]:
    """What must never come out, whatever went in."""
    found = []
    for one in (*result.people, *result.hands):
        if not (np.isfinite(one.xyz_m).all() and np.isfinite(one.sigma_m).all() and (one.sigma_m > 0).all()):
            found.append("not finite")
        if np.abs(one.xyz_m).max() > 120 or np.linalg.norm(np.ptp(one.xyz_m, axis=0)) > 3.2:
            found.append("absurd")
    if len({p.track for p in result.people}) < len(result.people):
        found.append("one track twice")
    return found


def _known() -> tuple[str, ...]:
    from pose3d_ros.core import formats

    return formats.names()

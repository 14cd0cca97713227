"""From answers to `RunFrames`: flat arrays of estimates, their keypoints, and the truth beside them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.core.errors import FormatError
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.types import CLOCKS_AGREE_MS, JointState, Keypoints2D, Person3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.bags.config import ScoringConfig
from pose3d_ros.lab.evaluation.bags.estimates import Answer
from pose3d_ros.lab.evaluation.bags.run import RunFrames, Timings
from pose3d_ros.lab.evaluation.bags.truth import Identities, Truth, pair_frames
from pose3d_ros.lab.evaluation.metrics import FrameErrors, frame_errors
from pose3d_ros.lab.evaluation.metrics import Sequence as Clip
from pose3d_ros.tracking.keypoints import hide_weak

OWN_SHARE = 0.5  # keypoints farther from a projected skeleton than this share of its height are another person's


def collect(
    answers: Sequence[Answer], skeleton: Skeleton, truth: Truth | None, config: ScoringConfig, min_score: float
) -> RunFrames:
    """All arrays. `min_score`: keypoints with a lower score count as missing."""
    people = [_of(answer, skeleton) for answer in answers]
    rows = [person for found in people for person in found]
    frame = np.repeat(np.arange(len(answers)), [len(found) for found in people]).astype(np.int32)
    joints = len(skeleton)
    columns = {
        "frame": frame,
        "track": np.array([person.track for person in rows], np.int64),
        "id": np.array([person.id for person in rows], np.str_),
        "track_state": np.array([person.track_state for person in rows], np.uint8),
        "xyz_m": _stack([person.xyz_m for person in rows], (joints, 3), np.float32),
        "sigma_m": _stack([person.sigma_m for person in rows], (joints,), np.float32),
        "state": _stack([person.state for person in rows], (joints,), np.uint8),
    }
    columns["xyz_m"][columns["state"] == JointState.INVALID] = np.nan
    columns |= _seen(answers, columns["xyz_m"], frame, skeleton, min_score)
    stamps_ns = np.array([answer.stamp_ns for answer in answers], np.int64)
    columns |= _beside_truth(stamps_ns, columns, truth, config)
    frames = RunFrames(
        stamp_ns=stamps_ns,
        arrival_ns=np.array([_arrival(answer) for answer in answers], np.int64),
        answered=np.array([answer.skeletons is not None for answer in answers], bool),
        image_stamp_ns=np.array([_image_stamp(answer) for answer in answers], np.int64),
        detected=np.array([_bodies(answer, min_score) for answer in answers], np.int32),
        **columns,
    )
    if truth is not None:
        for person in person_errors(frames, len(truth.people), truth.root):
            found = person.row >= 0
            frames.error_mm[person.row[found]] = person.errors.absolute_mm[found]
            frames.relative_mm[person.row[found]] = person.errors.relative_mm[found]
    return frames


def timings(answers: Sequence[Answer]) -> Timings:
    """Of the same answers, in the same order."""
    stages = next((tuple(a.skeletons.timings_ms) for a in answers if a.skeletons and a.skeletons.timings_ms), ())
    count = len(answers)
    push_ms = np.full((count, len(stages)), np.nan, np.float32)
    latency_ms, age_ms = np.full(count, np.nan, np.float32), np.full(count, np.nan, np.float32)
    for i, answer in enumerate(answers):
        if answer.skeletons is None:
            continue
        if answer.skeletons.timings_ms:
            push_ms[i] = [answer.skeletons.timings_ms[stage] for stage in stages]
            age_ms[i] = (answer.given.arrival_ns - answer.stamp_ns) / 1e6 + push_ms[i, -1]
        if answer.arrival_ns is not None:
            age_ms[i] = (answer.arrival_ns - answer.stamp_ns) / 1e6
            if answer.given is not None:
                latency_ms[i] = (answer.arrival_ns - answer.given.arrival_ns) / 1e6
    age_ms[~(np.abs(age_ms) < CLOCKS_AGREE_MS)] = np.nan
    return Timings(push_ms, latency_ms, age_ms, np.array(stages, np.str_))


class PersonErrors(NamedTuple):
    """Of one true person in K frames: numbers of the frames, rows of the estimates (-1 = missed), whether the track
    changed, and the errors."""

    frame: np.ndarray
    row: np.ndarray
    switched: np.ndarray
    errors: FrameErrors


def person_errors(frames: RunFrames, people: int, root: tuple[int, ...]) -> list[PersonErrors]:
    """Errors of every true person over all frames that have a truth of them.

    RunFrames without an answer do not interrupt velocities: a slower camera has them too.
    """
    rate_hz = usual_rate_hz(frames.stamp_ns[frames.answered])
    found = []
    for person in range(people):
        rows = np.flatnonzero(frames.truth_person == person)
        row, frame = frames.truth_row[rows], frames.truth_frame[rows]
        given = np.flatnonzero(frames.answered[frame])
        if len(frames.track):
            mine = row[given]
            clip = Clip(
                predicted_m=frames.xyz_m[mine],
                truth_m=frames.truth_m[mine],
                sigma_m=frames.sigma_m[mine],
                seen=frames.state[mine] == JointState.MEASURED,
                valid=mine >= 0,
                rate_hz=rate_hz,
                stamps_ns=frames.stamp_ns[frame[given]],
            )
        else:
            clip = _missed(len(given), frames.xyz_m.shape[1], rate_hz)
        errors = _spread(frame_errors(clip, root), given, len(rows))
        found.append(PersonErrors(frame, row, frames.switched[rows], errors))
    return found


def _spread(errors: FrameErrors, rows: np.ndarray, count: int) -> FrameErrors:
    """The same as these rows of `count` frames; nothing in the others."""
    whole = {}
    for name, value in vars(errors).items():
        whole[name] = np.full((count, *value.shape[1:]), False if value.dtype == bool else np.nan)
        whole[name][rows] = value
    return FrameErrors(**whole)


def _missed(count: int, joints: int, rate_hz: float) -> Clip:
    nothing = np.full((count, joints, 3), np.nan)
    shape = (count, joints)
    return Clip(nothing, nothing, np.zeros(shape), np.zeros(shape, bool), np.zeros(count, bool), rate_hz)


def usual_rate_hz(stamps_ns: np.ndarray) -> float:
    """From the median step; 30 where there is none."""
    steps = np.diff(np.unique(stamps_ns))
    return float(1e9 / np.median(steps)) if len(steps) else 30.0


def _of(answer: Answer, skeleton: Skeleton) -> list[Person3D]:
    if answer.skeletons is None:
        return []
    return [person for person in answer.skeletons.people if person.skeleton == skeleton.name]


def _stack(arrays: list[np.ndarray], shape: tuple[int, ...], dtype: type) -> np.ndarray:
    return np.array(arrays, dtype).reshape(len(arrays), *shape)


def _arrival(answer: Answer) -> int:
    entry = answer.given or answer.origin
    if entry is not None:
        return entry.arrival_ns
    return answer.stamp_ns if answer.arrival_ns is None else answer.arrival_ns


def _image_stamp(answer: Answer) -> int:
    return answer.stamp_ns if answer.origin is None else answer.origin.keypoints.stamp_ns


def _bodies(answer: Answer, min_score: float) -> int:
    """How many bodies the bag's input shows, before faults."""
    if answer.origin is None:
        return 0
    return sum(not person.side and bool((person.score >= min_score).any()) for person in answer.origin.keypoints.people)


def _seen(
    answers: Sequence[Answer], xyz_m: np.ndarray, frame: np.ndarray, skeleton: Skeleton, min_score: float
) -> dict[str, np.ndarray]:
    """Keypoints, scores and reprojection errors of the estimated people."""
    projected, height_px = _project(answers, xyz_m, frame)
    keypoint_px = np.full((*xyz_m.shape[:2], 2), np.nan, np.float32)
    score = np.zeros(xyz_m.shape[:2], np.float32)
    bounds = np.searchsorted(frame, np.arange(len(answers) + 1))
    for i, (start, end) in enumerate(pairwise(bounds)):
        if start == end or answers[i].given is None:
            continue
        xy_px, given = _bodies_as(answers[i].given.keypoints, skeleton, min_score)
        for row, k in _owners(projected[start:end], height_px[start:end], xy_px):
            keypoint_px[start + row], score[start + row] = xy_px[k], given[k]
    off = np.linalg.norm(projected - keypoint_px, axis=-1).astype(np.float32)
    return {"keypoint_px": keypoint_px, "score": score, "reprojection_px": off, "height_px": height_px}


def _project(answers: Sequence[Answer], xyz_m: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (N, J, 2) and height of the people (N,), of all frames of one camera at once."""
    projected = np.full((*xyz_m.shape[:2], 2), np.nan)
    for camera, rows in _by_camera(answers, frame).items():
        projected[rows] = camera.project(xyz_m[rows])
    known = np.isfinite(projected)
    high = np.max(projected, axis=1, initial=-np.inf, where=known)
    low = np.min(projected, axis=1, initial=np.inf, where=known)
    size = (high - low).max(-1) if len(projected) else np.zeros(0)
    return projected, np.where(np.isfinite(size), size, np.nan).astype(np.float32)


def keypoint_rays(answers: Sequence[Answer], frames: RunFrames) -> np.ndarray:
    """The keypoints of the estimated people as points (N, J, 3) at depth 1, NaN where missing."""
    found = np.full(frames.xyz_m.shape, np.nan)
    for camera, rows in _by_camera(answers, frames.frame).items():
        rays = camera.rays(frames.keypoint_px[rows])
        found[rows] = np.concatenate((rays, np.ones_like(rays[..., :1])), -1)
    return np.where(np.isfinite(found).all(-1, keepdims=True), found, np.nan)


def _by_camera(answers: Sequence[Answer], frame: np.ndarray) -> dict[Camera, list[int]]:
    """{camera: rows of people}; `frame` (N,) numbers their frames."""
    found: dict[Camera, list[int]] = {}
    for row, i in enumerate(frame):
        if answers[i].given is not None and answers[i].given.camera is not None:
            found.setdefault(answers[i].given.camera, []).append(row)
    return found


def _bodies_as(keypoints: Keypoints2D, skeleton: Skeleton, min_score: float) -> tuple[np.ndarray, np.ndarray]:
    """Bodies of a frame in the joints of the skeleton: (K, J, 2) and scores (K, J)."""
    found = []
    for person in keypoints.people:
        if person.side:
            continue
        try:
            found.append(hide_weak(*mapping(person.format, skeleton.name)(person.xy_px, person.score), min_score))
        except FormatError:  # a format that cannot feed the lifter; its diagnostics say so
            continue
    if not found:
        return np.zeros((0, len(skeleton), 2)), np.zeros((0, len(skeleton)))
    return np.stack([xy for xy, _ in found]), np.stack([score for _, score in found])


def _owners(projected: np.ndarray, height_px: np.ndarray, xy_px: np.ndarray) -> list[tuple[int, int]]:
    """(row, detection) pairs by the mean distance of the joints that are seen."""
    if not len(xy_px):
        return []
    apart = np.linalg.norm(projected[:, None] - xy_px[None], axis=-1)
    known = np.isfinite(apart)
    count = known.sum(-1)
    cost = np.where(count > 0, np.where(known, apart, 0).sum(-1) / np.maximum(count, 1), np.inf)
    allowed = cost <= OWN_SHARE * height_px[:, None]
    rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e6))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if allowed[r, c]]


def _beside_truth(
    stamps_ns: np.ndarray, columns: dict[str, np.ndarray], truth: Truth | None, config: ScoringConfig
) -> dict[str, np.ndarray]:
    """Pairs of frames and people; errors are filled in afterwards."""
    count, joints = columns["sigma_m"].shape
    person = np.full(count, -1, np.int32)
    truth_m = np.full((count, joints, 3), np.nan, np.float32)
    truth_stamp_ns = np.full(len(stamps_ns), -1, np.int64)
    matches = []
    if truth is not None:
        pairs = pair_frames(stamps_ns, truth.stamps_ns, config.tolerance_ms * 1e6)
        truth_stamp_ns = np.where(pairs >= 0, truth.stamps_ns[pairs], -1)
        identities = Identities(config.gate_m)
        bounds = np.searchsorted(columns["frame"], np.arange(len(stamps_ns) + 1))
        for i in np.flatnonzero(pairs >= 0):
            rows = slice(bounds[i], bounds[i + 1])
            people = {p: truth.at(pairs[i], p, stamps_ns[i]) for p in truth.rows[pairs[i]]}
            for match in identities.match(columns["xyz_m"][rows], columns["track"][rows], people):
                row = bounds[i] + match.row if match.row >= 0 else -1
                matches.append((i, match.person, row, match.switched))
                if row >= 0:
                    person[row], truth_m[row] = match.person, people[match.person]
    table = np.array(matches, np.int64).reshape(-1, 4)
    return {
        "truth_stamp_ns": truth_stamp_ns,
        "person": person,
        "truth_m": truth_m,
        "error_mm": np.full((count, joints), np.nan, np.float32),
        "relative_mm": np.full((count, joints), np.nan, np.float32),
        "truth_frame": table[:, 0].astype(np.int32),
        "truth_person": table[:, 1].astype(np.int32),
        "truth_row": table[:, 2].astype(np.int32),
        "switched": table[:, 3].astype(bool),
    }

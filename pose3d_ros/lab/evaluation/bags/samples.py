"""The single values behind the numbers of a run: which frame, person and joint each belongs to."""

from dataclasses import dataclass

import numpy as np

from pose3d_ros.core.types import JointState
from pose3d_ros.lab.evaluation.bags.collect import person_errors
from pose3d_ros.lab.evaluation.bags.quality import row_quality
from pose3d_ros.lab.evaluation.bags.run import RunResult
from pose3d_ros.lab.evaluation.metrics import PCK_MM


@dataclass(frozen=True)
class Samples:
    """K values, or K rows of J joints: `value` float64 (K,) or (K, J), NaN where there is none; `frame` (K,) numbers
    the frames; `person` (K,) the true people, -1 where it is nobody's. A metric is their mean; its sum where `total`.
    """

    value: np.ndarray
    frame: np.ndarray
    person: np.ndarray
    total: bool = False


def samples(run: RunResult) -> dict[str, Samples]:
    """All metrics that are means (or sums) of samples, by their names in run.json."""
    return _quality(run) | (_errors(run) if run.has_truth else {})


def _errors(run: RunResult) -> dict[str, Samples]:
    frames, root = run.frames, tuple(int(i) for i in run.skeleton.indices(tuple(run.info["truth"]["root"])))
    people = person_errors(frames, len(run.people), root)
    if not people:
        return {}
    frame = np.concatenate([person.frame for person in people])
    who = np.repeat(np.arange(len(people)), [len(person.frame) for person in people])
    of = {name: np.concatenate([getattr(person.errors, name) for person in people]) for name in vars(people[0].errors)}
    error, inside = of["relative_mm"], of["inside"]
    limbs = np.where(np.isfinite(inside), error, np.nan)
    values = {
        "mpjpe_mm": error,
        "mpjpe_absolute_mm": of["absolute_mm"],
        "pa_mpjpe_mm": of["aligned_mm"],
        "n_mpjpe_mm": of["scaled_mm"],
        "pck150": np.where(np.isfinite(error), error <= PCK_MM, np.nan),
        "seen_mm": np.where(of["seen"], limbs, np.nan),
        "hidden_mm": np.where(of["seen"], np.nan, limbs),
        "velocity_error_mm_s": of["velocity_mm_s"],
        "accel_error_mm_s2": of["accel_mm_s2"],
        "root_error_percent": of["root_percent"],
        "sigma_coverage": inside,
        "missed_share": ~of["valid"],
    }
    found = {name: Samples(value.astype(np.float64), frame, who) for name, value in values.items()}
    switched = np.concatenate([person.switched for person in people]).astype(np.float64)
    compared = frames.truth_stamp_ns[frames.frame] >= 0
    false = np.where(compared, frames.person < 0, np.nan)
    return found | {
        "id_switches": Samples(switched, frame, who, total=True),
        "false_share": Samples(false, frames.frame, np.full(len(false), -1)),
    }


def _quality(run: RunResult) -> dict[str, Samples]:
    frames, timings = run.frames, run.timings
    rows = row_quality(frames, run.skeleton)
    valid = frames.state != JointState.INVALID
    off = frames.reprojection_px.astype(np.float64)
    values = {
        "jitter_m_s2": rows.accel_m_s2,
        "reprojection_px": off,
        "reprojection_percent": 100 * off / frames.height_px[:, None],
        "share_inferred": np.where(valid, frames.state == JointState.INFERRED, np.nan),
    }
    found = {name: Samples(value, frames.frame, frames.person) for name, value in values.items()}
    given = np.minimum(np.bincount(frames.frame, minlength=len(frames)), frames.detected)
    number, nobody = np.arange(len(frames)), np.full(len(frames), -1)
    detected = np.repeat(number, frames.detected)
    order = np.arange(len(detected)) - np.repeat(np.cumsum(frames.detected) - frames.detected, frames.detected)
    found["coverage"] = Samples((order < given[detected]).astype(np.float64), detected, np.full(len(detected), -1))
    push_ms = timings.push_ms[:, -1] if timings.push_ms.shape[1] else np.full(len(frames), np.nan)
    for name, value in (("push_ms", push_ms), ("latency_ms", timings.latency_ms), ("age_ms", timings.age_ms)):
        found[name] = Samples(value.astype(np.float64), number, nobody)
    return found

"""Time offset between estimates and truth: the shift of the truth at which both agree best."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.evaluation.bags.truth import INTERPOLATED_STEPS, NEAREST_M, Truth

FARTHEST_M = 0.5  # errors count up to this
STEPS_PER_FRAME = 2
MOST_FRAMES = 3000  # of a track; spread over it
LEAST_OVERLAP = 0.5
EXACT_NS = 1e4


@dataclass(frozen=True)
class Offset:
    """`offset_ms` was added to the stamps of the truth. `error_mm` with it, `error_without_mm` without: sideways, mean
    over joints, each up to 500 mm."""

    offset_ms: float
    error_mm: float
    error_without_mm: float | None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Track:
    """Something with joints over time: `stamps_ns` (K,), `xyz_m` (K, J, 3)."""

    stamps_ns: np.ndarray
    xyz_m: np.ndarray


def estimate(
    stamps_ns: np.ndarray, track: np.ndarray, xyz_m: np.ndarray, truth: Truth, search_ms: float = 1000.0
) -> Offset:
    """The offset, of all within +- `search_ms`, of estimates with stamps (N,), track numbers (N,), joints (N, J, 3).

    Compared is the image: joints by their rays, at the depth of the truth, since the depth of a single camera errs
    slowly; keypoints, as points at any depth, serve as well, and do not lag as lifted joints do. A grid of half the
    truth's step, refined by Brent's method with the truth linear between its frames.
    Raises InputError where they never overlap or nobody moves.
    """
    shown = np.isfinite(xyz_m).all(-1).any(-1)
    stamps_ns, track, xyz_m = stamps_ns[shown], track[shown], xyz_m[shown]
    found = [_thinned(_Track(stamps_ns[track == number], xyz_m[track == number])) for number in np.unique(track)]
    people = [_person(truth, number) for number in range(len(truth.people))]
    reach = int(search_ms * 1e6)
    step = max(truth.step_ns / STEPS_PER_FRAME, 1e6)
    grid = np.arange(-(reach // step), reach // step + 1) * step
    errors = np.array([_error(found, people, offset) for offset in grid])
    if not np.isfinite(errors).any():
        ahead_ms = (stamps_ns.min() - truth.stamps_ns.min()) / 1e6
        raise InputError(
            f"offset: estimates and truth do not overlap within {search_ms:g} ms; the estimates begin "
            f"{ahead_ms:.0f} ms after the truth: give the offset with --offset-ms, or about, such as --offset-ms "
            f"auto:{ahead_ms:.0f}"
        )
    if np.nanmax(errors) - np.nanmin(errors) < 1e-6:
        raise InputError("offset: all shifts fit alike, since nobody moves; give --offset-ms")
    best = grid[int(np.nanargmin(errors))]
    refined = minimize_scalar(
        lambda offset: np.nan_to_num(_error(found, people, offset), nan=FARTHEST_M),
        bounds=(best - step, best + step), method="bounded", options={"xatol": EXACT_NS},
    )  # fmt: skip
    offset = float(refined.x) if refined.fun < np.nanmin(errors) else float(best)
    without = _error(found, people, 0.0)
    return Offset(
        round(offset / 1e6, 2),
        round(1e3 * float(min(refined.fun, np.nanmin(errors))), 2),
        round(1e3 * without, 2) if np.isfinite(without) else None,
    )


def _thinned(track: _Track) -> _Track:
    rows = np.unique(np.linspace(0, len(track.stamps_ns) - 1, min(MOST_FRAMES, len(track.stamps_ns))).round())
    rows = rows.astype(int)
    return _Track(track.stamps_ns[rows], track.xyz_m[rows])


def _person(truth: Truth, number: int) -> _Track:
    rows = [t for t, people in enumerate(truth.rows) if number in people]
    return _Track(truth.stamps_ns[rows], np.array([truth.rows[t][number] for t in rows]))


def _error(found: list[_Track], people: list[_Track], offset: float) -> float:
    """Mean error in metres of all tracks, each beside the person whom it fits best; NaN with too little overlap."""
    total, weight, frames = 0.0, 0, 0
    for track in found:
        frames += len(track.stamps_ns)
        fits = [_fit(track, person, offset) for person in people]
        error, count = min(fits, key=lambda fit: fit[0] / fit[1] if fit[1] else np.inf)
        total, weight = total + error, weight + count
    return total / weight if weight >= max(1, LEAST_OVERLAP * frames) else np.nan


def _fit(track: _Track, person: _Track, offset: float) -> tuple[float, int]:
    """(sum of errors, number of frames) in which both are there."""
    at = (track.stamps_ns - person.stamps_ns[0]) - offset
    times = (person.stamps_ns - person.stamps_ns[0]).astype(np.float64)
    inside = (at >= 0) & (at <= times[-1])
    if not inside.any() or len(times) < 2:
        return 0.0, 0
    after = np.searchsorted(times, at, side="right").clip(1, len(times) - 1)
    inside &= times[after] - times[after - 1] <= INTERPOLATED_STEPS * np.median(np.diff(times))
    after = after[inside]
    part = ((at[inside] - times[after - 1]) / (times[after] - times[after - 1]))[:, None, None]
    true = person.xyz_m[after - 1] + part * (person.xyz_m[after] - person.xyz_m[after - 1])
    mine = track.xyz_m[inside]
    depth = np.maximum(true[..., 2:], NEAREST_M)
    off = mine[..., :2] / np.maximum(mine[..., 2:], NEAREST_M) * depth - true[..., :2]
    error = np.minimum(np.linalg.norm(off, axis=-1), FARTHEST_M)
    known = np.isfinite(error)
    count = known.sum(-1)
    mean = np.where(known, error, 0).sum(-1) / np.maximum(count, 1)
    return float(mean.sum()), int((count > 0).sum())

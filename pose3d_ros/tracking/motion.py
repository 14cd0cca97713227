"""Where every known person's keypoints are expected: constant velocity per person, vectorised over people.

All positions and sizes are in the unit of the input (pixels or rays); tolerances are in body sizes, so the unit and
the distance from the camera cancel. A joint that is hidden is carried along with the body, so that a person can be
recognised by any joint that shows, even a single one.
"""

import numpy as np

VELOCITY_TIME_S = 0.25  # time over which the velocity is averaged
COAST_TIME_S = 1.0  # a person who is not seen is expected to slow down over this time
JOINT_MEMORY_S = 2.0  # a joint hidden for longer is forgotten
SIZE_TIME_S = 2.0  # the size shrinks no faster than over this time when most joints hide
SIGMA_SEEN, SIGMA_PER_S, SIGMA_MAX = 0.05, 0.4, 0.3  # joint uncertainty in body sizes, growing since it was seen
MIN_AHEAD = 0.05  # z of a turned ray; what is beside the camera is not expected anywhere
JUMP_SIZES, JUMP_SIZES_PER_S = 2.0, 3.0  # no body moves further than this between two sightings


def extent(xy: np.ndarray) -> np.ndarray:
    """Longer side of the box around the keypoints `xy` (N, J, 2), NaN ignored, 0 without any. (N,)."""
    sides = np.fmax.reduce(xy, axis=1) - np.fmin.reduce(xy, axis=1)
    return np.fmax.reduce(sides, axis=1, initial=0)


def turned_rays(rays: np.ndarray, R: np.ndarray) -> np.ndarray:
    """Rays x/z, y/z (..., 2) in the axes that `R` (3, 3) leads to; NaN beside and behind that camera."""
    xyz = np.concatenate((rays, np.ones_like(rays[..., :1])), -1) @ R.T
    ahead = xyz[..., 2:] > MIN_AHEAD
    return np.where(ahead, xyz[..., :2] / np.where(ahead, xyz[..., 2:], 1), np.nan)


def masked_mean(value: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over the last axis where `mask`; 0 where nothing is left."""
    return np.where(mask, value, 0).sum(axis=-1) / np.maximum(mask.sum(axis=-1), 1)


class Motion:
    """Motion states of N people, one row each: float64 `xy` (N, J, 2), `velocity` (N, 2) per second, `size` (N,)."""

    def __init__(self, joints: int) -> None:
        self.xy = np.empty((0, joints, 2))  # NaN: never seen, or forgotten
        self.joint_ns = np.empty((0, joints), np.int64)  # when each joint was last seen
        self.stamp_ns = np.empty(0, np.int64)
        self.velocity = np.empty((0, 2))
        self.size = np.empty(0)
        self.count = np.empty(0, np.int64)  # sightings

    def append(self, xy: np.ndarray, stamp_ns: int) -> None:
        """New people, seen for the first time at `xy` (M, J, 2)."""
        people = len(xy)
        self.xy = np.concatenate([self.xy, xy])
        self.joint_ns = np.concatenate([self.joint_ns, np.full(xy.shape[:2], stamp_ns, np.int64)])
        self.stamp_ns = np.concatenate([self.stamp_ns, np.full(people, stamp_ns, np.int64)])
        self.velocity = np.concatenate([self.velocity, np.zeros((people, 2))])
        self.size = np.concatenate([self.size, extent(xy)])
        self.count = np.concatenate([self.count, np.ones(people, np.int64)])

    def keep(self, rows: np.ndarray) -> None:
        """Keep these rows only (mask or indices)."""
        for name in ("xy", "joint_ns", "stamp_ns", "velocity", "size", "count"):
            setattr(self, name, getattr(self, name)[rows])

    def turn(self, R: np.ndarray) -> None:
        """Rays of the old camera's axes in those of one that was turned, `R` (3, 3) from the old into the new."""
        step = 0.01  # s; of the velocity's difference quotient
        middle = np.nanmean(np.where(np.isfinite(self.xy).any((1, 2), keepdims=True), self.xy, 0), axis=1)
        moved = turned_rays(middle + step * self.velocity, R) - turned_rays(middle, R)
        self.velocity = np.where(np.isfinite(moved), moved / step, 0)
        self.xy = turned_rays(self.xy, R)

    def predict(self, stamp_ns: int) -> np.ndarray:
        """Expected keypoints (N, J, 2) at a time, NaN where nothing is known."""
        dt = (stamp_ns - self.stamp_ns) * 1e-9
        travel_s = np.where(dt > 0, COAST_TIME_S * -np.expm1(-np.maximum(dt, 0) / COAST_TIME_S), dt)
        return self.xy + (self.velocity * travel_s[:, None])[:, None]

    def compare(self, stamp_ns: int, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How well each detection `xy` (M, J, 2) fits each person: (cost, distance), each (N, M).

        `distance`: mean over the joints known of both, in body sizes, each joint counted up to 1 (a swapped or stray
        joint cannot veto). `cost`: mean negative log likelihood of the same joints under a heavy-tailed (Student)
        distribution that widens with the time since the joint was seen. Without a joint in common, the centres count.
        """
        expected = self.predict(stamp_ns)
        off = np.hypot(*np.moveaxis(expected[:, None] - xy[None], -1, 0))  # (N, M, J)
        off = off / self._reference_size(off)[:, None, None]
        age_s = np.abs(stamp_ns - self.joint_ns) * 1e-9
        sigma = np.minimum(SIGMA_SEEN + SIGMA_PER_S * age_s, SIGMA_MAX)[:, None]
        both = np.isfinite(off)
        cost = masked_mean(_student(off, sigma), both)
        distance = masked_mean(np.minimum(off, 1), both)
        none = ~both.any(axis=-1)
        if none.any():
            apart = self._centre_distance(expected, xy)
            cost = np.where(none, _student(apart, SIGMA_MAX) + 1, cost)
            distance = np.where(none, apart, distance)
        return cost, distance

    def jumps(self, rows: np.ndarray, xy: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Whether people seen at `xy` (M, J, 2) would have moved further than a body can since then, bool (M,)."""
        return self._step(rows, xy, stamp_ns)[-1]

    def _step(self, rows: np.ndarray, xy: np.ndarray, stamp_ns: int) -> tuple[np.ndarray, ...]:
        """(where they were expected (M, J, 2), joints known of both (M, J), mean offset (M, 2), time passed (M,),
        whether that is a jump (M,)) of people seen at `xy` (M, J, 2)."""
        expected = self.predict(stamp_ns)[rows]
        dt = np.maximum((stamp_ns - self.stamp_ns[rows]) * 1e-9, 0.0)
        both = np.isfinite(xy).all(axis=-1) & np.isfinite(expected).all(axis=-1)
        off = np.stack([masked_mean((xy - expected)[..., axis], both) for axis in (0, 1)], axis=-1)
        size = np.maximum(self.size[rows], extent(xy))
        return expected, both, off, dt, (size > 0) & (np.hypot(*off.T) > size * (JUMP_SIZES + JUMP_SIZES_PER_S * dt))

    def correct(self, rows: np.ndarray, xy: np.ndarray, stamp_ns: int) -> np.ndarray:
        """Take in that these people were seen at `xy` (M, J, 2), each with a keypoint; `rows` (M,) without repeats.

        Returns bool (M,): the person jumped further than a body can move, so its motion starts again.
        """
        expected, both, off, dt, jumped = self._step(rows, xy, stamp_ns)
        seen = np.isfinite(xy).all(axis=-1)

        # Few joints in common say little about the body: a swinging wrist is no walk.
        step = off * (both.sum(axis=-1) / (both.sum(axis=-1) + 2.0))[:, None]
        recent = (stamp_ns - self.joint_ns[rows]) * 1e-9 < JOINT_MEMORY_S
        carried = np.where((recent & ~jumped[:, None])[..., None], expected + step[:, None], np.nan)
        self.xy[rows] = np.where(seen[..., None], xy, carried)
        self.joint_ns[rows] = np.where(seen, stamp_ns, self.joint_ns[rows])
        self.stamp_ns[rows] = stamp_ns

        gain = np.maximum(-np.expm1(-dt / VELOCITY_TIME_S), 1 / self.count[rows]) / np.maximum(dt, 0.01)
        moved = self.velocity[rows] + np.where(dt > 0, gain, 0)[:, None] * step
        self.velocity[rows] = np.where(jumped[:, None], 0, moved)
        self.count[rows] = np.where(jumped, 1, self.count[rows] + 1)
        kept_size = np.where(jumped, 0, self.size[rows] * np.exp(-dt / SIZE_TIME_S))
        self.size[rows] = np.maximum(extent(self.xy[rows]), kept_size)
        return jumped

    def _reference_size(self, off: np.ndarray) -> np.ndarray:
        """(N,) sizes > 0. Who only ever showed one joint has no size: the median of the others stands in."""
        if self.size.all():
            return self.size
        known = self.size[self.size > 0]
        if len(known):
            stand_in = np.median(known)
        else:  # nobody has one: let the nearest win, whatever its distance
            finite = off[np.isfinite(off)]
            stand_in = 4 * finite.max() if finite.size and finite.max() > 0 else 1.0
        return np.where(self.size > 0, self.size, stand_in)

    def _centre_distance(self, expected: np.ndarray, xy: np.ndarray) -> np.ndarray:
        """(N, M) distance of the centres, over both extents together: parts of one body lie side by side."""
        centre, other = (
            np.stack([masked_mean(p[..., axis], np.isfinite(p[..., axis])) for axis in (0, 1)], axis=-1)
            for p in (expected, xy)
        )
        off = np.hypot(*np.moveaxis(centre[:, None] - other[None], -1, 0))
        return off / (self._reference_size(off)[:, None] + extent(xy))


def _student(off: np.ndarray, sigma: np.ndarray | float) -> np.ndarray:
    """Negative log likelihood, up to a constant, of an offset in the plane; one degree of freedom."""
    return 2 * np.log(sigma) + 1.5 * np.log1p((off / sigma) ** 2)

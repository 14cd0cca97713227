"""What a plain pipeline would feed a lifter where joints are hidden: the last value held, or a Kalman filter's guess.

Both fill windows in place of the guidance and call what they filled seen, so that the network behind them believes it.
They are causal: at every slot only the past counts.
"""

from collections.abc import Callable

import numpy as np

Fill = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
# Of the filter, in units of the image plane at a distance of 1 (x/z): a keypoint is good to 1 cm at 3 m; people change
# the speed of a joint by 5 m/s² there. A wide start lets the first two sightings set the speed
NOISE = 0.01 / 3
ACCELERATION = 5.0 / 3
FIRST_SPEED = 1.0


def held(rays: np.ndarray, score: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Rays (N, T, J, 2) and scores (N, T, J) with every hidden joint where it was last seen, and as sure."""
    slots = np.arange(score.shape[1])[None, :, None]
    last = np.maximum.accumulate(np.where(score > 0, slots, -1), 1)
    known = last >= 0
    at = np.maximum(last, 0)
    filled = np.take_along_axis(rays, at[..., None], 1)
    return np.where(known[..., None], filled, 0), np.where(known, np.take_along_axis(score, at, 1), 0)


def kalman(rays: np.ndarray, score: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """The same by a constant-velocity Kalman filter of each joint: seen joints stay as they are seen, hidden ones are
    where the filter expects them."""
    filled, sure = held(rays, score, rate_hz)
    out = filled.copy()
    step_s = 1 / rate_hz
    shape = score.shape[0], score.shape[2]
    place, speed = np.zeros((*shape, 2), rays.dtype), np.zeros((*shape, 2), rays.dtype)
    variance = np.zeros((3, *shape))  # of place, of both, of speed; the same for x and y
    known = np.zeros(shape, bool)
    drive = ACCELERATION**2 * np.array([step_s**4 / 4, step_s**3 / 2, step_s**2])[:, None, None]
    for t in range(score.shape[1]):
        place = place + step_s * speed
        a, b, c = variance
        variance = np.stack((a + 2 * step_s * b + step_s**2 * c, b + step_s * c, c)) + drive
        seen = score[:, t] > 0
        gain = variance[:2] / (variance[0] + NOISE**2)
        miss = np.where(seen[..., None], filled[:, t] - place, 0)
        update = seen & known
        place = np.where(update[..., None], place + gain[0][..., None] * miss, place)
        speed = np.where(update[..., None], speed + gain[1][..., None] * miss, speed)
        a, b, c = variance
        updated = np.stack(((1 - gain[0]) * a, (1 - gain[0]) * b, c - gain[1] * b))
        variance = np.where(update, updated, variance)
        first = seen & ~known
        place, speed = np.where(first[..., None], filled[:, t], place), np.where(first[..., None], 0, speed)
        start = np.array([NOISE**2, 0, FIRST_SPEED**2])[:, None, None]
        variance, known = np.where(first, start, variance), known | seen
        out[:, t] = np.where((seen | ~known)[..., None], filled[:, t], place)
    return out, sure


FILLS: dict[str, Fill] = {"held": held, "kalman": kalman}

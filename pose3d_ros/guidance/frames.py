"""What a streaming lifter sees of a new frame: causal occlusion guidance and a virtual camera that follows the person.

Everything comes from the frames so far, in constant time. Numpy arrays (robot) and torch tensors (training) alike.
"""

from typing import Any, NamedTuple

from pose3d_ros.geometry.arrays import namespace
from pose3d_ros.geometry.virtual_camera import VirtualCamera, look_along, look_at
from pose3d_ros.guidance.fill import NONE, GuidanceConfig, trust

# Share of the virtual camera's past that is left in the next slot. The camera of one frame alone jumps with whichever
# joints that frame shows; about four frames hold it still, and it trails a walking person by a hand's breadth.
MEMORY = 0.75
MOTION_UNIT = 0.2  # of the person's size a frame: brings the camera's motion to the order of 1
STANDING = 1.0  # joints' worth of belief that the person stays where they are
LOG_SIZE_MIDDLE = -1.5  # a person at 3 m


class FrameState(NamedTuple):
    """Of N people: where each joint is thought to be, `xy` (N, J, 2), the `score` (N, J) of its last sighting and the
    `distance` (N, J) to it in slots; the virtual camera, which looks along `middle` (N, 2) and is scaled by
    exp(`log_size`) (N,), and the `weight` (N,) of what it was made from."""

    xy: Any
    score: Any
    distance: Any
    middle: Any
    log_size: Any
    weight: Any


class BodyFrame(NamedTuple):
    """One slot of N people as the network takes it: `features` (N, F), of the joints x, y, confidence and seen, then
    the camera's motion and the person's size; `filled` (N, J, 2) rays and `confidence` (N, J) behind them; `camera`."""

    features: Any
    filled: Any
    confidence: Any
    camera: VirtualCamera


def start(like: Any) -> FrameState:
    """The state of people of whom nothing was seen; `like` scores (N, J) of the arrays' kind."""
    zero, one = 0 * like, 0 * like[:, 0]
    xy = namespace(like).stack((zero, zero), -1)
    return FrameState(xy, zero, zero + NONE, xy[:, 0], one, one)


def advance(state: FrameState, rays: Any, score: Any, config: GuidanceConfig) -> tuple[FrameState, BodyFrame]:
    """The next slot: `rays` (N, J, 2), whatever where missing; `score` (N, J), 0 = missing, as in a slot without frame.

    A hidden joint is held where it was last seen, moved as the seen ones moved, with falling confidence, and forgotten
    after `config.f_past` slots.
    """
    xp = namespace(rays)
    seen = score > 0
    xy = _hold(xp, state, rays, seen, _confidence(xp, state.score, state.distance, config))
    source = xp.where(seen, score, state.score)
    distance = xp.where(seen, 0 * score, state.distance + 1)
    confidence = _confidence(xp, source, distance, config)
    xy = xp.where((confidence > 0)[..., None], xy, 0 * xy)
    middle, log_size, weight = _follow(xp, state, xy, confidence)
    camera = look_along(middle, xp.exp(log_size))
    normal = xp.where((confidence > 0)[..., None], camera.normalise(xy[:, None])[:, 0], 0 * xy)
    parts = (
        normal.reshape(len(xy), -1), confidence, seen * xp.ones_like(score),
        _motion(xp, state, camera, log_size), (log_size - LOG_SIZE_MIDDLE)[:, None],
    )  # fmt: skip
    new = FrameState(xy, source, distance, middle, log_size, weight)
    return new, BodyFrame(xp.concatenate(parts, -1), xy, confidence, camera)


def _confidence(xp: Any, score: Any, distance: Any, config: GuidanceConfig) -> Any:
    return trust(xp, score, xp.where(distance > config.f_past, NONE, distance), config.f_past, config.floor)


def _hold(xp: Any, state: FrameState, rays: Any, seen: Any, before: Any) -> Any:
    """The joints (N, J, 2): seen ones where they are, hidden ones moved by the mean displacement of the seen ones, so
    that neither a walking person nor a turning robot leaves them behind. `before` (N, J): the confidence a slot ago."""
    xy = xp.where(seen[..., None], rays, state.xy)
    weight = seen * before
    moved = (weight[..., None] * (xy - state.xy)).sum(1) / (weight.sum(-1) + STANDING)[:, None]
    return xp.where(seen[..., None], xy, state.xy + moved[:, None])


def _follow(xp: Any, state: FrameState, xy: Any, confidence: Any) -> tuple[Any, Any, Any]:
    """Middle, log size and weight of the smoothed virtual camera; frames count by their confidence."""
    now = look_at(xy, confidence)
    forward = now.R[:, 2]
    seen = confidence.sum(-1)
    weight = MEMORY * state.weight + seen
    share = seen / xp.clip(weight, 1e-6, None)
    middle = state.middle + share[:, None] * (forward[:, :2] / forward[:, 2:] - state.middle)
    return middle, state.log_size + share * (xp.log(now.scale) - state.log_size), weight


def _motion(xp: Any, state: FrameState, camera: VirtualCamera, log_size: Any) -> Any:
    """(N, 3): where the camera looked a slot ago, in its present image, and by how much the person grew."""
    before = camera.turn_rays(state.middle[:, None])[:, 0] / camera.scale[:, None]
    grown = log_size - state.log_size
    moved = xp.concatenate((xp.clip(before, -1, 1), grown[:, None]), -1) / MOTION_UNIT
    return xp.where((state.weight > 0)[:, None], moved, 0 * moved)

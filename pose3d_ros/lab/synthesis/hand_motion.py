"""Moving hands, made: postures one after the other, on a wrist that turns and bends on a moving forearm.

What the postures are is in `hand_shape`, how fast recorded hands move in `hand_statistics`. Right hands only: a left
one is its mirror image.
"""

import torch
from torch import Tensor

from pose3d_ros.geometry import hand
from pose3d_ros.lab.synthesis import hand_shape
from pose3d_ros.lab.synthesis.body import turn
from pose3d_ros.lab.synthesis.rng import Rng

MOVES = 2  # changes of posture that a window of a second may hold
FOREARM_M = 0.25
# Wrist: flexion, deviation to the little finger's side. Active ranges as in hand_shape (AAOS 1965).
WRIST_LOW_DEG, WRIST_HIGH_DEG = (-65.0, -20.0), (70.0, 30.0)


def draw(rng: Rng, count: int, frames: int, rate_hz: float) -> Tensor:
    """Hands (N, T, 21, 3) in metres, turned any way; the wrist of the middle frame is the origin."""
    palm, lengths = hand_shape.bones(rng, count)
    angles = _path(rng, [hand_shape.postures(rng, count) for _ in range(MOVES + 1)], frames, rate_hz)
    angles = hand_shape.within_limits(angles + _unrest(rng, count, frames, rate_hz))
    roll = hand.THUMB_PLANE_RAD + rng.normal(count, 1, std=0.4)
    local = hand.joints_of(angles, palm[:, None], lengths[:, None], roll)
    axes, wrist = _wrist(rng, count, frames, rate_hz)
    moved = torch.einsum("ntij,ntkj->ntki", axes, local) + wrist[:, :, None]
    return moved - wrist[:, None, frames // 2 : frames // 2 + 1]


def _path(rng: Rng, keys: list[Tensor], frames: int, rate_hz: float) -> Tensor:
    """From key to key (N, K) at random times: (N, T, K). Every finger on its own time to some degree, eased in and out
    with minimal jerk (Flash and Hogan 1985); a third of the moves are not made."""
    count, size = keys[0].shape
    seconds = torch.arange(frames, device=rng.device)[None, :, None] / rate_hz
    span = frames / rate_hz
    before = keys[0]
    path = before[:, None]
    for key in keys[1:]:
        after = torch.where(rng.chance(count, 1, p=0.75), key, before)
        middle = rng.uniform(count, 1, 1, low=-0.2, high=1.2) * span + rng.normal(count, 1, size, std=0.03)
        duration = rng.log_uniform(count, 1, 1, low=0.15, high=1.2)
        s = ((seconds - middle) / duration + 0.5).clamp(0, 1)
        path = path + s**3 * (10 - 15 * s + 6 * s**2) * (after - before)[:, None]
        before = after
    return path


def _unrest(rng: Rng, count: int, frames: int, rate_hz: float) -> Tensor:
    """Small slow movements of every joint (N, T, 20) in radians: a hand is never quite at rest."""
    seconds = torch.arange(frames, device=rng.device)[None, :, None] / rate_hz
    rate, phase = rng.log_uniform(count, 1, 20, low=1.5, high=12.0), rng.uniform(count, 1, 20, high=6.2832)
    return rng.normal(count, 1, 20) * rng.log_uniform(count, 1, 1, low=0.003, high=0.1) * (rate * seconds + phase).sin()


def _wrist(rng: Rng, count: int, frames: int, rate_hz: float) -> tuple[Tensor, Tensor]:
    """Palm axes (N, T, 3, 3) and wrist positions (N, T, 3)."""
    seconds = (torch.arange(frames, device=rng.device)[None, :, None] - frames // 2) / rate_hz
    low, high = (torch.deg2rad(torch.tensor(x, device=rng.device)) for x in (WRIST_LOW_DEG, WRIST_HIGH_DEG))
    bent = _path(rng, [low + (high - low) * rng.uniform(count, 2) for _ in range(2)], frames, rate_hz)
    rate, phase = rng.uniform(count, 1, 3, low=4.4, high=25.0), rng.uniform(count, 1, 3, high=6.3)
    wave = (rate * seconds + phase).sin() * rng.normal(count, 1, 3, std=0.3) * rng.chance(count, 1, 1, p=0.2)
    bent = (bent + wave[..., :2]).maximum(low).minimum(high)
    flexion, deviation = bent.unbind(-1)
    one, none = torch.ones_like(flexion), torch.zeros_like(flexion)
    x = torch.stack((flexion.cos() * deviation.cos(), deviation.sin(), flexion.sin() * deviation.cos()), -1)
    z = torch.stack((-flexion.sin(), none, flexion.cos()), -1)
    # the forearm: any direction, swinging about the elbow and turning about itself, both at rates of their own
    speed = rng.log_uniform(count, 1, 1, low=0.03, high=2.0)
    swing = rng.normal(count, 1, 3) * speed * torch.tensor((0.0, 1.0, 1.0), device=rng.device)
    roll = rng.normal(count, 1, 1) * rng.log_uniform(count, 1, 1, low=0.05, high=6.0)
    about_x = torch.cat((roll * seconds + wave[..., 2:], torch.zeros_like(seconds).expand(count, -1, 2)), -1)
    start = _uniform_turn(rng, count)[:, None]
    forearm = torch.stack((one, none, none), -1)
    place = lambda v: turn(turn(turn(v, about_x), swing * seconds), start)  # noqa: E731
    x, z, forearm = place(x), place(z), place(forearm)
    elbow = rng.normal(count, 1, 3) * rng.log_uniform(count, 1, 1, low=0.01, high=0.6) * seconds
    return torch.stack((x, torch.linalg.cross(z, x), z), -1), elbow + FOREARM_M * forearm


def _uniform_turn(rng: Rng, count: int) -> Tensor:
    """Rotation vectors (N, 3), uniform over all rotations."""
    quat = rng.normal(count, 4)
    quat = quat / quat.norm(dim=-1, keepdim=True)
    axis, sine = quat[:, :3], quat[:, :3].norm(dim=-1, keepdim=True)
    return axis / sine.clamp(min=1e-9) * 2 * torch.atan2(sine, quat[:, 3:])

"""Widening of recorded motion: other bodies, other combinations, other poses. All (N, T, J, 3), root-relative, z up.

Recordings hold few bodies and hardly any sitting, kneeling or reaching; each function below adds one of these, by the
stated chance per window.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.lab.synthesis.body import (
    ARM,
    BODY,
    LEG,
    SIDES,
    SKELETON,
    TOE,
    UPPER,
    J,
    axes,
    bones,
    heading,
    joints_of,
    skeleton_of,
    turn,
    turn_about_up,
    with_feet,
)
from pose3d_ros.lab.synthesis.other_bodies import leg_length, other_body, other_definitions
from pose3d_ros.lab.synthesis.rng import Rng


@dataclass(frozen=True)
class WidenConfig:
    """Chances per window, and spreads."""

    mirror: float = param(0.5, "chance of left and right exchanged", low=0, high=1)
    bodies: float = param(1.0, "chance of another body: stature and limb lengths", low=0, high=1)
    definitions: float = param(0.0, "chance of another definition of spine, nose and head top", low=0, high=1)
    mix: float = param(0.3, "chance of the upper body of another recording", low=0, high=1)
    angles: float = param(0.6, "chance of noise on joint angles", low=0, high=1)
    legs: float = param(0.12, "chance of sitting, squatting or kneeling legs", low=0, high=1)
    arms: float = param(0.2, "chance of reaching or carrying arms", low=0, high=1)
    tilt: float = param(0.02, "chance of a person tipped over", low=0, high=1)

    __post_init__ = validate


def widen(rng: Rng, joints: Tensor, root: Tensor, config: WidenConfig) -> tuple[Tensor, Tensor]:
    """Joints (N, T, J, 3) and root (N, T, 3) of other, plausible people."""
    count = joints.shape[0]

    def apply(p: float, changed: Tensor, old: Tensor) -> Tensor:
        return torch.where(rng.chance(count, p=p)[:, None, None, None], changed, old)

    if config.mirror:
        flip = rng.chance(count, p=config.mirror)[:, None, None]
        sign = torch.tensor([-1.0, 1.0, 1.0], device=joints.device)
        mirrored = joints[:, :, torch.as_tensor(skeleton_of(joints).mirror, device=joints.device)] * sign
        joints = torch.where(flip[..., None], mirrored, joints)
        root = torch.where(flip, root * sign, root)
    if config.mix:
        joints = apply(config.mix, other_upper_body(joints, joints.roll(1, 0)), joints)
    if config.angles:
        joints = apply(config.angles, joint_noise(rng, joints), joints)
    if config.legs:
        lowered = rng.chance(count, p=config.legs)[:, None, None]
        low_joints = low_legs(rng, joints)
        joints = torch.where(lowered[..., None], low_joints, joints)
        root = torch.where(lowered, on_the_floor(low_joints, root), root)
    if config.arms:
        joints = apply(config.arms, reaching_arms(rng, joints), joints)
    if config.bodies:
        other = other_body(rng, joints)
        scaled = apply(config.bodies, other, joints)
        root = root * (leg_length(scaled) / leg_length(joints))[:, None, None]
        joints = scaled
    if config.definitions:
        joints = apply(config.definitions, other_definitions(rng, joints), joints)
    if config.tilt:
        tipped = rng.chance(count, p=config.tilt)[:, None, None]
        lying = tipped_over(rng, joints)
        joints = torch.where(tipped[..., None], lying, joints)
        root = torch.where(tipped, on_the_floor(lying, root), root)
    return joints, root


def on_the_floor(joints: Tensor, root: Tensor) -> Tensor:
    """Roots (N, T, 3) that stay in place, so high that the lowest joint is as far above the floor as an ankle, or as
    the base of the toes."""
    above = joints.new_full((joints.shape[2],), 0.08)
    above[len(BODY) :] = 0.03
    height = (above - joints[..., 2].mean(1)).amax(-1)
    place = root[..., :2].mean(1)
    return torch.cat((place, height[:, None]), -1)[:, None].expand_as(root)


def other_upper_body(joints: Tensor, donor: Tensor) -> Tensor:
    """Legs of `joints`, everything above the pelvis of `donor`, turned to the same heading in every frame."""
    turned = turn_about_up(donor, (heading(joints) - heading(donor))[..., None])
    mixed = joints.clone()
    mixed[:, :, UPPER] = turned[:, :, UPPER]
    return mixed


def joint_noise(rng: Rng, joints: Tensor) -> Tensor:
    """Limbs turned by a constant angle and a slow swing; spreads in radians. No knee bends the wrong way by it."""
    recorded = bones(joints)
    vectors = recorded.clone()
    strength = rng.uniform(joints.shape[0], 1, 1, low=0.2, high=1.4)
    for spread, rows in (
        (0.12, UPPER),
        (0.25, [J["nose"], J["head_top"]]),
        *((0.3, ARM[side][1:]) for side in SIDES),
        *((0.3, ARM[side][2:]) for side in SIDES),
        *((0.14, with_feet(LEG[side][1:], joints)) for side in SIDES),
        *((0.10, with_feet(LEG[side][2:], joints)) for side in SIDES),
        *((0.15, with_feet(LEG[side][2:], joints)[1:]) for side in SIDES),
    ):
        if not rows:
            continue
        angle = strength * _slow(rng, joints.shape[0], joints.shape[1], spread)
        vectors[:, :, rows] = turn(vectors[:, :, rows], angle[:, :, None])
    left, _, _ = axes(joints)
    for side in SIDES:
        knee, ankle = LEG[side][1:]
        allowed = knee_forward(recorded[:, :, knee], recorded[:, :, ankle], left)[1].clamp(min=0)
        vectors[:, :, ankle] = _no_farther(vectors[:, :, knee], vectors[:, :, ankle], left, allowed)
    return joints_of(vectors)


def knee_forward(thigh: Tensor, shin: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
    """The direction (..., 3) in which a knee points, and how far the shin's direction goes there (...,): above zero it
    is bent the wrong way. Zero where the thigh lies along the hips, where the knee's direction is not known."""
    ahead = torch.linalg.cross(thigh / thigh.norm(dim=-1, keepdim=True), left)
    size = ahead.norm(dim=-1, keepdim=True)
    ahead = torch.where(size > 0.5, ahead / size.clamp(min=1e-6), 0.0)
    return ahead, (shin * ahead).sum(-1) / shin.norm(dim=-1)


def _no_farther(thigh: Tensor, shin: Tensor, left: Tensor, allowed: Tensor) -> Tensor:
    """The shin turned back, its length kept, to where it goes at most `allowed` (...,) toward the knee's front."""
    ahead, forward = knee_forward(thigh, shin, left)
    length = shin.norm(dim=-1, keepdim=True)
    rest = shin / length - ahead * forward[..., None]
    rest = rest / rest.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    held = length * (rest * (1 - allowed**2).clamp(min=0).sqrt()[..., None] + ahead * allowed[..., None])
    return torch.where((forward > allowed)[..., None], held, shin)


def _slow(rng: Rng, count: int, frames: int, spread: float) -> Tensor:
    """Rotation vectors (N, T, 3): a constant and one swing of 0.2 to 1.2 Hz at 30 frames a second."""
    phase = (
        rng.uniform(count, 1, 3, high=6.283)
        + rng.uniform(count, 1, 1, low=0.2, high=1.2)
        * 6.283
        / 30
        * torch.arange(frames, device=rng.device)[None, :, None]
    )
    return rng.normal(count, 1, 3, std=spread) + phase.sin() * rng.normal(count, 1, 3, std=0.5 * spread)


# thigh and shin: angle from straight down to forward (negative: back), (mean, spread) in degrees
_LEG_POSES = (
    (((88, 9), (4, 16)), ((88, 9), (4, 16))),  # sitting
    (((88, 9), (4, 16)), ((88, 9), (4, 16))),
    (((110, 14), (-25, 12)), ((110, 14), (-25, 12))),  # squatting
    (((12, 12), (-84, 8)), ((12, 12), (-84, 8))),  # kneeling
    (((85, 12), (0, 14)), ((8, 12), (-84, 8))),  # one knee up
    (((88, 5), (84, 6)), ((88, 5), (84, 6))),  # sitting on the floor, legs straight
    (((126, 12), (30, 10)), ((126, 12), (30, 10))),  # sitting on the floor, knees up
    (((126, 12), (30, 10)), ((88, 5), (84, 6))),
)


def low_legs(rng: Rng, joints: Tensor) -> Tensor:
    """Sitting, squatting, kneeling legs by angles in the plane of each leg; the trunk leans a little."""
    count, frames = joints.shape[:2]
    table = torch.tensor(_LEG_POSES, device=joints.device, dtype=joints.dtype)[
        rng.integers(count, low=0, high=len(_LEG_POSES) - 1)
    ]
    draw = torch.deg2rad(table[..., 0] + table[..., 1] * rng.normal(count, 2, 2))  # (N, leg, thigh | shin)
    # knees bend one way, and not further than the calf allows
    draw[..., 1] = draw[..., 1].minimum(draw[..., 0] - 0.05).maximum(draw[..., 0] - 2.6)
    left, forward, up = axes(joints)
    vectors = bones(joints)
    swap = rng.chance(count, p=0.5)
    draw = torch.where(swap[:, None, None], draw.flip(1), draw)
    for leg, side in enumerate(SIDES):
        outward = 0.2 * (1 if side == "left" else -1) + rng.normal(count, 1, std=0.25)
        ahead = forward * outward.cos()[..., None] + left * outward.sin()[..., None]
        for part, row in enumerate(LEG[side][1:]):
            # thighs sway; shins follow them, so that a straight leg stays straight
            if part == 0:
                sway = rng.normal(count, 1, std=0.03) * torch.linspace(-1, 1, frames, device=joints.device)
            angle = (draw[:, leg, part, None] + sway)[..., None]
            length = vectors[:, :, row].norm(dim=-1, keepdim=True)
            vectors[:, :, row] = length * (ahead * angle.sin() - up * angle.cos())
        if skeleton_of(joints) is SKELETON:
            row = TOE[side]
            angle = _foot(rng, draw[:, leg, 1])[:, None, None]
            length = vectors[:, :, row].norm(dim=-1, keepdim=True)
            vectors[:, :, row] = length * (ahead * angle.sin() - up * angle.cos())
    lean = (rng.normal(count, 1, 1, std=0.2) - 0.1) * left
    vectors[:, :, UPPER] = turn(vectors[:, :, UPPER], lean[:, :, None].expand(-1, frames, -1, -1))
    return joints_of(vectors)


def _foot(rng: Rng, shin: Tensor) -> Tensor:
    """Angles (N,) of feet from straight down to forward, of shins at the angles (N,): flat on the floor as far as the
    ankle allows (Norkin and White: 20 degrees up, 50 down), or anyhow within that."""
    low, high = shin + math.radians(62 - 50), shin + math.radians(62 + 20)
    flat = (math.radians(62) + rng.normal(len(shin), std=0.1)).minimum(high).maximum(low)
    return torch.where(rng.chance(len(shin), p=0.6), flat, low + rng.uniform(len(shin)) * (high - low))


def reaching_arms(rng: Rng, joints: Tensor) -> Tensor:
    """One or both arms by inverse kinematics: the wrist goes to a reachable place in front of the chest."""
    count, frames = joints.shape[:2]
    left, forward, up = axes(joints, "shoulder")
    moved = joints.clone()
    both = rng.chance(count, p=0.5)
    first_only = rng.chance(count, p=0.5)
    shared = _wrist_places(rng, count, frames)
    for i, side in enumerate(SIDES):
        sign = 1.0 if side == "left" else -1.0
        place = torch.where(both[:, None, None], shared, _wrist_places(rng, count, frames))
        target = forward * place[..., :1] + sign * left * place[..., 1:2] + up * place[..., 2:]
        arm = _arm(rng, joints, side, target, sign * left, up)
        use = (both | (first_only == (i == 0)))[:, None, None, None]
        moved[:, :, ARM[side][1:]] = torch.where(use, arm, moved[:, :, ARM[side][1:]])
    return moved


def _wrist_places(rng: Rng, count: int, frames: int) -> Tensor:
    """Paths (N, T, 3) of the wrist from its shoulder, in arm lengths: forward, outward, up; at rest or moving."""
    low = torch.tensor([0.0, -0.5, -0.8], device=rng.device)
    high = torch.tensor([0.95, 0.5, 0.7], device=rng.device)
    start, end = (_before_the_chest(low + (high - low) * rng.uniform(count, 1, 3)) for _ in range(2))
    end = torch.where(rng.chance(count, 1, 1, p=0.4), start, end)
    begin = rng.uniform(count, 1, low=-0.5, high=1.0)
    part = ((torch.linspace(0, 1, frames, device=rng.device) - begin) / rng.uniform(count, 1, low=0.4, high=1.5)).clamp(
        0, 1
    )
    part = (part * part * (3 - 2 * part))[..., None]
    return start + (end - start) * part


def _before_the_chest(place: Tensor) -> Tensor:
    """A wrist that goes inward passes in front of the trunk, not through it."""
    ahead, outward, up = place.unbind(-1)
    return torch.stack((ahead.maximum(0.35 * (outward < 0.1)), outward, up), -1)


def _arm(rng: Rng, joints: Tensor, side: str, target: Tensor, outward: Tensor, up: Tensor) -> Tensor:
    """Elbow and wrist (N, T, 2, 3) of the two-bone chain whose wrist is at `target` arm lengths from the shoulder."""
    shoulder, elbow, wrist = (joints[:, :, row] for row in ARM[side])
    upper = (elbow - shoulder).norm(dim=-1, keepdim=True)
    lower = (wrist - elbow).norm(dim=-1, keepdim=True)
    reach = target.norm(dim=-1, keepdim=True).clamp(min=1e-3)
    along = target / reach
    distance = (reach * (upper + lower)).clamp(min=0.35 * (upper + lower)).minimum(0.99 * (upper + lower))
    swivel = rng.normal(joints.shape[0], 1, 1, std=0.6)
    pole = -up * swivel.cos() + outward * (swivel.sin() + 0.4)  # elbows hang down and outward
    pole = pole - (pole * along).sum(-1, keepdim=True) * along
    pole = pole / pole.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    cos = ((upper**2 + distance**2 - lower**2) / (2 * upper * distance)).clamp(-1, 1)
    bent = shoulder + upper * (along * cos + pole * (1 - cos**2).clamp(min=0).sqrt())
    return torch.stack((bent, shoulder + distance * along), 2)


def tipped_over(rng: Rng, joints: Tensor) -> Tensor:
    """The whole person turned about a horizontal axis by up to a right angle: falling, lying."""
    direction = rng.uniform(joints.shape[0], 1, 1, high=6.283)
    axis = torch.stack((direction.cos(), direction.sin(), torch.zeros_like(direction)), -1)
    return turn(joints, (axis * rng.uniform(joints.shape[0], 1, 1, 1, low=0.6, high=1.75)).expand_as(joints))

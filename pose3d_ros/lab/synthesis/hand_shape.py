"""Hands as rest shapes and postures: bone lengths, joint limits, named postures. Right hands, degrees."""

import torch
from torch import Tensor

from pose3d_ros.lab.synthesis import hand_statistics as recorded
from pose3d_ros.lab.synthesis.rng import Rng

# Mean lengths of proximal, middle and distal phalanx, and of the thumb's metacarpal and two phalanges, in mm:
# Buryanov and Kotiuk, Proportions of hand segments, Int. J. Morphol. 28(3), 2010, X-rays of 66 adults. The tips lie
# 4 mm beyond the bone (pulp, same source). Wrist to middle knuckle is 1.4 of its metacarpal (64.6 mm), carpus included.
MEASURED_MM = ((46.2, 31.6, 25.7), (39.8, 22.4, 19.8), (44.6, 26.3, 21.4), (41.4, 25.7, 21.3), (32.7, 18.1, 20.0))
PALM_M = 0.0904

# Active range of motion, American Academy of Orthopaedic Surgeons, Joint Motion (1965), and of the American Medical
# Association's Guides; abduction is measured from the palm's axis here, hence the room for fanned fingers.
_FINGER = ((-30, 35), (-30, 95), (-8, 110), (-12, 90))
_THUMB = ((-20, 60), (-65, 35), (-15, 60), (-20, 85))
LIMITS_DEG = torch.tensor([*_THUMB, *_FINGER * 3, (-30, 60), *_FINGER[1:]]).float()

# Fingers' rest abduction, then thumb (lift, swing, mcp, ip) and curl (mcp, pip, dip) of each finger
_REST = (-8, -13, 14, 25)
_STRAIGHT, _BENT, _SLACK, _HOOKED = (2, 5, 4), (80, 95, 65), (30, 35, 20), (5, 90, 60)
_OUT, _ACROSS, _ASIDE = (10, -45, 0, 0), (25, 10, 35, 40), (5, -15, 15, 20)


def _posture(thumb: tuple, *fingers: tuple, spread: float = 0.0) -> list[float]:
    row = list(thumb)
    for rest, fan, finger in zip(_REST, (1, -0.3, 0.5, 1), fingers, strict=True):
        row += [rest + spread * fan, *finger]
    return row


POSTURES_DEG = torch.tensor([
    _posture(_ASIDE, *[_STRAIGHT] * 4),  # flat
    _posture(_OUT, *[_STRAIGHT] * 4, spread=14),  # splay
    _posture(_ASIDE, *[_STRAIGHT] * 4, spread=-8),  # fingers closed, as for a handshake
    _posture(_ACROSS, *[_BENT] * 4),  # fist
    _posture(_OUT, *[_BENT] * 4),  # thumb up
    _posture(_ACROSS, _STRAIGHT, _BENT, _BENT, _BENT),  # point
    _posture(_OUT, _STRAIGHT, _BENT, _BENT, _BENT),  # gun, letter L
    _posture(_ACROSS, _STRAIGHT, _STRAIGHT, _BENT, _BENT, spread=8),  # V, two
    _posture(_OUT, _STRAIGHT, _STRAIGHT, _BENT, _BENT),  # three
    _posture(_ACROSS, _STRAIGHT, _STRAIGHT, _STRAIGHT, _BENT),  # letter W
    _posture(_ACROSS, *[_STRAIGHT] * 4),  # four, letter B
    _posture(_OUT, _BENT, _BENT, _BENT, _STRAIGHT),  # letter Y
    _posture(_OUT, _STRAIGHT, _BENT, _BENT, _STRAIGHT),  # "I love you"
    _posture(_ACROSS, _BENT, _BENT, _BENT, _STRAIGHT),  # letter I
    _posture(_ASIDE, *[_HOOKED] * 4),  # hook grasp
    _posture(_ASIDE, *[_SLACK] * 4),  # relaxed
    _posture((45, -20, 5, 20), *[(35, 40, 25)] * 4),  # letter C, large cylinder
    _posture((45, -5, 15, 25), *[(60, 60, 40)] * 4),  # small cylinder
    _posture((40, -35, 10, 15), *[(30, 35, 20)] * 4, spread=14),  # sphere
    _posture((35, -15, 5, 5), *[(70, 5, 5)] * 4),  # plate, from above
    _posture((5, -10, 20, 40), (50, 80, 40), *[_BENT] * 3),  # key grasp
])  # fmt: skip


def bones(rng: Rng, count: int) -> tuple[Tensor, Tensor]:
    """Palms (N, 5, 3) and bone lengths (N, 5, 3) in metres: between measured and recorded proportions, each hand with
    a size of its own (8 %), a palm of its own width (7 %) and bones of their own (5 %)."""
    device = rng.device
    size = (0.091 * (1 + rng.normal(count, 1, 1, std=0.08))).clamp(0.065, 0.118)
    share = rng.uniform(count, 1, 1)
    measured = torch.tensor(MEASURED_MM, device=device) / (1e3 * PALM_M)
    lengths = torch.lerp(measured, torch.tensor(recorded.BONES, device=device), share)
    slim = torch.ones(count, 1, 3, device=device)
    slim[..., 1:] = 1 + rng.normal(count, 1, 1, std=0.07)
    palm = torch.tensor(recorded.PALM, device=device) * slim
    noise = rng.normal(count, 5, 3, std=0.02)
    noise[:, 2] = 0  # the middle knuckle is on the x axis and one unit away, by definition
    fingers = 1 + rng.normal(count, 1, 1, std=0.04)
    return size * (palm + noise), size * lengths * fingers * (1 + rng.normal(count, 5, 3, std=0.05))


def postures(rng: Rng, count: int) -> Tensor:
    """Angles (N, 20) in radians within the limits: recorded, named, pinching, or every finger as it likes."""
    kind = rng.uniform(count, 1)
    result = _of(rng, recorded.POSES_DEG, count) + rng.normal(count, 20, std=7.0)
    named = _of(rng, POSTURES_DEG.tolist(), count) + rng.normal(count, 20, std=8.0)
    # between an open hand and the posture: grasps that close only so far
    named = torch.lerp(_of(rng, POSTURES_DEG[:3].tolist(), count), named, rng.uniform(count, 1).sqrt())
    pinch = _of(rng, recorded.PINCHES_DEG, count) + rng.normal(count, 20, std=3.5)
    for low, other in ((0.34, named), (0.58, pinch), (0.70, _free(rng, count))):
        result = torch.where(kind > low, other, result)
    return within_limits(torch.deg2rad(result))


def within_limits(angles: Tensor) -> Tensor:
    """Angles (..., 20) in radians, cut to the joints' range."""
    low, high = torch.deg2rad(LIMITS_DEG.to(angles.device)).T
    return angles.maximum(low).minimum(high)


def _of(rng: Rng, table: list, count: int) -> Tensor:
    rows = torch.tensor(table, device=rng.device, dtype=torch.float32)
    return rows[rng.integers(count, low=0, high=len(rows) - 1)]


def _free(rng: Rng, count: int) -> Tensor:
    """Every finger bent on its own, neighbours alike to a degree (little and ring finger share muscles, Haeger-Ross
    and Schieber 2000), the outer joint following the middle one (2/3 at rest, up to 1, Rijpkema and Girard 1991)."""
    device = rng.device
    own = rng.uniform(count, 4)
    alike = rng.uniform(count, 1)
    curl = torch.lerp(own, own.mean(1, keepdim=True), alike)
    curl = torch.where(rng.chance(count, 4, p=0.3), rng.chance(count, 4, p=0.5).float(), curl)
    pip = 105 * curl * rng.uniform(count, 4, low=0.3, high=1.0)
    mcp = rng.uniform(count, 4, low=-15, high=15) + 85 * curl * rng.uniform(count, 4, low=0.0, high=1.0)
    dip = pip * rng.uniform(count, 1, low=0.4, high=1.05) + rng.normal(count, 4, std=5.0)
    fan = torch.tensor((1, -0.3, 0.5, 1), device=device) * rng.normal(count, 1, std=9.0)
    abduction = torch.tensor(_REST, device=device) * (1 - 0.7 * curl) + fan + rng.normal(count, 4, std=4.0)
    fingers = torch.stack((abduction, mcp, pip, dip), -1).flatten(1)
    low, high = torch.tensor([(-10, -55, -12, -10), (50, 25, 45, 70)], device=device).float()
    return torch.cat((low + (high - low) * rng.uniform(count, 4), fingers), 1)

"""Recorded motion as a standing camera and a moderate detector would have seen it: what the protocols start from."""

import zlib
from dataclasses import dataclass

import numpy as np
import torch

from pose3d_ros.lab.synthesis import detector, occlusion
from pose3d_ros.lab.synthesis.cameras import Views, VirtualCameraConfig, view
from pose3d_ros.lab.synthesis.detector import DetectorConfig
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.told import EVERYTHING, tell
from pose3d_ros.models.conditions import Told

# what the protocols look through: a standing robot at the distances of a room
STANDARD = VirtualCameraConfig(
    height_low_m=0.3,
    height_high_m=2.5,
    fov_low_deg=35,
    fov_high_deg=110,
    distance_low_m=1.5,
    distance_high_m=8,
    rolled=0,
    upended=0,
    moving=0,
)
CANDIDATES = 32  # cameras drawn for each one that is kept
NEAREST_M = 0.5
FIRST_STAMP_NS = 1_000_000_000


@dataclass
class Recordings:
    """One clip from K cameras, F frames at `rate_hz`.

    `rays` float32 (K, F, J, 2) as x/z, y/z and `score` (K, F, J) of the detector, 0 where it gives nothing;
    `truth_m` (K, F, J, 3) in the camera frame; `half_size` (K, 2) of the images as x/z, y/z. `told`: gravity, camera
    height and bones as a robot that knows its pose and the person would know them.
    """

    name: str
    rate_hz: float
    rays: torch.Tensor
    score: torch.Tensor
    truth_m: np.ndarray
    half_size: np.ndarray
    told: Told

    @property
    def stamps_ns(self) -> np.ndarray:
        """int64 (F,)."""
        return FIRST_STAMP_NS + np.rint(np.arange(self.rays.shape[1]) * (1e9 / self.rate_hz)).astype(np.int64)

    def hidden(self, protocol: str, seed: int) -> np.ndarray:
        """The protocol's occlusion over the whole clip, bool (K, F, J); the same for a seed. Raises ConfigError."""
        return occlusion.mask(protocol, seeded(seed, self.name, protocol), self.rays, self.rate_hz).numpy()


def record(
    motion: MotionSet, index: int, rate_hz: float, cameras: int, seed: int, noise: DetectorConfig = detector.STANDARD
) -> Recordings:
    """Clip `index` from `cameras` cameras. Cameras, noise and clip are fixed by the seed and the clip's name."""
    joints, root = motion.clip(index, rate_hz)
    name = motion.names[index]
    views = standard_cameras(seeded(seed, name, "cameras"), joints, root, cameras)
    of_body, of_toes = seeded(seed, name, "detector"), seeded(seed, name, "toes")
    rays, score = detector.detect_apart(of_body, of_toes, views, noise, rate_hz)
    half_size = torch.stack((views.half_width, views.half_height), -1).numpy()
    return Recordings(
        name, rate_hz, rays, score, views.xyz.numpy(), half_size, tell(seeded(seed, name, "told"), views, EVERYTHING)
    )


def standard_cameras(rng: Rng, joints: torch.Tensor, root: torch.Tensor, count: int) -> Views:
    """`count` standard cameras, those first which have the person's middle in the image, and nothing of them too
    close, all the time: cameras do not turn here, and people walk away."""
    drawn = count * CANDIDATES
    views = view(rng, joints.expand(drawn, -1, -1, -1), root.expand(drawn, -1, -1), STANDARD)
    near = views.xyz[..., 2].amin((1, 2)) < NEAREST_M
    outside = ~views.inside(detector.true_rays(views.xyz[:, :, :1])).squeeze(-1)
    best = (outside.float().mean(1) + near.float()).argsort(stable=True)[:count]
    return views.take(best)


def seeded(seed: int, *names: str) -> Rng:
    """Its own draws for every name, so that what is drawn for one thing never shifts those for another."""
    return Rng(zlib.crc32("/".join((str(seed), *names)).encode()))

"""What a run is measured on: windows of people outside of training, seen as the evaluation protocols see them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.geometry.align import procrustes
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.synthesis import occlusion
from pose3d_ros.lab.synthesis.cameras import VirtualCameraConfig, view
from pose3d_ros.lab.synthesis.detector import STANDARD, detect_apart
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.told import EVERYTHING, NOTHING, tell
from pose3d_ros.lab.synthesis.windows import Assemble, DrawnWindows, assemble_windows
from pose3d_ros.models.lifter import DEFAULT_SIGMA_M

CAMERA = VirtualCameraConfig(
    height_low_m=0.3, height_high_m=2.5, distance_low_m=1.5, distance_high_m=8.0, rolled=0.0, upended=0.0, moving=0.0
)
BATCH = 256


@dataclass
class People:
    """Who is learned from, who sigma is calibrated on, who is reported on. The last two may be absent."""

    training: MotionSet
    held_out: MotionSet | None
    validation: MotionSet | None


@dataclass
class NewestErrors:
    """Errors at the newest frame: `error_m`, `sigma_m` (N, J) float, `seen` (N, J) bool, `pa_error_m` (N, J), and how
    many slots ago a joint was seen, `unseen` (N, J)."""

    error_m: np.ndarray
    pa_error_m: np.ndarray
    sigma_m: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray


def protocol_windows(
    motion: MotionSet,
    protocol: str,
    count: int,
    frames: int,
    rate_hz: float,
    guidance: GuidanceConfig,
    seed: int = 7,
    assemble: Assemble = assemble_windows,
) -> DrawnWindows:
    """DrawnWindows of recorded, not widened motion under one occlusion protocol; the same people for every protocol.

    Nothing is told beside the keypoints, or, with `+told` behind the protocol's name, everything.
    """
    protocol, plus, _ = protocol.partition("+told")
    rng = Rng(seed, motion.root.device)
    joints, root = motion.sample(rng, count, frames, rate_hz, torch.ones(count, device=rng.device))
    views = view(rng, joints, root, CAMERA)
    rays, score = detect_apart(rng, Rng(seed + 2, rng.device), views, STANDARD, rate_hz)
    hidden = occlusion.mask(protocol, rng, rays, rate_hz)
    told = tell(Rng(seed + 1, rng.device), views, EVERYTHING if plus else NOTHING)
    return assemble(rays, torch.where(hidden, 0.0, score), views.xyz, guidance, told)


@torch.inference_mode()
def newest_errors(network: nn.Module, windows: DrawnWindows) -> NewestErrors:
    """Errors of the newest frame's joints against their pelvis."""
    was_training = network.training
    network.eval()
    parts = zip(*(given.split(BATCH) for given in windows.given), strict=True)
    outs = [network(inputs, -1, *condition) for inputs, *condition in parts]
    network.train(was_training)
    xyz = torch.cat([out["xyz"][:, 0] for out in outs]).float()
    xyz = _numpy(xyz - xyz[:, :1])
    target = _numpy(windows.targets[:, -1])
    if "log_sigma" in outs[0]:
        sigma = torch.cat([out["log_sigma"][:, 0] for out in outs]).float().exp()
    else:
        sigma = torch.full(xyz.shape[:2], DEFAULT_SIGMA_M)
    return NewestErrors(
        np.linalg.norm(xyz - target, axis=-1),
        np.linalg.norm(procrustes(xyz, target) - target, axis=-1),
        _numpy(sigma),
        _numpy(windows.seen[:, -1]),
        _unseen(_numpy(windows.seen)),
    )


def _unseen(seen: np.ndarray) -> np.ndarray:
    """(N, J) slots since the last sighting in windows (N, T, J), T where there was none."""
    back = seen[:, ::-1]
    return np.where(back.any(1), back.argmax(1), seen.shape[1])


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


class Validator:
    """Calls as `validate(network)`: a few numbers in millimetres for the log."""

    def __init__(
        self,
        motion: MotionSet,
        frames: int,
        rate_hz: float,
        guidance: GuidanceConfig,
        protocols: tuple[str, ...] = ("clean", "random:12", "burst"),
        count: int = 1024,
        assemble: Assemble = assemble_windows,
    ):
        self.windows = {
            name: protocol_windows(motion, name, count, frames, rate_hz, guidance, assemble=assemble)
            for name in protocols
        }

    def __call__(self, network: nn.Module) -> dict[str, float]:
        report = {}
        for name, windows in self.windows.items():
            errors = newest_errors(network, windows)
            report[f"mpjpe_mm {name}"] = round(1000 * float(errors.error_m.mean()), 2)
            report[f"pa_mpjpe_mm {name}"] = round(1000 * float(errors.pa_error_m.mean()), 2)
        return report

"""Errors of image models on held-back hands or people: with both modalities or one, and with wrong keypoints."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.geometry.align import procrustes
from pose3d_ros.lab.synthesis import image_windows
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Subject
from pose3d_ros.lab.synthesis.image_windows import ImageWindows, pose_input
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models.extpose import ExtPose

MODALITIES = ("both", "image", "pose")
FAULTS = ("none", "shifted", "swapped", "missing")
SHIFT = 0.1  # of the crop
MISSING = 0.5  # of the joints
HELD_BACK = 1_000_003  # seed of what is measured on: others than any training's
PIECE = 64


def held_back(
    count: int, config: ImageWindowConfig, seed: int = HELD_BACK, device: str = "cpu", subject: Subject = HANDS
) -> ImageWindows:
    """The windows to measure on, the same ones for the same settings and people."""
    rng = Rng(seed, device)
    parts = [image_windows.draw(rng, min(PIECE, count - first), config, subject) for first in range(0, count, PIECE)]
    return ImageWindows(*(torch.cat(part) for part in zip(*parts, strict=True)))


def faulty(windows: ImageWindows, fault: str, height: int, seed: int = 7) -> ImageWindows:
    """Wrong 2D. "shifted": each window's keypoints by a tenth of the crop in one direction; "swapped": those of another
    window; "missing": half of the joints, others in every frame. Raises ConfigError for other names."""
    rng = Rng(seed, windows.score.device)
    count, frames, joints = windows.score.shape
    if fault == "none":
        return windows
    if fault == "shifted":
        angle = rng.uniform(count, 1, 1, high=6.2832)
        step = SHIFT * height * torch.stack((angle.cos(), angle.sin()), -1)
        moved = torch.where(windows.score[..., None] > 0, windows.xy_px + step, 0.0)
        return windows._replace(xy_px=moved)
    if fault == "swapped":
        return windows._replace(xy_px=windows.xy_px.roll(1, 0), score=windows.score.roll(1, 0))
    if fault == "missing":
        kept = torch.where(rng.chance(count, frames, joints, p=MISSING), 0.0, windows.score)
        return windows._replace(score=kept, xy_px=torch.where(kept[..., None] > 0, windows.xy_px, 0.0))
    raise ConfigError(f"unknown fault {fault!r}; known are {', '.join(FAULTS)}")


@torch.inference_mode()
def predict(
    network: ExtPose, windows: ImageWindows, config: ImageWindowConfig, modality: str = "both", causal: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Joints from the root (N, T, J, 3), metres, and sigma (N, T, J) or NaN, in the axes of the crops' cameras."""
    was_training = network.training
    network.eval()
    like = next(network.parameters())
    xyz, sigma = [], []
    for first in range(0, len(windows.score), PIECE):
        part = ImageWindows(*(value[first : first + PIECE].to(like.device) for value in windows))
        image = None if modality == "pose" else part.image.to(like.dtype)
        pose = None if modality == "image" else given_pose(network, part, config).to(like.dtype)
        out = network(image, pose, pose_present=None if pose is None else presence(part.score), causal=causal)
        xyz.append(out["xyz"].float().cpu())
        if "log_sigma" in out:
            sigma.append(out["log_sigma"].float().exp().cpu())
    network.train(was_training)
    joints = torch.cat(xyz)
    spread = torch.cat(sigma) if sigma else torch.full(joints.shape[:-1], torch.nan)
    return joints.numpy(), spread.numpy()


def given_pose(network: ExtPose, windows: ImageWindows, config: ImageWindowConfig) -> Tensor:
    """The keypoints in the form that the network takes."""
    skeleton = formats.get(network.config.skeleton)
    return pose_input(network.config.pose_input, windows.xy_px, windows.score, config.render, config.drawing, skeleton)


def presence(score: Tensor) -> Tensor | None:
    """bool (N, T): frames with any keypoint; None where all have some, which is quicker."""
    some = (score > 0).any(-1)
    return None if bool(some.all()) else some


def measure(xyz: np.ndarray, windows: ImageWindows, rate_hz: float, subject: Subject = HANDS) -> dict[str, Any]:
    """Errors of joints (N, T, J, 3) from the root over all frames.

    `mpjpe_mm`, `pa_mpjpe_mm`; `pck20`: share of joints within 20 mm, `pck150` of bodies' within 150 mm;
    `accel_error_m_s2`: of the joints in the axes of the camera, None for less than three frames.
    """
    truth = windows.xyz.cpu().numpy().astype(np.float64)
    xyz = xyz.astype(np.float64)
    off = np.linalg.norm(xyz - truth, axis=-1)
    flat, flat_truth = (each.reshape(-1, *each.shape[2:]) for each in (xyz, truth))
    aligned = np.linalg.norm(procrustes(flat, flat_truth) - flat_truth, axis=-1)
    acceleration = None
    if xyz.shape[1] > 2:
        turn = windows.turn.cpu().numpy()
        straight = np.einsum("ntij,ntki->ntkj", turn, xyz - truth)
        acceleration = round(float(np.linalg.norm(np.diff(straight, n=2, axis=1), axis=-1).mean() * rate_hz**2), 3)
    return {
        "mpjpe_mm": round(1e3 * float(off.mean()), 3),
        "pa_mpjpe_mm": round(1e3 * float(aligned.mean()), 3),
        pck(subject): round(float((off < subject.pck_m).mean()), 4),
        "accel_error_m_s2": acceleration,
    }


def pck(subject: Subject) -> str:
    """The name of the share of right joints."""
    return f"pck{1000 * subject.pck_m:.0f}"

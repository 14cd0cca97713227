"""Hands looked at: the picture of each lifted hand, its keypoints drawn beside it, through an ExtPose network."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Hand3D, Method
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import Crops, boxes, cut
from pose3d_ros.geometry.crop_camera import look_at_crops
from pose3d_ros.geometry.hand import describe, resized
from pose3d_ros.geometry.hand_placement import place_hands
from pose3d_ros.geometry.placement import pull_to_rays
from pose3d_ros.geometry.skeleton_image import draw_skeletons
from pose3d_ros.hands import MAX_MISFIT, SKELETON, HandConfig
from pose3d_ros.models.frame_attention import Cache
from pose3d_ros.models.picture import PictureLifter
from pose3d_ros.tracking.smoothing import OneEuro, smooth

GUESSED = 0.1  # weight of a joint that is not seen, where the lifter has it, in the placement


@dataclass(frozen=True)
class RefineConfig:
    """Which picture models refine what."""

    hands: str = param(
        "", "path of ExtPose weights of hands, which config/train/hand_extpose.yaml makes (none are shipped); empty = "
        "hands stay as the lifter has them",
    )  # fmt: skip
    max_sigma: float = param(
        1.0, "the picture's result is taken where its mean sigma is at most this times the lifter's", low=0.0,
        high=100.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


class RefineReason(str, Enum):
    """Why a hand stayed as the lifter has it."""

    NO_CROP = "hand_crop"  # too small in the picture, or outside of it
    UNSURE = "hand_picture_unsure"  # the picture model is less sure than the lifter
    IMPLAUSIBLE = "hand_picture_implausible"  # misses its keypoints, or is not finite
    PICTURE_SIZE = "picture_of_another_size"  # than the keypoints'

    __str__ = str.__str__


class Look(NamedTuple):
    """One frame to look at: `picture` uint8 (H, W, 3), RGB, of `camera`, and how hands are published."""

    stamp_ns: int
    picture: np.ndarray
    camera: Camera
    config: HandConfig = HandConfig()
    max_sigma: float = 1.0


@dataclass
class _Memory:
    """What is kept of one hand."""

    cache: Cache
    last_ns: int
    smoother: OneEuro | None = None


class HandRefiner:
    """Keeps the past pictures of every hand, as tokens. Not for several threads at once. Raises ConfigError."""

    def __init__(self, lifter: PictureLifter) -> None:
        if not isinstance(lifter, PictureLifter) or lifter.spec.skeleton != SKELETON:
            raise ConfigError(
                f"refine.hands: expected ExtPose weights of {SKELETON}, got {lifter.spec.name} ({lifter.spec.skeleton})"
            )
        self.lifter = lifter
        self.lifter.warm_up()
        self._memory: dict[tuple[int, str], _Memory] = {}

    def refine(
        self, look: Look, hands: list[Hand3D], rays: np.ndarray, score: np.ndarray
    ) -> tuple[list[Hand3D], list[str]]:
        """The hands, each as the lifter or as the picture has it, and why some stayed as they were.

        `rays` (N, 21, 2), NaN where missing, and `score` (N, 21): their keypoints of this frame.
        """
        self._forget(look.stamp_ns)
        size = (look.picture.shape[1], look.picture.shape[0])
        lifted_px = look.camera.project(np.stack([hand.xyz_m for hand in hands]))
        # the box follows the lifted hand, which has every joint and does not jump
        crops, why = boxes(lifted_px, np.ones(lifted_px.shape[:2]), size, self.lifter.size, self.lifter.spec.crop)
        shown = [row for row, reason in enumerate(why) if not reason]
        reasons: list[str] = [RefineReason.NO_CROP] * (len(hands) - len(shown))
        if not shown:
            return hands, reasons
        result = list(hands)
        found = self._look(look, [hands[row] for row in shown], crops[shown], rays[shown], score[shown])
        for row, hand in zip(shown, found, strict=True):
            if hand is None:
                reasons.append(RefineReason.IMPLAUSIBLE)
            elif hand.sigma_m.mean() > look.max_sigma * hands[row].sigma_m.mean():
                reasons.append(RefineReason.UNSURE)
            else:
                result[row] = hand
        return result, reasons

    def reset(self) -> None:
        """Forget all hands."""
        self._memory.clear()

    def close(self) -> None:
        """Free the device."""
        self.reset()
        self.lifter.close()

    def _look(
        self, look: Look, hands: list[Hand3D], crops: Crops, rays: np.ndarray, score: np.ndarray
    ) -> list[Hand3D | None]:
        """One step of the network for all hands; None where its answer is not to be used."""
        left = np.array([hand.side == "left" for hand in hands])
        images, drawn = self._inputs(look, crops, rays, score, left)
        cache = Cache.join([self._remembered(hand, look.stamp_ns).cache for hand in hands])
        spec = self.lifter.spec
        slot = np.full(len(hands), round(look.stamp_ns * spec.rate_hz / 1e9))
        seen = score > 0
        out = self.lifter(images, drawn, cache, slot, pose_present=seen.any(1))
        for row, hand in enumerate(hands):
            self._memory[hand.track, hand.side].cache = cache.pick(slice(row, row + 1))
        xyz_m = look_at_crops(crops, look.camera, mirrored=left).to_camera(out.xyz_m)
        xyz_m = resized(xyz_m, look.config.hand_size_m)
        sigma_m = out.sigma_m * np.where(seen, spec.sigma_seen, spec.sigma_hidden)
        return self._placed(look, hands, xyz_m, sigma_m, rays, score)

    def _inputs(
        self, look: Look, crops: Crops, rays: np.ndarray, score: np.ndarray, left: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Crops uint8 (N, H, W, 3) and drawn skeletons (N, 3, H, W); left hands are mirrored."""
        spec = self.lifter.spec
        images = cut(look.picture, crops)
        images[left] = images[left, :, ::-1]
        seen_px = look.camera.project(np.concatenate((rays, np.ones_like(rays[..., :1])), -1))
        xy_px = crops.to_crop(seen_px.astype(np.float32))
        xy_px[left, :, 0] = crops.width - 1 - xy_px[left, :, 0]
        drawn = draw_skeletons(xy_px, score.astype(np.float32), spec.joints, crops.width, crops.height, spec.drawing)
        return images, drawn

    def _placed(
        self,
        look: Look,
        hands: list[Hand3D],
        xyz_m: np.ndarray,
        sigma_m: np.ndarray,
        rays: np.ndarray,
        score: np.ndarray,
    ) -> list[Hand3D | None]:
        """Hands about their wrists, camera axes, put where the lifter's wrist and the keypoints are."""
        seen = score > 0
        lifted_m = np.stack([hand.xyz_m for hand in hands])
        where = np.where(seen[..., None], rays, lifted_m[..., :2] / lifted_m[..., 2:])
        placed = place_hands(xyz_m, where, np.where(seen, score, GUESSED), seen, lifted_m[:, 0, 2])
        xyz_m = pull_to_rays(placed.xyz_m, where, score, sigma_m, look.config.keypoint_sigma_m)
        finite = np.isfinite(xyz_m).all((1, 2)) & np.isfinite(sigma_m).all(1)
        xyz_m = np.where(finite[:, None, None], xyz_m, lifted_m)
        memories = [self._memory[hand.track, hand.side] for hand in hands]
        filtered = [smooth(m, look.config.smoothing, look.stamp_ns, x) for m, x in zip(memories, xyz_m, strict=True)]
        xyz_m = np.stack(filtered).astype(np.float32)
        pose = describe(xyz_m, np.array([hand.side == "left" for hand in hands]))
        good = finite & pose.valid & (placed.misfit < MAX_MISFIT)
        return [
            replace(
                hand,
                wrist_m=xyz_m[i, 0],
                xyz_m=xyz_m[i],
                sigma_m=sigma_m[i].astype(np.float32),
                method=Method.EXTPOSE,
                **pose.of(i),
            )
            if good[i]
            else None
            for i, hand in enumerate(hands)
        ]

    def _remembered(self, hand: Hand3D, stamp_ns: int) -> _Memory:
        key = hand.track, hand.side
        if key not in self._memory:
            self._memory[key] = _Memory(self.lifter.start(1), stamp_ns)
        self._memory[key].last_ns = stamp_ns
        return self._memory[key]

    def _forget(self, stamp_ns: int) -> None:
        """Hands that have not been looked at for as long as the network looks back, or that are of the future."""
        reach_ns = self.lifter.spec.frames / self.lifter.spec.rate_hz * 1e9
        self._memory = {key: m for key, m in self._memory.items() if 0 <= stamp_ns - m.last_ns <= reach_ns}

"""Second looks: what refining hands and bodies by their image shares. Each is cut out of the image, its keypoints
are drawn beside it, all go through one ExtPose network at once, and its answer is fuse against the lifter's."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.timer import Timer
from pose3d_ros.core.types import Hand3D, Keypoints2D, Person3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import Crops, boxes_of_shown, cut
from pose3d_ros.geometry.crop_camera import look_at_crops
from pose3d_ros.geometry.placement import MIN_DEPTH_M
from pose3d_ros.geometry.skeleton_image import draw_skeletons
from pose3d_ros.models.base import IMAGES
from pose3d_ros.models.frame_attention import AttentionCache
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.part import Part
from pose3d_ros.tracking.smoothing import OneEuro, SmoothingConfig, smooth

STAGE = "refine"  # in the timings
REMEMBERED_S = 0.5  # at least, for the smoothing: networks that look at one image remember nobody
GUESSED = 0.1  # weight of a joint that is not seen, where the lifter has it, in the placement
Refined = TypeVar("Refined", Hand3D, Person3D)
Estimate = tuple[np.ndarray, np.ndarray]  # joints (N, J, 3) in metres, and their sigma (N, J)


class RefineReason(str, Enum):
    """Why a hand or a person stayed as the lifter has it; `of` names which of the two."""

    NO_CROP = "crop"  # too small in the image, or outside of it
    UNSURE = "image_unsure"  # the image model is less sure than the lifter
    IMPLAUSIBLE = "image_implausible"  # misses the keypoints, or is not finite
    IMAGE_SIZE = "image_of_another_size"  # than the keypoints'; of nobody

    __str__ = str.__str__

    def of(self, whom: str) -> str:
        """The text that is counted, such as "hand_crop"."""
        return f"{whom}_{self}"


class ImageFrame(NamedTuple):
    """One frame to look at: `image` uint8 (H, W, 3), RGB, of `camera`, and how its results are published."""

    stamp_ns: int
    image: np.ndarray
    camera: Camera
    config: PipelineConfig = PipelineConfig()

    @classmethod
    def of(
        cls, frame: Keypoints2D, camera: Camera, image: np.ndarray | None, config: PipelineConfig
    ) -> "ImageFrame | None":
        """The image of a frame; None where there is none, or where it is not that of the keypoints."""
        if image is None:
            return None
        sizes = {(camera.width, camera.height), (frame.width, frame.height)}
        fits = sizes <= {image.shape[1::-1], (0, 0)}  # unknown
        return cls(frame.stamp_ns, image, camera, config) if fits else None


class Keypoints(Protocol):
    """A part that knows which keypoints it has lifted from."""

    def keypoints(self, stamp_ns: int, given: Any) -> tuple[np.ndarray, np.ndarray]: ...


class Sightings(NamedTuple):
    """Where the joints of N skeletons lie in the image: `rays` (N, J, 2), the lifter's where they are hidden,
    `score` (N, J), 0 where hidden, `weight` (N, J) for the placement, `lifted_m` (N, J, 3) of the lifter."""

    rays: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    lifted_m: np.ndarray

    @classmethod
    def of(cls, rays: np.ndarray, score: np.ndarray, lifted_m: np.ndarray) -> "Sightings":
        """Of `rays` that are NaN and `score` that is 0 where a joint is hidden."""
        seen, depth_m = score > 0, lifted_m[..., 2]
        where = np.where(seen[..., None], rays, lifted_m[..., :2] / np.maximum(depth_m, MIN_DEPTH_M)[..., None])
        weight = np.where(seen, score, np.where(depth_m > MIN_DEPTH_M, GUESSED, 0.0))
        return cls(where, score, weight, lifted_m)


@dataclass(eq=False)
class Memory:
    """What is kept of one hand or person."""

    cache: AttentionCache
    last_ns: int
    smoother: OneEuro | None = None


def fuse(one: Estimate, other: Estimate) -> Estimate:
    """Both answers in one: each joint by 1 / sigma² of either. Their errors have little in common (one looks back over
    a second of keypoints, the other at an image), so the middle is better than the surer of the two; but not so little
    that its sigma would be that of independent measurements: it lies between the two."""
    (xyz_m, sigma_m), (other_m, other_sigma_m) = one, other
    share = 1 / (1 + (sigma_m / np.maximum(other_sigma_m, 1e-6)) ** 2)
    joints = share[..., None] * xyz_m + (1 - share[..., None]) * other_m
    return joints, np.sqrt(share * sigma_m**2 + (1 - share) * other_sigma_m**2)


class Refiner(Part, ABC, Generic[Refined]):
    """Keeps the past images of everybody, as tokens. Not for several threads at once. Raises ConfigError."""

    SKELETON: ClassVar[str]
    PARAMETER: ClassVar[str]  # that names the weights
    WHOM: ClassVar[str]  # in reasons

    def __init__(self, lifter: ImageLifter) -> None:
        if lifter.takes != IMAGES or lifter.spec.skeleton != self.SKELETON:
            raise ConfigError(
                f"{self.PARAMETER}: expected ExtPose weights of {self.SKELETON}, got {lifter.spec.name} "
                f"({lifter.spec.skeleton})"
            )
        self.lifter = lifter
        self.lifter.warm_up()
        self._memory: dict[object, Memory] = {}
        self._last: list[Memory] = []
        self._cache: AttentionCache | None = None

    @property
    def description(self) -> str:
        return self.lifter.description

    def look(
        self, look: ImageFrame | None, given: list[Refined], source: Keypoints, timer: Timer
    ) -> tuple[list[Refined], list[str]]:
        """What the part `source` has lifted, refined by its image where there is one, and why some of it was not."""
        if not (look and given):
            return given, []
        with timer(STAGE):
            return self.refine(look, given, *source.keypoints(look.stamp_ns, given))

    def refine(
        self, look: ImageFrame, given: list[Refined], rays: np.ndarray, score: np.ndarray
    ) -> tuple[list[Refined], list[str]]:
        """All of them, those that the image shows refined by it, and why the others stayed as they were.

        `rays` (N, J, 2), NaN where missing, and `score` (N, J): their keypoints of this frame.
        """
        self._forget(look.stamp_ns)
        if not given:
            return given, []
        size = (look.image.shape[1], look.image.shape[0])
        lifted_px = look.camera.project(np.stack([one.xyz_m for one in given]))
        # the box follows what was lifted, which has every joint and does not jump
        crops, why = boxes_of_shown(lifted_px, size, self.lifter.size, self.lifter.spec.crop)
        shown = [row for row, reason in enumerate(why) if not reason]
        reasons = [RefineReason.NO_CROP] * (len(given) - len(shown))
        result = list(given)
        if shown:
            found = self._look(look, [given[row] for row in shown], crops[shown], rays[shown], score[shown])
            for row, one in zip(shown, found, strict=True):
                if isinstance(one, RefineReason):
                    reasons.append(one)
                else:
                    result[row] = one
        return result, [reason.of(self.WHOM) for reason in reasons]

    def reset(self) -> None:
        self._memory.clear()
        self._last, self._cache = [], None

    def close(self) -> None:
        self.reset()
        self.lifter.close()

    @abstractmethod
    def _key(self, one: Refined) -> object:
        """Who this is, from frame to frame."""

    @abstractmethod
    def _mirrored(self, given: list[Refined]) -> np.ndarray:
        """bool (N,): who is shown with left and right exchanged."""

    @abstractmethod
    def _placed(
        self, config: PipelineConfig, xyz_m: np.ndarray, sigma_m: np.ndarray, seen: Sightings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N, J, 3) about their roots, camera axes, put where the lifter and the keypoints say; and bool (N,):
        they look like their keypoints."""

    @abstractmethod
    def _made(
        self, given: list[Refined], xyz_m: np.ndarray, sigma_m: np.ndarray, plausible: np.ndarray
    ) -> list[Refined | None]:
        """The results of joints (N, J, 3) in the camera frame, None where they are not to be used."""

    def _look(
        self, look: ImageFrame, given: list[Refined], crops: Crops, rays: np.ndarray, score: np.ndarray
    ) -> list[Refined | RefineReason]:
        """One step of the network for all: each one refined, or why not."""
        spec, mirrored = self.lifter.spec, self._mirrored(given)
        images, drawn = self._inputs(look, crops, rays, score, mirrored)
        memories = [self._remembered(self._key(one), look.stamp_ns) for one in given]
        slot = np.full(len(given), round(look.stamp_ns * spec.rate_hz / 1e9))
        out = self.lifter(images, drawn, self._together(memories), slot, pose_present=(score > 0).any(1))
        xyz_m = look_at_crops(crops, look.camera, mirrored).to_camera(out.xyz_m)
        sigma_m = spec.calibrated(out.sigma_m, score > 0).astype(np.float32)
        seen = Sightings.of(rays, score, np.stack([one.xyz_m for one in given]))
        xyz_m, plausible = self._placed(look.config, xyz_m, sigma_m, seen)
        finite = np.isfinite(xyz_m).all((1, 2)) & np.isfinite(sigma_m).all(1)
        lifted_sigma_m = np.stack([one.sigma_m for one in given])
        # what a filter or a cache has taken stays in it
        xyz_m = np.where(finite[:, None, None], xyz_m, seen.lifted_m)
        sigma_m = np.where(finite[:, None], sigma_m, lifted_sigma_m)
        self._start_again([memory for memory, fine in zip(memories, finite, strict=True) if not fine])
        unsure = sigma_m.mean(1) > look.config.refine.max_sigma * lifted_sigma_m.mean(1)
        # along its rays to where the image's stands, so that nothing leaves the keypoints
        further = xyz_m[:, :1, 2:] / np.maximum(seen.lifted_m[:, :1, 2:], MIN_DEPTH_M)
        xyz_m, sigma_m = fuse((xyz_m, sigma_m), (further * seen.lifted_m, lifted_sigma_m))
        # what the lifter says is steady already and quick; one image after the other is not
        calm = SmoothingConfig(look.config.refine.cutoff_hz, beta=0.0)
        steps = [smooth(m, calm, look.stamp_ns, x) for m, x in zip(memories, xyz_m - seen.lifted_m, strict=True)]
        xyz_m = seen.lifted_m + np.stack(steps)
        made = self._made(given, xyz_m.astype(np.float32), sigma_m.astype(np.float32), finite & plausible)
        return [
            RefineReason.IMPLAUSIBLE if one is None else RefineReason.UNSURE if unsure[row] else one
            for row, one in enumerate(made)
        ]

    def _inputs(
        self, look: ImageFrame, crops: Crops, rays: np.ndarray, score: np.ndarray, mirrored: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Crops uint8 (N, H, W, 3) and drawn skeletons (N, 3, H, W)."""
        spec = self.lifter.spec
        images = cut(look.image, crops)
        images[mirrored] = images[mirrored, :, ::-1]
        seen_px = look.camera.project(np.concatenate((rays, np.ones_like(rays[..., :1])), -1))
        xy_px = crops.to_crop(seen_px.astype(np.float32))
        xy_px[mirrored, :, 0] = crops.width - 1 - xy_px[mirrored, :, 0]
        drawn = draw_skeletons(xy_px, score.astype(np.float32), spec.joints, crops.width, crops.height, spec.drawing)
        return images, drawn

    def _remembered(self, key: object, stamp_ns: int) -> Memory:
        if key not in self._memory:
            self._memory[key] = Memory(self.lifter.start(1), stamp_ns)
        self._memory[key].last_ns = stamp_ns
        return self._memory[key]

    def _together(self, memories: list[Memory]) -> AttentionCache:
        """Their pasts in one, of which each one's is a part; copied only when others are looked at than before."""
        if memories != self._last:
            self._cache = AttentionCache.join([memory.cache for memory in memories])
            for row, memory in enumerate(memories):
                memory.cache = self._cache.pick(slice(row, row + 1))
            self._last = memories
        return self._cache

    def _start_again(self, memories: list[Memory]) -> None:
        """Without past images."""
        for memory in memories:
            memory.cache = self.lifter.start(1)
            self._last = []  # theirs are no parts of `_cache` any more

    def _forget(self, stamp_ns: int) -> None:
        """Who has not been looked at for as long as the network or the smoothing looks back, or is of the future."""
        reach_ns = max(self.lifter.spec.frames / self.lifter.spec.rate_hz, REMEMBERED_S) * 1e9
        self._memory = {key: m for key, m in self._memory.items() if 0 <= stamp_ns - m.last_ns <= reach_ns}

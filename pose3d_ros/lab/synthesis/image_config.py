"""What makes a window of images: settings, and what a subject of images is."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.geometry.crop import CropConfig
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig
from pose3d_ros.lab.synthesis.augmentation import WidenConfig
from pose3d_ros.lab.synthesis.cameras import VirtualCameraConfig
from pose3d_ros.lab.synthesis.capsules import View
from pose3d_ros.lab.synthesis.detector import DetectorConfig
from pose3d_ros.lab.synthesis.hand_detector import HandDetectorConfig
from pose3d_ros.lab.synthesis.hand_windows import HandOcclusionConfig
from pose3d_ros.lab.synthesis.render import Images, RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.synthesis.windows import OcclusionConfig

# Fewer joints are hidden than from the lifters: things in the images hide some already
FEWER_OF_HANDS = HandOcclusionConfig(
    random=0.2, fingers=0.15, object=0.08, burst=0.05, whole=0.04, lost_frames=0.04, twice=0.1, slow=0
)
FEWER = OcclusionConfig(
    random=0.22, burst=0.08, limb=0.08, truncated=0.05, passer=0.02, lost_frames=0.04, twice=0.1, slow=0
)


@dataclass(frozen=True)
class BodySceneConfig:
    """People before the camera. Motion files come with the training."""

    widen: WidenConfig = field(default_factory=WidenConfig)
    camera: VirtualCameraConfig = field(default_factory=VirtualCameraConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    occlusion: OcclusionConfig = field(default_factory=lambda: FEWER)

    __post_init__ = validate


@dataclass(frozen=True)
class ImageWindowConfig:
    """Everything that makes a window of images, of hands or of bodies."""

    frames: int = param(1, "frames of a window", low=1, high=64)
    rate_hz: float = param(30.0, "frames per second", unit="Hz", low=1, high=240)
    by_keypoints: float = param(
        0.5, "chance that the box is drawn around the seen keypoints, not the whole", low=0, high=1
    )
    shift: float = param(0.05, "spread of the box's middle, as a share of its size", low=0, high=0.5)
    zoom: float = param(0.12, "spread of the logarithm of the box's size", low=0, high=0.7)
    unsteady: float = param(0.015, "the same from frame to frame", low=0, high=0.2)
    lost_covered: float = param(
        0.5, "chance that the detector loses joints behind things; else it guesses", low=0, high=1
    )
    render: RenderConfig = field(default_factory=RenderConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    drawing: SkeletonImageConfig = field(default_factory=SkeletonImageConfig)
    # hands
    distance_low_m: float = param(0.35, "nearest hand", unit="m", low=0.2)
    distance_high_m: float = param(3.0, "farthest hand", unit="m", low=0.5)
    cut: float = param(0.12, "chance that the camera's image ends within the hand", low=0, high=1)
    detector: HandDetectorConfig = field(default_factory=HandDetectorConfig)
    occlusion: HandOcclusionConfig = field(default_factory=lambda: FEWER_OF_HANDS)
    body: BodySceneConfig = field(default_factory=BodySceneConfig)

    __post_init__ = validate


class Scene(NamedTuple):
    """`xyz` (N, T, J, 3) joints in the camera's frame; `border` (N, 2): the camera's image ends at these x/z and y/z;
    None where it does not."""

    xyz: Tensor
    border: Tensor | None


class Subject(Protocol):
    """Who is in the images. `length_m`: of the whole; `pck_m`: joints within it count as right."""

    skeleton: Skeleton
    length_m: float
    pck_m: float

    def scene(self, rng: Rng, count: int, config: ImageWindowConfig) -> Scene:
        """`count` windows of motion before a camera."""

    def detect(self, rng: Rng, scene: Scene, config: ImageWindowConfig) -> tuple[Tensor, Tensor]:
        """Noisy rays (N, T, J, 2) and scores (N, T, J), 0 where there is no keypoint."""

    def render(self, rng: Rng, xyz: Tensor, view: View, config: RenderConfig) -> Images:
        """Joints (N, T, J, 3) as seen in the crops `view` of N * T images."""

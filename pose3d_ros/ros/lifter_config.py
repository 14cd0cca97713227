"""Parameters of the lifter node: those of the pipeline and those of its ROS side."""

from dataclasses import dataclass, field, fields

from pose3d_ros.core.config import param, validate
from pose3d_ros.pipeline import PipelineConfig
from pose3d_ros.ros.frames import FramesConfig
from pose3d_ros.ros.image_input import ImageConfig
from pose3d_ros.ros.markers import MarkerConfig
from pose3d_ros.ros.watchdog import WatchdogConfig


@dataclass(frozen=True)
class CameraConfig:
    """Where the calibration comes from."""

    rectified: bool = param(False, "keypoints are in the rectified image: use P of camera_info instead of K and D")
    fallback_fov_deg: float = param(
        0.0, "horizontal field of view to assume until a camera_info arrives; 0 = wait for it", unit="deg", low=0.0,
        high=179.0, live=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class OutputConfig:
    """What the node publishes beside skeletons and hands."""

    skeleton: str = param(
        "lifted", "which joints are published: lifted, those of the weights, or body24, what humanoids and headsets "
        "take (docs/body24.md)", choices=("lifted", "body24"),
    )  # fmt: skip
    more: tuple[str, ...] = param(
        ("cloud", "followed", "overlay"), "what else is published where somebody listens (docs/outputs.md): cloud, "
        "followed, overlay, people, named_poses, openxr_hands, hri, sonic",
    )  # fmt: skip
    sonic_address: str = param("tcp://127.0.0.1:5556", "where the output sonic binds its ZeroMQ socket")
    overlay_transport: str = param(
        "raw", "transport of the images that the overlay is drawn on: raw on image, compressed on image/compressed",
        choices=("raw", "compressed"),
    )  # fmt: skip
    predict_s: float = param(
        0.0, "results are carried on by so much beyond the image's stamp, with growing sigma; 0 = not", unit="s",
        low=0.0, high=0.5, live=True,
    )  # fmt: skip
    predict_to_now: bool = param(
        False, "results are carried on to the time of publication, by output.predict_s at most", live=True
    )
    tf: bool = param(False, "publish a TF frame body_<id> for each person (x out of the chest, z to the head)")
    tf_joints: bool = param(False, "publish a TF frame <joint>_<id> for each joint of body24 as well (docs/body24.md)")
    follow_id: str = param(
        "", "id of the person whose wrists are published on hands/left/pose and hands/right/pose; empty = the nearest",
        live=True,
    )  # fmt: skip

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class LifterConfig(PipelineConfig):
    """Everything that the lifter node can be told. The pipeline's own parameters come first, under their own names."""

    camera: CameraConfig = field(default_factory=CameraConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    markers: MarkerConfig = field(default_factory=MarkerConfig)
    frames: FramesConfig = field(default_factory=FramesConfig)
    max_input_age_s: float = param(
        1.0, "results of images that are older, or stamped further in the future, are marked stale, and diagnostics "
        "say ERROR; stamps of another clock (a minute off) are not judged; 0 = off", unit="s", low=0.0, high=60.0,
        live=True,
    )  # fmt: skip
    watchdog: WatchdogConfig = field(default_factory=WatchdogConfig)

    def pipeline(self) -> PipelineConfig:
        """The pipeline's share."""
        return PipelineConfig(**{entry.name: getattr(self, entry.name) for entry in fields(PipelineConfig)})

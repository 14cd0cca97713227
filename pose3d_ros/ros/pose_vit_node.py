"""`pose_vit_node`: the lifter node with eyes. The image of the keypoints refines the result, if it comes in time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import CompressedImage, Image

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.ros import images, lifecycle, qos
from pose3d_ros.ros.lifter_config import LifterConfig
from pose3d_ros.ros.lifter_node import Job, LifterNode
from pose3d_ros.ros.pairing import Pairing
from pose3d_ros.settings import PipelineConfig, RefineConfig

IMAGES = qos.LATEST
NOTHING = "nothing: set refine.body, or refine.hands and hands.weights"
EXPIRE_S = 0.005  # how late the end of the wait may be noticed


@dataclass(frozen=True)
class ImageConfig:
    """Where the images come from, and how long keypoints wait for theirs."""

    transport: str = param(
        "raw", "raw: sensor_msgs/Image on `image`; compressed: CompressedImage on `image`/compressed, the suffix is "
        "appended after remapping", choices=tuple(images.MESSAGES),
    )  # fmt: skip
    slop_s: float = param(
        0.0, "largest difference between the stamps of keypoints and their image; 0 = they are equal", unit="s",
        low=0.0, high=1.0,
    )  # fmt: skip
    wait_s: float = param(
        0.05, "keypoints wait so long for their image, then the lifter's result goes out", unit="s", low=0.0, high=1.0
    )

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class PoseVitConfig(LifterConfig):
    """The lifter node's parameters, with images that refine hands, and where these come from."""

    refine: RefineConfig = field(default_factory=RefineConfig)
    image: ImageConfig = field(default_factory=ImageConfig)


class PoseVitNode(LifterNode):
    """The lifter node whose jobs wait for their image. Without one the lifter's result goes out as it is."""

    NAME, CONFIG = "pose_vit", PoseVitConfig

    def __init__(self, make_pipeline: Callable[[PipelineConfig], Pipeline] = Pipeline, **kwargs) -> None:
        self._pairing = self._timer = None
        super().__init__(make_pipeline, **kwargs)

    @property
    def image_topic(self) -> str:
        """Full name of the topic with the images."""
        return images.topic(self, self.config.image.transport)

    def stop(self) -> None:
        if self._timer:
            self.destroy_timer(self._timer)
            self._timer = None
        super().stop()
        self._pairing = None

    def _subscribe_keypoints(self) -> None:
        config = self.config.image
        self._pairing = Pairing(config.slop_s, config.wait_s, self._with_image, self._missed)
        super()._subscribe_keypoints()
        kind, mismatch = images.MESSAGES[config.transport], self._mismatch("image")
        self._subscribed.append(qos.subscribe(self, kind, self.image_topic, self._on_image, IMAGES, mismatch))
        # a steady clock: simulated time may stand still
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(EXPIRE_S, self.guarded(self._expire), clock=steady)

    def _on_image(self, image: Image | CompressedImage) -> None:
        self.health.clear("QoS of image")
        if self._pairing:
            self._pairing.on_image(image)

    def _restart_windows(self) -> bool:
        if self._pairing:
            self._pairing.restart()
        return super()._restart_windows()

    def _expire(self) -> None:
        if self._pairing:
            self._pairing.expire()

    def _take(self, job: Job) -> None:
        if self._pairing:
            self._pairing.add(job.frame.stamp_ns, job)

    def _with_image(self, job: Job, image: Image | CompressedImage | None) -> None:
        if self._worker:
            self._worker.submit(job._replace(image=image))

    def _missed(self, why: str) -> None:
        self._blame("image", f"{self.image_topic} ({self.count_publishers(self.image_topic)} publishers): {why}")

    def _infer(self, job: Job) -> Skeletons3D:
        image = None
        if job.image is not None:
            try:
                image = images.to_rgb(job.image)
            except Exception as error:  # the lifter needs no image
                self._failed(error)
        return self._pipeline.push(job.frame, job.camera, image)

    def _facts(self) -> dict[str, str]:
        looks_at = ", ".join(self._pipeline.looks_at) if self._pipeline else ""
        return super()._facts() | {"images": self.image_topic, "looks at": looks_at or NOTHING}


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(PoseVitNode, args)

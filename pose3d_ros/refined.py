"""The main path with eyes: what the lifters say, refined by the picture that the keypoints were found in."""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.engines.pictures import open_picture_lifter
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.hand_refiner import HandRefiner, Look, RefineConfig, RefineReason
from pose3d_ros.models import Lifter
from pose3d_ros.models.picture import PictureLifter
from pose3d_ros.pipeline import Pipeline, PipelineConfig


@dataclass(frozen=True)
class RefinedConfig(PipelineConfig):
    """The pipeline's parameters, and those of the refinement."""

    refine: RefineConfig = field(default_factory=RefineConfig)


class RefinedPipeline(Pipeline):
    """A `Pipeline` whose `push` may be given the picture. Without one it gives what the lifters say.

    `hand_pictures` replaces the weights that `config.refine` names.
    """

    def __init__(
        self,
        config: RefinedConfig | None = None,
        lifter: Lifter | None = None,
        hand_lifter: Lifter | None = None,
        hand_pictures: PictureLifter | None = None,
    ):
        config = config or RefinedConfig()
        super().__init__(config, lifter, hand_lifter)
        self.refiner: HandRefiner | None = None
        if self.hands and (hand_pictures or config.refine.hands):
            self.refiner = HandRefiner(hand_pictures or self._open(config.refine.hands, open_picture_lifter))

    @property
    def description(self) -> str:
        return "; ".join([super().description, *([self.refiner.lifter.description] if self.refiner else [])])

    def push(self, frame: Keypoints2D, camera: Camera, picture: np.ndarray | None = None) -> Skeletons3D:
        """As `Pipeline.push`; `picture` uint8 (H, W, 3), RGB, is the image of the keypoints."""
        result = super().push(frame, camera)
        if picture is None or not (self.refiner and result.hands):
            return result
        began = time.perf_counter()
        hands, reasons = list(result.hands), [RefineReason.PICTURE_SIZE]
        if (camera.width, camera.height) == picture.shape[1::-1]:
            given = self.hands.keypoints(frame.stamp_ns, hands)
            look = Look(frame.stamp_ns, picture, camera, self.config.hands, self.config.refine.max_sigma)
            hands, reasons = self.refiner.refine(look, hands, *given)
        spent_ms = 1e3 * (time.perf_counter() - began)
        stages = dict(result.timings_ms)
        total_ms = stages.pop("total") + spent_ms
        return replace(
            result,
            hands=tuple(hands),
            reasons=(*result.reasons, *(str(reason) for reason in reasons)),
            timings_ms={**stages, "refine": spent_ms, "total": total_ms},
        )

    def close(self) -> None:
        super().close()
        if self.refiner:
            self.refiner.close()

    def _forget(self) -> None:
        super()._forget()
        if self.refiner:
            self.refiner.reset()

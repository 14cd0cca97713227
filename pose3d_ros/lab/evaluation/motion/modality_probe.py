"""Second looks told apart: what the lifter says, what the image model says, and what is published of the two."""

from typing import Any

import numpy as np

from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models.image_lifter import ImageLifter, ImageOutput
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.body_image import BodyRefiner
from pose3d_ros.stages.hand_image import HandRefiner
from pose3d_ros.stages.image_refiner import Refined, Refiner, Sightings


class Recording(Refiner[Refined]):
    """A refiner that keeps what the network says by itself: `alone`, joints (J, 3) in the camera frame by who it is.

    Their roots are where the refiner has put them; nothing else is pulled to keypoints, or mixed with the lifter's.
    """

    def __init__(self, lifter: ImageLifter) -> None:
        super().__init__(lifter)
        self.alone: dict[object, np.ndarray] = {}

    def _placed(
        self, config: PipelineConfig, xyz_m: np.ndarray, sigma_m: np.ndarray, seen: Sightings
    ) -> tuple[np.ndarray, np.ndarray]:
        placed = super()._placed(config, xyz_m, sigma_m, seen)
        self._own_m = xyz_m + placed[0][:, :1]
        return placed

    def _made(
        self, given: list[Refined], xyz_m: np.ndarray, sigma_m: np.ndarray, plausible: np.ndarray
    ) -> list[Refined | None]:
        self.alone = dict(zip(map(self._key, given), self._own_m, strict=True))
        return super()._made(given, xyz_m, sigma_m, plausible)


class RecordingBodies(Recording, BodyRefiner):
    """Keys are tracks."""


class RecordingHands(Recording, HandRefiner):
    """Keys are (track, side)."""


class SingleModality:
    """An image lifter that is shown only the "image", or only the "keypoints". The crops are the same."""

    def __init__(self, lifter: ImageLifter, given: str) -> None:
        self._lifter, self._given = lifter, given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lifter, name)

    def __call__(
        self, crops_rgb: np.ndarray, skeletons: np.ndarray, *past: Any, pose_present: np.ndarray
    ) -> ImageOutput:
        none = np.zeros_like(pose_present)
        there = (
            {"pose_present": none} if self._given == "image" else {"pose_present": pose_present, "image_present": none}
        )
        return self._lifter(crops_rgb, skeletons, *past, **there)


class ProbedPipeline(Pipeline):
    """A `Pipeline` that tells after each push what the image models alone have said; `given`: "both", or the
    one that they are shown, "image" or "keypoints"."""

    def __init__(self, config: PipelineConfig, given: str = "both", **lifters: Any) -> None:
        super().__init__(config, **lifters)
        if self.body_refiner:
            self.body_refiner = RecordingBodies(self.body_refiner.lifter)
        if self.hand_refiner:
            self.hand_refiner = RecordingHands(self.hand_refiner.lifter)
        for refiner in [r for r in (self.body_refiner, self.hand_refiner) if r] if given != "both" else ():
            refiner.lifter = SingleModality(refiner.lifter, given)

    def push(
        self, frame: Keypoints2D, camera: Camera, image: np.ndarray | None = None, pose: CameraPose | None = None
    ) -> Skeletons3D:
        for refiner in [r for r in (self.body_refiner, self.hand_refiner) if r]:
            refiner.alone = {}  # nobody is asked where there is no image or nobody in it
        return super().push(frame, camera, image, pose)

    @property
    def people_alone(self) -> dict[int, np.ndarray]:
        """Joints (J, 3) by track."""
        return self.body_refiner.alone if self.body_refiner else {}

    @property
    def hands_alone(self) -> dict[tuple[int, str], np.ndarray]:
        """Joints (21, 3) by track and side."""
        return self.hand_refiner.alone if self.hand_refiner else {}

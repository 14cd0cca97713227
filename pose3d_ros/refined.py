"""The main path with eyes: what the lifters say, refined by the picture that the keypoints were found in."""

from dataclasses import replace
from functools import partial

import numpy as np

from pose3d_ros.body_refiner import BodyRefiner
from pose3d_ros.core.types import Hand3D, Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.engines.pictures import open_picture_lifter
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.hand_refiner import HandRefiner
from pose3d_ros.models import Lifter
from pose3d_ros.models.picture import PictureLifter
from pose3d_ros.pipeline import Pipeline, Timer
from pose3d_ros.refiner import Look, RefinedConfig, Refiner, RefineReason
from pose3d_ros.tracking.people import Windows

STAGE = "refine"  # beside those of the pipeline, where a picture was looked at


class RefinedPipeline(Pipeline):
    """A `Pipeline` whose `push` may be given the picture. Without one it gives what the lifters say.

    Bodies are refined before hands are lifted, so that hands hang on the wrists that are published. `body_pictures` and
    `hand_pictures` replace the weights that `config.refine` names.
    """

    def __init__(
        self,
        config: RefinedConfig | None = None,
        lifter: Lifter | None = None,
        hand_lifter: Lifter | None = None,
        hand_pictures: PictureLifter | None = None,
        body_pictures: PictureLifter | None = None,
    ):
        config = config or RefinedConfig()
        super().__init__(config, lifter, hand_lifter)
        self._look: Look | None = None
        self.body_refiner: BodyRefiner | None = None
        self.hand_refiner: HandRefiner | None = None
        refine = config.refine
        if body_pictures or refine.body:
            self.body_refiner = BodyRefiner(body_pictures or self._pictures(refine.body, refine.body_model))
        if self.hands and (hand_pictures or refine.hands):
            self.hand_refiner = HandRefiner(hand_pictures or self._pictures(refine.hands, refine.hands_model))

    @property
    def description(self) -> str:
        return "; ".join([super().description, *(refiner.lifter.description for refiner in self._refiners())])

    @property
    def looks_at(self) -> list[str]:
        """What pictures refine: "person", "hand", both or nothing."""
        return [refiner.WHOM for refiner in self._refiners()]

    def push(self, frame: Keypoints2D, camera: Camera, picture: np.ndarray | None = None) -> Skeletons3D:
        """As `Pipeline.push`; `picture` uint8 (H, W, 3), RGB, is the image of the keypoints."""
        if picture is None or not self._refiners():
            return super().push(frame, camera)
        sizes = {(camera.width, camera.height), (frame.width, frame.height)}
        fits = sizes <= {picture.shape[1::-1], (0, 0)}  # unknown
        self._look = Look(frame.stamp_ns, picture, camera, self.config) if fits else None
        try:
            result = super().push(frame, camera)
        finally:
            self._look = None
        if not fits and (result.people or result.hands):
            result = replace(result, reasons=(*result.reasons, str(RefineReason.PICTURE_SIZE)))
        return result

    def close(self) -> None:
        super().close()
        for refiner in self._refiners():
            refiner.close()

    def _pictures(self, weights: str, body_model: str) -> PictureLifter:
        return self._open(weights, partial(open_picture_lifter, body_model=body_model))

    def _refiners(self) -> list[Refiner]:
        return [refiner for refiner in (self.body_refiner, self.hand_refiner) if refiner]

    def _people(self, windows: Windows, stamp_ns: int, timer: Timer) -> tuple[list[Person3D], list[str]]:
        people, reasons = super()._people(windows, stamp_ns, timer)
        if not (self._look and self.body_refiner and people):
            return people, reasons
        with timer(STAGE):
            row = {track.number: row for row, track in enumerate(windows.tracks)}
            rows = [row[person.track] for person in people]
            now = windows.rays[rows, -1], windows.score[rows, -1]
            people, why = self.body_refiner.refine(self._look, people, *now)
        return people, reasons + why

    def _hands_of(self, people: list[Person3D], stamp_ns: int, timer: Timer) -> tuple[list[Hand3D], list[str]]:
        hands, reasons = super()._hands_of(people, stamp_ns, timer)
        if not (self._look and self.hand_refiner and hands):
            return hands, reasons
        with timer(STAGE):
            hands, why = self.hand_refiner.refine(self._look, hands, *self.hands.keypoints(stamp_ns, hands))
        return hands, reasons + why

    def _forget(self) -> None:
        super()._forget()
        for refiner in self._refiners():
            refiner.reset()

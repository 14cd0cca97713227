"""THE main path: 2D keypoints of one image, and the image if it is there, in; metric skeletons of everybody out."""

import numpy as np

from pose3d_ros.core.config import frozen_changes
from pose3d_ros.core.errors import ConfigError, EngineError
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.timer import Timer
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.engines import Models
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models import Lifter, use_threads
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.assembly import Given, assemble
from pose3d_ros.stages.image_refiner import ImageFrame, RefineReason
from pose3d_ros.stages.part import Part
from pose3d_ros.tracking.crowd import limited

STAGES = ("mapping", "tracking", "guidance", "model", "placement", "state", "hands", "articulation")


class Pipeline:
    """Keeps the windows of everybody in one camera's view and lifts them. Not for several threads at once.

    Lifters that are given replace those that `config` names. Raises CheckpointError, ConfigError or EngineError.
    """

    def __init__(
        self, config: PipelineConfig | None = None, lifter: Lifter | None = None, hand_lifter: Lifter | None = None,
        hand_images: ImageLifter | None = None, body_images: ImageLifter | None = None,
    ):  # fmt: skip
        self.config = config or PipelineConfig()
        use_threads(self.config.body.threads)
        self.models = Models(self.config.body.engines(), self.config.body.wait_for_engine)
        parts = assemble(self.config, self.models, Given(lifter, hand_lifter, hand_images, body_images))
        self.bodies, self.body_refiner, self.state, self.hands, self.hand_refiner, self.articulation, *rest = parts
        self.tests, self.sanity = rest
        self._camera: Camera | None = None
        self._closed = False

    def push(
        self, frame: Keypoints2D, camera: Camera, image: np.ndarray | None = None, pose: CameraPose | None = None
    ) -> Skeletons3D:
        """Take one image's keypoints, and maybe the image uint8 (H, W, 3), RGB; return everybody at its stamp.

        `pose`: of a camera that moves; None = as before. Positions are in the camera's optical frame. Raises
        CameraError (calibrated for another size), EngineError.
        """
        timer, stamp_ns = Timer(STAGES), frame.stamp_ns
        reasons = self._store(frame, camera, timer, pose)
        look = ImageFrame.of(frame, camera, image, self.config)
        if failed := self.tests.look():  # a network was not what it had been: nor is what was made of its answers
            self.state.reset()
            self.sanity.reset()
        reasons += failed
        people, why = self.bodies.lift(stamp_ns, timer)
        people, unrefined = self.body_refiner.look(look, people, self.bodies, timer)
        with timer("state"):
            people = self.state.lift(stamp_ns, people, *self.bodies.keypoints(stamp_ns, people))
        people, absurd = self.sanity.bodies(stamp_ns, people)
        with timer("hands"):
            hands, missing = self.hands.lift(stamp_ns, people)  # on the wrists that are published
        hands, untouched = self.hand_refiner.look(look, hands, self.hands, timer)
        hands, odd = self.sanity.hands(hands)
        with timer("articulation"):
            people = self.articulation.articulate(stamp_ns, people, hands)
        reasons += [*why, *unrefined, *absurd, *missing, *untouched, *odd, *self.models.news()]
        if image is not None and self.looks_at and not look and (people or hands):
            reasons.append(RefineReason.IMAGE_SIZE)
        taken_ms, texts = timer.finish(), tuple(map(str, reasons))
        return Skeletons3D(stamp_ns, frame.frame_id, tuple(people), tuple(hands), taken_ms, texts)

    def observe(self, frame: Keypoints2D, camera: Camera, pose: CameraPose | None = None) -> None:
        """Take a frame into the windows without lifting: for a node that is late. Raises as `push` does."""
        self._store(frame, camera, Timer(), pose)

    def reconfigure(self, config: PipelineConfig) -> None:
        """Other live parameters from the next frame on. Raises ConfigError for what needs a new pipeline."""
        if frozen := frozen_changes(self.config, config):
            raise ConfigError(f"{', '.join(frozen)} cannot change while running: make a new pipeline")
        for part in self.parts:
            part.reconfigure(config)
        self.config = config

    def reset(self) -> None:
        """Forget everybody, and the camera."""
        self._camera = None
        for part in self.parts:
            part.reset()

    def close(self) -> None:
        """Free the device. The pipeline cannot be used afterwards."""
        for part in self.parts:
            part.close()
        self._closed = True

    @property
    def parts(self) -> tuple[Part, ...]:
        """In the order of `push`."""
        return self.bodies, self.body_refiner, self.state, self.hands, self.hand_refiner, self.articulation, self.sanity

    @property
    def body_skeleton(self) -> Skeleton:
        return self.bodies.skeleton

    @property
    def looks_at(self) -> list[str]:
        """What images refine: "person", "hand", both or nothing."""
        return [refiner.WHOM for refiner in (self.body_refiner, self.hand_refiner) if refiner]

    @property
    def description(self) -> str:
        """One line for diagnostics: what lifts and refines, and on what."""
        return "; ".join(part.description for part in self.parts if part.description)

    def _store(self, frame: Keypoints2D, camera: Camera, timer: Timer, pose: CameraPose | None) -> list[str]:
        """Take the frame into all windows. Returns what was odd."""
        if self._closed:
            raise EngineError("this pipeline was closed: make a new one")
        camera.check_image(frame.width, frame.height)
        frame, reasons = limited(frame, self.config.tracking.max_people)
        if self._camera not in (None, camera):
            self.reset()  # rays of two calibrations do not mix
            reasons.append("camera_changed")
        self._camera = camera
        reasons += self.state.store(frame.stamp_ns, pose)
        reasons += self.bodies.store(frame, camera, timer, self.state.ego_motion)
        with timer("hands"):
            reasons += self.hands.store(
                frame, camera, self.bodies.wrists() if self.hands else [], self.state.ego_motion
            )
        return reasons

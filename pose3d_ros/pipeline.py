"""THE main path: 2D keypoints of one image, and the image if it is there, in; metric skeletons of everybody out."""

from functools import partial
from typing import Any

import numpy as np

from pose3d_ros.core.config import frozen_changes
from pose3d_ros.core.errors import ConfigError, EngineError
from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.core.timer import Timer
from pose3d_ros.core.types import Keypoints2D, Skeletons3D
from pose3d_ros.engines import Ladder, open_image_lifter, open_lifter
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.models import Lifter, use_threads
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.settings import BodyConfig, PipelineConfig, RefineConfig  # noqa: F401
from pose3d_ros.stages.articulation import Articulation
from pose3d_ros.stages.bodies import Bodies
from pose3d_ros.stages.body_image import BodyRefiner
from pose3d_ros.stages.hand_image import HandRefiner
from pose3d_ros.stages.hands import Hands
from pose3d_ros.stages.image_refiner import ImageFrame, Refiner, RefineReason
from pose3d_ros.stages.state import State
from pose3d_ros.tracking.crowd import limited

STAGES = ("mapping", "tracking", "guidance", "model", "placement", "state", "hands", "articulation")
REFINE = "refine"  # beside them, where an image was looked at
CAMERA_CHANGED = "camera_changed"


class Pipeline:
    """Keeps the windows of everybody in one camera's view and lifts them. Not for several threads at once.

    Where `config` has images refine something, `push` may be given the image. Lifters that are given replace those
    that the configuration names. Raises CheckpointError, ConfigError or EngineError.
    """

    def __init__(
        self, config: PipelineConfig | None = None, lifter: Lifter | None = None, hand_lifter: Lifter | None = None,
        hand_images: ImageLifter | None = None, body_images: ImageLifter | None = None,
    ):  # fmt: skip
        self.config = config or PipelineConfig()
        body, hands, refine = self.config.body, self.config.hands, self.config.refine
        use_threads(body.threads)
        self._ladders: list[Ladder] = []
        self._camera: Camera | None = None
        self._closed = False
        self.bodies = Bodies(self.config, lifter or self._open(body.weights))
        hand_lifter = hand_lifter or (self._open(hands.weights) if hands.weights else None)
        self.hands = Hands(hands, hand_lifter) if hand_lifter else None
        if not body_images and refine.body:
            body_images = self._open(refine.body, partial(open_image_lifter, body_model=refine.body_model))
        if not hand_images and refine.hands and self.hands:
            hand_images = self._open(refine.hands, partial(open_image_lifter, body_model=refine.hands_model))
        self.body_refiner = BodyRefiner(body_images) if body_images else None
        self.hand_refiner = HandRefiner(hand_images) if hand_images and self.hands else None
        self.state = State(self.config, self.body_skeleton)
        self.articulation = Articulation()

    def push(self, frame: Keypoints2D, camera: Camera, image: np.ndarray | None = None) -> Skeletons3D:
        """Take one image's keypoints, and maybe the image uint8 (H, W, 3), RGB; return everybody at its stamp.

        Positions are in the camera's optical frame. Raises CameraError where the camera is calibrated for another size,
        EngineError after `close`.
        """
        timer, stamp_ns = Timer(STAGES), frame.stamp_ns
        reasons = self._store(frame, camera, timer)
        look = self._look(frame, camera, image)
        people, why = self.bodies.lift(stamp_ns, timer)
        people, unrefined = self._refined(self.body_refiner, look, self.bodies, people, timer)
        with timer("state"):
            people = self.state.lift(stamp_ns, people, *self.bodies.keypoints(stamp_ns, people))
        hands, missing = [], []
        if self.hands:
            with timer("hands"):
                hands, missing = self.hands.lift(stamp_ns, people)  # on the wrists that are published
        hands, untouched = self._refined(self.hand_refiner, look, self.hands, hands, timer)
        with timer("articulation"):
            people = self.articulation.articulate(stamp_ns, people, hands)
        reasons += [*why, *unrefined, *missing, *untouched]
        if image is not None and self.looks_at and not look and (people or hands):
            reasons.append(RefineReason.IMAGE_SIZE)
        for ladder in self._ladders:
            reasons += ladder.news()
        texts = tuple(str(reason) for reason in reasons)
        return Skeletons3D(stamp_ns, frame.frame_id, tuple(people), tuple(hands), timer.finish(), texts)

    def observe(self, frame: Keypoints2D, camera: Camera) -> None:
        """Take a frame into the windows without lifting: for a node that is late. Raises as `push` does."""
        self._store(frame, camera, Timer())

    def reconfigure(self, config: PipelineConfig) -> None:
        """Other live parameters from the next frame on. Raises ConfigError for what needs a new pipeline."""
        if frozen := frozen_changes(self.config, config):
            raise ConfigError(f"{', '.join(frozen)} cannot change while running: make a new pipeline")
        self.bodies.reconfigure(config)
        self.state.reconfigure(config)
        if self.hands:
            self.hands.reconfigure(config.hands)
        self.config = config

    def reset(self) -> None:
        """Forget everybody, and the camera."""
        for part in self._parts():
            part.reset()
        self.articulation.reset()
        self._camera = None

    def close(self) -> None:
        """Free the device. The pipeline cannot be used afterwards."""
        for part in self._parts():
            part.close()
        self._closed = True

    @property
    def lifter(self) -> Lifter:
        return self.bodies.lifter

    @property
    def people(self) -> Any:
        return self.bodies.people

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
        return "; ".join(part.lifter.description for part in self._parts() if part is not self.state)

    @property
    def engine_falls(self) -> int:
        """How often an engine failed and the next one went on."""
        return sum(ladder.falls for ladder in self._ladders)

    @property
    def engines_in_call(self) -> tuple[str, ...]:
        """Names of the backends that compute at this moment; for a watchdog, from another thread."""
        return tuple(ladder.info.name for ladder in self._ladders if ladder.in_call)

    def _parts(self) -> list:
        return [part for part in (self.bodies, self.hands, self.body_refiner, self.hand_refiner, self.state) if part]

    def _open(self, weights: str, open_one: Any = open_lifter) -> Any:
        """A lifter on its engine, whose news are reasons of the next push."""
        lifter = open_one(weights, self.config.body.engines(), wait=self.config.body.wait_for_engine)
        if lifter.engine:
            self._ladders.append(lifter.engine)
        return lifter

    def _store(self, frame: Keypoints2D, camera: Camera, timer: Timer) -> list[str]:
        """The frame into all windows. Returns what was odd."""
        if self._closed:
            raise EngineError("this pipeline was closed: make a new one")
        camera.check_image(frame.width, frame.height)
        frame, reasons = limited(frame, self.config.tracking.max_people)
        if self._camera not in (None, camera):
            self.reset()  # rays of two calibrations do not mix
            reasons.append(CAMERA_CHANGED)
        self._camera = camera
        reasons += self.bodies.store(frame, camera, timer)
        if self.hands:
            with timer("hands"):
                reasons += self.hands.store(frame, camera, self.bodies.wrists())
        return reasons

    def _look(self, frame: Keypoints2D, camera: Camera, image: np.ndarray | None) -> ImageFrame | None:
        """None where there is nothing to look at, or where the image is not that of the keypoints."""
        if image is None or not self.looks_at:
            return None
        sizes = {(camera.width, camera.height), (frame.width, frame.height)}
        fits = sizes <= {image.shape[1::-1], (0, 0)}  # unknown
        return ImageFrame(frame.stamp_ns, image, camera, self.config) if fits else None

    def _refined(self, refiner: Refiner | None, look: ImageFrame | None, part: Any, given: list, timer: Timer) -> tuple:
        """What was lifted, refined by the image, and why some of it was not."""
        if not (refiner and look and given):
            return given, []
        with timer(REFINE):
            return refiner.refine(look, given, *part.keypoints(look.stamp_ns, given))

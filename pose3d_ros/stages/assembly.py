"""Which parts a pipeline has: those that its settings name weights for."""

from typing import NamedTuple

from pose3d_ros.engines import Models
from pose3d_ros.models import Lifter
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.articulation import Articulation
from pose3d_ros.stages.bodies import Bodies
from pose3d_ros.stages.body_image import BodyRefiner
from pose3d_ros.stages.hand_image import HandRefiner
from pose3d_ros.stages.hands import Hands
from pose3d_ros.stages.part import Absent
from pose3d_ros.stages.sanity import Sanity
from pose3d_ros.stages.self_test import SelfTests
from pose3d_ros.stages.state import State


class Given(NamedTuple):
    """Models in the place of those that the settings name."""

    lifter: Lifter | None = None
    hand_lifter: Lifter | None = None
    hand_images: ImageLifter | None = None
    body_images: ImageLifter | None = None


class Parts(NamedTuple):
    """The parts of a pipeline, in the order of `push`."""

    bodies: Bodies
    body_refiner: BodyRefiner | Absent
    state: State
    hands: Hands | Absent
    hand_refiner: HandRefiner | Absent
    articulation: Articulation
    tests: SelfTests
    sanity: Sanity


def assemble(config: PipelineConfig, models: Models, given: Given) -> Parts:
    """Open the models and make the parts. Raises CheckpointError, ConfigError or EngineError."""
    body, hand, refine = config.body, config.hands, config.refine
    lifter = given.lifter or models.lifter(body.weights)
    hand_lifter = given.hand_lifter or (models.lifter(hand.weights) if hand.weights else None)
    body_images, hand_images = given.body_images, given.hand_images if hand_lifter else None
    if not body_images and refine.body:
        body_images = models.image_lifter(refine.body, refine.body_model)
    if not hand_images and refine.hands and hand_lifter:
        hand_images = models.image_lifter(refine.hands, refine.hands_model)
    bodies, hands = Bodies(config, lifter), Hands(hand, hand_lifter) if hand_lifter else Absent()
    tested = [] if given.lifter else [(bodies, body.weights)]
    tested += [(hands, hand.weights)] if hands and not given.hand_lifter else []
    return Parts(
        bodies,
        BodyRefiner(body_images) if body_images else Absent(),
        State(config, lifter.spec.joints),
        hands,
        HandRefiner(hand_images) if hand_images else Absent(),
        Articulation(),
        SelfTests(models, tested),
        Sanity(),
    )

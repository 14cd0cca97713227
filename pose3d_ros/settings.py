"""Everything a user may tune, on one page. What belongs to the weights is stored with them."""

from dataclasses import dataclass, field, replace

from pose3d_ros.core.config import param, validate
from pose3d_ros.engines import CHOICES, EngineOptions
from pose3d_ros.estimation.body_state import StateConfig
from pose3d_ros.geometry.placement import PlacementConfig
from pose3d_ros.tracking.smoothing import SmoothingConfig
from pose3d_ros.tracking.track import TrackingConfig


@dataclass(frozen=True)
class BodyConfig:
    """Which network lifts bodies, and where."""

    weights: str = param("body_dtf27", "name of shipped weights, or path of a .safetensors file")
    device: str = param("auto", "auto, cpu, cuda or cuda:N")
    backend: str = param(
        "auto", "what runs the networks of bodies and hands (docs/engines.md); auto = the first that works here",
        choices=CHOICES,
    )  # fmt: skip
    precision: str = param("fp32", "of the networks; fp16 on a GPU", choices=("fp32", "fp16"))
    wait_for_engine: bool = param(
        False, "build missing engines before starting, instead of starting on the next best backend meanwhile"
    )
    largest_batch: int = param(
        32, "engines for a GPU are made for 1, 2, 4, ... people up to this many at once; more are several calls", low=1,
        high=128,
    )  # fmt: skip
    threads: int = param(
        1,
        "CPU threads of the networks in this process; more help with many people only; 0 = the backend's own choice",
        low=0,
        high=256,
    )
    min_joints: int = param(
        4, "joints that must have been seen within the window before a person is published", low=2, high=17, live=True
    )

    __post_init__ = validate

    def engines(self) -> EngineOptions:
        """How to run the networks of bodies and hands."""
        return EngineOptions(self.device, self.precision, self.threads, self.backend, self.largest_batch)


@dataclass(frozen=True)
class HandConfig:
    """Which network lifts hands, and how they are published."""

    weights: str = param("hand_dtf27", "name of shipped weights, or path of a .safetensors file; empty = no hands")
    hand_size_m: float = param(
        0.0, "length of everybody's hands from the wrist along the middle finger, where it is known; 0 = as the lifter "
        "guesses", unit="m", low=0.0, high=0.3, live=True,
    )  # fmt: skip
    keypoint_sigma_m: float = param(
        0.015, "how far keypoints of a full score lie beside their joint; smaller values pull the joints to "
        "where they are seen, 0 = off", unit="m", low=0.0, high=0.1, live=True,
    )  # fmt: skip
    hold_s: float = param(
        0.3, "a hand that is not seen is carried on for this long", unit="s", low=0.0, high=0.85, live=True
    )
    min_score: float = param(0.3, "keypoints with a lower score count as missing", low=0.0, high=1.0, live=True)
    min_joints: int = param(
        6, "joints that must have been seen within the window before a hand is published; one finger is not enough",
        low=2, high=21, live=True,
    )  # fmt: skip
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)

    __post_init__ = validate


@dataclass(frozen=True)
class RefineConfig:
    """Which image models refine what."""

    body: str = param(
        "", "ExtPose weights of bodies, a shipped name (body_extpose, which changes little so far) or a path (pose3d "
        "convert makes some); empty = bodies stay as the lifter has them",
    )  # fmt: skip
    body_model: str = param(
        "", "path of the licensed file SMPL_NEUTRAL.pkl or .npz, which refine.body needs where its weights speak SMPL "
        "(HMR2.0's, docs/training.md), and no others do",
    )  # fmt: skip
    hands: str = param(
        "hand_extpose", "ExtPose weights of hands, a shipped name or a path (hand_extpose has seen rendered hands); "
        "empty = hands stay as the lifter has them",
    )  # fmt: skip
    hands_model: str = param(
        "", "path of the licensed file MANO_RIGHT.pkl or .npz, which refine.hands needs where its weights speak MANO "
        "(HaMeR's, docs/training.md), and no others do",
    )  # fmt: skip
    max_sigma: float = param(
        4.0, "the image counts where its mean sigma is at most this times the lifter's", low=0.0,
        high=100.0, live=True,
    )  # fmt: skip
    cutoff_hz: float = param(
        1.5, "what the image changes of the lifter's answer changes no faster than this; 0 = at once", unit="Hz",
        low=0.0, high=60.0, live=True,
    )  # fmt: skip

    __post_init__ = validate


@dataclass(frozen=True)
class PeopleConfig:
    """What is known of people beforehand."""

    profiles: str = param(
        "", "path of a YAML file with the bone lengths of people by their id, as pose3d calibrate-person writes it"
    )

    __post_init__ = validate


@dataclass(frozen=True)
class PipelineConfig:
    """The parameters of a pipeline."""

    body: BodyConfig = field(default_factory=BodyConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    placement: PlacementConfig = field(default_factory=PlacementConfig)
    state: StateConfig = field(default_factory=StateConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    hands: HandConfig = field(default_factory=HandConfig)
    refine: RefineConfig = field(default_factory=lambda: RefineConfig(hands=""))  # no image without being asked

    @property
    def unsettled(self) -> PlacementConfig:
        """How people are placed: where a state follows, it weighs the keypoints, and nothing is pulled to them."""
        return replace(self.placement, keypoint_sigma_m=0.0) if self.state.enabled else self.placement

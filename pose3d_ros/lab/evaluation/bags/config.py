"""What an evaluation of a bag is asked for."""

from dataclasses import dataclass, field
from pathlib import Path

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.bags.types import TopicChoice
from pose3d_ros.pipeline import PipelineConfig

RERUN, RECORDED = "rerun", "recorded"


@dataclass(frozen=True)
class ScoringConfig:
    """How estimates are compared with the truth, and how results are cut."""

    tolerance_ms: float = param(20.0, "stamps of estimate and truth may differ by that much", unit="ms", low=0)
    gate_m: float = param(1.0, "an estimate farther from everybody is nobody's", unit="m", low=0.01, high=100)
    segment_s: float = param(10.0, "length of the time slices in the tables", unit="s", low=0.1)
    search_ms: float = param(1000.0, "a time offset is looked for up to so much", unit="ms", low=1)

    __post_init__ = validate


@dataclass(frozen=True)
class BagEvaluationConfig:
    """One bag, what is run on it, and what it is compared with.

    - `topics`: where those of the bag are not found by their types.
    - `truth`: source as `bags.truth.load_truth` takes it, "" = none.
    - `offset_ms`: added to the stamps of the truth; None = estimated, from `offset_start_ms` on.
    - `estimates`: "rerun" lifts the bag's keypoints again, "recorded" takes what the robot published.
    - `faults`: specifications `name:severity`, applied in this order (reruns only).

    Raises ConfigError.
    """

    bag: Path
    truth: str = ""
    joint_map: Path | None = None
    offset_ms: float | None = 0.0
    offset_start_ms: float = 0.0
    topics: TopicChoice = field(default_factory=TopicChoice)
    estimates: str = RERUN
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    faults: tuple[str, ...] = ()
    seed: int = 1
    scoring: ScoringConfig = field(default_factory=ScoringConfig)

    def __post_init__(self) -> None:
        if self.estimates not in (RERUN, RECORDED):
            raise ConfigError(f"estimates: expected {RERUN} or {RECORDED}, got {self.estimates!r}")
        if self.faults and self.estimates == RECORDED:
            raise ConfigError("faults change what the lifter is given: they need --estimates rerun")

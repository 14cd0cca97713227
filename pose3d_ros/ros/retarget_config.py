"""Parameters of the retarget node."""

from dataclasses import dataclass, field

from pose3d_ros.control.follow import FollowConfig
from pose3d_ros.core.config import param, validate


@dataclass(frozen=True)
class RetargetConfig:
    """Which robots a person drives, and when they may move."""

    robots: tuple[str, ...] = param(
        ("leap:right",), "NAME:VARIANT of config/robots, or paths of YAML files; each has topics of its own"
    )
    clutch_closed: bool = param(False, "the clutch is closed at activation: who is nearest then drives at once")
    recorded: bool = param(
        False, "stamps of another clock, those of a recording, may drive, too; else such input is stale"
    )
    silent_s: float = param(
        0.3, "without input for so long everything holds still", unit="s", low=0.05, high=10.0, live=True
    )
    trajectory_s: float = param(
        0.05,
        "time_from_start of joint_trajectory, at least: the time to get there",
        unit="s",
        low=0.0,
        high=2.0,
        live=True,
    )
    wait_for_state: bool = param(
        False, "hold still until the robot told its joints (NAME/joint_states) or its tool (NAME/tool_pose)"
    )
    follow: FollowConfig = field(default_factory=FollowConfig)

    __post_init__ = validate

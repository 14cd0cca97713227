"""`Robots`: all robots that one followed person drives."""

from pose3d_ros.control import gate
from pose3d_ros.control.arms import ArmDriver, ToolCommand
from pose3d_ros.control.config import ArmConfig, RobotConfig, RobotHandConfig, load
from pose3d_ros.control.driver import Driver, HandDriver, JointCommand
from pose3d_ros.control.follow import FollowConfig, Followed
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Skeletons3D

Command = JointCommand | ToolCommand


def driver(config: RobotConfig) -> Driver:
    """The driver of a robot. Raises ConfigError where its model or library is missing or does not fit."""
    if isinstance(config, RobotHandConfig):
        return HandDriver(config)
    if isinstance(config, ArmConfig):
        return ArmDriver(config)
    from pose3d_ros.control.bodies import BodyDriver  # mujoco takes long to import

    return BodyDriver(config)


class Robots:
    """Robots by name, and whom they follow. Raises ConfigError for a robot that is given twice."""

    def __init__(self, names: tuple[str, ...], follow: FollowConfig) -> None:
        self.followed = Followed(follow)
        self.drivers: dict[str, Driver] = {}
        for config in map(load, names):
            if config.name in self.drivers:
                raise ConfigError(f"robots: {config.name} is given twice")
            self.drivers[config.name] = driver(config)
        if not self.drivers:
            raise ConfigError("robots: expected the name of at least one robot, got none")

    def push(self, result: Skeletons3D, age_s: float = 0.0) -> dict[str, Command]:
        """What to command now; robots that hold still are absent."""
        self.followed.update(result)
        commands = {name: each.push(result, self.followed, age_s) for name, each in self.drivers.items()}
        if any(each.reason in (gate.BACK, gate.GAP) for each in self.drivers.values()):
            self.followed.forget_place()
        return {name: command for name, command in commands.items() if command is not None}

    def close_clutch(self) -> None:
        """Follows whoever is there next."""
        self.followed.close()

    def open_clutch(self) -> None:
        """All hold still."""
        self.followed.open()
        self.hold(self.followed.reason)

    def hold(self, reason: str) -> None:
        """All hold still, for a reason that lies outside of what was seen."""
        for each in self.drivers.values():
            each.hold(reason)

    def silence(self) -> None:
        """No input came for too long."""
        for each in self.drivers.values():
            each.silence()

    @property
    def stops(self) -> int:
        """How often a moving robot was stopped."""
        return sum(each.stops for each in self.drivers.values())

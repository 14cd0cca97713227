"""`Limiter`: no command leaves the range of a joint or its speed, whatever was asked for."""

import numpy as np

from pose3d_ros.control.assets import known
from pose3d_ros.control.config import LimitConfig
from pose3d_ros.core.errors import ConfigError

CAUGHT_UP_RAD, CAREFUL_S = 0.02, 1.0
BELOW = 1 - 1e-9  # so that no rounding exceeds a limit
LONGEST_STEP_S = 0.1  # after a gap the way of one step is that of so long


class Limiter:
    """Positions (J,) in rad, one step after the other.

    After `careful` every joint keeps to `jump_rad_s` for a second, and until it has caught up with what is asked for.
    Raises ConfigError
    where limits name joints that are not there or ranges that leave the model's.
    """

    def __init__(
        self, names: tuple[str, ...], low: np.ndarray, high: np.ndarray, speed: np.ndarray, config: LimitConfig,
        robot: str,
    ) -> None:  # fmt: skip
        known([*config.joint_speed_rad_s, *config.position_rad], names, "limits of", robot)
        self.low, self.high, self.speed = low.copy(), high.copy(), speed.copy()
        if config.speed_rad_s:
            self.speed[:] = config.speed_rad_s
        for name, value in config.joint_speed_rad_s.items():
            self.speed[names.index(name)] = value
        for name, value in config.position_rad.items():
            self._narrow(names.index(name), name, value, robot)
        if not (np.isfinite(self.speed) & (self.speed > 0)).all():
            bare = [name for name, fast in zip(names, self.speed, strict=True) if not (np.isfinite(fast) and fast > 0)]
            raise ConfigError(f"robot {robot}: no speed limit of {', '.join(bare)}: give limits.speed_rad_s")
        self.jump = np.minimum(self.speed, config.jump_rad_s)
        self.position: np.ndarray | None = None  # of the last command, or of the robot
        self._careful, self._careful_s = np.zeros(len(names), bool), 0.0

    def slow(self, row: int, speed_rad_s: float) -> None:
        """That joint never moves faster."""
        self.speed[row] = min(self.speed[row], speed_rad_s)
        self.jump[row] = min(self.jump[row], speed_rad_s)

    def start(self, position: np.ndarray) -> None:
        """Where the robot is: the next step starts there."""
        self.position = np.clip(position, self.low, self.high)
        self.careful()

    def careful(self) -> None:
        """What is asked for next may be far away."""
        self._careful[:], self._careful_s = True, CAREFUL_S

    def step(self, wanted: np.ndarray, dt_s: float) -> np.ndarray:
        """The position to command `dt_s` after the last one."""
        wanted = np.clip(wanted, self.low, self.high)
        if self.position is None:
            self.start(wanted)
        reach = np.where(self._careful, self.jump, self.speed) * min(dt_s, LONGEST_STEP_S) * BELOW
        self.position = np.clip(wanted, self.position - reach, self.position + reach)
        self._careful_s -= dt_s
        self._careful &= (self._careful_s > 0) | (np.abs(wanted - self.position) > CAUGHT_UP_RAD)
        return self.position

    def _narrow(self, row: int, name: str, value: object, robot: str) -> None:
        try:
            low, high = (float(each) for each in value)
        except (TypeError, ValueError):
            low, high = np.nan, np.nan
        if not self.low[row] <= low < high <= self.high[row]:
            raise ConfigError(
                f"robot {robot}: limits.position_rad of {name}: expected [low, high] within "
                f"[{self.low[row]:.4g}, {self.high[row]:.4g}], got {value!r:.80}"
            )
        self.low[row], self.high[row] = low, high

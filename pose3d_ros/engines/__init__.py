"""How a model runs: one interface, one file a backend, and the ladder that takes the best that works here."""

from pose3d_ros.engines.backends.choice import CHOICES, EngineOptions
from pose3d_ros.engines.base import Engine, EngineInfo, Program, Target
from pose3d_ros.engines.cache import EngineCache
from pose3d_ros.engines.ladder import Ladder
from pose3d_ros.engines.opening import Models, on_engine, open_image_lifter, open_lifter

__all__ = [
    "CHOICES",
    "Engine",
    "EngineCache",
    "EngineInfo",
    "EngineOptions",
    "Ladder",
    "Models",
    "Program",
    "Target",
    "on_engine",
    "open_image_lifter",
    "open_lifter",
]  # fmt: skip

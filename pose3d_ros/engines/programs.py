"""The program of any weights' file."""

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.engines import images, lifters
from pose3d_ros.engines.base import Program
from pose3d_ros.models import registry
from pose3d_ros.models.image_lifter import ImageLifter
from pose3d_ros.models.streaming_lifter import StreamingLifter


def from_file(weights: str) -> Program:
    """By name or path. Raises CheckpointError, ConfigError for a network that engines do not run."""
    model = registry.load(weights)
    if isinstance(model, StreamingLifter):
        raise ConfigError(f"{weights}: a streaming lifter keeps its state in torch and needs no engine")
    return (images if isinstance(model, ImageLifter) else lifters).from_file(weights)

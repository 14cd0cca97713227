"""`pose_vit_node`: the lifter node with other defaults: it looks at the image of the keypoints and refines hands."""

from typing import Any

from pose3d_ros.ros import lifecycle
from pose3d_ros.ros.lifter_config import LifterConfig
from pose3d_ros.ros.lifter_node import LifterNode
from pose3d_ros.settings import RefineConfig

DEFAULTS = LifterConfig(refine=RefineConfig())


def pose_vit_node(*args: Any, **kwargs: Any) -> LifterNode:
    """Make the node. The arguments are those of `LifterNode`."""
    return LifterNode(*args, name="pose_vit", defaults=DEFAULTS, **kwargs)


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(pose_vit_node, args)

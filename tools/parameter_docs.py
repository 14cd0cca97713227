#!/usr/bin/env python3
"""Writes docs/parameters.md from the dataclasses that declare the parameters. Run it after changing one:

. tools/env.sh && python tools/parameter_docs.py
"""

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "parameters.md"

HEAD = """# Parameters

Made by `tools/parameter_docs.py` from the code: do not edit. *Live* parameters change at any time (`ros2 param set`);
the others only while the node is unconfigured, and a refusal says so. What belongs to the weights (window, rate,
skeleton, normalisation) is stored with them and is no parameter. Besides: `use_sim_time`,
`diagnostic_updater.period`, and for every topic `qos_overrides.TOPIC.publisher.POLICY` or
`qos_overrides.TOPIC.subscription.POLICY`, where POLICY is `reliability`, `depth` or `history`.
"""


def page() -> str:
    """The whole page."""
    from pose3d_ros.ros.bridge_node import BridgeConfig
    from pose3d_ros.ros.detector_node import DetectorNodeConfig
    from pose3d_ros.ros.lifter_config import LifterConfig
    from pose3d_ros.ros.parameters import markdown_table
    from pose3d_ros.ros.pose_vit_node import DEFAULTS
    from pose3d_ros.ros.retarget_config import RetargetConfig
    from pose3d_ros.ros.separation_node import SeparationConfig

    lifter, with_images = markdown_table(LifterConfig()), markdown_table(DEFAULTS)
    head = with_images.splitlines(keepends=True)[:2]
    own = [line for line in with_images.splitlines(keepends=True)[2:] if line not in lifter.splitlines(keepends=True)]
    tables = {
        "lifter_node": lifter,
        "pose_vit_node": "Those of the lifter node, these with another default:\n\n" + "".join(head + own),
        "detector_node": markdown_table(DetectorNodeConfig()),
        "bridge_node": markdown_table(BridgeConfig()),
        "retarget_node": markdown_table(RetargetConfig()),
        "separation_node": markdown_table(SeparationConfig()),
    }
    return HEAD + "".join(f"\n## {name}\n\n{table}" for name, table in tables.items())


if __name__ == "__main__":
    PAGE.write_text(page())

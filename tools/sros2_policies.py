#!/usr/bin/env python3
"""Writes config/sros2/policies.xml from what the nodes open when they are configured and active: topics and services.

. tools/env.sh && python tools/sros2_policies.py
"""

import os
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import rclpy
from rclpy.node import Node

from pose3d_ros.core import formats
from pose3d_ros.ros.detector_node import DetectorNode
from pose3d_ros.ros.lifter_node import LifterNode
from pose3d_ros.ros.pose_vit_node import pose_vit_node

FILE = Path(__file__).parents[1] / "config" / "sros2" / "policies.xml"
ALWAYS = {"/clock"}  # read with use_sim_time


class Nothing:
    """Stands for a pipeline or a detector: opens nothing itself."""

    body_skeleton, description, looks_at, names = formats.get("h36m17"), "", [], ("person",)
    models = SimpleNamespace(falls=0, in_call=())

    def __init__(self, config: object) -> None:
        self.config = config

    def detect(self, image: object, stamp_ns: int) -> tuple:
        return ()

    def reset(self) -> None:
        pass

    close = reset


def profile(node: Node) -> ElementTree.Element:
    """What one active node opens, as SROS2's policies name it."""
    name, space = node.get_name(), node.get_namespace()
    found = ElementTree.Element("profile", ns=space, node=name)
    topics = ElementTree.SubElement
    for kind, listed, tag in (
        ("subscribe", node.get_subscriber_names_and_types_by_node(name, space), "topic"),
        ("publish", node.get_publisher_names_and_types_by_node(name, space), "topic"),
        ("reply", node.get_service_names_and_types_by_node(name, space), "service"),
    ):
        names = {topic for topic, _ in listed} | (ALWAYS if kind == "subscribe" else set())
        group = topics(found, f"{tag}s", {kind: "ALLOW"})
        for topic in sorted(names):
            topics(group, tag).text = topic
    return found


def policies() -> str:
    """The whole file."""
    os.environ.setdefault("ROS_DOMAIN_ID", "77")
    context = rclpy.Context()
    rclpy.init(context=context)
    policy = ElementTree.Element("policy", version="0.2.0")
    enclaves = ElementTree.SubElement(policy, "enclaves")
    for make in (LifterNode, pose_vit_node, DetectorNode):
        node = make(Nothing, context=context)
        for name in ("configure", "activate"):
            assert getattr(node, f"trigger_{name}")().name == "SUCCESS", node.last_error
        enclave = ElementTree.SubElement(enclaves, "enclave", path=f"/pose3d/{node.get_name()}")
        ElementTree.SubElement(enclave, "profiles").append(profile(node))
        node.destroy_node()
    rclpy.shutdown(context=context)
    ElementTree.indent(policy)
    return ElementTree.tostring(policy, encoding="unicode") + "\n"


if __name__ == "__main__":
    FILE.write_text(policies())

"""Transforms of /tf into a tree: a wrong one is told and costs neither the node nor the others."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from pose3d_ros.geometry.transform_tree import TransformTree
from pose3d_ros.ros import lifecycle, transforms


class Listening:
    """A node that is asked for subscriptions and guards their callbacks as all of ours do."""

    guarded = lifecycle.ManagedNode.guarded

    def __init__(self):
        self.callbacks, self.blamed = {}, []

    def create_subscription(self, message, topic, callback, profile):
        self.callbacks[topic] = callback
        return topic

    def _blame(self, key, text):
        self.blamed.append((key, text))


def message(child, quat_xyzw):
    x, y, z, w = quat_xyzw
    edge = SimpleNamespace(
        header=SimpleNamespace(frame_id="base"),
        child_frame_id=child,
        transform=SimpleNamespace(
            translation=SimpleNamespace(x=1.0, y=2.0, z=3.0), rotation=SimpleNamespace(x=x, y=y, z=z, w=w)
        ),
    )
    return SimpleNamespace(transforms=[edge])


def test_what_cannot_be_read_is_told_and_the_next_transform_counts(monkeypatch):
    monkeypatch.setattr(transforms, "TFMessage", object)
    node, tree = Listening(), TransformTree()
    assert len(transforms.listen(node, lambda: tree, lambda: 5.0)) == 2
    node.callbacks["/tf"](SimpleNamespace(transforms=[SimpleNamespace(header=None)]))
    assert [key for key, _ in node.blamed] == ["error"]
    node.callbacks["/tf"](message("tool", (0.0, 0.0, 0.0, 1.0)))
    assert len(node.blamed) == 1
    parent, T, stamp_s = tree._edges["tool"]
    assert (parent, stamp_s) == ("base", 5.0)
    np.testing.assert_allclose(T[:3, 3], (1, 2, 3))


def test_a_rotation_of_zeros_takes_the_edge_away(monkeypatch):
    monkeypatch.setattr(transforms, "TFMessage", object)
    node, tree = Listening(), TransformTree()
    transforms.listen(node, lambda: tree, lambda: 5.0)
    node.callbacks["/tf_static"](message("tool", (0.0, 0.0, 0.0, 1.0)))
    assert tree._edges["tool"][2] is None
    node.callbacks["/tf_static"](message("tool", (0.0, 0.0, 0.0, 0.0)))
    assert "tool" not in tree._edges

"""Inference that does not return: it is told, replaced, and never keeps the node from answering."""

import time
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import State

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.engines.backends import choice
from pose3d_ros.msg import Skeleton3DArray
from pose3d_ros.ros import autostart, conversions

LIMIT = {"watchdog__limit_s": 0.5, "diagnostic_updater__period": 0.1}


@pytest.fixture(autouse=True)
def _all_backends():
    yield
    choice.accept_all()


def stamps(inbox):
    return [conversions.stamp_to_ns(msg.header.stamp) for msg in inbox.items]


def test_work_that_hangs_is_given_up_and_a_fresh_worker_goes_on(bench, make):
    b = bench(**LIMIT).up().calibrate()
    out, told = b.inbox(Skeleton3DArray, "skeletons"), b.ros.inbox(DiagnosticArray, "/diagnostics", 50)
    hanging = b.pipeline
    hanging.models = SimpleNamespace(falls=0, in_call=("openvino",))
    hanging.go.clear()
    b.send(make.frame(0))
    told.wait_for(
        lambda a: any("has not returned" in s.message and s.level == DiagnosticStatus.ERROR for s in a.status)
    )
    b.ros.until(lambda: len(b.pipelines) == 2 and b.node._pipeline is b.pipelines[1], "another pipeline")
    assert stamps(out) == []
    b.send(make.frame(1))
    out.wait(1)
    hanging.go.set()  # it returns after all: nobody wants its result, and it is freed
    b.ros.until(lambda: hanging.closed, "the end of the first pipeline")
    b.send(make.frame(2))
    out.wait(2)
    assert stamps(out) == [make.frame(1).stamp_ns, make.frame(2).stamp_ns]
    assert "openvino" not in [rung.kind.name for rung in choice.rungs(choice.EngineOptions("cpu"))]
    b.ros.until(lambda: "hang" not in b.node.health.reasons(), "the end of the alarm")


def test_deactivate_returns_whatever_hangs_and_activation_loads_again(bench, make):
    b = bench().up().calibrate()
    hanging = b.pipeline
    hanging.go.clear()
    b.send(make.frame(0))
    assert hanging.entered.wait(20)
    begin = time.monotonic()
    assert b.node.trigger_deactivate().name == "SUCCESS"
    assert time.monotonic() - begin < 5  # 1 s on an idle machine
    assert b.node.trigger_activate().name == "SUCCESS"
    b.calibrate()
    out = b.inbox(Skeleton3DArray, "skeletons")
    b.send(make.frame(1))
    out.wait(1)
    hanging.go.set()
    b.ros.until(lambda: hanging.closed, "the end of the first pipeline")
    assert stamps(out) == [make.frame(1).stamp_ns]


def test_no_heartbeat_while_work_hangs(bench, make):
    b = bench(watchdog__limit_s=600.0).up().calibrate()
    beats = b.ros.inbox(State, "/lifter/heartbeat")
    beats.wait_for(lambda state: state.label == "active")
    b.pipeline.go.clear()
    b.send(make.frame(0))
    b.reason("hang")
    before = len(beats)
    b.ros.until(lambda: "hang" in b.node.health.reasons(), "the hang")
    assert len(beats) <= before + 1
    b.pipeline.go.set()
    beats.wait(before + 2)


def test_a_node_brings_itself_up_and_tries_again(bench, make, monkeypatch):
    monkeypatch.setattr(autostart, "FIRST_RETRY_S", 0.05)
    broken = [CheckpointError("not there yet")] * 2

    def factory(config):
        if broken:
            raise broken.pop()
        return make.pipeline(config)

    b = bench(factory, autostart=True)
    b.ros.until(lambda: b.node.state == "active", "the node to come up by itself")
    assert not broken

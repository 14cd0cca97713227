"""Transitions: failing ones are logged, remembered and undone; nothing is left behind."""

import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.parameter import Parameter

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.ros import compat
from pose3d_ros.ros.outputs import Outputs


def failing(error: Exception):
    def make(config):
        raise error

    return make


def test_missing_weights_fail_configure_with_the_reason_and_can_be_tried_again(bench, make):
    broken = [CheckpointError("weights 'body_x' not found; there are body_dtf27")]

    def factory(config):
        if broken:
            raise broken.pop()
        return make.pipeline(config)

    node = bench(factory).node
    assert node.trigger_configure().name == "FAILURE"
    assert node.state == "unconfigured"
    assert "weights 'body_x' not found" in node.last_error
    assert node.trigger_configure().name == "SUCCESS"
    assert node.last_error == ""


@pytest.mark.parametrize("bad", [{"output__tf": "yes"}, {"markers__lifetime_s": "long"}, {"body__min_joints": 2.5}])
def test_a_parameter_of_the_wrong_type_is_one_line_and_the_node_waits_for_the_right_one(bench, bad):
    (name,) = bad
    node = bench(**bad).node
    assert node.trigger_configure().name == "FAILURE"
    assert node.state == "unconfigured"
    assert node.last_error.startswith(f"configure failed: ConfigError: parameter {name.replace('__', '.')}: ")
    assert "\n" not in node.last_error
    right = {"output__tf": False, "markers__lifetime_s": 1, "body__min_joints": 4}[name]
    assert node.set_parameters([Parameter(name.replace("__", "."), value=right)])[0].successful
    assert node.trigger_configure().name == "SUCCESS"


def test_unexpected_error_in_configure_lands_in_unconfigured(bench):
    node = bench(failing(RuntimeError("CUDA out of memory"))).node
    assert node.trigger_configure().name == "ERROR"
    assert node.state == "unconfigured"
    assert "RuntimeError: CUDA out of memory" in node.last_error


def test_failed_configure_over_the_service_reports_no_success(bench, ros):
    bench(failing(CheckpointError("checksum differs")))
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert not ros.call(ChangeState, "/lifter/change_state", request).success
    assert ros.call(GetState, "/lifter/get_state", GetState.Request()).current_state.label == "unconfigured"


def test_a_transition_that_is_not_possible_now_is_answered_and_does_not_stop_the_node(bench, ros):
    bench()
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVATE))
    assert not ros.call(ChangeState, "/lifter/change_state", request).success
    assert ros.call(GetState, "/lifter/get_state", GetState.Request()).current_state.label == "unconfigured"


def test_outputs_that_cannot_be_made_free_the_device(bench, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no publishers today")

    monkeypatch.setattr(Outputs, "__init__", refuse)
    b = bench()
    assert b.node.trigger_configure().name == "ERROR"
    assert b.pipeline.closed


@pytest.mark.parametrize(("error", "result", "state"), [
    (CheckpointError("expected"), "FAILURE", "inactive"), (RuntimeError("surprise"), "ERROR", "unconfigured"),
])  # fmt: skip
def test_failing_activate_leaves_no_thread_and_no_subscription(bench, monkeypatch, error, result, state):
    b = bench()
    assert b.node.trigger_configure().name == "SUCCESS"
    subscriptions, threads = len(list(b.node.subscriptions)), set(threading.enumerate())

    def refuse(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("pose3d_ros.ros.qos.subscribe", refuse)
    assert b.node.trigger_activate().name == result
    assert b.node.state == state
    # threads of tests before this one may end meanwhile: none is new
    assert (len(list(b.node.subscriptions)), set(threading.enumerate()) - threads) == (subscriptions, set())
    assert b.pipeline.closed == (state == "unconfigured")
    monkeypatch.undo()
    if state == "unconfigured":
        assert b.node.trigger_configure().name == "SUCCESS"
    assert b.node.trigger_activate().name == "SUCCESS"


def test_error_while_freeing_ends_unconfigured_and_is_remembered(bench, monkeypatch, make):
    def refuse(self):
        raise RuntimeError("device lost")

    b = bench()
    b.node.trigger_configure()
    monkeypatch.setattr(make.pipeline, "close", refuse)
    assert b.node.trigger_cleanup().name == "ERROR"
    assert b.node.state == "unconfigured"
    assert "device lost" in b.node.last_error


@pytest.mark.parametrize("steps", [(), ("configure",), ("configure", "activate")])
def test_shutdown_from_every_state_frees_the_device(bench, steps):
    b = bench()
    for step in steps:
        getattr(b.node, f"trigger_{step}")()
    assert b.node.trigger_shutdown().name == "SUCCESS"
    assert b.node.state == "finalized"
    assert all(pipeline.closed for pipeline in b.pipelines)


def test_deactivate_clears_windows_and_keeps_the_model(bench, make):
    b = bench().up().calibrate()
    b.send(make.frame(0))
    b.ros.until(lambda: b.node.health.counts["published"] == 1, "an output")
    assert b.node.trigger_deactivate().name == "SUCCESS"
    assert b.pipeline.resets == 1
    assert not b.pipeline.closed
    assert b.node.trigger_cleanup().name == "SUCCESS"
    assert b.pipeline.closed


def test_thirty_cycles_leave_nothing_behind(bench):
    b = bench()

    def cycle():
        for step in ("configure", "activate", "deactivate", "cleanup"):
            assert getattr(b.node, f"trigger_{step}")().name == "SUCCESS", b.node.last_error

    def held():
        gc.collect()
        node = b.node
        entities = node.subscriptions, node.publishers, node.timers, node.services, node.waitables
        workers = [thread for thread in threading.enumerate() if thread.name == "worker"]
        return [len(list(kind)) for kind in entities], len(workers), len(node._managed_entities)

    cycle()
    before, files = held(), len(os.listdir("/proc/self/fd"))
    for _ in range(30):
        cycle()
    assert held() == before
    assert len(os.listdir("/proc/self/fd")) <= files + 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_process_in_order(ros, number):
    """As launch and a shell do it: the executable's process, alive and then asked to go."""
    code = "from pose3d_ros.ros.lifter_node import main; main()"
    environment = {**os.environ, "ROS_DOMAIN_ID": str(ros.domain)}
    environment.pop("_ROS_WHEELS_BOOTSTRAP_COMPLETE", None)
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            answer = ros.call(GetState, "/lifter/get_state", GetState.Request(), 150.0)  # torch loads slowly
            assert answer.current_state.label == "unconfigured"  # it waits for whoever manages it
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_tf_that_is_not_installed_fails_configure_with_the_cure(bench):
    from pose3d_ros.ros.shims import tf2_ros

    if "tf2_ros" not in compat.STAND_INS or tf2_ros.TFMessage is not None:
        pytest.skip("TF is installed")
    b = bench(output__tf=True)
    assert b.node.trigger_configure().name == "FAILURE"
    assert "tf2_msgs" in b.node.last_error
    assert b.pipeline.closed
    assert b.node.set_parameters([Parameter("output.tf", value=False)])[0].successful
    assert b.node.trigger_configure().name == "SUCCESS"

"""Diagnostics say why nothing comes out, and since when."""

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pose3d_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy

from pose3d_ros.core.errors import CheckpointError, EngineError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.msg import Skeleton2DArray
from pose3d_ros.ros.health import FRESH_S, Health

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@pytest.fixture
def said(bench):
    """said(bench, words, level) waits for a status of this level that holds these words, and returns it."""

    def wait(b, words: str, level: bytes = ERROR) -> DiagnosticStatus:
        inbox = b.ros.inbox(DiagnosticArray, "/diagnostics", 50)
        array = inbox.wait_for(lambda a: any(words in s.message and s.level == level for s in a.status))
        return next(s for s in array.status if words in s.message)

    return wait


FAST = {"diagnostic_updater__period": 0.1}


def test_before_configure_it_says_what_to_do(bench, said):
    assert said(bench(**FAST), "configure and activate", WARN).name == "lifter: status"


def test_failed_configure_is_told(bench, said):
    def missing(config):
        raise CheckpointError("weights 'x' not found")

    b = bench(missing, **FAST)
    b.node.trigger_configure()
    status = said(b, "weights 'x' not found")
    assert {v.key: v.value for v in status.values}["state"] == "unconfigured"


def test_a_dead_clock_is_told(bench, said, ros):
    from rosgraph_msgs.msg import Clock

    b = bench(use_sim_time=True, **FAST).up()
    clock = ros.publisher(Clock, "/clock", subscribers=0)
    clock.publish(Clock(clock=b.node.get_clock().now().to_msg()))
    assert "use_sim_time is true, but /clock (1 publishers) stands still" in said(b, "stands still").message


def test_an_integer_as_period_is_taken(bench, said):
    assert said(bench(diagnostic_updater__period=1), "configure and activate", WARN)


def test_no_keypoints(bench, said):
    assert "1 publishers" in said(bench(**FAST).up(), "no message on /keypoints").message


def test_no_camera_info(bench, make, said):
    b = bench(**FAST).up()
    b.send(make.frame(0))
    assert "for " in said(b, "no camera_info has arrived").message


def test_inference_that_fails_each_time(bench, make, said):
    b = bench(**FAST).up().calibrate()
    b.pipeline.errors = [EngineError("device lost")] * 1000
    b.send(*(make.frame(n) for n in range(3)))
    assert "nothing comes out" in said(b, "device lost").message


def test_running_node_is_ok_and_shows_its_figures(bench, make, said):
    b = bench(**FAST).up().calibrate()
    b.send(make.frame(0))
    b.ros.until(lambda: b.node.health.counts["published"] == 1, "an output")
    values = {v.key: v.value for v in said(b, "running", OK).values}
    assert values["published"] == "1"
    assert values["people"] == "1"
    assert values["model"] == "fake"
    assert float(values["latency p95 [ms]"]) >= 0


def test_another_image_size_is_told(bench, make, said):
    b = bench(**FAST).up().calibrate(Camera.from_fov(1920, 1080, 60))
    b.send(make.frame(0))
    said(b, "calibrated for 1920x1080")


def test_best_effort_publisher_on_a_reliable_topic_is_told_with_the_cure(bench, ros, said):
    b = bench(**FAST)
    b.node.trigger_configure()
    b.node.trigger_activate()
    ros.node.create_publisher(
        Skeleton2DArray, "keypoints", QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    status = said(b, "incompatible reliability")
    assert "qos_overrides./keypoints.subscription.reliability" in status.message


def test_the_cure_for_a_qos_mismatch_works(bench, ros, make):
    from pose3d_ros.ros.conversions import keypoints_to_msg

    name = "qos_overrides./keypoints.subscription.reliability"
    b = bench(**{name: "best_effort"}).up().calibrate()
    sender = ros.publisher(Skeleton2DArray, "keypoints", QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT))
    sender.publish(keypoints_to_msg(make.frame(0)))
    ros.until(lambda: b.node.health.counts["published"] == 1, "an output")


class Clock:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_reason_says_since_when_and_how_often_and_ends():
    clock = Clock()
    health = Health(clock)
    assert health.blame("camera", "K is 0")
    clock.now = 1.5
    assert not health.blame("camera", "K is 0")
    assert health.reasons() == {"camera": "K is 0 (for 1.5 s, 2 times)"}
    clock.now += FRESH_S + 0.1
    assert health.reasons() == {}
    assert health.blame("camera", "K is 0")  # it is news again


def test_a_lasting_reason_stays_until_cleared():
    clock = Clock()
    health = Health(clock)
    health.blame("QoS", "reliability", lasting=True)
    clock.now = 100.0
    assert "for 100.0 s" in health.reasons()["QoS"]
    health.clear("QoS")
    assert health.reasons() == {}


def test_reasons_are_counted_as_long_as_the_node_runs():
    clock = Clock()
    health = Health(clock)
    for name in ("hand_crop", "hand_crop", ""):
        health.blame("people", "one of the hands", name=name)
        clock.now += 2 * FRESH_S
    assert health.figures()["reasons so far"] == "hand_crop 2; people 1"
    health.restart()
    assert health.figures()["reasons so far"] == ""


def test_rates_and_latencies_are_of_the_last_seconds():
    clock = Clock()
    health = Health(clock)
    for number in range(300):
        clock.now = number / 30
        arrived = health.arrived(age_ms=5.0)
        clock.now += 0.010
        health.published(arrived, people=2)
    figures = health.figures()
    assert float(figures["input rate [Hz]"]) == pytest.approx(30, rel=0.02)
    assert float(figures["latency p50 [ms]"]) == pytest.approx(10)
    assert figures["people"] == "2"
    assert figures["received"] == "300"
    health.restart()
    assert health.figures()["received"] == "0"

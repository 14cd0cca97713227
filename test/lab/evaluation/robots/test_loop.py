"""A robot driven by an estimate beside the one driven by the truth."""

import numpy as np
import pytest

from test.control.people import recorded_hands

pytest.importorskip("dexi_rs", reason="needs dexi-rs, of the extra `control`")

from pose3d_ros.control.config import load
from pose3d_ros.control.robots import driver
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.evaluation.metrics import Sequence
from pose3d_ros.lab.evaluation.motion.hands import HandEvaluationConfig, HandSequence
from pose3d_ros.lab.evaluation.robots.loop import body_figures, evaluate_robots, hands_figures


def hand_sequence(noise_m: float = 0.0, hidden: slice = slice(0, 0)) -> HandSequence:
    truth = recorded_hands()["right"][:60]
    noise = np.random.default_rng(3).normal(0, 1, truth.shape) * noise_m
    seen, valid = np.ones(truth.shape[:2], bool), np.ones(len(truth), bool)
    seen[hidden] = False
    valid[hidden] = False
    sigma_m = np.full(truth.shape[:2], 0.01, np.float32)
    return HandSequence((truth + noise).astype(np.float32), truth, sigma_m, seen, valid, False, np.zeros((60, 2)))


def test_the_truth_drives_it_as_the_truth_does():
    figures = hands_figures(driver(load("leap:right")), [hand_sequence()])
    assert figures["tip_apart_mm"] == 0
    assert figures["tip_error_mm"] == figures["exact_tip_error_mm"] > 0
    assert figures["joint_speed_rad_s"] == figures["exact_joint_speed_rad_s"]
    assert figures["within_limits"]
    assert figures["finite"]
    assert figures["held_share"] == figures["stops"] == figures["jumps"] == 0


def test_noise_costs_and_a_lost_hand_is_held():
    robot = driver(load("leap:right"))
    exact = hands_figures(robot, [hand_sequence()])
    noisy = hands_figures(robot, [hand_sequence(0.004)])
    assert noisy["tip_error_mm"] > exact["tip_error_mm"]
    assert noisy["tip_apart_mm"] > 1
    lost = hands_figures(robot, [hand_sequence(hidden=slice(20, 40))])
    assert lost["stops"] == 1
    assert 20 <= round(lost["held_share"] * lost["frames"]) <= 26
    assert lost["jumps"] == 0


def test_a_body_driven_by_the_truth():
    pytest.importorskip("mink", reason="needs mink, of the extra `control`")
    pytest.importorskip("holosoma_retargeting", reason="needs the G1's model: make control")
    from test.conftest import stick_figure

    joints, root = stick_figure(40, 30.0, 0.8)
    world = (joints + root[:, None]) @ np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])
    xyz_m = (world + np.array([0, 0, 4])).astype(np.float32)
    sigma_m, seen = np.full(xyz_m.shape[:2], 0.02, np.float32), np.ones(xyz_m.shape[:2], bool)
    sequence = Sequence(xyz_m, xyz_m, sigma_m, seen, np.ones(len(xyz_m), bool), 30.0)
    figures = body_figures(driver(load("g1:whole")), [sequence])
    assert figures["wrist_error_mm"] == 0
    assert figures["pelvis_lean_p95_deg"] == figures["exact_pelvis_lean_p95_deg"] < 5


@pytest.mark.parametrize("robots", [("arm:right",), ("leap:right", "leap:left"), ("leap:right", "g1:whole")])
def test_what_cannot_be_evaluated(robots):
    with pytest.raises(ConfigError, match="expected hands of one side, or bodies"):
        evaluate_robots(robots, None, "hand_dtf27", HandEvaluationConfig())

"""Separation: distance, bounds, protective distance, YAML of robots, and faults."""

from dataclasses import replace

import numpy as np
import pytest
from pose3d_testing.made_people import SKELETON, xyz_of

from pose3d_ros.control.robot_shape import RobotShape, load
from pose3d_ros.control.separation import REACH_M, Gap, ProtectiveConfig, Zone, smallest
from pose3d_ros.control.separation_watch import Watch, WatchConfig
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import JointState, Person3D, Skeletons3D, TrackState
from pose3d_ros.geometry.articulation import SEGMENTS
from pose3d_ros.lab.evaluation.motion.separation import FAULTS, inject

REST = np.tile(np.eye(3), (len(SEGMENTS), 1, 1))
POST = RobotShape("base", ("base",), np.array([[[0, 0, -1.0], [0, 0, 1.0]]]), np.array([0.1]))
CAMERA_M = np.array([0.0, 0, 3.0])
STEP_NS, STEP_S = 33_333_333, 1 / 30


def person(x_m=3.0, sigma_m=1e-4, track=1, **more):
    more.setdefault("root_covariance", np.eye(3) * 1e-10)
    return Person3D(
        str(track), track, SKELETON.name, xyz_of(REST) + np.array([x_m, 0, 0]), np.full(17, sigma_m),
        np.full(17, JointState.MEASURED), **more,
    )  # fmt: skip


def gap(*people, confidence=0.99, depth_sigma=0.05):
    return smallest(list(people), POST, POST.ends_m, confidence, CAMERA_M, depth_sigma)


def test_distance_is_between_the_surfaces_of_the_nearest_capsules():
    found = gap(person(3.0))
    assert found.distance_m == pytest.approx(3.0 - 0.17 - 0.1, abs=0.002)  # the trunk, which stands straight
    assert (found.frame, found.track) == ("base", 1)
    assert found.at_robot_m[:2] == (0, 0)
    assert found.lower_m < found.distance_m < found.upper_m


def test_a_hand_that_reaches_out_counts_beyond_the_wrist():
    xyz_m = person(3.0).xyz_m.copy()
    xyz_m[SKELETON.index("left_elbow")] = 2.6, 0, 0.49
    xyz_m[SKELETON.index("left_wrist")] = 2.35, 0, 0.49
    found = gap(replace(person(), xyz_m=xyz_m))
    assert found.joint == "left_wrist"
    assert found.distance_m == pytest.approx(2.35 - REACH_M - 0.05 - 0.1, abs=0.002)


def test_the_interval_holds_as_often_as_it_says_for_errors_as_stated():
    rng = np.random.default_rng(0)
    covariance = np.diag([0.15, 0.03, 0.03]) ** 2
    true_m, inside = gap(person(3.0)).distance_m, []
    for _ in range(600):
        shift = rng.multivariate_normal(np.zeros(3), covariance)
        noisy = person(3.0).xyz_m + shift + rng.normal(0, 0.03 / 1.8724, (17, 3))
        found = gap(replace(person(sigma_m=0.03, root_covariance=covariance), xyz_m=noisy), confidence=0.9)
        inside.append(found.lower_m <= true_m <= found.upper_m)
    assert 0.85 < np.mean(inside) <= 1.0


def test_without_a_covariance_depth_is_as_unsure_as_the_parameter_says():
    sure = gap(person(3.0, root_covariance=None), depth_sigma=0.0)
    unsure = gap(person(3.0, root_covariance=None), depth_sigma=0.1)
    assert unsure.lower_m < sure.lower_m - 0.3
    assert unsure.distance_m == sure.distance_m


def test_approach_is_along_the_way_to_the_robot():
    comes = person(3.0, velocity_m_s=np.tile([-0.7, 2.0, 0], (17, 1)))
    assert gap(comes).approach_m_s == pytest.approx(0.7, abs=0.01)
    assert np.isnan(gap(person(3.0)).approach_m_s)


def test_the_lower_bound_is_that_of_everybody():
    found = gap(person(3.0), person(4.0, track=2, sigma_m=2.0))
    assert found.track == 2  # who may be nearest
    assert found.upper_m < 3.0
    assert gap() == Gap()
    assert gap().distance_m == np.inf


def test_the_protective_distance_is_the_sum_of_iso_13855():
    config = ProtectiveConfig(1.6, 0.1, 0.3, 0.5, 0.1, 0.85, 0.02)
    assert config.distance_m(0.0, 0.05) == pytest.approx(1.6 * 0.45 + 0.05 + 0.1 + 0.85 + 0.02)
    assert config.distance_m(3.0, 0.05) == pytest.approx(3.0 * 0.45 + 0.05 + 0.1 + 0.85 + 0.02)


def run(watch, *people_of_frames, start=0, age_s=0.02):
    verdicts = []
    for i, people in enumerate(people_of_frames):
        result = Skeletons3D((start + i + 1) * STEP_NS, "base", tuple(people))
        verdicts.append(watch.see(result, POST.ends_m, CAMERA_M, age_s, (start + i + 1) * STEP_S))
    return verdicts


def test_states_follow_the_ratio_worse_at_once_and_better_after_a_while():
    watch = Watch(WatchConfig(jump_m=5.0), POST)
    assert watch.last.zone is Zone.UNKNOWN
    zones = [v.zone for v in run(watch, *[[person(3.0)]] * 20)]
    assert zones[-1] is Zone.CLEAR
    (near,) = run(watch, [person(1.0)], start=20)
    assert near.zone is Zone.STOP
    assert near.ratio < 1
    (away,) = run(watch, [person(3.0)], start=21)
    assert away.zone is Zone.STOP
    assert "a moment ago" in away.reason
    assert run(watch, *[[person(3.0)]] * 20, start=22)[-1].zone is Zone.CLEAR
    slow = run(watch, *[[person(1.4)]] * 20, start=42)[-1]
    assert slow.zone is Zone.SLOW


def test_nobody_is_clear_and_somebody_who_vanishes_is_unknown_for_a_while():
    watch = Watch(WatchConfig(), POST)
    assert run(watch, *[[]] * 20)[-1].zone is Zone.CLEAR
    run(watch, *[[person(3.0)]] * 5, start=20)
    gone = run(watch, *[[]] * 90, start=25)
    assert gone[0].zone is Zone.UNKNOWN
    assert gone[-1].zone is Zone.CLEAR


def test_silence_is_unknown_within_100_ms():
    watch = Watch(WatchConfig(), POST)
    run(watch, *[[person(3.0)]] * 30)
    assert watch.tick(30 * STEP_S + 0.05).zone is Zone.CLEAR
    silent = watch.tick(30 * STEP_S + 0.09)
    assert silent.zone is Zone.UNKNOWN
    assert "no skeletons for 90 ms" in silent.reason


def test_every_kind_of_fault_is_unknown_or_stop_within_100_ms():
    report = inject(40 * len(FAULTS))
    assert report["missed"] == 0
    assert report["worst_ms"] <= 100
    assert set(report["kinds"]) == set(FAULTS)


def test_a_watch_that_looks_away_is_caught_by_the_injection():
    blind = inject(5 * len(FAULTS), config=WatchConfig(jump_m=5.0, timeout_s=0.5))
    assert {kind for kind, of in blind["kinds"].items() if of["missed"]} == {"jumped", "source killed"}


def test_someone_lost_is_unknown_and_the_reason_says_who():
    watch = Watch(WatchConfig(), POST)
    run(watch, *[[person(3.0)]] * 20)
    (verdict,) = run(watch, [person(3.0, track_state=TrackState.LOST)], start=20)
    assert (verdict.zone, verdict.reason) == (Zone.UNKNOWN, "person 1 is lost")


@pytest.mark.parametrize("name", ["mobile_base", "ur5e"])
def test_shipped_robots_load_and_are_placed(name):
    shape = load(name)
    T = np.eye(4)
    T[:3, 3] = 1, 2, 3
    placed = shape.placed(dict.fromkeys(shape.frames, T))
    np.testing.assert_allclose(placed, shape.ends_m + np.array([1, 2, 3]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("base: b", "expected the keys base and capsules"),
        ("base: b\ncapsules: [{frame: a, from: [0, 0], to: [0, 0, 1], radius_m: 1}]", "capsule 0: expected"),
        ("base: b\ncapsules: [{frame: a, from: [0, 0, 0], to: [0, 0, 1], radius_m: -1}]", "0 < radius_m"),
        ("base: b\ncapsules: [{frame: a, size: 3}]", "expected the keys"),
        ("base: [", "no YAML"),
    ],
)
def test_a_robot_that_cannot_be_read_is_refused_with_the_reason(tmp_path, text, why):
    file = tmp_path / "robot.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=why):
        load(str(file))
    with pytest.raises(ConfigError, match="there is no"):
        load("robot_of_nobody")

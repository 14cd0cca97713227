"""Injected faults do what they say, in the measure that was asked for, and the same for a seed."""

from dataclasses import replace

import numpy as np
import pytest
from pose3d_testing.bags import inputs, material, timeline

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.types import Input
from pose3d_ros.lab.evaluation.bags import curves, faults
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.lab.evaluation.motion.recordings import record

pytestmark = pytest.mark.usefixtures("everybody")

CAMERA = Camera.from_fov(640, 480, 60)
COUNT = 600


@pytest.fixture(scope="module")
def stream():
    """20 s of two standing people at 30 Hz, with ids; they fill the image."""
    rng = np.random.default_rng(0)
    joints = [rng.uniform([20 + 300 * k, 20], [300 + 300 * k, 460], (17, 2)) for k in range(2)]
    score = np.full(17, 0.9)
    people = tuple(Person2D("coco17", xy, score, name) for xy, name in zip(joints, ("anna", "ben"), strict=True))
    stamps = 10**9 + np.arange(COUNT) * 33_333_333
    return [Input(int(s) + 5_000_000, Keypoints2D(int(s), people, "camera", 640, 480), CAMERA) for s in stamps]


def seen(stream):
    """bool (F, P, J) of the frames that are left."""
    return np.array([[p.score > 0 for p in entry.keypoints.people] for entry in stream if entry is not None])


@pytest.mark.parametrize("name", list(faults.FAULTS))
def test_every_fault_is_seeded_and_spares_its_input(stream, name):
    fault = faults.FAULTS[name]
    specification = f"{name}:{fault.standard[-1]:g}"
    before = [entry.keypoints.people[0].xy_px.copy() for entry in stream]
    first, again = (faults.apply([specification], stream, seed=1) for _ in range(2))
    assert len(first) == len(stream)
    for a, b in zip(first, again, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert (a.arrival_ns, a.keypoints.stamp_ns) == (b.arrival_ns, b.keypoints.stamp_ns)
            for one, two in zip(a.keypoints.people, b.keypoints.people, strict=True):
                assert one.id == two.id
                np.testing.assert_array_equal(one.xy_px, two.xy_px)
                np.testing.assert_array_equal(one.score, two.score)
    assert any(a is not b for a, b in zip(first, stream, strict=True))
    for entry, xy_px in zip(stream, before, strict=True):
        np.testing.assert_array_equal(entry.keypoints.people[0].xy_px, xy_px)
    assert faults.apply([f"{name}:0"], stream, seed=1) == stream


def test_joints_hides_so_many_again_each_frame(stream):
    there = seen(faults.apply(["joints:12"], stream, 1))
    assert (there.sum(-1) == 5).all()
    assert there.mean((0, 1)) == pytest.approx(5 / 17, abs=0.07)


@pytest.mark.parametrize(("name", "severity"), [("burst", 0.5), ("burst", 2), ("limb", 0.5)])
def test_spans_last_a_while_and_grow_with_the_severity(stream, name, severity):
    there = seen(faults.apply([f"{name}:{severity}"], stream, 1))
    more = seen(faults.apply([f"{name}:{2 * severity}"], stream, 1))
    assert 0 < (~there).mean() < (~more).mean() < 0.6
    ends = (there[1:] != there[:-1]).any((1, 2)).sum()
    assert ends < COUNT / 5  # not drawn again each frame


@pytest.mark.parametrize(
    ("side", "axis", "line", "above"),
    [("bottom", 1, 360, True), ("top", 1, 120, False), ("left", 0, 160, False), ("right", 0, 480, True)],
)
def test_a_side_of_the_image_is_cut_off(stream, side, axis, line, above):
    cut = faults.apply([f"truncated_{side}:0.25"], stream, 1)
    for before, after in zip(stream[0].keypoints.people, cut[0].keypoints.people, strict=True):
        gone = before.xy_px[:, axis] >= line if above else before.xy_px[:, axis] < line
        np.testing.assert_array_equal(after.score == 0, gone)


def test_the_occluder_passes_over_everybody(stream):
    there = seen(faults.apply(["occluder:0.3"], stream, 1))
    share = (~there).mean(0)
    assert (share > 0.1).all()
    assert (share < 0.6).all()
    assert np.abs(np.diff(there.astype(int), axis=0)).sum(0).max() < 30


def test_lost_frames_and_a_slower_camera(stream):
    lost = [entry is None for entry in faults.apply(["lost:0.25"], stream, 1)]
    assert np.mean(lost) == pytest.approx(0.25, abs=0.05)
    slower = [entry is not None for entry in faults.apply(["rate:3"], stream, 1)]
    assert np.sum(slower) == COUNT // 3
    assert set(np.diff(np.flatnonzero(slower))) == {3}


def test_delayed_frames_keep_their_stamps_and_some_overtake(stream):
    late = faults.apply(["delayed:50"], stream, 1)
    off_ms = np.array([a.arrival_ns - b.arrival_ns for a, b in zip(late, stream, strict=True)]) / 1e6
    assert off_ms.mean() == pytest.approx(50, abs=10)
    assert off_ms.min() >= 0
    assert (np.diff([entry.arrival_ns for entry in late]) < 0).any()
    assert [a.keypoints.stamp_ns for a in late] == [b.keypoints.stamp_ns for b in stream]


def test_noise_of_stamps_scores_and_keypoints(stream):
    stamps = faults.apply(["stamps:10"], stream, 1)
    off_ms = np.array([a.keypoints.stamp_ns - b.keypoints.stamp_ns for a, b in zip(stamps, stream, strict=True)]) / 1e6
    assert off_ms.std() == pytest.approx(10, rel=0.1)
    scores = np.array([entry.keypoints.people[0].score for entry in faults.apply(["scores:0.05"], stream, 1)])
    assert scores.mean() == pytest.approx(0.9, abs=0.01)
    assert 0.04 < scores.std() < 0.06
    xy = np.array([entry.keypoints.people[0].xy_px for entry in faults.apply(["noise:1"], stream, 1)])
    size = np.ptp(stream[0].keypoints.people[0].xy_px, axis=0).max()
    assert (xy - stream[0].keypoints.people[0].xy_px).std() == pytest.approx(0.01 * size, rel=0.05)


def test_sides_and_ids_are_exchanged_for_a_while(stream):
    before = stream[0].keypoints.people[0]
    sides = faults.apply(["sides:0.5"], stream, 1)
    swapped = [not np.array_equal(entry.keypoints.people[0].xy_px, before.xy_px) for entry in sides]
    assert 0.2 < np.mean(swapped) < 0.6
    assert np.abs(np.diff(np.array(swapped).astype(int))).sum() < 60
    np.testing.assert_array_equal(sides[swapped.index(True)].keypoints.people[0].xy_px[5], before.xy_px[6])
    ids = [tuple(person.id for person in entry.keypoints.people) for entry in faults.apply(["ids:0.5"], stream, 1)]
    assert set(ids) == {("anna", "ben"), ("ben", "anna")}
    assert 0.2 < np.mean([pair[0] == "ben" for pair in ids]) < 0.6


def test_faults_follow_each_other(stream):
    both = faults.apply(["lost:0.5", "joints:10"], stream, 1)
    alone = faults.apply(["lost:0.5"], stream, 1)
    assert [entry is None for entry in both] == [entry is None for entry in alone]
    assert (seen(both).sum(-1) == 7).all()


@pytest.mark.parametrize(
    "text", ["nonsense:1", "joints", "joints:", "joints:many", "joints:-1", "joints:1e9", "joints:nan"]
)
def test_a_bad_specification_says_how_it_should_be(text):
    with pytest.raises(ConfigError, match="joints"):
        faults.parse(text)


@pytest.mark.parametrize("with_truth", [True, False])
def test_a_curve_rises(tmp_path, sample, small_lifter, with_truth):
    clip = record(sample, 0, 30.0, cameras=1, seed=5)
    given = inputs(clip.stamps_ns, clip.rays.numpy(), clip.score.numpy())
    truth = timeline(clip.stamps_ns, clip.truth_m) if with_truth else None
    config = BagEvaluationConfig(bag=None)
    found = curves.curve(small_lifter, material(tmp_path, given, truth), config, "noise", (4, 0, 20))
    severities, errors = found.values("mpjpe_absolute_mm")
    assert severities == [0, 4, 20]
    assert errors[0] < errors[1] < errors[2]
    if not with_truth:
        assert errors[0] == 0
    assert found.values("coverage")[1][0] == 1
    curves.save([found], tmp_path)
    assert curves.load(tmp_path) == {"noise": found}
    with pytest.raises(InputError, match="--force"):
        curves.save([found], tmp_path)
    assert curves.load(tmp_path / "none") == {}


def test_a_curve_of_something_else_is_refused(tmp_path, small_lifter):
    with pytest.raises(ConfigError, match="known are joints"):
        curves.curve(small_lifter, material(tmp_path, []), BagEvaluationConfig(bag=None), "nonsense")
    with pytest.raises(ConfigError, match="from 0 to 1"):
        curves.curve(small_lifter, material(tmp_path, []), BagEvaluationConfig(bag=None), "lost", (2,))


def test_lost_frames_lower_the_coverage_and_delays_raise_the_age(tmp_path, sample, small_lifter):
    from pose3d_ros.lab.evaluation.bags.bag import evaluate_direct

    clip = record(sample, 0, 30.0, cameras=1, seed=5)
    given = inputs(clip.stamps_ns, clip.rays.numpy(), clip.score.numpy())
    data, config = material(tmp_path, given, timeline(clip.stamps_ns, clip.truth_m)), BagEvaluationConfig(bag=None)
    lost = evaluate_direct(small_lifter, data, replace(config, faults=("lost:0.5",)))
    assert lost.info["quality"]["all"]["coverage"] == pytest.approx(lost.frames.answered.mean(), abs=1e-3)
    assert lost.info["metrics"]["all"]["missed"] == (~lost.frames.answered).sum() > 20
    slower = evaluate_direct(small_lifter, data, replace(config, faults=("rate:3",)))
    assert slower.info["metrics"]["all"]["velocity_error_mm_s"] > 0
    assert slower.info["quality"]["all"]["jitter_m_s2"] > 0
    late = evaluate_direct(small_lifter, data, replace(config, faults=("delayed:50",)))
    assert late.timings.age_ms.mean() > 40
    assert (np.diff(late.frames.stamp_ns) > 0).all()

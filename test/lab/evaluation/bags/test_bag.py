"""Evaluation of bags: exact on exact data, the same numbers as on motion files, the same bytes twice."""

from dataclasses import replace

import numpy as np
import pytest
from pose3d_testing.bags import SAMPLE, inputs, material, person, shifted, timeline

from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.core.types import JointState
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags import scene
from pose3d_ros.lab.bags.scene import Scene
from pose3d_ros.lab.evaluation.bags.bag import evaluate_bag, evaluate_direct, evaluate_recorded
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig, ScoringConfig
from pose3d_ros.lab.evaluation.bags.run import FRAMES, JSON, TIMINGS, load_run, save_run
from pose3d_ros.lab.evaluation.metrics import measure
from pose3d_ros.lab.evaluation.motion import motion as motion_evaluation
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate
from pose3d_ros.lab.evaluation.motion.recordings import record
from pose3d_ros.lab.evaluation.report import LIFTER, evaluate_motion
from pose3d_ros.models import checkpoint
from pose3d_ros.pipeline import PipelineConfig
from pose3d_ros.settings import BodyConfig

pytestmark = pytest.mark.usefixtures("everybody")

RECORDED = BagEvaluationConfig(bag=None, truth="topic:/truth", estimates="recorded")
DIRECT = replace(RECORDED, estimates="rerun")


@pytest.fixture(scope="module")
def clip(sample):
    """One clip from one camera, 30 Hz."""
    return record(sample, 0, 30.0, cameras=1, seed=5)


def walkers(clip):
    """(2, F, 17, 3): the clip, and the same a second behind and 1.5 m beside it."""
    xyz = clip.truth_m[0]
    return np.stack((xyz, np.roll(xyz, -30, axis=0) + np.array([1.5, 0, 0])))


def scored(tmp_path, estimates, truth, **changes):
    return evaluate_recorded(material(tmp_path, [], truth, estimates), replace(RECORDED, **changes))


def test_the_truth_against_itself_has_no_error(tmp_path, clip):
    truth = timeline(clip.stamps_ns, walkers(clip))
    run = scored(tmp_path, truth, truth)
    found = run.info["metrics"]["all"]
    for name in ("mpjpe_mm", "mpjpe_absolute_mm", "velocity_error_mm_s", "accel_error_mm_s2", "root_error_percent"):
        assert found[name] == 0.0
    assert found["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert (found["missed"], found["false"], found["id_switches"]) == (0, 0, 0)
    assert found["frames"] == 2 * len(clip.stamps_ns)
    assert run.people == ("person0", "person1")
    assert (run.frames.error_mm == 0).all()


def test_a_shift_of_100_mm_is_100(tmp_path, clip):
    people = walkers(clip)
    beside = people + np.array([0, 0.06, 0.08])
    run = scored(tmp_path, timeline(clip.stamps_ns, beside), timeline(clip.stamps_ns, people))
    found = run.info["metrics"]["all"]
    assert found["mpjpe_absolute_mm"] == pytest.approx(100, abs=1e-3)
    assert found["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert run.info["metrics"]["people"]["person1"]["mpjpe_absolute_mm"] == pytest.approx(100, abs=1e-3)


@pytest.mark.parametrize("truth_rate_hz", [30, 100])
def test_an_offset_of_50_ms_is_found_and_taken_away(tmp_path, sample, clip, truth_rate_hz):
    moving = record(sample, 0, float(truth_rate_hz), cameras=1, seed=5, noise=motion_evaluation.detector.PERFECT)
    truth = timeline(moving.stamps_ns - 50_000_000, moving.truth_m[:1])
    run = scored(tmp_path, timeline(clip.stamps_ns, clip.truth_m[:1]), truth, offset_ms=None)
    assert run.info["truth"]["offset_ms"] == pytest.approx(50, abs=5)
    assert run.info["truth"]["offset"]["error_mm"] < run.info["truth"]["offset"]["error_without_mm"]
    given = scored(tmp_path, timeline(clip.stamps_ns, clip.truth_m[:1]), truth, offset_ms=50.0)
    assert given.info["metrics"]["all"]["mpjpe_absolute_mm"] < 1
    hint = scored(
        tmp_path, timeline(clip.stamps_ns, clip.truth_m[:1]), shifted(truth, -(10**13)),
        offset_ms=None, offset_start_ms=1e7,
    )  # fmt: skip
    assert hint.info["truth"]["offset_ms"] == pytest.approx(1e7 + 50, abs=5)
    assert hint.info["metrics"]["all"]["mpjpe_absolute_mm"] < 5
    with pytest.raises(InputError, match="auto:10000050"):
        scored(tmp_path, timeline(clip.stamps_ns, clip.truth_m[:1]), shifted(truth, -(10**13)), offset_ms=None)
    unaware = scored(tmp_path, timeline(clip.stamps_ns, clip.truth_m[:1]), truth)
    assert unaware.info["metrics"]["all"]["mpjpe_absolute_mm"] > 5


@pytest.mark.parametrize("protocol", ["clean", "random:12", "burst"])
def test_numbers_are_those_of_the_motion_evaluation(tmp_path, clip, small_lifter, protocol):
    config = EvaluationConfig(protocols=(protocol,), cameras=1, seed=5)
    expected = measure(
        motion_evaluation._lift_clip(clip, protocol, [candidate("ours", small_lifter)], config)["ours"], "h36m17"
    )
    score = np.where(clip.hidden(protocol, 5), 0, clip.score.numpy())
    given = inputs(clip.stamps_ns, clip.rays.numpy(), score)
    run = evaluate_direct(small_lifter, material(tmp_path, given, timeline(clip.stamps_ns, clip.truth_m)), DIRECT)
    assert_agree(run.info["metrics"]["all"], vars(expected))


@pytest.mark.parametrize("protocol", ["clean", "burst"])
def test_numbers_are_those_of_the_motion_evaluation_through_a_bag_file(tmp_path, clip, small_lifter, protocol):
    """Pixels, messages, a file, weights and all options: what both commands do, from end to end."""
    weights = tmp_path / "small.safetensors"
    checkpoint.save(weights, small_lifter.network, small_lifter.spec)
    config = EvaluationConfig(protocols=(protocol,), cameras=1, clips=1, seed=5)
    expected = evaluate_motion(SAMPLE, str(weights), "none", config, "cpu")[LIFTER][protocol]
    camera = Camera.from_fov(4096, 4096, 140)  # all in view: what is outside of the image counts as missing
    xyz_m = clip.truth_m.astype(np.float64)
    rays = clip.rays.numpy().astype(np.float64)
    score = np.where(clip.hidden(protocol, 5), 0, clip.score.numpy()).astype(np.float32)
    xy_px = camera.project(np.concatenate((rays, np.ones_like(rays[..., :1])), -1)).astype(np.float32)
    lost = np.zeros(len(clip.stamps_ns), bool)
    scene.write(tmp_path / "bag", Scene(clip.stamps_ns, camera, xyz_m, xy_px, score, lost, ("anna",)))
    pipeline = PipelineConfig(body=BodyConfig(weights=str(weights), backend="torch", device="cpu"))
    run = evaluate_bag(BagEvaluationConfig(bag=tmp_path / "bag", truth="topic:/truth", pipeline=pipeline))
    assert_agree(run.info["metrics"]["all"], expected)


def assert_agree(found, expected):
    """Metrics of a bag and those of motion: lengths to 0.1 mm."""
    assert found["mpjpe_mm"] > 20
    for name, value in expected.items():
        if name.endswith("_mm"):
            if isinstance(value, dict):
                assert found[name] == pytest.approx(value, abs=0.1)
            else:
                assert found[name] == (None if value is None else pytest.approx(value, abs=0.1))
        elif name in ("frames", "skipped"):
            assert found[name] == value
        elif name.startswith("root_coverage"):
            assert found[name] is None  # stored runs keep no covariance of the root
        else:
            assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_two_runs_are_the_same_bytes_and_come_back_from_disk(tmp_path, clip, small_lifter):
    given = inputs(clip.stamps_ns, clip.rays.numpy(), clip.score.numpy())
    truth = timeline(clip.stamps_ns, clip.truth_m)
    config = replace(DIRECT, faults=("joints:8", "lost:0.2"))
    for name in ("a", "b"):
        save_run(evaluate_direct(small_lifter, material(tmp_path, given, truth), config), tmp_path / name)
    for file in (JSON, FRAMES):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    run = load_run(tmp_path / "a")
    assert run.info["weights"]["sha256"]
    assert run.info["faults"] == ["joints:8", "lost:0.2"]
    assert len(run.frames) == len(given)
    assert 0.6 < run.frames.answered.mean() < 0.95
    assert run.timings.summary()["push_ms"]["p50"] > 0
    assert np.nanmean(run.timings.age_ms) > 7
    with pytest.raises(InputError, match="--force"):
        save_run(run, tmp_path / "b")
    save_run(run, tmp_path / "b", force=True)
    (tmp_path / "b" / TIMINGS).unlink()
    with pytest.raises(InputError, match=TIMINGS):
        load_run(tmp_path / "b")
    with pytest.raises(InputError, match="pose3d evaluate --bag"):
        load_run(tmp_path)


def test_people_are_told_apart_and_an_exchange_of_tracks_is_two_switches(tmp_path, clip):
    people = walkers(clip)
    truth = timeline(clip.stamps_ns, people)
    exchanged = people.copy()
    exchanged[:, 40:] = people[::-1, 40:]
    found = scored(tmp_path, timeline(clip.stamps_ns, exchanged), truth).info["metrics"]
    assert found["all"]["mpjpe_absolute_mm"] == 0
    assert found["all"]["id_switches"] == 2
    assert found["people"]["person0"]["id_switches"] == 1


def test_missed_and_false_people(tmp_path, clip):
    people = walkers(clip)
    ghost = np.concatenate((people[:1], people[:1] + np.array([-3, 0, 0])))
    run = scored(tmp_path, timeline(clip.stamps_ns, ghost), timeline(clip.stamps_ns, people))
    found, count = run.info["metrics"]["all"], len(clip.stamps_ns)
    assert (found["missed"], found["false"], found["frames"]) == (count, count, count)
    assert (found["missed_share"], found["false_share"]) == (0.5, 0.5)
    assert run.info["metrics"]["people"]["person1"]["mpjpe_mm"] is None
    assert (run.frames.person == np.tile([0, -1], count)).all()


def test_only_joints_of_both_are_compared(tmp_path, clip):
    """A truth in COCO joints has no pelvis: the hips stand for it."""
    from pose3d_ros.core import formats

    coco, h36m = formats.get("coco17"), formats.get("h36m17")
    shared = [joint for joint in h36m.joints if joint in coco]
    truth = timeline(clip.stamps_ns, np.zeros((1, len(clip.stamps_ns), 17, 3)) + 3.0)
    frames = []
    for i, frame in enumerate(truth.frames):
        xyz = np.full((17, 3), 9.0)
        for joint in shared:
            xyz[coco.index(joint)] = clip.truth_m[0, i, h36m.index(joint)]
        frames.append(replace(frame, people=(person(xyz, skeleton="coco17"),)))
    run = scored(tmp_path, timeline(clip.stamps_ns, clip.truth_m), replace(truth, frames=tuple(frames)))
    about = run.info["truth"]
    assert about["joints"] == shared
    assert "pelvis" in about["left_out"]["estimate"]
    assert "left_ear" in about["left_out"]["truth"]
    assert about["root"] == ["left_hip", "right_hip"]
    assert run.info["metrics"]["all"]["mpjpe_mm"] == 0
    assert run.info["metrics"]["all"]["per_joint_mm"]["pelvis"] is None


def test_slices_add_up(tmp_path, clip):
    people = walkers(clip)
    rng = np.random.default_rng(0)
    noisy = people + rng.normal(0, 0.05, people.shape)
    run = scored(
        tmp_path, timeline(clip.stamps_ns, noisy), timeline(clip.stamps_ns, people),
        scoring=ScoringConfig(segment_s=1.0),
    )  # fmt: skip
    parts, whole = run.info["metrics"]["segments"], run.info["metrics"]["all"]
    assert len(parts) == 3
    assert sum(part["frames"] for part in parts) == whole["frames"]
    for name in ("mpjpe_mm", "pa_mpjpe_mm"):
        mean = sum(part[name] * part["frames"] for part in parts) / whole["frames"]
        assert mean == pytest.approx(whole[name], abs=1e-3)
    assert run.info["quality"]["segments"][1]["people"] == 60


def test_quality_without_truth(tmp_path, clip, small_lifter):
    given = inputs(clip.stamps_ns, clip.rays.numpy(), clip.score.numpy())
    run = evaluate_direct(small_lifter, material(tmp_path, given), replace(DIRECT, truth=""))
    assert run.info["metrics"] is None
    assert run.info["truth"] is None
    found = run.info["quality"]["all"]
    assert found["coverage"] > 0.95
    assert found["tracks"] == 1
    assert 0 < found["bone_cv_percent"] < 50
    assert found["jitter_m_s2"] > 0
    assert 0 < found["reprojection_percent"] < 50
    assert found["share_inferred"] == pytest.approx((clip.score.numpy() < 0.3).mean(), abs=0.02)


def test_exact_skeletons_reproject_onto_their_keypoints(tmp_path, clip):
    given = inputs(clip.stamps_ns, clip.truth_m[..., :2] / clip.truth_m[..., 2:], np.ones(clip.truth_m.shape[:3]))
    run = evaluate_recorded(
        material(tmp_path, given, recorded=timeline(clip.stamps_ns[10:], clip.truth_m[:, 10:])),
        replace(RECORDED, truth=""),
    )
    found = run.info["quality"]["all"]
    assert found["reprojection_percent"] == pytest.approx(0, abs=0.01)
    assert found["answered"] == len(given) - 10
    assert found["coverage"] == pytest.approx(1 - 10 / len(given), abs=1e-3)
    assert run.timings.summary()["latency_ms"]["p50"] == 0
    assert run.timings.summary()["age_ms"]["p50"] == 7


def test_a_track_that_takes_over_is_an_id_switch(tmp_path, clip):
    frames = list(timeline(clip.stamps_ns, clip.truth_m).frames)
    for i in range(40, len(frames)):
        frames[i] = replace(frames[i], people=(replace(frames[i].people[0], track=2),))
    recorded = replace(timeline(clip.stamps_ns, clip.truth_m), frames=tuple(frames))
    run = evaluate_recorded(material(tmp_path, [], recorded=recorded), replace(RECORDED, truth=""))
    assert run.info["quality"]["all"]["id_switches"] == 1
    assert set(run.info["quality"]["tracks"]) == {"1", "2"}


def test_a_bag_in_which_nobody_is_seen(tmp_path, clip, small_lifter):
    given = inputs(clip.stamps_ns, clip.rays.numpy(), np.zeros(clip.score.shape))
    run = evaluate_direct(small_lifter, material(tmp_path, given, timeline(clip.stamps_ns, clip.truth_m)), DIRECT)
    assert (run.info["metrics"]["all"]["missed_share"], run.info["metrics"]["all"]["mpjpe_mm"]) == (1, None)
    assert run.info["quality"]["all"]["people"] == 0
    assert run.info["quality"]["all"]["coverage"] is None
    assert load_run(save_run(run, tmp_path / "run").folder).info == run.info


def test_stamps_that_run_backward_or_repeat_are_used_as_far_as_they_go(tmp_path, clip, small_lifter):
    given = inputs(clip.stamps_ns, clip.rays.numpy(), clip.score.numpy())
    again = [*given[:40], given[39], *given[20:]]
    given = [replace(entry, arrival_ns=10**9 + 10**7 * i) for i, entry in enumerate(again)]
    run = evaluate_direct(small_lifter, material(tmp_path, given, timeline(clip.stamps_ns, clip.truth_m)), DIRECT)
    found = run.info["metrics"]["all"]
    assert len(run.frames) == len(given)
    assert found["frames"] + found["missed"] == len(clip.stamps_ns)  # one to one
    assert np.isfinite(found["mpjpe_mm"])


def test_what_cannot_be_evaluated_says_what_to_do(tmp_path, clip, small_lifter):
    with pytest.raises(InputError, match="--estimates recorded"):
        evaluate_direct(small_lifter, material(tmp_path, []), DIRECT)
    with pytest.raises(InputError, match="--estimates rerun"):
        evaluate_recorded(material(tmp_path, []), RECORDED)
    uncalibrated = [replace(entry, camera=None) for entry in inputs(clip.stamps_ns, clip.rays, clip.score)]
    with pytest.raises(InputError, match="camera_info"):
        evaluate_direct(small_lifter, material(tmp_path, uncalibrated), DIRECT)
    still = timeline(clip.stamps_ns, np.repeat(clip.truth_m[:, :1], len(clip.stamps_ns), axis=1))
    with pytest.raises(InputError, match="nobody moves"):
        scored(tmp_path, still, still, offset_ms=None)
    with pytest.raises(ConfigError, match="rerun"):
        replace(RECORDED, faults=("lost:0.1",))


def test_invalid_joints_are_not_compared(tmp_path, clip):
    frames = list(timeline(clip.stamps_ns, clip.truth_m).frames)
    state = np.full(17, JointState.MEASURED, np.uint8)
    state[13] = JointState.INVALID
    xyz = np.array(frames[5].people[0].xyz_m)
    xyz[13] = 0
    frames[5] = replace(frames[5], people=(replace(frames[5].people[0], xyz_m=xyz, state=state),))
    truth = timeline(clip.stamps_ns, clip.truth_m)
    run = scored(tmp_path, replace(truth, frames=tuple(frames)), truth)
    assert run.info["metrics"]["all"]["mpjpe_absolute_mm"] == 0
    assert np.isnan(run.frames.error_mm[5, 13])


def test_stamps_of_another_clock_give_no_age(tmp_path, clip):
    truth = timeline(clip.stamps_ns, clip.truth_m[:1])
    arrivals = {stamp: at + 3600 * 10**9 for stamp, at in truth.arrivals_ns.items()}
    run = scored(tmp_path, replace(truth, arrivals_ns=arrivals), truth)
    assert run.timings.summary()["age_ms"] is None

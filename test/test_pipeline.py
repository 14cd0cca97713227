"""`Pipeline.push` on walkers whose 3D is known, and on everything that a detector or a network may do to it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros import Pipeline, PipelineConfig
from pose3d_ros.core import formats
from pose3d_ros.core.errors import CameraError, ConfigError, EngineError
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, TrackState
from pose3d_ros.estimation.body_state import StateConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.placement import PlacementConfig
from pose3d_ros.geometry.virtual_camera import look_at
from pose3d_ros.models import Lifter, LifterOutput, ModelSpec
from pose3d_ros.pipeline import STAGES
from pose3d_ros.settings import BodyConfig, HandConfig
from pose3d_ros.tracking.smoothing import SmoothingConfig
from pose3d_ros.tracking.track import TrackingConfig

SKELETON = formats.get("h36m17")
START_NS, TICK_NS = 10**10, 33_333_333
CAMERA = Camera(
    np.array([[620.0, 0, 322], [0, 618, 238], [0, 0, 1]]), np.array([-0.2, 0.05, 1e-3, 0, 0]), "plumb_bob", 640, 480
)
# x to their left (they face the camera), y down, metres from the pelvis
STANDING = {
    "pelvis": (0, 0), "hip": (0.13, 0.02), "knee": (0.14, 0.46), "ankle": (0.15, 0.88), "spine": (0, -0.24),
    "thorax": (0, -0.48), "nose": (0, -0.6), "head_top": (0, -0.72), "shoulder": (0.18, -0.46),
    "elbow": (0.22, -0.18), "wrist": (0.24, 0.06),
}  # fmt: skip


def walker(x: float = 0.0, z: float = 4.0, phase: float = 0.0) -> np.ndarray:
    """A body (17, 3) in the camera frame: arms and legs swing with the phase (radians)."""
    xyz_m = np.zeros((17, 3))
    for row, joint in enumerate(SKELETON.joints):
        side, part = joint.split("_", 1) if joint.startswith(("left_", "right_")) else ("", joint)
        across, down = STANDING[part]
        sign = {"left": 1, "right": -1, "": 0}[side]
        swing = 0.25 * np.sin(phase) * sign * {"ankle": 1, "knee": 0.5, "wrist": -0.8, "elbow": -0.4}.get(part, 0)
        xyz_m[row] = (sign * across, down, -0.08 * (part == "nose") + swing)
    return xyz_m + np.array([x, 0.1, z])


def seen_as(xyz_m: np.ndarray, id: str = "", hidden: tuple[str, ...] = (), score: float = 0.9) -> Person2D:
    xy_px = CAMERA.project(xyz_m)
    xy_px[SKELETON.indices(hidden)] = np.nan
    return Person2D("h36m17", xy_px, np.full(17, score), id)


def frame(tick: float, *people: Person2D) -> Keypoints2D:
    return Keypoints2D(START_NS + int(tick * TICK_NS), people, "optical", 640, 480)


class Oracle(Lifter):
    """Stands in for the network: gives the truth of the people in view, in the axes of their virtual cameras."""

    spec = ModelSpec("oracle", "h36m17", 27, 30.0, sigma_seen=0.5, sigma_hidden=2.0)
    description = "oracle"
    closed = False

    def __init__(self) -> None:
        self.truth = [walker()]
        self.spoil = lambda xyz_m: xyz_m

    def warm_up(self, rows: int = 1) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def __call__(self, inputs: np.ndarray, frame: int = -1, condition: np.ndarray | None = None) -> LifterOutput:
        xyz_m = np.resize(np.stack(self.truth), (len(inputs), 17, 3))
        virtual = look_at(xyz_m[..., :2] / xyz_m[..., 2:], inputs[:, frame, :, 2])
        lifted = virtual.from_camera(xyz_m - xyz_m[:, :1])
        return LifterOutput(self.spoil(lifted.astype(np.float32)), np.full((len(inputs), 17), 0.04, np.float32))


@pytest.fixture
def oracle():
    return Oracle()


FRAME_BY_FRAME = PipelineConfig(state=StateConfig(enabled=False))  # no state lags behind what is lifted


@pytest.fixture
def pipeline(oracle):
    return Pipeline(FRAME_BY_FRAME, lifter=oracle)


def walk(pipeline, ticks, *bodies, **seen):
    """Push people who stand still; the results."""
    pipeline.bodies.lifter.truth = list(bodies) or [walker()]
    return [pipeline.push(frame(t, *(seen_as(b, **seen) for b in pipeline.bodies.lifter.truth)), CAMERA) for t in ticks]


def test_a_walker_is_where_they_are(pipeline, oracle):
    for tick in range(45):
        body = walker(-1 + 0.03 * tick, 3 + 0.02 * tick, 0.2 * tick)
        oracle.truth = [body]
        result = pipeline.push(frame(tick, seen_as(body)), CAMERA)
        (person,) = result.people
        np.testing.assert_allclose(person.xyz_m, body, atol=2e-3)
        np.testing.assert_allclose(person.sigma_m, 0.02)
        assert (person.state == JointState.MEASURED).all()
        assert person.track_state == (TrackState.TRACKED if tick else TrackState.TENTATIVE)
        assert (person.track, person.skeleton) == (1, "h36m17")
        assert (result.stamp_ns, result.frame_id, result.reasons) == (START_NS + tick * TICK_NS, "optical", ())


def test_every_stage_is_timed_also_without_people(pipeline):
    for people in ((), (seen_as(walker()),)):
        timings = pipeline.push(frame(len(people), *people), CAMERA).timings_ms
        assert tuple(timings) == (*STAGES, "total")
        assert sum(timings[stage] for stage in STAGES) <= timings["total"]
    assert timings["placement"] > 0


def test_several_people_keep_their_own_place_and_number(pipeline):
    bodies = [walker(x, z) for x, z in ((-1.2, 4), (0, 5), (1.3, 3.5))]
    for result in walk(pipeline, range(5), *bodies):
        assert [person.track for person in result.people] == [1, 2, 3]
        for person, body in zip(result.people, bodies, strict=True):
            np.testing.assert_allclose(person.xyz_m, body, atol=2e-3)


def test_ids_of_the_source_are_kept_whatever_the_order(pipeline, oracle):
    anna, ben = walker(-1), walker(1)
    oracle.truth = [anna, ben]
    pipeline.push(frame(0, seen_as(anna, "anna"), seen_as(ben, "ben")), CAMERA)
    result = pipeline.push(frame(1, seen_as(ben, "ben"), seen_as(anna, "anna")), CAMERA)
    where = {person.id: person.xyz_m[0, 0] for person in result.people}
    assert where == {"anna": pytest.approx(-1, abs=0.01), "ben": pytest.approx(1, abs=0.01)}


def test_what_a_detector_gives_is_turned_into_the_lifters_joints(pipeline):
    names = formats.get("coco17").joints
    own = {j: walker()[SKELETON.index(j)] for j in SKELETON.joints}
    xyz_m = np.array([own.get(joint, own["nose"]) for joint in names])
    result = pipeline.push(frame(0, Person2D("coco17", CAMERA.project(xyz_m), np.full(17, 0.8))), CAMERA)
    (person,) = result.people
    assert person.skeleton == "h36m17"
    np.testing.assert_allclose(person.xyz_m, walker(), atol=0.2)


def test_hidden_joints_are_inferred_and_less_certain(pipeline):
    walk(pipeline, range(5))
    (result,) = walk(pipeline, [5], hidden=("left_wrist", "right_ankle"))
    (person,) = result.people
    hidden = SKELETON.indices(("left_wrist", "right_ankle"))
    assert (np.flatnonzero(person.state == JointState.INFERRED) == np.sort(hidden)).all()
    np.testing.assert_allclose(person.sigma_m[hidden], 0.08)
    np.testing.assert_allclose(person.xyz_m, walker(), atol=0.01)


def test_lost_frames_coast_and_end(pipeline):
    walk(pipeline, range(10))
    for tick in range(10, 30):
        (person,) = pipeline.push(frame(tick), CAMERA).people
        assert person.track_state == TrackState.LOST
        assert (person.state == JointState.INFERRED).all()
        np.testing.assert_allclose(person.xyz_m, walker(), atol=0.01)
    for tick in range(40, 100):
        assert pipeline.push(frame(tick), CAMERA).people == ()
    (result,) = walk(pipeline, [100])
    assert [person.track for person in result.people] == [2]


def test_who_comes_back_in_time_is_the_same_person(pipeline):
    walk(pipeline, range(10))
    for tick in range(10, 25):
        pipeline.push(frame(tick), CAMERA)
    (result,) = walk(pipeline, [25])
    assert [(p.track, p.track_state) for p in result.people] == [(1, TrackState.TRACKED)]


def test_too_little_to_be_a_person(pipeline):
    one = tuple(joint for joint in SKELETON.joints if joint != "nose")
    (result,) = walk(pipeline, [0], hidden=one)
    assert (result.people, result.reasons) == ((), ("too_few_keypoints",))
    (result,) = walk(pipeline, [1], hidden=one, id="anna")
    assert (result.people, result.reasons) == ((), ("too_few_joints_in_window",))
    (result,) = walk(pipeline, [2], hidden=SKELETON.joints)
    assert result.people == ()
    assert "nothing_visible" in result.reasons


def test_one_visible_joint_continues_a_known_person(pipeline):
    walk(pipeline, range(10))
    results = walk(pipeline, range(10, 30), hidden=tuple(j for j in SKELETON.joints if j != "nose"))
    for result in results:
        (person,) = result.people
        assert (person.track, (person.state == JointState.MEASURED).sum()) == (1, 1)
        np.testing.assert_allclose(person.xyz_m, walker(), atol=0.02)


def test_a_person_at_the_image_border(pipeline):
    body = walker(0.3, 1.1)  # legs and head out of the image
    xy_px = CAMERA.project(body)
    outside = ~((xy_px >= 0) & (xy_px < [640, 480])).all(axis=1)
    assert 4 <= outside.sum() <= 12
    hidden = tuple(np.array(SKELETON.joints)[outside])
    for result in walk(pipeline, range(3), body, hidden=hidden):
        (person,) = result.people
        np.testing.assert_array_equal(person.state == JointState.INFERRED, outside)
        np.testing.assert_allclose(person.xyz_m, body, atol=2e-3)


def test_another_calibration_starts_again_and_says_so(pipeline):
    walk(pipeline, range(5))
    other = Camera(CAMERA.K * [[1.1], [1.1], [1]], width=640, height=480)
    result = pipeline.push(frame(5, seen_as(walker())), other)
    assert result.reasons == ("camera_changed",)
    assert [(p.track, p.track_state) for p in result.people] == [(2, TrackState.TENTATIVE)]
    same = Camera(other.K.copy(), width=640, height=480)
    assert pipeline.push(frame(6, seen_as(walker())), same).reasons == ()


def test_another_image_size_is_an_error(pipeline):
    with pytest.raises(CameraError, match="in a 320x240 image but the camera is calibrated for 640x480"):
        pipeline.push(Keypoints2D(0, (seen_as(walker()),), "", 320, 240), CAMERA)
    assert len(walk(pipeline, [0])[0].people) == 1


def test_reset_is_as_good_as_new(pipeline):
    walk(pipeline, range(5), walker(1), walker(-1))
    pipeline.reset()
    pipeline.bodies.lifter.truth = [walker()]
    other, seen = Camera.from_fov(640, 480, 60), seen_as(walker(), hidden=("nose",))
    results = [p.push(frame(0, seen), other) for p in (pipeline, Pipeline(FRAME_BY_FRAME, Oracle()))]
    ours, new = (result.people[0] for result in results)
    np.testing.assert_array_equal(ours.xyz_m, new.xyz_m)
    np.testing.assert_array_equal(ours.state, new.state)
    assert ours.track_state == new.track_state
    assert results[0].reasons == results[1].reasons == ()
    assert (ours.track, new.track) == (3, 1)  # numbers are never used twice


@pytest.mark.parametrize(("tick", "reason"), [(5, "duplicate_stamp"), (3.5, "late_stamp"), (-40, "too_old_stamp")])
def test_odd_stamps_are_counted_and_nobody_is_lost(pipeline, tick, reason):
    walk(pipeline, range(6))
    assert reason in walk(pipeline, [tick])[0].reasons
    (result,) = walk(pipeline, [6])
    assert [(p.track, p.track_state) for p in result.people] == [(1, TrackState.TRACKED)]
    np.testing.assert_allclose(result.people[0].xyz_m, walker(), atol=2e-3)


def test_a_looped_recording_starts_again(pipeline):
    walk(pipeline, range(100, 110))
    reasons = [r for result in walk(pipeline, range(10)) for r in result.reasons]
    assert reasons.count("stream_backward") == 1
    (result,) = walk(pipeline, [10])
    assert [p.track for p in result.people] == [2]


def test_observing_is_pushing_without_the_result(pipeline):
    other = Pipeline(FRAME_BY_FRAME, lifter=Oracle())
    for tick in range(8):
        body = walker(0.05 * tick)
        other.push(frame(tick, seen_as(body)), CAMERA)
        pipeline.observe(frame(tick, seen_as(body)), CAMERA)
    ours, theirs = (walk(p, [8], walker(0.4), hidden=("left_wrist",))[0].people[0] for p in (pipeline, other))
    np.testing.assert_array_equal(ours.xyz_m, theirs.xyz_m)
    assert (ours.track, ours.track_state) == (theirs.track, theirs.track_state)


def test_a_format_that_cannot_feed_the_lifter_is_told_and_others_live(pipeline):
    hand = Person2D("hand21", np.full((21, 2), 100.0), np.ones(21))
    result = pipeline.push(frame(0, hand, seen_as(walker())), CAMERA)
    assert len(result.people) == 1
    (reason,) = result.reasons
    assert reason.startswith("format hand21 cannot feed h36m17: it lacks left_hip")


def test_hands_are_no_bodies_and_no_reason(pipeline):
    hand = Person2D("hand21", np.full((21, 2), 100.0), np.ones(21), side="left")
    without_hands = Pipeline(PipelineConfig(hands=HandConfig(weights="")), Oracle())
    for one in (without_hands, pipeline):
        result = one.push(frame(0, hand, seen_as(walker())), CAMERA)
        assert len(result.people) == 1
        assert result.hands == ()  # of 21 identical points nothing is made
        assert result.reasons == (() if one is without_hands else ("hand_in_one_point",))


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 1e38, 0.0])
def test_rubbish_beside_a_person(pipeline, rubbish):
    odd = Person2D("h36m17", np.full((17, 2), rubbish), np.ones(17), "odd")
    for tick in range(3):
        result = pipeline.push(frame(tick, odd, seen_as(walker(), "anna")), CAMERA)
        (anna,) = (person for person in result.people if person.id == "anna")
        np.testing.assert_allclose(anna.xyz_m[0], walker()[0], atol=0.5)
        assert all(np.isfinite(person.xyz_m).all() for person in result.people)


def test_what_fits_no_body_before_the_camera_is_told(pipeline, oracle):
    oracle.spoil = lambda xyz_m: -xyz_m
    result = walk(pipeline, [0])[0]
    assert (result.people, result.reasons) == ((), ("placement_undetermined",))


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_a_network_that_fails_for_one_person_spoils_no_other_and_no_later(smoothing):
    oracle = Oracle()
    pipeline = Pipeline(PipelineConfig(smoothing=SmoothingConfig(min_cutoff_hz=smoothing)), oracle)

    def nan_for_the_first(xyz_m):
        xyz_m[0, 3] = np.nan
        return xyz_m

    bodies = walker(-1), walker(1)
    walk(pipeline, range(3), *bodies)
    oracle.spoil = nan_for_the_first
    (result,) = walk(pipeline, [3], *bodies)
    assert [person.track for person in result.people] == [2]
    assert result.reasons == ("lifter_not_finite",)
    oracle.spoil = lambda xyz_m: xyz_m
    (result,) = walk(pipeline, [4], *bodies)
    assert result.reasons == ()
    for person, body in zip(result.people, bodies, strict=True):
        np.testing.assert_allclose(person.xyz_m, body, atol=2e-3)


def test_live_parameters_act_from_the_next_frame(pipeline):
    config = pipeline.config
    (result,) = walk(pipeline, [0])
    assert result.people[0].xyz_m[0, 2] == pytest.approx(4, abs=0.01)
    pipeline.reconfigure(replace(config, placement=PlacementConfig(stature_m=0.85)))
    (result,) = walk(pipeline, [1])
    assert result.people[0].track == 1
    assert result.people[0].xyz_m[0, 2] == pytest.approx(2, rel=0.15)
    pipeline.reconfigure(replace(config, tracking=TrackingConfig(min_score=0.95)))
    (result,) = walk(pipeline, [2])
    assert (result.people[0].state == JointState.INFERRED).all()
    assert pipeline.config.tracking.min_score == 0.95


@pytest.mark.parametrize("change", [{"weights": "other"}, {"device": "cuda"}, {"precision": "fp16"}])
def test_what_needs_another_pipeline_is_refused(pipeline, change):
    (name,) = change
    before = pipeline.config
    other = replace(before, body=BodyConfig(**change), tracking=TrackingConfig(min_score=0.9))
    with pytest.raises(ConfigError, match=f"body.{name} cannot change while running"):
        pipeline.reconfigure(other)
    assert pipeline.config == before
    assert (walk(pipeline, [0], score=0.5)[0].people[0].state == JointState.MEASURED).all()


def test_closed(pipeline, oracle):
    walk(pipeline, range(2))
    pipeline.close()
    assert oracle.closed
    for call in (pipeline.push, pipeline.observe):
        with pytest.raises(EngineError, match="this pipeline was closed: make a new one"):
            call(frame(2), CAMERA)


REASONS = {
    "too_few_joints_in_window", "placement_undetermined", "nothing_visible", "duplicate_person", "too_few_keypoints",
    "late_unknown_person", "too_old_stamp", "duplicate_id", "duplicate_stamp", "late_stamp", "stream_gap",
    "stream_backward", "absurd_depth", "absurd_size", "absurd_bone", "absurd_speed",
    "too_small", "source_id_passed_on", "held_back_built_like_nobody", "held_back_too_far",
    "held_back_still_and_odd",
}  # fmt: skip
STEPS = [-3e3, -60, -5, -1, -0.5, 0, 0.1, 1, 1, 1, 1, 2, 10, 29, 31, 1e6]  # of the stamp, in frames
coordinates = st.one_of(
    st.sampled_from([np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-38, 0.0, 639.0]), st.floats(-1e4, 1e4, width=32)
)
detections = st.tuples(
    st.sampled_from(["", "", "a", "b"]),
    st.integers(0, 2**17 - 1),  # visible joints
    st.sampled_from([np.nan, -1.0, 0.0, 0.2, 0.5, 1.0, 7.0]),
    st.lists(st.tuples(st.integers(0, 16), coordinates, coordinates), max_size=5),
    st.floats(-2, 2),
    st.floats(0.3, 30),
)
streams = st.lists(st.tuples(st.sampled_from(STEPS), st.lists(detections, max_size=3)), max_size=12)


def detection(id, visible, score, odd, x, z) -> Person2D:
    xy_px = CAMERA.project(walker(x, z))
    xy_px[[not visible >> joint & 1 for joint in range(17)]] = np.nan
    for joint, u, v in odd:
        xy_px[joint] = u, v
    with np.errstate(over="ignore"):
        return Person2D("h36m17", xy_px.astype(np.float32), np.full(17, score), id)


@settings(max_examples=60, deadline=None)
@given(streams)
def test_random_streams_never_crash_nor_give_nonsense(stream):
    pipeline, tick, newest = Pipeline(lifter=Oracle()), 10_000.0, -1.0
    for step, people in stream:
        tick = max(tick + step, 0)
        ahead, newest = tick - newest, max(tick, newest)
        given_frame = frame(tick, *(detection(*one) for one in people))
        result = pipeline.push(given_frame, CAMERA)
        assert result.stamp_ns == given_frame.stamp_ns
        assert set(result.reasons) <= REASONS
        assert len({person.track for person in result.people}) == len(result.people)
        assert len({person.id for person in result.people}) == len(result.people)
        for person in result.people:
            assert np.isfinite(person.xyz_m).all()
            assert person.xyz_m[0, 2] > 0
            assert (person.sigma_m > 0).all()
            assert set(person.state) <= {JointState.MEASURED, JointState.INFERRED}
            if not people:  # at an instant of its own: a late frame may be another's, in which they were seen
                assert (person.state == JointState.INFERRED).all() or ahead < 1

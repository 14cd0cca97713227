"""The data in demo/: complete, small, attributed, and in step with the messages and the benchmark that reads it."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.types import Person2D, Person3D, Skeletons3D

ROOT = Path(__file__).parents[1]
BAG = ROOT / "demo" / "signing"
FRAMES = 115
TYPES = {
    "/image/compressed": "sensor_msgs/msg/CompressedImage",
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/keypoints": "pose3d_ros/msg/Skeleton2DArray",
}


@pytest.fixture(scope="module")
def bag():
    """Messages by topic, read with the definitions in the bag alone."""
    highlevel = pytest.importorskip("rosbags.highlevel", reason="needs rosbags (pip install .[tools])")
    with highlevel.AnyReader([BAG]) as reader:
        assert {c.topic: c.msgtype for c in reader.connections} == TYPES
        messages = {topic: [] for topic in TYPES}
        for connection, _, raw in reader.messages():
            messages[connection.topic].append(reader.deserialize(raw, connection.msgtype))
    return messages


def stamps(messages):
    return [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in messages]


def test_the_bag_is_small_and_attributed():
    assert sum(path.stat().st_size for path in BAG.iterdir()) < 4e6
    notice = (ROOT / "NOTICE").read_text()
    assert "https://github.com/intel-iot-devkit/sample-videos" in notice
    assert "https://github.com/perfanalytics/pose2sim" in notice


def test_every_image_has_its_calibration_and_keypoints(bag):
    times = [stamps(messages) for messages in bag.values()]
    assert times[0] == times[1] == times[2]
    assert len(times[0]) == FRAMES
    np.testing.assert_allclose(np.diff(times[0]), 1e9 / 30, atol=1)
    assert {m.header.frame_id for messages in bag.values() for m in messages} == {"camera_optical_frame"}


def test_keypoints_are_a_body_and_its_hands(bag):
    sides = []
    for message in bag["/keypoints"]:
        people = [Person2D(p.format, p.xy_px.reshape(-1, 2), p.score, p.id, p.side) for p in message.people]
        bodies = [p for p in people if p.format == "mediapipe33"]
        hands = [p for p in people if p.format == "hand21"]
        assert len(bodies) == 1
        assert len(people) == 1 + len(hands)
        assert {p.id for p in people} == {"1"}
        sides += [hand.side for hand in hands]
        knees = formats.get("mediapipe33").indices(("left_knee", "right_knee"))
        np.testing.assert_array_equal(bodies[0].score[knees], 0)  # out of the image
    assert sides.count("left") > 0.9 * FRAMES
    assert sides.count("right") > 0.5 * FRAMES


def test_the_bag_holds_the_messages_of_this_version(bag):
    typesys = pytest.importorskip("rosbags.typesys")
    mcap = next(BAG.glob("*.mcap")).read_bytes()
    for name in ("Skeleton2D", "Skeleton2DArray"):
        definition = typesys.get_types_from_msg((ROOT / "msg" / f"{name}.msg").read_text(), f"pose3d_ros/msg/{name}")
        fields = definition[f"pose3d_ros/msg/{name}"][1]
        assert [field for field, _ in fields] == [
            field for field in vars(bag["/keypoints"][0] if "Array" in name else bag["/keypoints"][0].people[0])
            if field != "__msgtype__"
        ]  # fmt: skip
    assert b"MSG: pose3d_ros/Skeleton2D\n" in mcap


def script(name):
    """A module of benchmark/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmark" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def benchmark():
    return script("real_views")


@pytest.fixture(scope="module")
def clips(benchmark):
    """Every fifth frame of the four views."""
    found = [benchmark.load(path) for path in sorted(benchmark.DATA.glob("*.npz"))]
    return [
        replace(c, xy_px=c.xy_px[::5], score=c.score[::5], world_m=c.world_m[::5], rate_hz=c.rate_hz / 5) for c in found
    ]


@pytest.fixture(scope="module")
def reference(benchmark, clips):
    return benchmark.reference(clips)


def test_the_reference_of_the_views_is_sound(benchmark, clips, reference):
    quality = benchmark.check(reference, clips)
    assert max(quality["reprojection_px"].values()) < 10
    assert all(length["spread"] < 0.07 * length["median"] for length in quality["length_m"].values())
    # MediaPipe swaps his sides in the second view for a while
    assert [quality["frames_without_view"][clip.name] for clip in clips] == [0, pytest.approx(6, abs=2), 0, 0]
    assert np.isfinite(benchmark.limbs(reference.xyz_m, "mediapipe33")).all()


class Oracle:
    """A pipeline that knows the reference, times `scale`."""

    def __init__(self, xyz_m, rate_hz, scale):
        self.xyz_m, self.rate_hz, self.scale, self.seen = scale * xyz_m, rate_hz, scale, []

    def reset(self):
        self.pushed = 0

    def push(self, frame, camera):
        xyz_m, self.pushed = self.xyz_m[self.pushed], self.pushed + 1
        self.seen.append(int((frame.people[0].score > 0).sum()))
        return Skeletons3D(frame.stamp_ns, "", (Person3D("man", 1, "h36m17", xyz_m, np.ones(17), np.ones(17)),))


def test_errors_are_zero_for_the_reference_itself_and_scale_shows_in_the_distance(benchmark, clips, reference):
    clip = clips[0]
    world, _ = mapping(clip.format, "h36m17")(reference.xyz_m, np.ones(reference.xyz_m.shape[:2]))
    truth = clip.view.to_camera(benchmark.limbs(reference.xyz_m, clip.format))
    for scale, percent in ((1.0, 0.0), (1.1, 10.0)):
        oracle = Oracle(clip.view.to_camera(world), clip.rate_hz, scale)
        found = benchmark.lifted(oracle, clip, truth)
        assert set(found) == {"seen", "random:12", "burst:12"}
        for errors in found.values():
            assert errors["pa_mpjpe_mm"] == pytest.approx(0, abs=0.01)
            assert errors["distance_error_percent"] == pytest.approx(percent, abs=0.01)
        assert found["seen"]["mpjpe_mm"] == pytest.approx(49 * (scale - 1) / 0.1, abs=3)
        assert max(oracle.seen[len(clip.score) :]) == 17 - benchmark.HIDDEN


def test_errors_are_told_apart_by_what_was_seen(benchmark):
    rng = np.random.default_rng(0)
    truth = np.repeat(rng.normal(0, 0.5, (1, 12, 3)), 9, 0)
    knees = [benchmark.LIMB_JOINTS.index(f"{side}_knee") for side in ("left", "right")]
    said = truth.copy()
    said[:, knees, 1] += 0.1 * np.arange(9)[:, None] ** 2  # 0.2 m per frame²
    said[:3] = np.nan  # nothing was said yet
    e = benchmark.compared(said, truth, np.isin(np.arange(12), knees)[None] & np.ones((9, 1), bool), rate_hz=10.0)
    assert e["frames"] == 6
    assert e["seen_mm"] == pytest.approx(1e3 * 0.1 * np.mean(np.arange(3, 9) ** 2))
    assert e["hidden_mm"] == pytest.approx(0, abs=1e-9)
    assert e["jitter"] == pytest.approx(10.0**2 * 0.2 * 2 / 12)


@pytest.fixture(scope="module")
def video():
    """benchmark/images_on_video.py, the first frames of the demo, and what is compared in them."""
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("rosbags", reason="needs rosbags (pip install .[tools])")
    module = script("images_on_video")
    frames = module.read(module.Bag(BAG))[:40]
    return module, frames, module.subjects(frames, module.DEMO / "signing_mediapipe.npz")


def test_landmarks_of_the_demo_are_those_of_its_keypoints(video):
    _, frames, subjects = video
    assert len(frames) == 40
    for subject in subjects.values():
        both = subject.theirs.keys() & subject.keypoints.keys()
        assert len(both) > 30
        off = [np.linalg.norm(subject.theirs[k][0] - subject.keypoints[k][0], axis=1)[subject.rows] for k in both]
        assert np.nanmedian(off) < 0.01


def test_distances_to_mediapipe_of_its_own_hands_are_zero_and_of_turned_ones_tell_the_turn(video):
    module, _, subjects = video
    hands = subjects["hand"]
    own = {(number, 1, side): xyz_m for (number, side), (_, xyz_m) in hands.theirs.items() if number is not None}
    found = module.distances(hands, own, list(own))
    assert (found["unaligned mm"], found["turn °"], found["size"]) == pytest.approx((0, 0, 1), abs=1e-4)
    quarter = np.array(((0, -1, 0), (1, 0, 0), (0, 0, 1.0)))
    found = module.distances(hands, {key: 1.1 * xyz_m @ quarter for key, xyz_m in own.items()}, list(own))
    assert found["turn °"] == pytest.approx(90, abs=0.01)
    assert found["size"] == pytest.approx(1.1, abs=1e-4)
    assert found["PA mm"] == pytest.approx(0, abs=1e-3)
    assert found["unaligned mm"] > 50


def test_jitter_of_a_hand_that_falls_is_that_of_its_fall(video):
    module, _, subjects = video
    hand = np.random.default_rng(0).normal(0, 0.05, (21, 3))
    falling = {(k, 1, "left"): hand + np.array((0, 0.5 * 9.81 * (k / 30) ** 2, 1)) for k in range(8) if k != 5}
    steady = module.steadiness(subjects["hand"], falling, 30.0)
    assert steady["jitter"] == pytest.approx(9.81)
    assert [steady[name] for name in ("about the root", "pinch steps mm", "curl steps")] == pytest.approx(
        [0, 0, 0], abs=1e-6
    )

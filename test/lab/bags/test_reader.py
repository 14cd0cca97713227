from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.types import TopicChoice
from pose3d_ros.lab.bags.writer import BagWriter

DATA = Path(__file__).parents[2] / "data" / "bags"
STEP_NS, START_NS, FRAME = 33_333_333, 1_700_000_000_000_000_000, "camera"


@pytest.mark.parametrize(("name", "frames", "people"), [("one_person", 85, 1), ("two_people", 45, 2)])
def test_the_bundled_bags_are_read(name, frames, people):
    bag = Bag(DATA / name)
    inputs = list(bag.inputs())
    assert len(inputs) == frames
    assert {len(entry.keypoints.people) for entry in inputs} == {people}
    assert {entry.arrival_ns - entry.keypoints.stamp_ns for entry in inputs} == {30_000_000}
    assert inputs[0].camera.width == 640
    assert bag.estimates() is None  # truth is no estimate
    assert bag.frame_id == "camera_optical_frame"
    assert bag.duration_s == pytest.approx((frames - 1) / 30 + 0.03, abs=1e-3)
    assert not bag.skipped


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("compression", ["", "message", "file", "storage"])
def test_every_compression_gives_the_same(make_bag, storage, compression):
    if (storage, compression) == ("sqlite3", "storage"):
        with pytest.raises(InputError, match="sqlite3 has no compression"):
            make_bag(storage=storage, compression=compression)
        return
    path = make_bag(storage=storage, compression=compression)
    (path / "metadata.yaml").unlink()
    files = [file for file in path.iterdir() if file.suffix in (".mcap", ".db3", ".zstd")]
    for source in (path, *files):  # the folder, and the file alone
        inputs = list(Bag(source).inputs())
        assert [entry.keypoints.stamp_ns for entry in inputs] == [START_NS + i * STEP_NS for i in range(10)]
        assert inputs[9].camera == Camera.from_fov(320, 240, 70)


def test_the_files_of_a_split_bag_are_read_in_order(make_bag):
    whole = make_bag(frames=5, name="bag")
    for number, storage in ((5, "mcap"), (10, "mcap")):
        part = make_bag(frames=5, name=f"part{number}", storage=storage, first=number)
        next(part.glob("*.mcap")).rename(whole / f"bag_{number}.mcap")
    assert [entry.arrival_ns for entry in Bag(whole).inputs()] == [
        START_NS + i * STEP_NS + 10_000_000 for i in range(15)
    ]


def test_a_bag_can_be_read_again_and_counts_once(make_bag):
    bag = Bag(make_bag(frames=3, stamps=[START_NS, START_NS, START_NS + 5]))
    assert [len(bag.skeletons("/truth").frames) for _ in range(3)] == [2, 2, 2]
    assert bag.skipped == {"/truth: stamp came before": 1}


def test_calibrations_change_and_the_first_serves_what_came_before_it(tmp_path, frame_of):
    near, far = Camera.from_fov(320, 240, 70), Camera.from_fov(320, 240, 50)
    with BagWriter(tmp_path / "bag") as bag:
        for number, camera in enumerate((None, near, None, far, None)):
            if camera:
                bag.camera("/camera_info", START_NS + number, camera, START_NS + number, FRAME)
            bag.keypoints("/keypoints", START_NS + number, frame_of(near, 0, START_NS + number))
    cameras = [entry.camera for entry in Bag(tmp_path / "bag").inputs()]
    assert cameras == [near, near, near, far, far]


def test_without_a_calibration_the_camera_is_unknown(tmp_path, frame_of):
    camera = Camera.from_fov(320, 240, 70)
    with BagWriter(tmp_path / "bag") as bag:
        bag.keypoints("/keypoints", START_NS, frame_of(camera, 0, START_NS))
    assert [entry.camera for entry in Bag(tmp_path / "bag").inputs()] == [None]
    assert Bag(tmp_path / "bag").camera is None


def test_no_messages_at_all(make_bag):
    bag = Bag(make_bag(frames=0))
    assert list(bag.inputs()) == []
    assert bag.estimates() is None
    assert (bag.duration_s, bag.frame_id, bag.image_stamps_ns) == (0.0, "", ())


def test_stamps_may_run_backward_and_zero_stamps_are_replaced_by_the_arrival(make_bag):
    stamps = [START_NS + 5, START_NS, START_NS - 5, 0, 7]
    bag = Bag(make_bag(frames=5, stamps=stamps))
    found = [entry.keypoints.stamp_ns for entry in bag.inputs()]
    assert found == [*stamps[:3], START_NS + 3 * STEP_NS + 10_000_000, 7]
    assert list(bag.skeletons("/truth").stamps_ns) == sorted([*stamps[:3], START_NS + 3 * STEP_NS, 7])


def test_several_topics_need_a_name(tmp_path, frame_of):
    camera = Camera.from_fov(320, 240, 70)
    with BagWriter(tmp_path / "bag") as bag:
        for side, shift in (("left", 0), ("right", 1)):
            bag.camera(f"/{side}/camera_info", START_NS, camera, START_NS, side)
            frame = frame_of(camera, 0, START_NS + 1 + shift)
            bag.keypoints(f"/{side}/keypoints", START_NS + 1, frame)
    with pytest.raises(InputError, match="/left/keypoints, /right/keypoints"):
        list(Bag(tmp_path / "bag").inputs())
    named = Bag(tmp_path / "bag", TopicChoice(keypoints="/right/keypoints"))
    assert [entry.keypoints.stamp_ns for entry in named.inputs()] == [START_NS + 2]
    assert named.camera_topic == "/right/camera_info"  # the more similar name
    assert Bag(tmp_path / "bag", TopicChoice(namespace="/left")).camera_topic == "/left/camera_info"
    with pytest.raises(InputError, match=r"no topic /none.*/left/keypoints"):
        list(Bag(tmp_path / "bag", TopicChoice(keypoints="/none")).inputs())


def test_a_bad_person_costs_nobody_else_and_is_counted(tmp_path, frame_of):
    camera = Camera.from_fov(320, 240, 70)
    frame = frame_of(camera, 0, START_NS)
    with BagWriter(tmp_path / "bag") as bag:
        zeros = np.zeros(34, np.float32)
        good, bad = (
            bag.make("pose3d_ros/msg/Skeleton2D", id="", side="", format=name, xy_px=zeros[:34], score=zeros[:17])
            for name in ("h36m17", "unheard_of")
        )  # fmt: skip
        kind = "pose3d_ros/msg/Skeleton2DArray"
        header = bag.header(START_NS, FRAME)
        bag.write("/keypoints", kind, START_NS, bag.make(kind, header=header, width=0, height=0, people=[good, bad]))
        bag.keypoints("/keypoints", START_NS, frame)
    bag = Bag(tmp_path / "bag")
    assert [len(entry.keypoints.people) for entry in bag.inputs()] == [1, 1]
    ((reason, number),) = bag.skipped.items()
    assert "unheard_of" in reason
    assert number == 1


def test_images_are_found_by_stamp_and_decoded_when_asked_for(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        for number in range(3):
            bgr = np.full((24, 32, 3), (0, 0, 80 * number), np.uint8)
            bag.image("/image/compressed", START_NS + number, bgr, START_NS + number, FRAME)
        bag.image("/image/compressed", START_NS + 3, bgr, START_NS + 1, FRAME)  # a stamp that was there
    bag = Bag(tmp_path / "bag")
    assert bag.image_stamps_ns == (START_NS, START_NS + 1, START_NS + 2)
    assert abs(int(bag.image(START_NS + 1)[5, 5, 2]) - 80) < 5
    assert bag.image(START_NS + 9) is None
    assert bag.skipped == {"/image/compressed: stamp came before": 1}


def test_what_is_no_bag_is_said(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Bag(tmp_path / "absent")
    with pytest.raises(InputError, match="found none"):
        Bag(tmp_path)
    for name in ("text.mcap", "text.db3", "text.txt"):
        (tmp_path / name).write_bytes(b"neither the one nor the other, and long enough " * 10)
        with pytest.raises(InputError, match="expected a rosbag2"):
            Bag(tmp_path / name)

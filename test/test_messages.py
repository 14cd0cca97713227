"""Messages that nobody should send: what cannot be used is said in a few words, and the others do not suffer."""

import time
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from pose3d_ros.core.errors import CameraError, InputError
from pose3d_ros.messages import camera_from_msg, keypoints_from_msg


def stamp(sec=1, nanosec=0):
    return SimpleNamespace(sec=sec, nanosec=nanosec)


def person(id="anna", format="h36m17", score=0.9, joints=17, side=""):
    xy_px = np.linspace(0, 400, 2 * joints, dtype=np.float32)
    return SimpleNamespace(id=id, format=format, side=side, xy_px=xy_px, score=np.full(joints, score, np.float32))


def message(*people, sec=1, frame_id="camera"):
    header = SimpleNamespace(stamp=stamp(sec), frame_id=frame_id)
    return SimpleNamespace(header=header, width=640, height=480, people=list(people))


@pytest.mark.parametrize("bad", [
    person(format="x" * 10_000), person(format="octopus" * 5), person(joints=100_000), person(joints=3),
    person(side="x" * 10_000),
])  # fmt: skip
def test_a_bad_person_costs_nobody_else_and_is_told_in_few_words(bad):
    frame, reasons = keypoints_from_msg(message(person("a"), bad, person("b")))
    assert [p.id for p in frame.people] == ["a", "b"]
    (reason,) = reasons
    assert reason.startswith("person 1 (id 'anna'): ")
    assert len(reason) < 300


def test_a_long_id_counts_as_none_and_a_long_frame_is_refused():
    frame, reasons = keypoints_from_msg(message(person("x" * 10_000)))
    assert frame.people[0].id == ""
    assert reasons == ["person 0: an id of 10000 characters counts as none"]
    with pytest.raises(InputError, match="frame_id: expected at most 64 characters, got 10000"):
        keypoints_from_msg(message(frame_id="f" * 10_000))
    with pytest.raises(InputError, match="stamp_ns"):
        keypoints_from_msg(message(sec=-5))


def test_three_thousand_people_cost_little_time_and_memory():
    crowd = message(*(person(f"p{i}", score=i / 3000) for i in range(3000)))
    keypoints_from_msg(crowd, 32)
    tracemalloc.start()
    begin = time.process_time()
    frame, reasons = keypoints_from_msg(crowd, 32)
    seconds, (_, peak) = time.process_time() - begin, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [p.id for p in frame.people] == [f"p{i}" for i in range(2968, 3000)]
    assert reasons == ["3000 people in one message: the 32 best-scored count"]
    assert peak < 5e6
    assert seconds < 1.0  # 0.02 s unless tracemalloc watches on a busy machine


def info(width=640, height=480, f=600.0, binning=(0, 0), roi=(0, 0, 0, 0)):
    x, y, w, h = roi
    return SimpleNamespace(
        width=width, height=height, k=[f, 0, 320, 0, f, 240, 0, 0, 1], d=[], distortion_model="plumb_bob",
        binning_x=binning[0], binning_y=binning[1],
        roi=SimpleNamespace(x_offset=x, y_offset=y, width=w, height=h),
    )  # fmt: skip


@pytest.mark.parametrize("absurd", [
    info(width=0), info(height=0), info(0, 0), info(width=2**32 - 1), info(binning=(2**32 - 1, 1)),
    info(binning=(1, 400)), info(roi=(600, 0, 100, 100)), info(f=1.0), info(f=1e9),
])  # fmt: skip
def test_absurd_calibrations_are_refused_with_the_numbers(absurd):
    with pytest.raises(CameraError, match=r"^camera_info: .*(correct it in the driver|calibrate the camera)"):
        camera_from_msg(absurd)


def test_usual_calibrations_are_taken():
    assert camera_from_msg(info(binning=(2, 2))).width == 320
    assert camera_from_msg(info(roi=(100, 50, 200, 100))).height == 100
    assert camera_from_msg(info(f=70.0)).K[0, 0] == 70.0  # a wide fisheye

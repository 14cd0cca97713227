"""A user's own video: every frame detected and lifted; what cannot be read says so."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="needs the extra `tools`: rosbags")

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Person2D, Skeletons3D
from pose3d_ros.lab.viewing import video
from pose3d_ros.lab.viewing.movie import Movie

FRAMES, RATE_HZ = 12, 25.0


@pytest.fixture
def clip(tmp_path):
    """Brightness rises with the frame."""
    with Movie(tmp_path / "clip", RATE_HZ, ("mp4v",)) as movie:
        for number in range(FRAMES):
            movie.write(np.full((64, 96, 3), 10 * number + 20, np.uint8))
    return movie.path


def test_frames_come_with_the_times_of_the_file(clip):
    frames = video.Video(str(clip))
    assert frames.count == FRAMES
    found = list(frames)
    np.testing.assert_allclose(np.diff([f.stamp_ns for f in found]), 1e9 / RATE_HZ, atol=2e6)
    assert [round(float(f.bgr.mean()), -1) for f in found] == [10 * i + 20 for i in range(FRAMES)]


def test_only_so_many_seconds(clip):
    frames = video.Video(str(clip), 0.2)
    assert frames.count == len(list(frames)) == 5


class Capture:
    """A file whose frames come at uneven times, one of them twice."""

    def __init__(self, milliseconds):
        self.times, self.at = milliseconds, -1

    def isOpened(self):
        return True

    def read(self):
        self.at += 1
        return self.at < len(self.times), np.zeros((8, 8, 3), np.uint8)

    def get(self, what):
        if what == cv2.CAP_PROP_POS_MSEC:
            return float(self.times[self.at])
        return 20.0 if what == cv2.CAP_PROP_FPS else len(self.times)

    def release(self):
        pass


def test_a_variable_rate_is_kept_and_time_never_stands(monkeypatch, tmp_path):
    monkeypatch.setattr(video.cv2, "VideoCapture", lambda source: Capture([0, 10, 70, 70, 200]))
    (tmp_path / "any").touch()
    stamps = [frame.stamp_ns - video.START_NS for frame in video.Video(str(tmp_path / "any"))]
    assert [stamp / 1e6 for stamp in stamps] == [0, 10, 70, 120, 200]


def test_what_is_no_video_says_so(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        video.Video(str(tmp_path / "none.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"text\.mp4: OpenCV reads no video"):
        video.Video(str(tmp_path / "text.mp4"))


def test_a_video_that_is_cut_off_gives_what_there_is_or_says_so(clip, tmp_path):
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:600])
    with pytest.raises(InputError, match=r"cut\.mp4"):
        list(video.Video(str(tmp_path / "cut.mp4")))


class Detector:
    names = ("coco17",)

    def detect(self, image_rgb, stamp_ns):
        return (Person2D("coco17", np.full((17, 2), image_rgb.mean()), np.ones(17)),)


class Pipeline:
    def __init__(self):
        self.pushed, self.resets = [], 0

    def reset(self):
        self.resets += 1

    def push(self, frame, camera):
        self.pushed.append((frame, camera))
        return Skeletons3D(frame.stamp_ns, "", ())


def test_every_frame_is_recorded_and_lifted(clip, tmp_path):
    pipeline, told = Pipeline(), []
    recording = video.record(
        video.Video(str(clip)), Detector(), pipeline, tmp_path / "bag", 60.0, lambda *n: told.append(n)
    )
    assert told == [(i, FRAMES) for i in range(1, FRAMES + 1)]
    assert len(recording.image_stamps) == len(recording.skeletons) == len(recording.keypoints) == FRAMES
    assert (recording.camera.width, recording.camera.height) == (96, 64)
    assert pipeline.resets == 1
    brightness = [frame.people[0].xy_px[0, 0] for frame, _ in pipeline.pushed]
    np.testing.assert_allclose(brightness, 10 * np.arange(FRAMES) + 20, atol=4)

"""A user's own model files, through the whole path from image to keypoints, with graphs whose answers are known."""

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx to make the files (pip install .[dev])")
pytest.importorskip("openvino", reason="needs OpenVINO (pip install .[openvino])")

from pose3d_testing import onnx_graphs as graphs

from pose3d_ros import detectors
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.detectors import DetectorConfig

RED, GREEN = (250, 0, 0), (0, 250, 0)


def drawn(size=(320, 200), red=(80, 60), green=(240, 130), radius=8):
    """An RGB image with a red and a green spot."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for middle, colour in ((red, RED), (green, GREEN)):
        if middle:
            x, y = middle
            image[y - radius : y + radius + 1, x - radius : x + radius + 1] = colour
    return image


def make(path, family, **kwargs):
    return detectors.make(DetectorConfig(detector="onnx", model_path=str(path), family=family, hands=False, **kwargs))


def check(people, size, longest, spots, joints=17):
    """The people are the spots, joint by joint, to a third of a pixel of the network's input."""
    assert len(people) == len(spots)
    scale = max(size) / longest
    for person, spot in zip(people, spots, strict=True):
        np.testing.assert_allclose(person.xy_px, graphs.OFFSETS[:joints] * scale + spot, atol=0.35 * scale)
        np.testing.assert_allclose(person.score, 0.8, atol=1e-5)


FAMILIES = {
    "rtmo": ("rtmo", graphs.rtmo, {}),
    "yolo_pose": ("yolo_pose", graphs.yolo_pose, {}),
    "yolo_pose, suppressing": ("yolo_pose", graphs.yolo_pose, {"suppressing": True}),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [(320, 200), (200, 320), (128, 128), (96, 64)])
def test_two_people_each_once_in_pixels_of_the_image(tmp_path, name, size):
    family, graph, kwargs = FAMILIES[name]
    red, green = (size[0] // 4, size[1] // 3), (3 * size[0] // 4, 2 * size[1] // 3)
    detector = make(graph(tmp_path / "model.onnx", **kwargs), family)
    people = detector.detect(drawn(size, red, green, radius=max(size) // 40 + 2), 1)
    assert detector.names == ("coco17",)
    check(people, size, 128, [red, green])


def test_nobody_is_nobody(tmp_path):
    detector = make(graphs.rtmo(tmp_path / "model.onnx"), "rtmo")
    assert detector.detect(drawn(red=None, green=None), 1) == ()
    assert len(detector.detect(drawn(green=None), 2)) == 1


def test_a_file_of_open_size_gets_a_square_of_the_parameter(tmp_path):
    path = graphs.rtmo(tmp_path / "model.onnx", side=160, open_size=True)
    people = make(path, "rtmo", input_size=160).detect(drawn(), 1)
    check(people, (320, 200), 160, [(80, 60), (240, 130)])


@pytest.mark.parametrize(("joints", "format"), [(17, "coco17"), (26, "halpe26"), (133, "coco_wholebody133")])
@pytest.mark.parametrize("yolo", [False, True])
def test_one_person_a_box_of_a_box_model(tmp_path, joints, format, yolo):
    pose = graphs.rtmpose(tmp_path / "pose.onnx", joints)
    boxes = graphs.person_boxes(tmp_path / "boxes.onnx", yolo=yolo)
    detector = make(pose, "rtmpose", box_model_path=str(boxes))
    people = detector.detect(drawn(), 1)
    assert detector.names == (format,)
    assert len(people) == 2
    scale = 20 * 320 / 128 * 1.25 / 96  # of the box, padded, in the input's width
    for person, spot in zip(people, [(80, 60), (240, 130)], strict=True):
        # a bin is half a pixel of the input, and the spot's edges are those of pixels
        np.testing.assert_allclose(person.xy_px, graphs.OFFSETS[:joints] * scale + spot, atol=0.7 * scale)


def test_between_two_looks_for_boxes_people_are_followed(tmp_path):
    pose, boxes = graphs.rtmpose(tmp_path / "pose.onnx"), graphs.person_boxes(tmp_path / "boxes.onnx")
    detector = make(pose, "rtmpose", box_model_path=str(boxes), box_interval=3)
    places = []
    for i in range(6):
        people = detector.detect(drawn(red=(80 + 3 * i, 60), green=None if i < 2 else (240, 130)), 1 + i * 33_000_000)
        places.append([tuple(np.median(p.xy_px - graphs.OFFSETS[:17], axis=0).round(-1)) for p in people])
    assert [len(p) for p in places] == [1, 1, 1, 2, 2, 2]  # the green one came between two looks


def test_a_broken_absent_or_other_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match="model_path: expected an ONNX file"):
        make("", "rtmo")
    with pytest.raises(ConfigError, match="there is none"):
        make(tmp_path / "absent.onnx", "rtmo")
    (tmp_path / "cut.onnx").write_bytes(graphs.rtmo(tmp_path / "whole.onnx").read_bytes()[:700])
    with pytest.raises(ConfigError, match=r"cut\.onnx"):
        make(tmp_path / "cut.onnx", "rtmo")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ConfigError, match=r"empty\.onnx"):
        make(tmp_path / "empty.onnx", "rtmo")
    whole = tmp_path / "whole.onnx"
    with pytest.raises(ConfigError, match="family yolo_pose: expected one output"):
        make(whole, "yolo_pose")
    with pytest.raises(ConfigError, match="family rtmpose: expected outputs"):
        make(whole, "rtmpose", box_model_path=str(graphs.person_boxes(tmp_path / "boxes.onnx")))
    with pytest.raises(ConfigError, match="expected a model of 17"):
        make(graphs.rtmo(tmp_path / "five.onnx", joints=5), "rtmo")


@pytest.mark.parametrize("backend", ["onnxruntime", "tensorrt"])
def test_onnx_runtime_gives_the_same_or_says_what_is_missing(tmp_path, backend):
    path = graphs.rtmo(tmp_path / "model.onnx")
    try:
        import onnxruntime
    except ImportError:
        with pytest.raises(ConfigError, match="pip install onnxruntime"):
            make(path, "rtmo", backend=backend)
        return
    if backend == "tensorrt" and "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigError, match="expected TensorrtExecutionProvider"):
            make(path, "rtmo", backend=backend)
        return
    check(make(path, "rtmo", backend=backend).detect(drawn(), 1), (320, 200), 128, [(80, 60), (240, 130)])


def test_an_ordinary_photograph_size_costs_no_error(tmp_path):
    detector = make(graphs.yolo_pose(tmp_path / "model.onnx"), "yolo_pose")
    for shape in ((16, 16), (2160, 3840), (720, 90)):
        noise = np.random.default_rng(0).integers(0, 60, (*shape, 3), dtype=np.uint8)
        assert detector.detect(cv2.blur(noise, (3, 3)), 1) == ()

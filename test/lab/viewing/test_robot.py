"""Robots as images, without GL."""

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs mujoco, of the extra `control`")

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.lab.viewing.robot import BACKGROUND, RobotView, splat

MODEL = """<mujoco><worldbody>
<body name="near" pos="0 0 0"><joint name="slide" type="slide" axis="1 0 0"/>
  <geom type="box" size="0.1 0.1 0.1" rgba="1 1 1 1"/></body>
<body name="far" pos="0.3 0 -1"><geom type="{kind}" size="0.1 0.1 0.1" rgba="0 0 0 1"/></body>
</worldbody></mujoco>"""
FROM_ABOVE = np.diag([1.0, -1.0, -1.0])  # looks down: x right, y up in the image


def drawn(view, slide=0.0):
    return view.draw(np.array([slide]), FROM_ABOVE, np.zeros(3), 200.0, (200, 120))


@pytest.mark.parametrize("kind", ["box", "sphere", "capsule", "cylinder", "ellipsoid"])
def test_parts_are_where_they_are_and_hide_what_is_behind(tmp_path, kind):
    (tmp_path / "model.xml").write_text(MODEL.format(kind=kind))
    view = RobotView(tmp_path / "model.xml", ("slide",), points=20_000)
    image = drawn(view)
    assert image[60, 100].mean() > 150, "the white box"
    assert image[60, 160].mean() < 110, "the dark part beside it"
    assert tuple(image[5, 5]) == BACKGROUND
    assert (image[45:75, 85:115].reshape(-1, 3) != BACKGROUND).any(1).all(), "without holes"
    assert drawn(view, 0.3)[60, 160].mean() > 150, "the box slid before it"


def test_the_nearest_point_is_seen_and_those_that_face_away_are_not():
    towards, away = np.array([[0.0, 0, -1]]), np.array([[0.0, 0, 1]])
    white_and_black = np.array([[255.0] * 3, [0.0] * 3])
    near_and_far = np.array([[0.0, 0, 0], [0, 0, 9]])
    both = splat(near_and_far, np.concatenate((towards, towards)), white_and_black, (9, 9))
    assert both[4, 4].min() > 100
    behind = splat(near_and_far, np.concatenate((away, towards)), white_and_black, (9, 9))
    assert behind[4, 4].max() == 0


def test_a_model_that_is_none(tmp_path):
    (tmp_path / "x.xml").write_text("<mujoco>")
    with pytest.raises(ConfigError, match="MuJoCo refuses"):
        RobotView(tmp_path / "x.xml", ())

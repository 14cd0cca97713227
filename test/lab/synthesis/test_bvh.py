"""BVH figures with known positions."""

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.synthesis import bvh, motion

H36M = formats.get("h36m17")

# y up, facing +z, left +x; centimetres; T-pose
LIMBS = """
JOINT {L}UpLeg {{ OFFSET {s}10 0 0 CHANNELS 3 Zrotation Xrotation Yrotation
 JOINT {L}Leg {{ OFFSET 0 -45 0 CHANNELS 3 Zrotation Xrotation Yrotation
  JOINT {L}Foot {{ OFFSET 0 -42 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site {{ OFFSET 0 -5 10 }} }} }} }}
"""
ARMS = """
JOINT {L}Arm {{ OFFSET {s}18 20 0 CHANNELS 3 Zrotation Xrotation Yrotation
 JOINT {L}ForeArm {{ OFFSET {s}30 0 0 CHANNELS 3 Zrotation Xrotation Yrotation
  JOINT {L}Hand {{ OFFSET {s}25 0 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site {{ OFFSET {s}8 0 0 }} }} }} }}
"""


def figure(prefix: str = "", scale: float = 1.0, order: str = "Zrotation Xrotation Yrotation") -> str:
    """Text of the hierarchy."""
    text = "HIERARCHY ROOT Hips { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition " + order
    for name, sign in (("Left", ""), ("Right", "-")):
        text += LIMBS.format(L=prefix + name, s=sign)
    text += f" JOINT {prefix}Spine1 {{ OFFSET 0 30 0 CHANNELS 3 {order}"
    for name, sign in (("Left", ""), ("Right", "-")):
        text += ARMS.format(L=prefix + name, s=sign)
    text += f" JOINT {prefix}Head {{ OFFSET 0 28 0 CHANNELS 3 {order} End Site {{ OFFSET 0 18 0 }} }} }} }}"
    text = text.replace("Zrotation Xrotation Yrotation", order)
    if scale == 1:
        return text
    words = text.split()
    for i, word in enumerate(words):
        if word == "OFFSET":
            words[i + 1 : i + 4] = [str(float(value) * scale) for value in words[i + 1 : i + 4]]
    return " ".join(words)


def names(text: str) -> list[str]:
    words = text.split()
    return [words[i + 1] for i, word in enumerate(words) if word in ("ROOT", "JOINT")]


def write(path, text, turns=None, frames=40, height=95.0, order="ZXY"):
    """A still recording; `turns`: joint -> degrees by axis."""
    row = [0.0, height, 0.0]
    for name in names(text):
        angles = (turns or {}).get(name, {})
        row += [angles.get(axis, 0.0) for axis in order]
    lines = "\n".join(" ".join(map(str, row)) for _ in range(frames))
    path.write_text(f"{text}\nMOTION\nFrames: {frames}\nFrame Time: 0.025\n{lines}\n")
    return path


def joint(body, name):
    return body[0, H36M.index(name)]


def test_t_pose_in_metres_z_up(tmp_path):
    body, fps = bvh.load(write(tmp_path / "a.bvh", figure()))
    assert fps == pytest.approx(40)
    pelvis = joint(body, "pelvis")
    # left is +x, forward was +z and becomes -y, up is z; the lowest ankles stand at 8 cm
    np.testing.assert_allclose(joint(body, "left_ankle") - pelvis, [0.10, 0, -0.87], atol=1e-6)
    np.testing.assert_allclose(joint(body, "right_wrist") - pelvis, [-0.73, 0, 0.50], atol=1e-6)
    np.testing.assert_allclose(joint(body, "thorax") - pelvis, [0, 0, 0.50], atol=1e-6)
    np.testing.assert_allclose(joint(body, "head_top") - pelvis, [0, 0, 0.58 + 0.18], atol=1e-6)
    np.testing.assert_allclose(joint(body, "nose") - pelvis, [0, -0.04, 0.62], atol=1e-6)
    assert joint(body, "left_ankle")[2] == pytest.approx(0.08, abs=1e-6)


@pytest.mark.parametrize(
    ("turns", "wrist"),
    [
        # elbow bent about y by 90 degrees: +x turns to -z (backward), which is +y after the turn to z up
        ({"LeftForeArm": {"Y": 90}}, [0.48, 0.25, 0.50]),
        # the whole arm up: about z
        ({"LeftArm": {"Z": 90}}, [0.18, 0, 1.05]),
        # both: the forearm turns along with the arm
        ({"LeftArm": {"Z": 90}, "LeftForeArm": {"Y": 90}}, [0.18, 0.25, 0.80]),
    ],
)
@pytest.mark.parametrize("order", ["ZXY", "YXZ", "XYZ"])
def test_turns_in_any_channel_order(tmp_path, turns, wrist, order):
    text = figure(order=" ".join(f"{axis}rotation" for axis in order))
    body, _ = bvh.load(write(tmp_path / "a.bvh", text, turns, order=order))
    np.testing.assert_allclose(joint(body, "left_wrist") - joint(body, "pelvis"), wrist, atol=1e-6)


def test_order_of_channels_matters(tmp_path):
    turns = {"LeftArm": {"Z": 90, "Y": 90}}
    bodies = [
        bvh.load(write(tmp_path / f"{o}.bvh", figure(order=" ".join(f"{a}rotation" for a in o)), turns, order=o))[0]
        for o in ("ZXY", "YXZ")
    ]
    # Z then Y about the turned axes: forearm +x -> -z of the turned frame; Y then Z: +x -> up
    first, second = (joint(body, "left_wrist") - joint(body, "left_shoulder") for body in bodies)
    np.testing.assert_allclose(first, [0, 0.55, 0], atol=1e-6)
    np.testing.assert_allclose(second, [0, 0, 0.55], atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "factor"), [("m", 1.0), ("cm", 0.01), ("inch", 0.0254), ("mm", 0.001), ("cmu", 0.0564444)]
)
def test_unit_is_found(tmp_path, unit, factor):
    scale = 0.01 / factor
    path = write(tmp_path / "a.bvh", figure(scale=scale), height=95 * scale)
    found, _ = bvh.load(path)
    told, _ = bvh.load(path, unit)
    np.testing.assert_allclose(found, told, atol=1e-6)
    assert np.linalg.norm(joint(found, "left_knee") - joint(found, "left_hip")) == pytest.approx(0.45, abs=1e-5)


@pytest.mark.parametrize(
    "rename",
    [
        lambda n: f"mixamorig:{n}",
        lambda n: n.replace("Left", "CC_Base_L_").replace("Right", "CC_Base_R_").replace("UpLeg", "Thigh")
        .replace("Leg", "Calf").replace("ForeArm", "Forearm").replace("_Arm", "_Upperarm"),
        lambda n: n.replace("Left", "l").replace("Right", "r").replace("UpLeg", "Thigh").replace("Leg", "Shin")
        .replace("lArm", "lShldr").replace("rArm", "rShldr").replace("Spine1", "chest").replace("Head", "head"),
        lambda n: (n[4:] + ".L" if n.startswith("Left") else n[5:] + ".R" if n.startswith("Right") else n)
        .replace("UpLeg", "thigh").replace("Leg", "shin").replace("ForeArm", "forearm").replace("Arm", "upper_arm"),
    ],
    ids=["mixamo", "reallusion", "daz", "blender"],
)  # fmt: skip
def test_names_of_other_figures(tmp_path, rename):
    text = figure()
    plain, _ = bvh.load(write(tmp_path / "a.bvh", text))
    words = text.split()
    for i, word in enumerate(words):
        if i and words[i - 1] in ("ROOT", "JOINT"):
            words[i] = rename(word)
    other, _ = bvh.load(write(tmp_path / "b.bvh", " ".join(words)))
    np.testing.assert_allclose(other, plain, atol=1e-6)


def test_joint_map_for_unknown_names(tmp_path):
    text = figure().replace("LeftLeg ", "Widget7 ")
    path = write(tmp_path / "a.bvh", text)
    with pytest.raises(InputError, match="left_knee"):
        bvh.load(path)
    (tmp_path / "joints.yaml").write_text("unit: cm\njoints: {left_knee: Widget7}\n")
    part = bvh.load_folder(tmp_path)
    assert part["joints"].shape == (40, 17, 3)


def test_folder_is_motion(tmp_path):
    folder = tmp_path / "dance"
    for subject in ("anna", "bert"):
        (folder / subject).mkdir(parents=True)
        write(folder / subject / "take.bvh", figure())
    loaded = motion.load([folder], {"dance": 0.5})
    assert loaded.subjects == ["anna", "bert"]
    assert loaded.weight.tolist() == [0.5, 0.5]
    assert loaded.length.tolist() == [40, 40]
    assert float(loaded.joints[:, 0].abs().max()) == 0


@pytest.mark.parametrize("text", ["", "HIERARCHY ROOT a { OFFSET 0 0", "not a bvh"])
def test_damaged_file(tmp_path, text):
    path = tmp_path / "a.bvh"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.bvh"):
        bvh.load(path)


def test_empty_folder(tmp_path):
    with pytest.raises(InputError, match="BVH"):
        motion.load([tmp_path])

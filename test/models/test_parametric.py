"""SMPL and MANO with a made-up model: the licensed ones are nowhere in this repository."""

import sys

import numpy as np
import pytest
import torch
from pose3d_testing import body_models

from pose3d_ros.core import formats
from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.kinematic import rotation_6d
from pose3d_ros.models.parametric import ROTATIONS, ROWS, SKELETONS, VERTICES, BodyModel
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import ViTConfig

KINDS = list(SKELETONS)


@pytest.fixture(params=KINDS)
def made_up(request, tmp_path):
    """(kind, path, arrays) of a model."""
    pytest.importorskip("smplx", reason="SMPL and MANO need the optional package smplx")
    kind = request.param
    return kind, body_models.write(tmp_path / "model.npz", kind), body_models.arrays(kind)


def test_joints_in_our_order(made_up, capsys):
    kind, path, arrays = made_up
    model = BodyModel(kind, path)
    assert capsys.readouterr().out == ""
    rotations = rotation_6d(torch.randn(2, 3, ROTATIONS[kind], 6, generator=torch.Generator().manual_seed(0)))
    shape = torch.randn(2, 3, 10, generator=torch.Generator().manual_seed(1))
    xyz = model(rotations, shape)
    assert xyz.shape == (2, 3, len(formats.get(SKELETONS[kind])), 3)
    # by hand: every vertex turns with its one joint
    rest = arrays["v_template"] + arrays["shapedirs"] @ shape[1, 2].numpy()
    turn, place = {}, {}
    for joint, parent in enumerate(body_models.PARENTS[kind]):
        own = rotations[1, 2, joint].double().numpy()
        turn[joint] = own if parent < 0 else turn[parent] @ own
        place[joint] = rest[joint] if parent < 0 else place[parent] + turn[parent] @ (rest[joint] - rest[parent])
    points = [place[joint] for joint in range(ROTATIONS[kind])]
    for vertex in VERTICES[kind]:
        joint = int(arrays["weights"][vertex].argmax())
        points.append(place[joint] + turn[joint] @ (rest[vertex] - rest[joint]))
    np.testing.assert_allclose(xyz[1, 2].numpy(), np.array(points)[list(ROWS[kind])], atol=1e-5)


def test_network_with_a_body_model(made_up):
    kind, path, _ = made_up
    vit = ViTConfig(image_height=32, image_width=16, width=16, depth=1, heads=2)
    config = ExtPoseConfig(vit, DecoderConfig(16, 1, 1, 16, 16), SKELETONS[kind], kind)
    torch.manual_seed(0)
    without, network = ExtPose(config).eval(), ExtPose(config, BodyModel(kind, path)).eval()
    network.load_state_dict(without.state_dict())  # strictly: the licensed arrays are no part of the weights
    image = torch.randn(1, 2, 3, 32, 16)
    out, less = network(image), without(image)
    assert "xyz" not in less
    assert out["xyz"].shape == (*out["log_sigma"].shape, 3)
    assert out["xyz"][:, :, 0].abs().max() == 0
    # what the camera shows is the same point, though the joints are now counted from the root
    root = network.body(out["rotations"], out["shape"])[:, :, 0, :2]
    torch.testing.assert_close(out["camera"][..., 1:] - root, less["camera"][..., 1:])


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_model_says_how_to_get_it(kind, tmp_path):
    with pytest.raises(CheckpointError, match=rf"(?s)no such file.*register and download .*{kind}\.is\.tue.*licence"):
        BodyModel(kind, tmp_path / "none.pkl")


def test_without_smplx(tmp_path, monkeypatch):
    (tmp_path / "model.npz").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "smplx", None)
    with pytest.raises(ConfigError, match=r"pip install 'pose3d_ros\[smplx\]'"):
        BodyModel("mano", tmp_path / "model.npz")


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04broken"])
@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_a_file_that_is_no_model(tmp_path, content, suffix):
    pytest.importorskip("smplx", reason="SMPL and MANO need the optional package smplx")
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"expected the file SMPL_NEUTRAL\.pkl.*reading it failed"):
        BodyModel("smpl", path)


def test_unknown_kind_and_the_wrong_one(made_up):
    kind, path, _ = made_up
    with pytest.raises(ConfigError, match="expected one of smpl, mano, got 'flame'"):
        BodyModel("flame", path)
    other = next(each for each in KINDS if each != kind)
    with pytest.raises(ConfigError, match=f"head {other}: expected a body model of its kind, got {kind}"):
        ExtPose(ExtPoseConfig(skeleton=SKELETONS[other], head=other), BodyModel(kind, path))


def test_a_file_of_another_model_or_of_the_other_hand(made_up, tmp_path):
    kind, path, arrays = made_up
    other = next(each for each in KINDS if each != kind)
    vertices = len(arrays["v_template"])
    with pytest.raises(CheckpointError, match=rf"got \d+ and {vertices}: another model.*{other}\.is\.tue"):
        BodyModel(other, path)
    template = body_models.arrays("mano")["v_template"]
    mirrored = body_models.write(tmp_path / "left.npz", "mano", v_template=template * (-1, 1, 1))
    with pytest.raises(CheckpointError, match=r"a left hand.*expected MANO_RIGHT\.pkl"):
        BodyModel("mano", mirrored)

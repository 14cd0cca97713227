"""The open kinematic head: forward kinematics and its inverses, rotations, gradients."""

import numpy as np
import pytest
import torch

from pose3d_ros.core import formats
from pose3d_ros.geometry.hand import joint_angles, palm_axes
from pose3d_ros.models.kinematic import REST_MM, REST_SCALE, Kinematics, rotation_6d

SKELETONS = list(REST_MM)


def some_rotations(count: int, skeleton: str) -> torch.Tensor:
    joints = len(formats.get(skeleton))
    return rotation_6d(torch.randn(count, joints, 6, generator=torch.Generator().manual_seed(0)))


def some_shape(count: int, skeleton: str) -> torch.Tensor:
    shape = 0.3 * torch.randn(count, len(formats.get(skeleton)), generator=torch.Generator().manual_seed(1))
    shape[:, 0] = 0
    return shape


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_rest_pose(skeleton):
    body = Kinematics(skeleton)
    mean = body.mean()
    xyz = body(rotation_6d(mean.pose.unflatten(1, (-1, 6))), mean.shape)
    torch.testing.assert_close(xyz[0], torch.tensor(REST_MM[skeleton]) / 1e3, atol=1e-6, rtol=0)
    # upright before the camera's middle, and inside of the crop
    assert xyz[0, :, 1].min() < -0.1
    assert (body.camera(mean.camera)[0, 0] * xyz[..., :2]).abs().max() < 2


def test_rest_hand_is_a_flat_right_hand():
    hand = torch.tensor(REST_MM["hand21"])[None] / 1e3
    right = torch.tensor([False])
    axes, valid = palm_axes(hand, right)
    assert valid.all()
    torch.testing.assert_close(axes[0, :, 0], torch.tensor([0.0, -1, 0]), atol=0.02, rtol=0)  # fingers up
    torch.testing.assert_close(axes[0, :, 2], torch.tensor([0.0, 0, -1]), atol=0.1, rtol=0)  # palm to the camera
    assert joint_angles(hand, right, axes)[0, 4:].rad2deg().abs().max() < 30


def test_rest_body_faces_the_camera_and_is_symmetric():
    body = formats.get("h36m17")
    rest = np.array(REST_MM["h36m17"])
    np.testing.assert_array_equal(rest[body.mirror] * (-1, 1, 1), rest)
    assert rest[body.index("left_hip"), 0] > 0  # whoever faces us has their left on our right


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_forward_kinematics_keeps_bone_lengths_and_follows_the_chain(skeleton):
    body, tree = Kinematics(skeleton), formats.get(skeleton)
    rotations, shape = some_rotations(4, skeleton), some_shape(4, skeleton)
    xyz = body(rotations, shape)
    wanted = torch.zeros_like(xyz)
    turn = rotations.clone()
    for joint, parent in enumerate(tree.parent_index):  # parents come first in both
        if parent >= 0:
            turn[:, joint] = turn[:, parent] @ rotations[:, joint]
            bone = (0.7 * torch.tanh(shape[:, joint] / 0.7)).exp()[:, None] * body.offset[joint]
            wanted[:, joint] = wanted[:, parent] + torch.einsum("nij,nj->ni", turn[:, joint], bone)
    torch.testing.assert_close(xyz, wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_targets_give_the_joints_back(skeleton):
    body = Kinematics(skeleton)
    xyz = body(some_rotations(50, skeleton), some_shape(50, skeleton))
    rotations, shape = body.rotations_of(xyz), body.shape_of(xyz)
    torch.testing.assert_close(rotations.det(), torch.ones(50, len(formats.get(skeleton))), atol=1e-4, rtol=0)
    again = body(rotations, shape)
    bones = torch.as_tensor(formats.get(skeleton).parent_index).clamp(min=0)
    # the root's own bones are fitted as one, and are then turned each
    torch.testing.assert_close(again, xyz, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        (again - again[:, bones]).norm(dim=-1), (xyz - xyz[:, bones]).norm(dim=-1), atol=1e-5, rtol=1e-4
    )


def test_targets_of_the_rest_pose_are_no_rotation_and_half_turns_are_rotations():
    body = Kinematics("hand21")
    rest = torch.tensor(REST_MM["hand21"])[None] / 1e3
    torch.testing.assert_close(body.rotations_of(rest)[0], torch.eye(3).expand(21, 3, 3), atol=1e-4, rtol=0)
    folded = rest.clone()
    folded[0, 8] = 2 * rest[0, 7] - rest[0, 8]  # the tip points back
    turned = body.rotations_of(folded)
    torch.testing.assert_close(body(turned, torch.zeros(1, 21)), folded, atol=1e-4, rtol=0)
    torch.testing.assert_close(turned.det(), torch.ones(1, 21), atol=1e-4, rtol=0)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_length_and_scale_stay_human_whatever_the_network_says(skeleton):
    body = Kinematics(skeleton)
    rotations = torch.eye(3).expand(1, len(body.parents), 3, 3)
    for value in (-1e4, 1e4):
        shape = torch.full((1, len(body.parents)), value)
        ratio = body(rotations, shape).norm(dim=-1)[0, 1:] / body(rotations, 0 * shape).norm(dim=-1)[0, 1:]
        assert ((ratio > 0.49) & (ratio < 2.02)).all()
        scale = body.camera(torch.tensor([[value, 0.0, 0.0]]))[0, 0]
        assert REST_SCALE[skeleton] / 8 < scale < REST_SCALE[skeleton] * 8


def test_rotation_6d_is_a_rotation_of_its_two_columns():
    pose = torch.randn(100, 6, generator=torch.Generator().manual_seed(2))
    rotation = rotation_6d(pose)
    torch.testing.assert_close(rotation.transpose(-1, -2) @ rotation, torch.eye(3).expand(100, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(rotation.det(), torch.ones(100), atol=1e-5, rtol=0)
    first = pose[:, :3] / pose[:, :3].norm(dim=-1, keepdim=True)
    torch.testing.assert_close(rotation[..., 0], first, atol=1e-5, rtol=0)
    assert ((rotation[..., 1] * pose[:, 3:]).sum(-1) > 0).all()


@pytest.mark.parametrize(
    "pose",
    [[0.0] * 6, [1.0, 0, 0, 1, 0, 0], [1.0, 0, 0, -2, 0, 0], [0, 0, 0, 0, 1.0, 0], [1e-20] * 6, [1e8] * 3 + [1.0] * 3],
)
def test_gradients_are_finite_where_the_columns_give_no_rotation(pose):
    body = Kinematics("hand21")
    raw = torch.tensor(pose).repeat(1, 21, 1).requires_grad_()
    shape = torch.zeros(1, 21, requires_grad=True)
    xyz = body(rotation_6d(raw), shape)
    assert torch.isfinite(xyz).all()
    xyz.sum().backward()
    assert torch.isfinite(raw.grad).all()
    assert torch.isfinite(shape.grad).all()

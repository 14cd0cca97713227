"""Every keypoint format: order, names, tree, left/right."""

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.errors import FormatError
from pose3d_ros.core.skeleton import Skeleton

COUNTS = {
    "body19": 19,
    "body24": 24,
    "body25": 25,
    "coco17": 17,
    "coco_wholebody133": 133,
    "h36m17": 17,
    "halpe26": 26,
    "hand21": 21,
    "mediapipe33": 33,
}

# (format, row, joint) as their authors publish them; the rows where formats differ most easily
PUBLISHED = [
    ("body19", 17, "left_toe"),
    ("body19", 18, "right_toe"),
    ("body24", 0, "pelvis"),
    ("body24", 1, "left_hip"),
    ("body24", 9, "spine3"),
    ("body24", 11, "right_foot"),
    ("body24", 15, "head"),
    ("body24", 20, "left_wrist"),
    ("body24", 23, "right_hand"),
    ("body25", 0, "nose"),
    ("body25", 1, "neck"),
    ("body25", 2, "right_shoulder"),
    ("body25", 8, "pelvis"),
    ("body25", 12, "left_hip"),
    ("body25", 15, "right_eye"),
    ("body25", 16, "left_eye"),
    ("body25", 17, "right_ear"),
    ("body25", 18, "left_ear"),
    ("body25", 19, "left_big_toe"),
    ("body25", 21, "left_heel"),
    ("body25", 24, "right_heel"),
    ("coco17", 1, "left_eye"),
    ("coco17", 2, "right_eye"),
    ("coco17", 3, "left_ear"),
    ("coco17", 4, "right_ear"),
    ("coco17", 10, "right_wrist"),
    ("coco17", 15, "left_ankle"),
    ("coco_wholebody133", 16, "right_ankle"),
    ("coco_wholebody133", 17, "left_big_toe"),
    ("coco_wholebody133", 19, "left_heel"),
    ("coco_wholebody133", 20, "right_big_toe"),
    ("coco_wholebody133", 23, "face_00"),
    ("coco_wholebody133", 90, "face_67"),
    ("coco_wholebody133", 91, "left_hand_wrist"),
    ("coco_wholebody133", 95, "left_hand_thumb_tip"),
    ("coco_wholebody133", 96, "left_hand_index_mcp"),
    ("coco_wholebody133", 112, "right_hand_wrist"),
    ("coco_wholebody133", 132, "right_hand_little_tip"),
    ("h36m17", 1, "right_hip"),
    ("h36m17", 4, "left_hip"),
    ("h36m17", 8, "thorax"),
    ("h36m17", 10, "head_top"),
    ("h36m17", 16, "right_wrist"),
    ("halpe26", 4, "right_ear"),
    ("halpe26", 17, "head_top"),
    ("halpe26", 18, "neck"),
    ("halpe26", 19, "pelvis"),
    ("halpe26", 21, "right_big_toe"),
    ("halpe26", 22, "left_small_toe"),
    ("halpe26", 25, "right_heel"),
    ("hand21", 4, "thumb_tip"),
    ("hand21", 9, "middle_mcp"),
    ("hand21", 20, "little_tip"),
    ("mediapipe33", 2, "left_eye"),
    ("mediapipe33", 4, "right_eye_inner"),
    ("mediapipe33", 7, "left_ear"),
    ("mediapipe33", 9, "left_mouth"),
    ("mediapipe33", 11, "left_shoulder"),
    ("mediapipe33", 16, "right_wrist"),
    ("mediapipe33", 17, "left_hand_little"),
    ("mediapipe33", 19, "left_hand_index"),
    ("mediapipe33", 22, "right_hand_thumb"),
    ("mediapipe33", 23, "left_hip"),
    ("mediapipe33", 32, "right_foot_index"),
]


def test_all_formats_are_known():
    assert formats.names() == tuple(sorted(COUNTS))
    assert {name: len(formats.get(name)) for name in formats.names()} == COUNTS


def test_unknown_format_names_the_known_ones():
    with pytest.raises(FormatError, match=r"'smpl24'.*coco17.*mediapipe33"):
        formats.get("smpl24")


@pytest.mark.parametrize(("name", "row", "joint"), PUBLISHED)
def test_order_as_published(name, row, joint):
    assert formats.get(name).joints[row] == joint


@pytest.mark.parametrize("name", COUNTS)
class TestSkeleton:
    def test_name_is_the_file_name(self, name):
        assert formats.get(name).name == name

    def test_tree_has_no_loop(self, name):
        skeleton = formats.get(name)
        for joint in skeleton.joints:
            seen = []
            while joint in skeleton.parents:
                assert joint not in seen
                seen.append(joint)
                joint = skeleton.parents[joint]

    def test_every_joint_is_drawn(self, name):
        skeleton = formats.get(name)
        drawn = {skeleton.joints[row] for row in skeleton.bones.ravel()}
        assert drawn == set(skeleton.joints)

    def test_bones_are_drawn_once(self, name):
        bones = [frozenset(bone) for bone in formats.get(name).bones.tolist()]
        assert len(set(bones)) == len(bones)
        assert all(len(bone) == 2 for bone in bones)

    def test_every_sided_joint_has_its_partner(self, name):
        skeleton = formats.get(name)
        sided = {joint for joint in skeleton.joints if joint.startswith(("left_", "right_"))}
        assert {joint for pair in skeleton.pairs for joint in pair} == sided

    def test_tree_is_symmetric(self, name):
        skeleton = formats.get(name)
        swap = {a: b for pair in skeleton.pairs for a, b in (pair, pair[::-1])}
        for child, parent in skeleton.parents.items():
            assert skeleton.parents[swap.get(child, child)] == swap.get(parent, parent)

    def test_mirror_swaps_sides_and_undoes_itself(self, name):
        skeleton = formats.get(name)
        mirrored = np.array(skeleton.joints)[skeleton.mirror]
        assert (np.arange(len(skeleton)) == skeleton.mirror[skeleton.mirror]).all()
        for before, after in zip(skeleton.joints, mirrored, strict=True):
            swapped = (
                before.replace("left_", "right_")
                if before.startswith("left_")
                else (before.replace("right_", "left_") if before.startswith("right_") else before)
            )
            assert after == swapped

    def test_index_is_the_row(self, name):
        skeleton = formats.get(name)
        assert skeleton.indices(skeleton.joints).tolist() == list(range(len(skeleton)))


def test_skeleton_refuses_twins_and_strangers():
    with pytest.raises(FormatError, match="unique"):
        Skeleton("twins", ("a", "a"), {})
    with pytest.raises(FormatError, match="stranger"):
        Skeleton("odd", ("a", "b"), {"b": "stranger"})
    with pytest.raises(FormatError, match="no joint 'tail'"):
        formats.get("coco17").index("tail")

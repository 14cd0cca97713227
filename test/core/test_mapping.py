"""Mappings between keypoint formats by joint name."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.core import formats
from pose3d_ros.core.errors import FormatError, InputError
from pose3d_ros.core.mapping import REQUIRED, RULES, mapping

BODIES = tuple(name for name in formats.names() if name != "hand21")
BODY_PAIRS = list(product(BODIES, BODIES))
DETECTORS = tuple(name for name in BODIES if name not in ("h36m17", "body19", "body24"))  # these are lifted or derived


def keypoints(name: str, seed: int = 0, people: tuple[int, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = len(formats.get(name))
    return rng.uniform(0, 640, (*people, count, 2)).astype(np.float32), rng.uniform(0.1, 1, (*people, count)).astype(
        np.float32
    )


def at(name: str, *joints: str) -> np.ndarray:
    return formats.get(name).indices(joints)


@pytest.mark.parametrize(("source", "target"), BODY_PAIRS)
class TestEveryPair:
    def test_each_target_joint_is_copied_invented_or_missing(self, source, target):
        m = mapping(source, target)
        xy, score = keypoints(source)
        xy_t, score_t = m(xy, score)
        for row, joint in enumerate(m.target.joints):
            if joint in m.source:
                assert joint not in m.invented + m.missing
                np.testing.assert_array_equal(xy_t[row], xy[m.source.index(joint)])
                assert score_t[row] == score[m.source.index(joint)]
            elif joint in m.invented:
                assert joint not in m.missing
                assert np.isfinite(xy_t[row]).all()
                assert score_t[row] >= score.min()
            else:
                assert joint in m.missing
                assert np.isnan(xy_t[row]).all()
                assert score_t[row] == 0

    def test_there_and_back_keeps_shared_joints(self, source, target):
        xy, score = keypoints(source)
        xy_b, score_b = mapping(target, source)(*mapping(source, target)(xy, score))
        shared = [joint for joint in formats.get(source).joints if joint in formats.get(target)]
        rows = at(source, *shared)
        np.testing.assert_array_equal(xy_b[rows], xy[rows])
        np.testing.assert_array_equal(score_b[rows], score[rows])

    def test_mirror_before_is_mirror_after(self, source, target):
        m = mapping(source, target)
        xy, score = keypoints(source, people=(8,))
        score[np.random.default_rng(1).random(score.shape) < 0.3] = 0
        before = m(xy[:, m.source.mirror], score[:, m.source.mirror])
        after = m(xy, score)
        np.testing.assert_allclose(before[0], after[0][:, m.target.mirror], rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(before[1], after[1][:, m.target.mirror])

    def test_many_people_at_once_as_one_by_one(self, source, target):
        m = mapping(source, target)
        xy, score = keypoints(source, people=(2, 3))
        score[np.random.default_rng(2).random(score.shape) < 0.4] = 0
        xy_t, score_t = m(xy, score)
        for index in np.ndindex(2, 3):
            one_xy, one_score = m(xy[index], score[index])
            np.testing.assert_allclose(xy_t[index], one_xy, rtol=1e-5, atol=1e-3)
            np.testing.assert_array_equal(score_t[index], one_score)


@pytest.mark.parametrize("source", DETECTORS)
class TestDetectorToLifter:
    def test_invents_what_the_format_lacks(self, source):
        m = mapping(source, "h36m17")
        have = formats.get(source)
        lacking = ("pelvis", "spine", "thorax", "head_top")
        assert m.invented == tuple(joint for joint in lacking if joint not in have)
        assert m.missing == ()

    def test_torso(self, source):
        xy, score = keypoints(source)
        xy_t, score_t = mapping(source, "h36m17")(xy, score)
        shoulders, hips = at(source, "left_shoulder", "right_shoulder"), at(source, "left_hip", "right_hip")
        pelvis, spine, thorax = at("h36m17", "pelvis", "spine", "thorax")
        np.testing.assert_allclose(xy_t[thorax], xy[shoulders].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(xy_t[spine], 0.41 * xy_t[pelvis] + 0.59 * xy_t[thorax], rtol=1e-5)
        assert score_t[thorax] == score[shoulders].min()
        if "pelvis" not in formats.get(source):
            np.testing.assert_allclose(xy_t[pelvis], xy[hips].mean(axis=0), rtol=1e-5)
            assert score_t[pelvis] == score[hips].min()

    def test_moves_with_the_image(self, source):
        """Every built joint is an affine sum: shifting the image shifts the person."""
        m = mapping(source, "h36m17")
        xy, score = keypoints(source)
        shift = np.float32([100, -40])
        for hidden in ((), ("left_ear",), ("left_ear", "right_ear"), ("left_ear", "right_eye")):
            score[at(source, *hidden)] = 0
            np.testing.assert_allclose(m(xy + shift, score)[0], m(xy, score)[0] + shift, rtol=1e-4, atol=1e-2)


def upright() -> tuple[np.ndarray, np.ndarray]:
    """A person of coco17 seen from the front, 200 px a metre, image y down; head top expected at y = 88."""
    heights = {"shoulder": 1.4, "hip": 0.9, "knee": 0.5, "ankle": 0.1, "elbow": 1.1, "wrist": 0.85}
    across = {"shoulder": 0.18, "hip": 0.1, "knee": 0.1, "ankle": 0.1, "elbow": 0.2, "wrist": 0.22}
    # thorax 1.40 m; skull base 0.13 above it; ears, eyes and nose 2.5, 5 and 2 cm above the skull base
    heights |= {"ear": 1.555, "eye": 1.58, "nose": 1.55}
    across |= {"ear": 0.075, "eye": 0.03, "nose": 0.0}
    rows = []
    for joint in formats.get("coco17").joints:
        part = joint.split("_")[-1]
        side = {"left": 1, "right": -1}.get(joint.split("_")[0], 0)
        rows.append((320 + 200 * side * across[part], 430 - 200 * heights[part]))
    return np.float32(rows), np.ones(17, np.float32)


@pytest.mark.parametrize(
    "hidden",
    [(), ("left_ear",), ("left_ear", "right_ear"), ("right_ear", "left_eye"), ("left_eye", "right_eye", "left_ear")],
)
def test_head_top_lies_on_the_head_whatever_part_of_the_face_is_seen(hidden):
    xy, score = upright()
    score[at("coco17", *hidden)] = 0
    xy_t, score_t = mapping("coco17", "h36m17")(xy, score)
    head_top = xy_t[at("h36m17", "head_top")[0]]
    # 31 cm above the thorax, within 8 cm
    np.testing.assert_allclose(head_top, (320, 430 - 200 * 1.71), atol=16)
    assert (score_t == 1).all()


def test_head_top_needs_the_pelvis_unless_both_ears_are_seen():
    m = mapping("coco17", "h36m17")
    xy, score = upright()
    score[at("coco17", "left_hip")] = 0
    head_top = at("h36m17", "head_top")[0]
    assert m(xy, score)[1][head_top] == 1
    score[at("coco17", "right_ear")] = 0
    xy_t, score_t = m(xy, score)
    assert score_t[head_top] == 0
    assert np.isnan(xy_t[head_top]).all()


def test_thorax_falls_back_on_the_neck():
    m = mapping("body25", "h36m17")
    xy, score = keypoints("body25")
    score[at("body25", "left_shoulder")] = 0
    xy_t, score_t = m(xy, score)
    thorax, shoulder = at("h36m17", "thorax", "left_shoulder")
    np.testing.assert_array_equal(xy_t[thorax], xy[1])
    assert score_t[thorax] == score[1]
    assert score_t[shoulder] == 0


def test_a_joint_the_format_has_is_not_guessed():
    xy, score = keypoints("h36m17")
    pelvis = at("h36m17", "pelvis")
    score[pelvis] = 0
    xy_t, score_t = mapping("h36m17", "h36m17")(xy, score)
    assert np.isnan(xy_t[pelvis]).all()
    assert score_t[pelvis] == 0
    assert np.isfinite(xy_t).all(axis=1).sum() == 16


@pytest.mark.parametrize(("joint", "gone"), [
    ("left_hip", {"left_hip", "pelvis", "spine"}),
    ("right_shoulder", {"right_shoulder", "thorax", "spine", "head_top"}),
    ("left_knee", {"left_knee"}),
    ("nose", {"nose"}),
    ("left_eye", set()),
])  # fmt: skip
@pytest.mark.parametrize("how", ["nan", "inf", "score 0", "score nan", "score inf", "score negative"])
def test_built_from_missing_is_missing(joint, gone, how):
    m = mapping("coco17", "h36m17")
    xy, score = upright()
    row = m.source.index(joint)
    if how in ("nan", "inf"):
        xy[row, 1] = float(how)
    else:
        score[row] = {"score 0": 0, "score nan": np.nan, "score inf": np.inf, "score negative": -0.5}[how]
    xy_t, score_t = m(xy, score)
    absent = {m.target.joints[i] for i in np.flatnonzero(score_t == 0)}
    assert absent == gone
    assert np.isnan(xy_t[score_t == 0]).all()
    assert np.isfinite(xy_t[score_t > 0]).all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_hand_out_of_whole_body(side):
    xy, score = keypoints("coco_wholebody133")
    m = mapping("coco_wholebody133", "hand21", side)
    first = {"left": 91, "right": 112}[side]
    xy_t, score_t = m(xy, score)
    np.testing.assert_array_equal(xy_t, xy[first : first + 21])
    np.testing.assert_array_equal(score_t, score[first : first + 21])
    assert m.invented == m.missing == ()


def test_hand_to_hand_ignores_the_side():
    xy, score = keypoints("hand21")
    for side in ("", "left", "right"):
        np.testing.assert_array_equal(mapping("hand21", "hand21", side)(xy, score)[0], xy)


class TestRefusals:
    @pytest.mark.parametrize("source", [name for name in BODIES if name != "coco_wholebody133"])
    def test_body_cannot_feed_a_hand(self, source):
        with pytest.raises(FormatError, match=rf"{source} cannot feed hand21.*thumb_cmc.*little_tip"):
            mapping(source, "hand21", "left")

    def test_whole_body_asks_for_the_side(self):
        with pytest.raises(FormatError, match="side of the hand"):
            mapping("coco_wholebody133", "hand21")

    def test_hand_cannot_feed_a_body_and_every_lacking_joint_is_listed(self):
        with pytest.raises(FormatError) as caught:
            mapping("hand21", "h36m17")
        for joint in REQUIRED["h36m17"]:
            assert joint in str(caught.value)

    def test_formats_that_share_nothing(self):
        with pytest.raises(FormatError, match="left_ear"):
            mapping("hand21", "coco17")

    def test_unknown_names(self):
        with pytest.raises(FormatError, match="unknown keypoint format 'smpl24'"):
            mapping("smpl24", "h36m17")
        with pytest.raises(FormatError, match="got 'port'"):
            mapping("coco17", "hand21", "port")

    @pytest.mark.parametrize(("xy", "score"), [((16, 2), 16), ((17, 4), 17), ((17, 2), 16), ((17,), 17)])
    def test_shapes(self, xy, score):
        with pytest.raises(InputError, match=r"coco17: expected points \(\.\.\., 17"):
            mapping("coco17", "h36m17")(np.ones(xy), np.ones(score))


def test_rules_are_affine():
    for ways in RULES.values():
        for way in ways:
            assert sum(way.values()) == pytest.approx(1)


def test_no_people():
    xy_t, score_t = mapping("coco17", "h36m17")(np.zeros((0, 17, 2)), np.zeros((0, 17)))
    assert xy_t.shape == (0, 17, 2)
    assert score_t.shape == (0, 17)


def test_points_in_space_and_types():
    m = mapping("coco17", "h36m17")
    xyz = np.random.default_rng(0).normal(size=(17, 3))
    xyz_t, score_t = m(xyz, np.ones(17, int))
    assert xyz_t.dtype == np.float64
    assert score_t.dtype == np.float64
    np.testing.assert_allclose(xyz_t[0], xyz[11:13].mean(axis=0))
    assert m(xyz.astype(np.float32), np.ones(17, np.float32))[0].dtype == np.float32


def test_inputs_are_left_alone():
    xy, score = keypoints("coco17")
    xy[3] = np.nan
    before = xy.copy(), score.copy()
    mapping("coco17", "coco17")(xy, score)
    np.testing.assert_array_equal(xy, before[0])
    np.testing.assert_array_equal(score, before[1])


def test_is_cached():
    assert mapping("coco17", "h36m17") is mapping("coco17", "h36m17")


anything = st.floats(width=32) | st.just(float("nan")) | st.floats(-1e4, 1e4, width=32)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(DETECTORS),
    st.lists(anything, min_size=30, max_size=30),
    st.lists(st.floats(width=32), min_size=7, max_size=7),
)
def test_any_numbers_give_a_joint_or_a_hole(source, numbers, scores):
    count = len(formats.get(source))
    xy_t, score_t = mapping(source, "h36m17")(
        np.resize(np.array(numbers, np.float32), (count, 2)), np.resize(np.array(scores), count)
    )
    assert (np.isfinite(score_t) & (score_t >= 0)).all()
    assert np.isfinite(xy_t[score_t > 0]).all()
    assert np.isnan(xy_t[score_t == 0]).all()


TOES = ("left_toe", "right_toe")


@pytest.mark.parametrize("source", ["body25", "coco_wholebody133", "halpe26", "mediapipe33"])
class TestToes:
    def foot(self, source: str, hidden: tuple[str, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
        """A right foot of 250 px that points to the right, its heel at x = 100, its ankle 80 px above the floor."""
        place = {
            "right_heel": (100, 400), "right_big_toe": (350, 400), "right_small_toe": (305, 400),
            "right_foot_index": (350, 400), "right_ankle": (155, 320),
        }  # fmt: skip
        have = formats.get(source)
        xy, score = np.zeros((len(have), 2), np.float32), np.zeros(len(have), np.float32)
        for joint, point in place.items():
            if joint in have and joint not in hidden:
                xy[have.index(joint)], score[have.index(joint)] = point, 0.5
        xy_t, score_t = mapping(source, "body19")(xy, score)
        return xy_t[at("body19", "right_toe")[0]], score_t[at("body19", *TOES)]

    def test_they_begin_where_the_ball_of_the_foot_is(self, source):
        toe, score = self.foot(source)
        np.testing.assert_allclose(toe, (100 + 0.72 * 250, 400), atol=3)
        assert score.tolist() == [0.0, 0.5]

    def test_without_the_heel_the_ankle_tells_where_the_foot_begins(self, source):
        toe, score = self.foot(source, ("right_heel",))
        np.testing.assert_allclose(toe, (100 + 0.72 * 250, 400), atol=32)
        assert score.tolist() == [0.0, 0.5]

    def test_a_foot_that_is_not_seen_stays_hidden(self, source):
        assert self.foot(source, ("right_big_toe", "right_foot_index"))[1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("source", ["coco17", "h36m17"])
def test_formats_without_feet_leave_the_toes_hidden(source):
    m = mapping(source, "body19")
    assert m.missing == TOES
    xy_t, score_t = m(*keypoints(source))
    assert (score_t[at("body19", *TOES)] == 0).all()
    assert np.isnan(xy_t[at("body19", *TOES)]).all()


def test_body19_begins_with_h36m17():
    assert formats.get("body19").joints == (*formats.get("h36m17").joints, *TOES)

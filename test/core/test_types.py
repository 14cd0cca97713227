"""Border dataclasses: what they refuse and what they clean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.core import formats
from pose3d_ros.core.errors import FormatError, InputError
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D


def person(**changes) -> Person2D:
    return Person2D(**{"format": "coco17", "xy_px": np.ones((17, 2)), "score": np.ones(17), **changes})


class TestPerson2D:
    @pytest.mark.parametrize("shape", [(16, 2), (18, 2), (17, 3), (34,), (1, 17, 2), (0, 2)])
    def test_wrong_shape_says_expected_and_got(self, shape):
        with pytest.raises(InputError, match=r"coco17 xy_px: expected shape \(17, 2\), got") as caught:
            person(xy_px=np.zeros(shape))
        assert str(shape) in str(caught.value)

    @pytest.mark.parametrize("count", [0, 16, 34])
    def test_wrong_score_length(self, count):
        with pytest.raises(InputError, match=r"coco17 score: expected shape \(17,\)"):
            person(score=np.zeros(count))

    @pytest.mark.parametrize("name", formats.names())
    def test_length_follows_the_format(self, name):
        count = len(formats.get(name))
        made = Person2D(name, np.ones((count, 2)), np.ones(count))
        assert made.xy_px.shape == (count, 2)
        with pytest.raises(InputError):
            Person2D(name, np.ones((count + 1, 2)), np.ones(count + 1))

    def test_unknown_format(self):
        with pytest.raises(FormatError, match="known are"):
            person(format="coco18")

    def test_no_numbers(self):
        with pytest.raises(InputError, match="expected numbers"):
            person(xy_px=[["left", "right"]] * 17)
        with pytest.raises(InputError, match="expected numbers"):
            person(score=[[1], [1, 2]])

    def test_unknown_side(self):
        with pytest.raises(InputError, match="side"):
            person(side="port")

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_non_finite_means_absent(self, bad):
        xy, score = np.ones((17, 2)), np.ones(17)
        xy[3, 1] = bad
        score[5] = bad
        made = person(xy_px=xy, score=score)
        absent = np.isin(np.arange(17), (3, 5))
        assert np.isnan(made.xy_px[absent]).all()
        assert (made.score[absent] == 0).all()
        assert (made.xy_px[~absent] == 1).all()
        assert (made.score[~absent] == 1).all()
        assert np.isfinite(score).sum() == 16, "the caller's array was changed"

    def test_scores_are_clipped(self):
        made = person(score=np.linspace(-1, 2, 17))
        assert made.score.min() == 0
        assert made.score.max() == 1
        assert made.score[8] == pytest.approx(0.5)

    def test_types(self):
        made = person(xy_px=[[1, 2]] * 17, score=[1] * 17)
        assert made.xy_px.dtype == made.score.dtype == np.float32

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.floats(width=32), min_size=51, max_size=51))
    def test_any_numbers_become_joints_or_holes(self, numbers):
        made = person(xy_px=np.reshape(numbers[:34], (17, 2)), score=np.array(numbers[34:]))
        holes = np.isnan(made.xy_px).any(axis=1)
        assert np.isfinite(made.xy_px[~holes]).all()
        assert np.isnan(made.xy_px[holes]).all()
        assert ((made.score >= 0) & (made.score <= 1)).all()
        assert (made.score[holes] == 0).all()


class TestKeypoints2D:
    def test_negative_stamp(self):
        with pytest.raises(InputError, match="stamp_ns"):
            Keypoints2D(stamp_ns=-1, people=())

    def test_people_become_a_tuple(self):
        assert Keypoints2D(0, [person()]).people[0].format == "coco17"


class TestPerson3D:
    def make(self, **changes) -> Person3D:
        good = {"xyz_m": np.ones((17, 3)), "sigma_m": np.ones(17), "state": np.ones(17)}
        return Person3D(**{"id": "7", "track": 1, "skeleton": "h36m17", **good, **changes})

    def test_types(self):
        made = self.make()
        assert (made.xyz_m.dtype, made.sigma_m.dtype, made.state.dtype) == (np.float32, np.float32, np.uint8)

    @pytest.mark.parametrize(("field", "shape"), [("xyz_m", (17, 2)), ("sigma_m", (16,)), ("state", (17, 1))])
    def test_wrong_shapes(self, field, shape):
        with pytest.raises(InputError, match=rf"{field}: expected shape"):
            self.make(**{field: np.ones(shape)})

    def test_nan_only_where_invalid(self):
        xyz, state = np.ones((17, 3)), np.full(17, JointState.MEASURED)
        xyz[4] = np.nan
        with pytest.raises(InputError, match="finite"):
            self.make(xyz_m=xyz, state=state)
        state[4] = JointState.INVALID
        assert np.isnan(self.make(xyz_m=xyz, state=state).xyz_m[4]).all()

    def test_sigma_must_be_finite_too(self):
        with pytest.raises(InputError, match="finite"):
            self.make(sigma_m=np.full(17, np.inf))

    def test_unknown_skeleton(self):
        with pytest.raises(FormatError):
            self.make(skeleton="smpl24")

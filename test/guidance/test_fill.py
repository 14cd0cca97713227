"""The guidance against a slow and obvious reference, and the properties that the lifter rests on."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.guidance import GuidanceConfig, fill


def reference(xy, score, config):
    """One person's (T, J, 2), (T, J), slot by slot, as the paper puts it into words."""
    frames, joints = score.shape
    filled, confidence = np.zeros((frames, joints, 2)), np.zeros((frames, joints))
    for t in range(frames):
        for j in range(joints):
            seen = [s for s in range(frames) if score[s, j] > 0]
            past = [s for s in seen if 0 <= t - s <= config.f_past]
            future = [s for s in seen if 0 <= s - t <= config.f_future]
            if score[t, j] > 0:
                filled[t, j], confidence[t, j] = xy[t, j], score[t, j]
            elif config.variant != "none" and (past or future):
                weights = sides(max(past, default=None), min(future, default=None), t, config.variant)
                for s, share in weights.items():
                    reach = config.f_past if s < t else config.f_future
                    filled[t, j] += share * xy[s, j]
                    confidence[t, j] += share * max(config.floor, score[s, j] * (1 - abs(t - s) / reach))
    if not config.confidence:
        confidence = (confidence > 0).astype(float)
    filled[confidence == 0] = 0
    return filled, confidence


def sides(past, future, t, variant):
    """{source slot: share} of a hidden joint's last and next sighting."""
    if past is None or future is None:
        return {future if past is None else past: 1.0}
    if variant == "linear":
        return {past: (future - t) / (future - past), future: (t - past) / (future - past)}
    if t - past == future - t:
        return {past: 0.5, future: 0.5}
    return {past: 1.0} if t - past < future - t else {future: 1.0}


def window(seed, people=3, frames=27, joints=5, hidden=0.7):
    rng = np.random.default_rng(seed)
    xy = rng.normal(0, 1, (people, frames, joints, 2)).astype(np.float32)
    score = rng.uniform(0.05, 1, (people, frames, joints)).astype(np.float32)
    score[rng.random(score.shape) < hidden] = 0
    xy[score == 0] = np.nan
    return xy, score


configs = st.builds(
    GuidanceConfig,
    variant=st.sampled_from(("nearest", "linear", "none")),
    f_past=st.integers(1, 50),
    f_future=st.integers(1, 50),
    floor=st.sampled_from((0.0, 0.1, 0.5)),
    confidence=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 30),
    hidden=st.sampled_from((0, 0.3, 0.7, 0.95, 1)),
    config=configs,
)
def test_equals_the_reference(seed, frames, hidden, config):
    xy, score = window(seed, 2, frames, 3, hidden)
    filled, confidence = fill(xy, score, config)
    for person in range(2):
        wanted_xy, wanted_confidence = reference(xy[person], score[person], config)
        np.testing.assert_allclose(confidence[person], wanted_confidence, atol=1e-6)
        np.testing.assert_allclose(filled[person], wanted_xy, atol=1e-5)


def one_joint(*seen, frames=9):
    """A joint whose x is its slot, with score 1, seen in these slots."""
    score = np.zeros((1, frames, 1), np.float32)
    score[0, list(seen)] = 1
    xy = np.repeat(np.arange(frames, dtype=np.float32)[None, :, None, None], 2, axis=-1)
    return np.where(score[..., None] > 0, xy, np.nan), score


def filled_x(*seen, **changes):
    filled, confidence = fill(*one_joint(*seen), GuidanceConfig(**changes))
    return filled[0, :, 0, 0].tolist(), confidence[0, :, 0].tolist()


def test_nearest_copies_and_averages_at_equal_distance():
    x, confidence = filled_x(2, 6, f_past=4, f_future=4)
    assert x == [2, 2, 2, 2, 4, 6, 6, 6, 6]
    assert confidence == [0.5, 0.75, 1, 0.75, 0.5, 0.75, 1, 0.75, 0.5]


def test_linear_interpolates_between_and_holds_outside():
    assert filled_x(2, 6, variant="linear")[0] == [2, 2, 2, 3, 4, 5, 6, 6, 6]


def test_none_leaves_gaps():
    x, confidence = filled_x(2, 6, variant="none")
    assert x == [0, 0, 2, 0, 0, 0, 6, 0, 0]
    assert confidence == [0, 0, 1, 0, 0, 0, 1, 0, 0]


def test_confidence_falls_to_the_floor():
    confidence = filled_x(0, f_past=4, floor=0.2)[1]
    np.testing.assert_allclose(confidence, [1, 0.75, 0.5, 0.25, 0.2, 0, 0, 0, 0], atol=1e-6)


def test_reach_differs_between_past_and_future():
    assert filled_x(4, f_past=1, f_future=3)[0] == [0, 4, 4, 4, 4, 4, 0, 0, 0]


def test_confidence_of_a_source_is_carried_and_a_seen_joint_keeps_its_own():
    xy, score = one_joint(0)
    score[0, 0] = 0.05  # below the floor
    _, confidence = fill(xy, score, GuidanceConfig(floor=0.1))
    assert confidence[0, 0, 0] == np.float32(0.05)
    assert confidence[0, 1, 0] == np.float32(0.1)


def test_confidence_off():
    assert filled_x(4, confidence=False, f_past=2, f_future=2)[1] == [0, 0, 1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("variant", ["nearest", "linear", "none"])
def test_the_newest_slot_rests_on_the_past_alone(variant):
    """Whatever happens later cannot have been used: cut the window at any slot and it is the newest."""
    xy, score = window(1, joints=17)
    config = GuidanceConfig(variant=variant)
    for frames in (1, 5, 20):
        newest_xy, newest_confidence = (part[:, -1] for part in fill(xy[:, :frames], score[:, :frames], config))
        for person in range(len(xy)):
            wanted = reference(xy[person, :frames], score[person, :frames], replace(config, f_future=1))
            np.testing.assert_allclose(newest_xy[person], wanted[0][-1], atol=1e-6)
            np.testing.assert_allclose(newest_confidence[person], wanted[1][-1], atol=1e-6)


def test_what_hidden_joints_hold_does_not_matter():
    """Some sources write NaN, some (0, 0), some their last guess."""
    xy, score = window(2)
    for rubbish in (0, 1e30, np.inf):
        other = np.where(score[..., None] > 0, xy, np.float32(rubbish))
        for ours, theirs in zip(fill(xy, score), fill(other, score), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_people_and_joints_do_not_mix():
    xy, score = window(3, people=4)
    whole = fill(xy, score)
    for part, single in zip(whole, fill(xy[2:3, :, 1:2], score[2:3, :, 1:2]), strict=True):
        np.testing.assert_array_equal(part[2:3, :, 1:2], single)


def test_inputs_are_left_alone_and_types_kept():
    xy, score = window(4)
    before = xy.copy(), score.copy()
    filled, confidence = fill(xy, score)
    np.testing.assert_array_equal(xy, before[0])
    np.testing.assert_array_equal(score, before[1])
    assert (filled.dtype, confidence.dtype) == (np.float32, np.float32)
    assert np.isfinite(filled).all()


def test_nobody():
    filled, confidence = fill(np.empty((0, 27, 17, 2), np.float32), np.empty((0, 27, 17), np.float32))
    assert filled.shape == (0, 27, 17, 2)
    assert confidence.shape == (0, 27, 17)


@pytest.mark.parametrize("variant", ["nearest", "linear", "none"])
@pytest.mark.parametrize("confidence", [True, False])
def test_numpy_and_torch_agree(variant, confidence):
    torch = pytest.importorskip("torch")
    xy, score = window(5, joints=17)
    config = GuidanceConfig(variant=variant, confidence=confidence, f_past=7, f_future=11)
    theirs = fill(torch.from_numpy(xy), torch.from_numpy(score), config)
    for array, tensor in zip(fill(xy, score, config), theirs, strict=True):
        np.testing.assert_allclose(tensor.numpy(), array, atol=1e-6)


def test_sixteen_people_take_no_time():
    """The honest figure is in benchmark/guidance.py; this only catches a loop over people, frames or joints."""
    xy, score = window(6, people=16, frames=81, joints=17)
    fill(xy, score)
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        fill(xy, score)
        times.append(time.perf_counter() - begin)
    assert min(times) < 5e-3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variant": "spline"}, "variant: expected one of nearest, linear, none"),
        ({"f_past": 0}, "f_past: .* at least 1"),
        ({"floor": 1.1}, "floor: expected at most 1"),
    ],
)
def test_impossible_settings(change, words):
    with pytest.raises(ConfigError, match=words):
        GuidanceConfig(**change)

"""What a streaming lifter sees of a frame: from the past only, the same on the robot and in training."""

import numpy as np
import pytest

from pose3d_ros.guidance import GuidanceConfig, fill, frames

JOINTS = 17
CONFIG = GuidanceConfig()


@pytest.fixture
def person() -> np.ndarray:
    """Rays (J, 2) of somebody."""
    return np.random.default_rng(0).normal((0.1, -0.05), 0.12, (1, JOINTS, 2)).astype(np.float32)


def score_without(*hidden: int) -> np.ndarray:
    score = np.full((1, JOINTS), 0.9, np.float32)
    score[:, list(hidden)] = 0
    return score


def follow(rays: list[np.ndarray], scores: list[np.ndarray], config: GuidanceConfig = CONFIG) -> list[frames.BodyFrame]:
    state, seen = frames.start(scores[0]), []
    for xy, score in zip(rays, scores, strict=True):
        state, frame = frames.advance(state, np.where(score[..., None] > 0, xy, np.nan), score, config)
        seen.append(frame)
    return seen


def test_torch_gives_the_same_numbers():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    rays = rng.normal(0, 0.2, (3, 60, JOINTS, 2)).astype(np.float32)
    score = (rng.random((3, 60, JOINTS)) * (rng.random((3, 60, JOINTS)) > 0.7)).astype(np.float32)
    ours, theirs = frames.start(score[:, 0]), frames.start(torch.from_numpy(score[:, 0]))
    for t in range(60):
        ours, frame = frames.advance(ours, rays[:, t], score[:, t], CONFIG)
        theirs, other = frames.advance(theirs, torch.from_numpy(rays[:, t]), torch.from_numpy(score[:, t]), CONFIG)
        np.testing.assert_allclose(frame.features, other.features.numpy(), atol=1e-5)
    assert frame.features.dtype == np.float32
    assert frame.features.shape == (3, 4 * JOINTS + 4)


def test_of_somebody_who_stands_still_it_is_the_guidance_of_a_window(person):
    rng = np.random.default_rng(2)
    scores = [
        (rng.uniform(0.3, 1, (1, JOINTS)) * (rng.random((1, JOINTS)) > 0.6)).astype(np.float32) for _ in range(50)
    ]
    rays = [person] * 50
    xy, confidence = fill(np.stack(rays, 1), np.stack(scores, 1), CONFIG)
    newest = follow(rays, scores)[-1]
    np.testing.assert_allclose(newest.confidence, confidence[:, -1], atol=1e-6)
    np.testing.assert_allclose(newest.filled, xy[:, -1], atol=1e-5)


def test_a_hidden_joint_goes_with_the_others_when_the_robot_turns(person):
    rays = [person + np.float32(0.01 * t) for t in range(20)]
    scores = [score_without(16) if t >= 5 else score_without() for t in range(20)]
    last = follow(rays, scores)[-1]
    moved = last.filled[0, 16] - rays[4][0, 16]
    np.testing.assert_allclose(moved, 0.15, atol=0.02)  # 15 frames of 0.01, a little less
    assert (moved < 0.15).all()


def test_a_joint_is_forgotten_after_its_reach_and_one_never_seen_is_nowhere(person):
    scores = [score_without(3)] + [score_without(3, 5)] * 12
    seen = follow([person] * 13, scores, GuidanceConfig(f_past=10))
    assert [frame.confidence[0, 5] > 0 for frame in seen] == [True] * 11 + [False] * 2
    for frame in seen:
        assert (frame.features[0, 6:8] == 0).all()
        assert frame.confidence[0, 3] == 0
    assert np.isfinite([frame.features for frame in seen]).all()


def test_the_camera_is_still_when_joints_come_and_go_and_finds_who_walks(person):
    rng = np.random.default_rng(3)
    hidden = [rng.choice(JOINTS, 12, replace=False) for _ in range(60)]
    seen = follow([person] * 60, [score_without(*joints) for joints in hidden])
    middles = np.stack([frame.camera.R[0, 2] for frame in seen[20:]])
    alone = np.stack([np.append(person[0, np.setdiff1d(range(JOINTS), joints)].mean(0), 1) for joints in hidden[20:]])
    assert middles.std(0).max() < 0.3 * alone.std(0).max()
    walking = follow([person + np.float32(0.01 * t) for t in range(60)], [score_without()] * 60)[-1]
    ahead = walking.camera.turn_rays(walking.filled)[0].mean(0) / walking.camera.scale[0]
    assert np.abs(ahead).max() < 0.5  # of the person's size
    motion = walking.features[0, 4 * JOINTS : 4 * JOINTS + 2]
    assert (motion < -0.1).all()  # where the camera looked before lies behind


def test_slots_without_a_frame_leave_numbers_that_are_finite(person):
    nothing = np.zeros((1, JOINTS), np.float32)
    seen = follow([person] * 120, [nothing] * 3 + [score_without()] + [nothing] * 116)
    assert all(np.isfinite(frame.features).all() for frame in seen)
    assert (seen[1].confidence == 0).all()
    assert (seen[30].confidence > 0).all()
    assert (seen[-1].confidence == 0).all()

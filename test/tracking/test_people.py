"""Who is a person, and who comes back: the gate, and people who are known again by their proportions."""

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.tracking.people import People
from pose3d_ros.tracking.plausibility import Doubt
from pose3d_ros.tracking.signature import BETWEEN, MEAN, WITHIN, Signature, log_ratio
from pose3d_ros.tracking.smoothing import SmoothingConfig
from pose3d_ros.tracking.track import TrackingConfig
from pose3d_ros.tracking.view import View

SKELETON = formats.get("h36m17")
# a standing adult of 1.76 m, camera axes (x right, y down), the pelvis at 0
ADULT = np.array([
    (0, 0, 0), (-0.09, 0, 0), (-0.12, 0.42, 0.02), (-0.12, 0.82, 0.05), (0.09, 0, 0), (0.12, 0.42, 0.02),
    (0.12, 0.82, 0.05), (0, -0.24, 0), (0, -0.48, 0), (0, -0.57, -0.08), (0, -0.78, 0), (0.17, -0.47, 0),
    (0.22, -0.2, 0), (0.22, 0.03, -0.05), (-0.17, -0.47, 0), (-0.22, -0.2, 0), (-0.22, 0.03, -0.05),
])  # fmt: skip
VIEW = View((-0.55, -0.41), (0.55, 0.41), 1 / 600)
STEP_NS = 33_333_333


def body(thigh=1.0, shoulders=1.0, trunk=1.0):
    """The adult with other proportions."""
    xyz = ADULT.copy()
    upper, legs = slice(7, 17), [2, 3, 5, 6]
    xyz[upper, 1] *= trunk
    xyz[legs, 1] += 0.42 * (thigh - 1)
    xyz[11:17, 0] *= shoulders
    return xyz


class Scene:
    """A stream of frames of people at places (x, depth), lifted without error."""

    def __init__(self, **config):
        self.people = People(27, SKELETON, 30.0, TrackingConfig(**config), SmoothingConfig())
        self.frame = 0

    def show(self, *bodies, score=0.9):
        """One frame of (joints in metres, x, depth); returns ids of those published, and reasons."""
        self.frame += 1
        stamp_ns = 10**9 + self.frame * STEP_NS
        placed = [joints + np.array((x, 0, depth)) for joints, x, depth in bodies]
        seen = []
        for xyz in placed:
            rays = xyz[:, :2] / xyz[:, 2:]
            inside = (rays >= VIEW.low).all(1) & (rays <= VIEW.high).all(1)
            seen.append(("", rays, np.where(inside, score, 0)))
        reasons = self.people.push(stamp_ns, seen, VIEW)
        tracks, rays, scores = self.people.windows(stamp_ns)
        if not tracks:
            return [], reasons
        middle = np.array([xyz[0, :2] / xyz[0, 2] for xyz in placed]).reshape(-1, 2)
        lifted = []
        for i in range(len(tracks)):
            now = rays[i, -1][scores[i, -1] > 0]
            nearest = np.hypot(*(middle - now.mean(0)).T).argmin() if len(now) and len(middle) else None
            lifted.append(placed[nearest] if nearest is not None else ADULT + np.array((0, 0, 3.0)))
        fine, why = self.people.judge(stamp_ns, tracks, rays[:, -1], scores[:, -1], np.array(lifted))
        return [track.id for track, keep in zip(tracks, fine, strict=True) if keep], reasons + why


CRAWLING = 0.66 * np.stack((ADULT[:, 1], 0.3 * ADULT[:, 0], ADULT[:, 2]), -1)  # 1.1 m, on all fours


def test_a_person_is_published_at_once_and_lying_down_changes_nothing():
    scene = Scene()
    assert scene.show((ADULT, 0, 4.0)) == (["p1"], [])
    lying = np.stack((ADULT[:, 1], -ADULT[:, 0], ADULT[:, 2]), -1)
    for _ in range(90):
        assert scene.show((lying, 0, 4.0)) == (["p1"], [])


def test_who_lies_there_from_the_start_is_a_person_too():
    lying = np.stack((ADULT[:, 1], -ADULT[:, 0], ADULT[:, 2]), -1)
    assert Scene().show((lying, 0, 4.0), score=0.4) == (["p1"], [])


def test_a_table_foot_is_nobody_and_who_comes_in_is_not_it():
    scene = Scene()
    for _ in range(60):
        found, why = scene.show((CRAWLING, 0.5, 10.0), score=0.5)
        assert (found, why) in (([], [Doubt.BUILD]), ([], [Doubt.STILL]))
    for i in range(60):
        found, _ = scene.show((CRAWLING, 0.5, 10.0), (ADULT, -1.0 + 0.02 * i, 4.0), score=0.5)
        assert found == ["p2"]
    off = Scene(gate=False)
    assert off.show((CRAWLING, 0.5, 10.0))[0] == ["p1"]


def test_who_is_odd_and_walks_is_a_person():
    scene, far = Scene(), 0.8 * ADULT  # 1.35 m
    found = [bool(scene.show((far, 0.045 * i, 9.0), score=0.4)[0]) for i in range(60)]
    assert not any(found[:10])
    assert all(found[-10:])


def test_nobody_is_published_beyond_the_greatest_distance():
    scene = Scene(max_depth_m=12.0)
    assert scene.show((ADULT, 0, 12.5)) == ([], [Doubt.TOO_FAR])
    assert scene.show((ADULT, 0, 11.5)) == (["p1"], [])


def walk(scene, joints, way):
    """Ids published along the way, the last one of each frame."""
    return [ids[-1] for ids in (scene.show((joints, x, 4.0))[0] for x in way) if ids]


SLIM, WIDE = body(thigh=1.1, trunk=0.93, shoulders=0.85), body(thigh=0.92, trunk=1.08, shoulders=1.15)


def test_who_comes_back_gets_the_old_id_and_nobody_else_does():
    scene = Scene()
    assert set(walk(scene, SLIM, np.linspace(0, 3.2, 90))) == {"p1"}
    assert set(walk(scene, WIDE, np.linspace(-3.2, 0, 90))) == {"p2"}
    assert set(walk(scene, WIDE, np.linspace(0, -3.2, 90))) == {"p2"}
    back = walk(scene, SLIM, np.linspace(-3.2, 0, 120))
    assert set(back) == {"p3", "p1"}
    assert back[-1] == "p1"
    assert len({track.number for track in scene.people.windows(0).tracks}) == 1
    assert walk(scene, SLIM, np.linspace(0, 3.2, 90))[-60] == "p1"
    other = walk(scene, body(thigh=1.0, trunk=0.9, shoulders=1.3), np.linspace(-3.2, 0, 120))  # a stranger
    assert len(set(other)) == 1
    assert other[0] not in ("p1", "p2")


@pytest.mark.parametrize("config", [{"reentry_s": 0.0}, {"reentry_s": 1.0}])
def test_after_too_long_everybody_is_new(config):
    scene = Scene(**config)
    walk(scene, SLIM, np.linspace(0, 3.2, 90))
    for _ in range(60):
        scene.show()
    assert "p1" not in walk(scene, SLIM, np.linspace(-3.2, 0, 120))


def test_the_ratio_tells_one_person_from_two():
    rng = np.random.default_rng(0)

    def measured(mean):
        return Signature(mean + WITHIN * rng.normal(size=7), 1e6, 0)

    same, different = [], []
    for _ in range(500):
        a, b = MEAN + BETWEEN * rng.normal(size=(2, 7))
        same.append(log_ratio(measured(a), measured(a)))
        different.append(log_ratio(measured(a), measured(b)))
    assert np.mean(np.exp(different)) == pytest.approx(1.0, abs=0.5)  # as a ratio of likelihoods has to be
    assert np.mean(np.array(same) > 0) > 0.95
    assert np.mean(np.array(different) < 0) > 0.9

"""Pipeline and node under streams that nobody should send: no crash, no nonsense, good output soon again."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

sys.path.insert(0, str(Path(__file__).parent))
import hostile

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig
from pose3d_ros.tracking.tracker import TrackingConfig

WEIGHTS = "body_dtf27"
MOST = 8
OTHER = Camera.from_fov(640, 480, 90.0)
_shared: list[Pipeline] = []


def shared() -> Pipeline:
    """One pipeline for all examples, as a robot has it: what an example leaves behind must not hurt the next."""
    if not _shared:
        body = BodyConfig(WEIGHTS, device="cpu", backend="torch")
        _shared.append(Pipeline(PipelineConfig(body, TrackingConfig(max_people=MOST), hands=HandConfig(weights=""))))
    return _shared[0]


class Stream(RuleBasedStateMachine):
    """Anything in any order; whenever five good frames of a second come in a row, somebody comes out."""

    @initialize()
    def start(self) -> None:
        self.pipeline, self.stamp_ns, self.camera, self.result = shared(), 10**9, hostile.CAMERA, None
        self.pipeline.reset()

    def push(self, frame) -> None:
        try:
            with np.errstate(all="ignore"):
                self.result = self.pipeline.push(frame, self.camera)
        except Pose3DError:
            self.result = None

    @rule(seed=st.integers(0, 2**32), steps=st.sampled_from(hostile.STEPS))
    def anything(self, seed: int, steps: int) -> None:
        self.stamp_ns = int(np.clip(self.stamp_ns + steps * hostile.STEP_NS, 0, 2**62 - 1))
        self.push(hostile.frame(np.random.default_rng(seed), self.stamp_ns))

    @rule(seed=st.integers(0, 2**32))
    def stored_only(self, seed: int) -> None:
        self.stamp_ns = min(self.stamp_ns + hostile.STEP_NS, 2**62 - 1)
        with np.errstate(all="ignore"):
            self.pipeline.observe(hostile.frame(np.random.default_rng(seed), self.stamp_ns), self.camera)

    @rule()
    def a_second_of_somebody_good(self) -> None:
        self.stamp_ns = self.stamp_ns + 400 * hostile.STEP_NS if self.stamp_ns < 2**61 else 10**9
        if self.stamp_ns == 10**9:
            self.pipeline.reset()
        for i in range(8):
            self.push(hostile.good(i, 2, self.stamp_ns + i * hostile.STEP_NS))
        self.stamp_ns += 7 * hostile.STEP_NS
        assert {"good0", "good1"} <= {person.id for person in self.result.people}

    @rule()
    def reset(self) -> None:
        self.pipeline.reset()

    @rule()
    def another_camera(self) -> None:
        self.camera = OTHER if self.camera is hostile.CAMERA else hostile.CAMERA

    @rule(score=st.floats(0, 1), people=st.integers(1, MOST))
    def other_parameters(self, score: float, people: int) -> None:
        tracking = TrackingConfig(min_score=min(score, 0.5), max_people=max(people, 2))
        config = self.pipeline.config
        self.pipeline.reconfigure(PipelineConfig(config.body, tracking, hands=config.hands))

    @invariant()
    def nothing_absurd_comes_out(self) -> None:
        if getattr(self, "result", None):
            assert hostile.faults(self.result) == []
            assert len(self.result.people) <= MOST


TestStream = Stream.TestCase
TestStream.settings = settings(
    max_examples=6, stateful_step_count=12, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("seed", [1])
def test_other_people_in_a_hostile_frame_are_unharmed(seed):
    pipeline, rng, seen = shared(), np.random.default_rng(seed), 0
    pipeline.reset()
    pipeline.reconfigure(
        PipelineConfig(pipeline.config.body, TrackingConfig(max_people=MOST), hands=pipeline.config.hands)
    )
    for i in range(30):
        good = hostile.good(i, 1)
        bad = [p for p in (hostile.person(rng) for _ in range(3)) if p.id != "good0"]
        frame = type(good)(good.stamp_ns, (*bad, *good.people), "camera", 640, 480)
        with np.errstate(all="ignore"):
            seen += any(p.id == "good0" for p in pipeline.push(frame, hostile.CAMERA).people)
    assert seen >= 27

"""`StreamingLifter`: only new slots are computed, and the answer is that of the whole window."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import ConfigError, EngineError, InputError
from pose3d_ros.geometry.placement import PlacementConfig
from pose3d_ros.models import ModelSpec, checkpoint, registry
from pose3d_ros.models.streaming import StreamingConfig, StreamingDTF
from pose3d_ros.models.streaming_lifter import StreamingLifter, Streams
from pose3d_ros.stages.bodies import lift_windows
from pose3d_ros.tracking.window import Window

WINDOW, RATE_HZ = 12, 30.0
SPEC = ModelSpec("small", "h36m17", WINDOW, RATE_HZ)
FRAME_NS = 33_333_333


@pytest.fixture
def lifter() -> StreamingLifter:
    torch.manual_seed(0)
    network = StreamingDTF(StreamingConfig(window=WINDOW, channels=24, hidden=32, heads=3, generator_hidden=16))
    return StreamingLifter(network, SPEC)


class Person:
    """Somebody's window, and their keypoints at any time."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.start, self.way = rng.normal(0, 0.15, (17, 2)), rng.normal(0, 0.1, (17, 2))
        self.window = Window(WINDOW, 17, RATE_HZ)

    def push(self, stamp_ns: int) -> None:
        hidden = np.random.default_rng(stamp_ns).random(17) < 0.3
        xy = self.start + self.way * np.sin(stamp_ns * 2e-9)
        self.window.push(stamp_ns, xy.astype(np.float32), np.where(hidden, 0, 0.8).astype(np.float32))


def lift(lifter: StreamingLifter, stamp_ns: int, people: dict[int, Person], alone: bool = False):
    """Joints (N, 17, 3) of the people at a stamp; `alone`: from their windows only."""
    rays, score = (np.stack(parts) for parts in zip(*(p.window.grid(stamp_ns) for p in people.values()), strict=True))
    streams = Streams(list(people), [p.window.revision for p in people.values()], stamp_ns)
    return lifter.newest(rays, score, None if alone else streams).lifted.xyz_m


def test_it_gives_what_the_whole_window_gives_while_the_stream_is_young(lifter):
    person = Person(1)
    for t in range(WINDOW):
        person.push(t * FRAME_NS)
        known = lift(lifter, t * FRAME_NS, {7: person})
        whole = lift(lifter, t * FRAME_NS, {7: person}, alone=True)
        np.testing.assert_allclose(known, whole, rtol=0, atol=1e-5)
    assert lifter.recomputed == 0


def test_it_remembers_more_than_its_window(lifter):
    person, other = Person(1), Person(1)
    for t in range(3 * WINDOW):
        person.push(t * FRAME_NS)
        if t > WINDOW:
            other.push(t * FRAME_NS)
        long = lift(lifter, t * FRAME_NS, {7: person})
    assert np.abs(long - lift(lifter, t * FRAME_NS, {7: other}, alone=True)).max() > 1e-6


def test_people_come_and_go_without_a_trace_on_the_others(lifter):
    torch.manual_seed(0)
    single = {key: StreamingLifter(lifter.network, SPEC) for key in (1, 2, 3)}
    people = {key: Person(key) for key in (1, 2, 3)}
    there = {1: range(0, 40), 2: range(5, 40), 3: range(9, 20)}
    for t in range(40):
        now = [key for key in (2, 3, 1) if t in there[key]]
        for key in now:
            people[key].push(t * FRAME_NS)
        together = lift(lifter, t * FRAME_NS, {key: people[key] for key in now})
        for row, key in enumerate(now):
            by_itself = lift(single[key], t * FRAME_NS, {key: people[key]})
            np.testing.assert_allclose(together[row], by_itself[0], rtol=0, atol=1e-5)
    assert lifter.recomputed == 0


def test_who_is_not_asked_for_is_remembered_as_long_as_the_window(lifter):
    torch.manual_seed(0)
    single, people = StreamingLifter(lifter.network, SPEC), {key: Person(key) for key in (1, 2)}
    for t in range(60):
        for person in people.values():
            person.push(t * FRAME_NS)
        both = t < 20 or 20 + WINDOW // 2 < t < 40
        found = lift(lifter, t * FRAME_NS, people if both else {1: people[1]})
        if both:
            by_itself = lift(single, t * FRAME_NS, {2: people[2]})
            np.testing.assert_allclose(found[1], by_itself[0], rtol=0, atol=1e-5)
    assert lifter._bank.keys == [1]


@pytest.mark.parametrize("every", [1, 2, 3])
def test_slots_without_a_frame_are_counted(lifter, every):
    person = Person(2)
    for t in range(0, WINDOW, every):
        person.push(t * FRAME_NS)
        known = lift(lifter, t * FRAME_NS, {1: person})
        np.testing.assert_allclose(known, lift(lifter, t * FRAME_NS, {1: person}, alone=True), rtol=0, atol=1e-5)


def test_frames_that_were_stored_without_lifting_are_caught_up(lifter):
    person = Person(3)
    for t in range(WINDOW):
        person.push(t * FRAME_NS)
        if t in (0, 1, 6, 11):
            known = lift(lifter, t * FRAME_NS, {1: person})
    whole = lift(lifter, t * FRAME_NS, {1: person}, alone=True)
    np.testing.assert_allclose(known, whole, rtol=0, atol=1e-5)


def test_a_late_frame_starts_the_stream_again_and_is_counted(lifter):
    person = Person(4)
    for t in (0, 1, 2, 3, 5, 6, 4, 7, 8):
        person.push(t * FRAME_NS)
        known = lift(lifter, t * FRAME_NS, {1: person})
        whole = lift(lifter, t * FRAME_NS, {1: person}, alone=True)
        np.testing.assert_allclose(known, whole, rtol=0, atol=1e-5)
    assert lifter.recomputed == 1


def test_a_gap_as_long_as_the_window_and_a_new_window_start_it_again(lifter):
    person = Person(5)
    stamps = [t * FRAME_NS for t in (*range(5), *range(5 + WINDOW, 10 + WINDOW))]
    for stamp_ns in stamps:
        person.push(stamp_ns)
        known = lift(lifter, stamp_ns, {1: person})
    np.testing.assert_allclose(known, lift(lifter, stamp_ns, {1: person}, alone=True), rtol=0, atol=1e-5)
    newcomer = Person(6)  # the same number, somebody else
    newcomer.push(stamp_ns + FRAME_NS)
    known = lift(lifter, stamp_ns + FRAME_NS, {1: newcomer})
    np.testing.assert_allclose(known, lift(lifter, stamp_ns + FRAME_NS, {1: newcomer}, alone=True), rtol=0, atol=1e-5)


def test_a_joint_of_the_frame_before_in_the_same_slot_is_kept(lifter):
    person, network = Person(7), lifter.network
    given, step = [], network.step
    network.step = lambda features, state: (given.append(features), step(features, state))[1]
    for half in range(20):
        stamp_ns = half * FRAME_NS // 2
        score = np.where(np.arange(17) % 2 == half % 2, 0.8, 0).astype(np.float32)
        person.window.push(stamp_ns, person.start.astype(np.float32), score)
        lift(lifter, stamp_ns, {1: person})
    seen = torch.stack(given[-10:])[:, 0, 3 * 17 : 4 * 17]  # as guidance/frames.py lays features out
    assert seen.sum(1).tolist() == [9, 17] * 5  # one frame alone, then both of the slot


def test_at_twice_the_rate_the_newer_frame_takes_the_slot(lifter):
    person, seen = Person(7), []
    for half in range(30):
        stamp_ns = half * FRAME_NS // 2
        person.push(stamp_ns)
        seen.append(lift(lifter, stamp_ns, {1: person}))
    assert lifter._bank.state.age.tolist() == [15]
    assert np.abs(np.diff(np.stack(seen), axis=0)).max((1, 2, 3)).min() > 1e-6  # every frame had its say


@pytest.mark.parametrize(("rate_hz", "jitter_ns"), [(30.0, 8e6), (29.5, 4e6), (25.0, 0), (14.7, 8e6)])
def test_the_stream_keeps_time(lifter, rate_hz, jitter_ns):
    person, rng = Person(8), np.random.default_rng(0)
    for i in range(150):
        stamp_ns = int(1e12 + i / rate_hz * 1e9 + rng.uniform(-jitter_ns, jitter_ns))
        person.push(stamp_ns)
        lift(lifter, stamp_ns, {1: person})
    wanted = 150 if abs(rate_hz - RATE_HZ) < 1 else 149 * RATE_HZ / rate_hz  # near its own rate a slot for each frame
    assert lifter._bank.state.age.item() == pytest.approx(wanted, rel=0.04)
    assert lifter.recomputed == 0


def test_after_a_failure_everybody_starts_again(lifter, monkeypatch):
    person = Person(9)
    for t in range(6):
        person.push(t * FRAME_NS)
        if t == 3:
            with monkeypatch.context() as broken:
                broken.setattr(lifter.network, "step", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    lift(lifter, t * FRAME_NS, {1: person})
            continue
        known = lift(lifter, t * FRAME_NS, {1: person})
    np.testing.assert_allclose(known, lift(lifter, t * FRAME_NS, {1: person}, alone=True), rtol=0, atol=1e-5)


def test_what_it_cannot_do_is_refused(lifter):
    lifter.warm_up(2)
    rays, score = np.zeros((1, WINDOW, 17, 2), np.float32), np.ones((1, WINDOW, 17), np.float32)
    with pytest.raises(ConfigError, match="lookahead 0, got 3"):
        lift_windows(lifter, rays, score, PlacementConfig(), lookahead=3)
    with pytest.raises(InputError, match=r"expected rays \(1, 12, 17, 2\)"):
        lifter.run_slot(rays[:, :5], score[:, :5])
    with pytest.raises(InputError, match="run_slot"):
        lifter(SPEC.example())
    lifter.close()
    with pytest.raises(EngineError, match="closed"):
        lifter.newest(rays, score)


def test_weights_come_back_as_a_streaming_lifter(lifter, tmp_path):
    path = tmp_path / "small.safetensors"
    checkpoint.save(path, lifter.network, SPEC)
    loaded = registry.load(path)
    assert isinstance(loaded, StreamingLifter)
    assert loaded.spec == SPEC
    assert loaded.network.config == lifter.network.config
    person = Person(1)
    person.push(0)
    np.testing.assert_array_equal(lift(loaded, 0, {1: person}), lift(lifter, 0, {1: person}))
    checkpoint.save(path, lifter.network, replace(SPEC, frames=20))
    with pytest.raises(Exception, match="spec promises 20"):
        registry.load(path)

"""Injected faults: what a robot's view may do to its keypoints, put into the inputs of any bag. Seeded, composable.

A specification is `name:severity`; severity 0 changes nothing. `FAULTS` lists them with their units.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Keypoints2D, Person2D
from pose3d_ros.lab.bags.types import NS_PER_S, Input

Stream = list[Input | None]  # as long as the bag's inputs; None where the frame was taken away
BURST_S = (0.3, 2.0)
BURST_JOINTS = (1, 8)
LIMB_S = (0.5, 3.0)
SWAP_S = (0.1, 1.0)
SHUFFLE_EVERY_S = 2.0
OCCLUDER_S = 4.0  # for one way over the image
LIMBS = (
    ("left_shoulder", "left_elbow", "left_wrist"), ("right_shoulder", "right_elbow", "right_wrist"),
    ("left_hip", "left_knee", "left_ankle"), ("right_hip", "right_knee", "right_ankle"),
    ("left_knee", "left_ankle", "right_knee", "right_ankle"),
    ("nose", "head_top", "left_eye", "right_eye", "left_ear", "right_ear"),
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One kind. `high`: the greatest severity that it takes; `standard`: those of a curve."""

    name: str
    help: str
    unit: str
    high: float
    standard: tuple[float, ...]
    apply: Callable[["FaultyFrames", float, np.random.Generator], Stream]


class FaultyFrames:
    """A stream while a fault works on it: the frames that are left, with their times in seconds since the first."""

    def __init__(self, stream: Sequence[Input | None]) -> None:
        self.stream: Stream = list(stream)
        self.left = [i for i, entry in enumerate(stream) if entry is not None]
        stamps_ns = np.array([stream[i].keypoints.stamp_ns for i in self.left], np.int64)
        self.seconds = (stamps_ns - stamps_ns.min()) / NS_PER_S if len(stamps_ns) else np.zeros(0)
        steps = np.diff(np.unique(self.seconds))
        self.step_s = float(np.median(steps)) if len(steps) else 1 / 30

    def people(self, change: Callable[[int, Person2D, Input], Person2D]) -> Stream:
        """Every person of every frame changed; `change` gets the number of the frame among those left."""
        for k, i in enumerate(self.left):
            entry = self.stream[i]
            people = tuple(change(k, person, entry) for person in entry.keypoints.people)
            self.stream[i] = with_keypoints(entry, people=people)
        return self.stream

    def spans(self, rng: np.random.Generator, share: float, seconds: tuple[float, float]) -> list[tuple[float, float]]:
        """Random (start, end) in seconds whose lengths add up to `share` of the recording, overlaps counted twice."""
        total = float(self.seconds.max(initial=0)) + self.step_s
        mean = sum(seconds) / 2
        wanted = share * (total + mean) / mean
        count = int(wanted) + int(rng.random() < wanted % 1)
        return [(start, start + rng.uniform(*seconds)) for start in rng.uniform(-mean, total, count)]


def apply(specifications: Sequence[str], inputs: Sequence[Input], seed: int) -> Stream:
    """The inputs with these faults, one after the other. Entry i is what is left of `inputs[i]`.

    Each fault has draws of its own, fixed by the seed, its name and its place. Raises ConfigError.
    """
    stream: Stream = list(inputs)
    for place, (fault, severity) in enumerate([parse(text) for text in specifications]):
        if severity > 0:
            rng = np.random.default_rng([seed, zlib.crc32(fault.name.encode()), place])
            stream = fault.apply(FaultyFrames(stream), severity, rng)
    return stream


def parse(specification: str) -> tuple[Fault, float]:
    """The fault and its severity. Raises ConfigError."""
    name, colon, text = specification.partition(":")
    if name not in FAULTS:
        raise ConfigError(f"unknown fault {name!r}; known are {', '.join(FAULTS)}")
    fault = FAULTS[name]
    try:
        severity = float(text)
    except ValueError:
        severity = float("nan")
    if not colon or not 0 <= severity <= fault.high:
        raise ConfigError(
            f"fault {specification!r}: expected {name}:SEVERITY from 0 to {fault.high:g} ({fault.unit}), "
            f"such as {name}:{fault.standard[len(fault.standard) // 2]:g}"
        )
    return fault, severity


def with_keypoints(entry: Input, **changes: object) -> Input:
    """The input with other keypoints."""
    frame = entry.keypoints
    values = {name: getattr(frame, name) for name in ("stamp_ns", "people", "frame_id", "width", "height")}
    return replace(entry, keypoints=Keypoints2D(**(values | changes)))


def _hidden(person: Person2D, hide: np.ndarray) -> Person2D:
    """The person without the keypoints for which bool (J,) is true."""
    return replace(person, xy_px=np.where(hide[:, None], np.nan, person.xy_px), score=np.where(hide, 0, person.score))


def _members(person: Person2D, joints: Sequence[str]) -> np.ndarray:
    """bool (J,): these joints by name."""
    return np.isin(formats.get(person.format).joints, joints)


def _joints(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """So many joints of every person hidden, drawn again each frame."""

    def change(_: int, person: Person2D, __: Input) -> Person2D:
        order = rng.random(len(person.score)).argsort().argsort()
        return _hidden(person, order < severity)

    return frames.people(change)


def _burst(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """Groups of joints hidden for a while, several at a time; the same joints of everybody."""
    spans = frames.spans(rng, severity, BURST_S)
    sizes = rng.integers(BURST_JOINTS[0], BURST_JOINTS[1] + 1, len(spans))
    seeds = rng.integers(2**32, size=len(spans))

    def change(k: int, person: Person2D, _: Input) -> Person2D:
        hide = np.zeros(len(person.score), bool)
        for (start, end), size, seed in zip(spans, sizes, seeds, strict=True):
            if start <= frames.seconds[k] < end:
                hide |= np.random.default_rng(seed).random(len(hide)).argsort().argsort() < size
        return _hidden(person, hide)

    return frames.people(change)


def _limb(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """A whole limb, both lower legs or the head hidden for a while."""
    spans = frames.spans(rng, severity, LIMB_S)
    chosen = rng.integers(len(LIMBS), size=len(spans))

    def change(k: int, person: Person2D, _: Input) -> Person2D:
        hide = np.zeros(len(person.score), bool)
        for (start, end), limb in zip(spans, chosen, strict=True):
            if start <= frames.seconds[k] < end:
                hide |= _members(person, LIMBS[limb])
        return _hidden(person, hide)

    return frames.people(change)


def _truncated(side: str) -> Callable[[FaultyFrames, float, np.random.Generator], Stream]:
    """One side of the image is cut off: this share of its width or height."""
    axis, upper = {"left": (0, False), "right": (0, True), "top": (1, False), "bottom": (1, True)}[side]

    def cut(frames: FaultyFrames, severity: float, _: np.random.Generator) -> Stream:
        size = image_size(frames.stream)[axis]
        line = size * (1 - severity) if upper else size * severity

        def change(_: int, person: Person2D, __: Input) -> Person2D:
            at = person.xy_px[:, axis]
            return _hidden(person, at >= line if upper else at < line)

        return frames.people(change)

    return cut


def _occluder(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """An upright band of this share of the image's width slides to and fro over it."""
    width = image_size(frames.stream)[0]
    phase = rng.uniform(0, 2)
    half = 0.5 * severity * width

    def change(k: int, person: Person2D, _: Input) -> Person2D:
        way = (phase + frames.seconds[k] / OCCLUDER_S) % 2
        centre = width * (way if way <= 1 else 2 - way)
        return _hidden(person, np.abs(person.xy_px[:, 0] - centre) < half)

    return frames.people(change)


def image_size(stream: Sequence[Input | None]) -> tuple[float, float]:
    """Width and height in pixels; from the farthest keypoints where no message says it."""
    for entry in stream:
        for told in (entry.keypoints, entry.camera) if entry is not None else ():
            if told is not None and told.width and told.height:
                return float(told.width), float(told.height)
    points = [person.xy_px for entry in stream if entry is not None for person in entry.keypoints.people]
    if not points:
        return 1.0, 1.0
    high = np.nan_to_num(np.nanmax(np.concatenate([*points, [[1, 1]]]), axis=0), nan=1.0)
    return float(high[0]), float(high[1])


def _lost(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """This share of the frames never arrives."""
    for i, gone in zip(frames.left, rng.random(len(frames.left)) < severity, strict=True):
        if gone:
            frames.stream[i] = None
    return frames.stream


def _delayed(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """Every frame arrives late by an exponential time of this mean, so that some overtake others."""
    for i, late_ms in zip(frames.left, rng.exponential(severity, len(frames.left)), strict=True):
        entry = frames.stream[i]
        frames.stream[i] = replace(entry, arrival_ns=entry.arrival_ns + round(late_ms * 1e6))
    return frames.stream


def _rate(frames: FaultyFrames, severity: float, _: np.random.Generator) -> Stream:
    """A camera slower by this factor: the frames between are not taken."""
    taken = -1
    for k, i in enumerate(frames.left):
        due = int((frames.seconds[k] / frames.step_s + 0.5) / max(severity, 1))
        if due == taken:
            frames.stream[i] = None
        taken = due
    return frames.stream


def _stamps(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """Stamps off by normal noise of this standard deviation; the frames arrive as they did."""
    for i, off_ms in zip(frames.left, rng.normal(0, severity, len(frames.left)), strict=True):
        entry = frames.stream[i]
        stamp_ns = max(0, entry.keypoints.stamp_ns + round(off_ms * 1e6))
        frames.stream[i] = with_keypoints(entry, stamp_ns=stamp_ns)
    return frames.stream


def _scores(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """Normal noise of this standard deviation on the scores of what is seen."""

    def change(_: int, person: Person2D, __: Input) -> Person2D:
        noisy = np.clip(person.score + rng.normal(0, severity, len(person.score)), 0, 1)
        return replace(person, score=np.where(person.score > 0, noisy, 0))

    return frames.people(change)


def _noise(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """Normal noise of this standard deviation on the keypoints, in percent of the longer side of the person's box."""

    def change(_: int, person: Person2D, __: Input) -> Person2D:
        seen = np.isfinite(person.xy_px).all(1)
        if not seen.any():
            return person
        size = np.ptp(person.xy_px[seen], axis=0).max()
        return replace(person, xy_px=person.xy_px + rng.normal(0, severity / 100 * size, person.xy_px.shape))

    return frames.people(change)


def _sides(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """Left and right exchanged for a while, this share of the time."""
    spans = frames.spans(rng, severity, SWAP_S)

    def change(k: int, person: Person2D, _: Input) -> Person2D:
        if person.side or not any(start <= frames.seconds[k] < end for start, end in spans):
            return person
        mirror = formats.get(person.format).mirror
        return replace(person, xy_px=person.xy_px[mirror], score=person.score[mirror])

    return frames.people(change)


def _ids(frames: FaultyFrames, severity: float, rng: np.random.Generator) -> Stream:
    """The source's ids are dealt out again among the people of a frame, for a while; this share of the time."""
    spans = frames.spans(rng, severity, (SHUFFLE_EVERY_S / 2, SHUFFLE_EVERY_S))
    for k, i in enumerate(frames.left):
        active = [n for n, (start, end) in enumerate(spans) if start <= frames.seconds[k] < end]
        entry = frames.stream[i]
        bodies = [n for n, person in enumerate(entry.keypoints.people) if not person.side and person.id]
        if not active or len(bodies) < 2:
            continue
        names = sorted(entry.keypoints.people[n].id for n in bodies)
        turn = 1 + active[0] % (len(names) - 1)
        other = {name: names[(n + turn) % len(names)] for n, name in enumerate(names)}
        people = tuple(
            replace(person, id=other.get(person.id, person.id)) if person.id else person
            for person in entry.keypoints.people
        )
        frames.stream[i] = with_keypoints(entry, people=people)
    return frames.stream


SHARES = (0.0, 0.1, 0.25, 0.5, 0.75)
CUTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("joints", "random joints hidden in every frame", "joints", 133, (0, 4, 8, 12, 14, 16), _joints),
        Fault("burst", "groups of joints hidden for 0.3 to 2 s", "groups at a time", 20, (0, 0.5, 1, 2, 4), _burst),
        Fault("limb", "limbs, lower legs or head hidden for 0.5 to 3 s", "limbs at a time", 10, (0, 0.5, 1, 2), _limb),
        *(
            Fault(f"truncated_{side}", f"{side} of the image cut off", "share of the image", 1, CUTS,
                  _truncated(side))
            for side in ("bottom", "top", "left", "right")
        ),
        Fault("occluder", "an upright band slides over the image", "share of the width", 1, CUTS, _occluder),
        Fault("lost", "frames that never arrive", "share of the frames", 1, SHARES, _lost),
        Fault("delayed", "frames that arrive late, some out of order", "ms on average", 10000,
              (0, 20, 50, 100, 200), _delayed),
        Fault("rate", "a slower camera", "times slower", 60, (1, 2, 3, 5, 10), _rate),
        Fault("stamps", "jitter of the stamps", "ms", 10000, (0, 5, 10, 20, 50), _stamps),
        Fault("scores", "noise of the scores", "of 1", 1, (0, 0.1, 0.2, 0.3, 0.5), _scores),
        Fault("noise", "noise of the keypoints", "% of the person's box", 100, (0, 0.5, 1, 2, 4), _noise),
        Fault("sides", "left and right exchanged for 0.1 to 1 s", "share of the time", 1, SHARES, _sides),
        Fault("ids", "ids of the source exchanged for 1 to 2 s", "share of the time", 1, SHARES, _ids),
    )
}  # fmt: skip

"""The tables of a run: metrics and quality over everything, for each person or track, and for each time slice."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.lab.evaluation.bags.collect import PersonErrors, person_errors
from pose3d_ros.lab.evaluation.bags.quality import RowQuality, measure_quality, row_quality
from pose3d_ros.lab.evaluation.bags.run import RunFrames
from pose3d_ros.lab.evaluation.bags.truth import Truth
from pose3d_ros.lab.evaluation.metrics import FrameErrors, rounded, summarise


@dataclass(frozen=True)
class Detections:
    """People found, in frames that have a truth.

    `missed`: true people without an estimate, `missed_share` of all true ones. `false`: estimates of nobody,
    `false_share` of all estimates; None for a single person. `id_switches`: IDSW of MOT.
    """

    missed: int
    missed_share: float | None
    false: int | None
    false_share: float | None
    id_switches: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: rounded(value) for name, value in vars(self).items()}


def slices(frames: RunFrames, segment_s: float) -> tuple[list[tuple[float, float]], np.ndarray]:
    """[(start, end)] in seconds since the first stamp, and the number of the slice of each frame (F,)."""
    seconds = frames.seconds
    number = (seconds // segment_s).astype(np.int64)
    end_s = float(seconds.max(initial=0))
    count = int(number.max(initial=-1)) + 1
    return [(i * segment_s, min((i + 1) * segment_s, end_s)) for i in range(count)], number


def metrics(frames: RunFrames, truth: Truth, skeleton: Skeleton, segment_s: float) -> dict[str, Any]:
    """{"all": M, "people": {name: M}, "segments": [{"start_s", "end_s", **M}]}; M = Metrics and Detections."""
    people = person_errors(frames, len(truth.people), truth.root)
    spans, number = slices(frames, segment_s)
    everything = np.ones(len(frames), bool)
    return {
        "all": _one(frames, people, skeleton, everything, whole=True),
        "people": {
            name: _one(frames, [person], skeleton, everything, whole=False)
            for name, person in zip(truth.people, people, strict=True)
        },
        "segments": [
            {"start_s": rounded(start), "end_s": rounded(end)} | _one(frames, people, skeleton, number == i, whole=True)
            for i, (start, end) in enumerate(spans)
        ],
    }


def quality(frames: RunFrames, skeleton: Skeleton, segment_s: float) -> dict[str, Any]:
    """{"all": Q, "tracks": {number: Q}, "segments": [{"start_s", "end_s", **Q}]}."""
    rows = row_quality(frames, skeleton)
    spans, number = slices(frames, segment_s)
    everything = np.ones(len(frames), bool)

    def of(of_frames: np.ndarray, of_rows: np.ndarray) -> dict[str, Any]:
        return measure_quality(frames, rows, skeleton, of_frames, of_rows).as_dict()

    return {
        "all": of(everything, np.ones(len(frames.track), bool)),
        "tracks": {str(track): _of_track(frames, rows, skeleton, int(track)) for track in np.unique(frames.track)},
        "segments": [
            {"start_s": rounded(start), "end_s": rounded(end)} | of(number == i, number[frames.frame] == i)
            for i, (start, end) in enumerate(spans)
        ],
    }


def _of_track(frames: RunFrames, rows: RowQuality, skeleton: Skeleton, track: int) -> dict[str, Any]:
    """Over the frames from its first to its last; coverage: its share of those."""
    mine = frames.track == track
    first, last = frames.frame[mine][[0, -1]]
    number = np.arange(len(frames))
    span = (number >= first) & (number <= last)
    found = measure_quality(frames, rows, skeleton, span, mine).as_dict()
    return found | {"coverage": rounded(float(mine.sum() / span.sum()))}


def _one(
    frames: RunFrames, people: list[PersonErrors], skeleton: Skeleton, of_frames: np.ndarray, whole: bool
) -> dict[str, Any]:
    """M of some people in the frames for which bool (F,) is true. `whole`: they are all people."""
    parts = [taken(person.errors, of_frames[person.frame]) for person in people]
    missed = sum(int((person.row[of_frames[person.frame]] < 0).sum()) for person in people)
    total = sum(len(part.valid) for part in parts)
    compared = of_frames[frames.frame] & (frames.truth_stamp_ns[frames.frame] >= 0)
    false = int((compared & (frames.person < 0)).sum()) if whole else None
    found = Detections(
        missed=missed,
        missed_share=missed / total if total else None,
        false=false,
        false_share=false / int(compared.sum()) if whole and compared.any() else None,
        id_switches=sum(int(person.switched[of_frames[person.frame]].sum()) for person in people),
    )
    return summarise(parts, skeleton.name).as_dict() | found.as_dict()


def taken(errors: FrameErrors, rows: np.ndarray) -> FrameErrors:
    """Some frames of them."""
    return FrameErrors(**{name: value[rows] for name, value in vars(errors).items()})

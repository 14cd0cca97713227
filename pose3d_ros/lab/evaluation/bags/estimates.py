"""What is evaluated: frames of a bag and the skeletons for them, lifted again or as the robot published them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.lab.bags.types import Input, Timeline
from pose3d_ros.pipeline import Pipeline


@dataclass(frozen=True)
class Answer:
    """One frame.

    `origin` is the input as the bag holds it, None where the bag holds none for this estimate. `given` is what the
    lifter got of it, None where a fault took it away. `skeletons`: None = no answer. `arrival_ns`: when the answer
    reached the recorder, None where it was lifted here.
    """

    origin: Input | None
    given: Input | None
    skeletons: Skeletons3D | None
    arrival_ns: int | None = None

    @property
    def stamp_ns(self) -> int:
        """Of the answer; of the input where there is none."""
        if self.skeletons is not None:
            return self.skeletons.stamp_ns
        return (self.given or self.origin).keypoints.stamp_ns


def lift(
    pipeline: Pipeline,
    origins: Sequence[Input],
    given: Sequence[Input | None],
    on_progress: Callable[[int, int], Any] | None = None,
) -> list[Answer]:
    """Every input through `Pipeline.push` in the order of arrival, one after the other. The pipeline is a new one.

    `given[i]` is what faults left of `origins[i]`. Sorted by stamp. Raises InputError without a calibration.
    """
    answers = [Answer(origins[i], None, None) for i, entry in enumerate(given) if entry is None]
    order = sorted((i for i, entry in enumerate(given) if entry is not None), key=lambda i: given[i].arrival_ns)
    for done, i in enumerate(order):
        entry = given[i]
        if entry.camera is None:
            raise InputError("the bag holds no usable camera_info to lift its keypoints with: record it beside them")
        answers.append(Answer(origins[i], entry, pipeline.push(entry.keypoints, entry.camera)))
        if on_progress:
            on_progress(done + 1, len(order))
    return sorted(answers, key=lambda answer: answer.stamp_ns)


def recorded(inputs: Sequence[Input], estimates: Timeline) -> list[Answer]:
    """Recorded skeletons beside the recorded keypoints of the same stamp. Sorted by stamp.

    An input without skeletons is a frame that was lost; skeletons without an input are taken as they are.
    """
    by_stamp = {frame.stamp_ns: frame for frame in estimates.frames}
    answers = []
    for entry in inputs:
        stamp_ns = entry.keypoints.stamp_ns
        found = by_stamp.pop(stamp_ns, None)
        answers.append(Answer(entry, entry, found, estimates.arrivals_ns.get(stamp_ns) if found else None))
    answers += [Answer(None, None, frame, estimates.arrivals_ns.get(stamp)) for stamp, frame in by_stamp.items()]
    return sorted(answers, key=lambda answer: answer.stamp_ns)

"""Numbers of a recording: rate, latency, people, inferred joints, lost messages."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from pose3d_ros.core.types import JointState
from pose3d_ros.lab.viewing.bag import NS_PER_S, Recording

PERCENTILES = (50, 95, 99)


def report(recording: Recording, sent_stamps: Iterable[int] | None = None) -> dict[str, Any]:
    """JSON-ready numbers.

    `rate_hz`: skeleton messages a second of the recorder's clock. `latency_ms`: arrival of the skeletons minus arrival
    of the keypoints of the same stamp. `people`: most at one moment. `share_inferred`: of all joints with a position.
    `lost_messages`: keypoint messages (those recorded, or `sent_stamps` where the sender knows better) without a
    skeleton message of their stamp. What the bag does not tell is None.
    """
    came, answered = recording.arrivals_ns["keypoints"], recording.arrivals_ns["skeletons"]
    latency_ms = [(answered[stamp] - came[stamp]) / 1e6 for stamp in came.keys() & answered.keys()]
    states = [person.state for frame in recording.skeletons.values() for person in frame.people]
    states = np.concatenate(states) if states else np.zeros(0, np.uint8)
    valid = np.count_nonzero(states != JointState.INVALID)
    sent = set(came if sent_stamps is None else sent_stamps)
    return {
        "rate_hz": _rate(list(answered.values())),
        "latency_ms": {f"p{p}": _rounded(np.percentile(latency_ms, p)) if latency_ms else None for p in PERCENTILES},
        "people": max((len(frame.people) for frame in recording.skeletons.values()), default=0),
        "share_inferred": _rounded(np.count_nonzero(states == JointState.INFERRED) / valid, 4) if valid else None,
        "lost_messages": len(sent - answered.keys()) if answered else None,
    }


def _rate(arrivals_ns: list[int]) -> float | None:
    if len(arrivals_ns) < 2 or max(arrivals_ns) == min(arrivals_ns):
        return None
    return _rounded((len(arrivals_ns) - 1) * NS_PER_S / (max(arrivals_ns) - min(arrivals_ns)))


def _rounded(value: float, digits: int = 2) -> float:
    return round(float(value), digits)

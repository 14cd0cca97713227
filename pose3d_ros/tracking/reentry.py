"""Who comes back: people who left a moment ago are known again by their proportions, and get their number back."""

from dataclasses import dataclass

import numpy as np

from pose3d_ros.core.skeleton import Skeleton
from pose3d_ros.tracking.signature import Proportions, Signature, log_ratio
from pose3d_ros.tracking.track import Track

SEEN_JOINTS = 10  # in a frame that is to count
LEAST_S, ENOUGH_S = 1.0, 4.0  # of frames that count, until somebody is compared, and until it is settled who they are
SURE = 0.9  # posterior probability with which somebody is recognised


@dataclass(frozen=True)
class Known:
    """Somebody who was published and left."""

    number: int
    name: str
    last_seen_ns: int
    signature: Signature


class Reentry:
    """The signatures of everybody in view, and of those who left."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._proportions = Proportions(skeleton)
        self._signatures: dict[int, Signature] = {}
        self._left: dict[int, Known] = {}

    def look(self, stamp_ns: int, tracks: list[Track], xyz_m: np.ndarray, joints_seen: np.ndarray) -> None:
        """Take in the lifted joints (N, J, 3) of these tracks, `joints_seen` (N,) of which show in this frame."""
        rows = np.flatnonzero(joints_seen >= SEEN_JOINTS)
        for row, proportions in zip(rows, self._proportions(xyz_m[rows]), strict=True):
            number = tracks[row].number
            self._signatures.setdefault(number, Signature(proportions, 0.0, stamp_ns)).add(stamp_ns, proportions)

    def who(self, track: Track) -> Known | None:
        """Who of those who left this is, if it is beyond doubt. It may be a stranger; who was still in view when the
        track began is somebody else."""
        signature = self._signatures.get(track.number)
        possible = [known for known in self._left.values() if known.last_seen_ns < track.born_ns]
        if not (possible and signature and LEAST_S <= signature.seconds <= ENOUGH_S):
            return None
        ratio = np.array([log_ratio(signature, known.signature) for known in possible])
        likely = np.exp(np.minimum(ratio, 50.0))
        best = int(likely.argmax())
        return possible[best] if likely[best] > SURE * (likely.sum() + 1) else None

    def recognise(self, number: int, known: Known) -> None:
        """The track of this number is `known`, whose number it has from now on."""
        self._left.pop(known.number)
        self._signatures[known.number] = known.signature.joined(self._signatures.pop(number))

    def leave(self, track: Track, published: bool) -> None:
        """Somebody is not tracked any more. Who was never published will not be missed."""
        signature = self._signatures.pop(track.number, None)
        if published and signature and signature.seconds >= LEAST_S:
            self._left[track.number] = Known(track.number, track.name, track.last_seen_ns, signature)

    def enter(self, number: int) -> None:
        """A track has this number: whoever had it is back."""
        if number in self._left:
            self._signatures[number] = self._left.pop(number).signature

    def trim(self, since_ns: int) -> None:
        """Forget who left before."""
        self._left = {number: known for number, known in self._left.items() if known.last_seen_ns >= since_ns}

    def clear(self) -> None:
        """Forget everybody."""
        self._signatures.clear()
        self._left.clear()

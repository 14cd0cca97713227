"""`SelfTest`: a network is asked now and then what its answer is known to be, to notice memory that went wrong.

One flipped bit in the exponent of a weight gives skeletons that are off by metres, with a sigma as small as ever.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pose3d_ros.core.errors import CheckpointError, EngineError, Pose3DError
from pose3d_ros.engines import Models
from pose3d_ros.models import Lifter
from pose3d_ros.stages.part import Part

ROWS, SEEN_SLOTS = 3, 4
LIMIT_M, LIMIT_LOG_SIGMA = 0.005, 0.1  # engines may differ from each other by 2 mm and 5 %
EVERY_S, SHARE = (0.3, 0.9), 0.02  # how often: by its cost, no more than this share of the time
AGAIN_S = 5.0  # after a reload that was of no use
SMALLEST_M, LARGEST_M = 1e-3, 20.0  # extent of an answer: no body or hand is outside
FAILED = "self_test_failed"
RELOADED = "network_reloaded"


class SelfTest:
    """The known answers of one lifter, taken when it was loaded.

    `reopen(elsewhere)` loads it again, on the next engine if so; None where nothing can. Raises CheckpointError where
    the first answers are none (not finite, no extent): weights by path may hold anything.
    """

    def __init__(
        self,
        lifter: Lifter,
        reopen: Callable[[bool], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lifter, self._reopen, self._clock = lifter, reopen, clock
        rng = np.random.default_rng(0)
        spec = lifter.spec
        example = spec.example(ROWS)
        self._rays = (0.15 * example[..., :2] + rng.normal(0, 0.3, (ROWS, 1, 1, 2))).astype(np.float32)
        self._score = np.where(example[..., 2] > 0.5, example[..., 2], 0).astype(np.float32)
        self._score[:, -1, ::2] = 0.9  # something is seen now
        if getattr(lifter, "keeps_state", False):  # every slot costs a step
            self._score[:, :-SEEN_SLOTS] = 0
        self._known = self._answer()
        self._refuse_nonsense(spec.name)
        self._next_s = self._clock()

    def trusted(self) -> tuple[bool, list[str]]:
        """Whether the lifter may be believed now, and what to tell. Asks it where it is time to; a lifter that fails is
        replaced in `lifter`, and then believed."""
        if self._clock() < self._next_s:
            return self.lifter is not None, []
        if self.lifter is not None and self._agrees():
            return True, []
        for elsewhere in (False, True) if self._reopen else ():
            if self._take(elsewhere):
                return True, [FAILED, RELOADED]
        self._next_s = self._clock() + AGAIN_S
        self.lifter = None
        return False, [FAILED]

    def _take(self, elsewhere: bool) -> bool:
        """Loads the lifter again. False where that fails, or it is as wrong as the one before."""
        try:
            self.lifter = self._reopen(elsewhere)
            self.lifter.warm_up()
        except Pose3DError:
            return False
        return self._agrees()

    def _agrees(self) -> bool:
        begin = time.perf_counter()
        try:
            xyz_m, log_sigma = self._answer()
        except Pose3DError:
            return False
        cost_s = time.perf_counter() - begin
        self._next_s = self._clock() + float(np.clip(cost_s / SHARE, *EVERY_S))
        return bool(  # NaN agrees with nothing
            np.abs(xyz_m - self._known[0]).max() <= LIMIT_M
            and np.abs(log_sigma - self._known[1]).max() <= LIMIT_LOG_SIGMA
        )

    def _answer(self) -> tuple[np.ndarray, np.ndarray]:
        lifted = self.lifter.run_slot(self._rays.copy(), self._score.copy()).lifted
        with np.errstate(all="ignore"):
            return np.array(lifted.xyz_m), np.log(np.array(lifted.sigma_m))

    def _refuse_nonsense(self, name: str) -> None:
        xyz_m, log_sigma = self._known
        if not (np.isfinite(xyz_m).all() and np.isfinite(log_sigma).all()):
            raise CheckpointError(f"weights {name}: their answers are not finite; train or export them again")
        extent_m = np.ptp(xyz_m, axis=1).max(-1)
        if not ((extent_m > SMALLEST_M) & (extent_m < LARGEST_M)).all():
            raise CheckpointError(
                f"weights {name}: they answer with skeletons of {extent_m.min():.3g} to {extent_m.max():.3g} m: "
                "untrained or damaged; train or export them again"
            )


class SelfTests(Part):
    """Those of the parts whose lifters were opened by name: what was handed over can be anything."""

    def __init__(self, models: Models, parts: list[tuple[Any, str]]) -> None:
        self.tests: list[tuple[Any, SelfTest]] = []
        for part, weights in parts:

            def reopen(elsewhere: bool, part: Any = part, weights: str = weights) -> Lifter:
                part.lifter = models.reopened(part.lifter, weights, elsewhere)
                return part.lifter

            self.tests.append((part, SelfTest(part.lifter, reopen)))

    def look(self) -> list[str]:
        """What to tell of networks that failed and were replaced. Raises EngineError where one could not be."""
        told = []
        for part, test in self.tests:
            trusted, reasons = test.trusted()
            if not trusted:
                raise EngineError(
                    f"{FAILED}: {part.lifter.spec.name} does not answer as when it was loaded, nor "
                    "after it was loaded again; nothing is published"
                )
            told += reasons
        return told

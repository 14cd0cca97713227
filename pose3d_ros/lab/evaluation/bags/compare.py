"""Two runs side by side: differences with bootstrap intervals, and thresholds for a continuous integration."""

import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.lab.evaluation.bags.run import RunResult
from pose3d_ros.lab.evaluation.bags.samples import Samples, samples
from pose3d_ros.lab.evaluation.bags.scoring import slices
from pose3d_ros.lab.evaluation.metrics import rounded

ALL = "all"
HIGHER_IS_BETTER = ("pck150", "coverage")
NO_DIRECTION = ("sigma_coverage", "share_inferred")  # 0.68 is right; what is inferred depends on what is hidden
LEAST_BLOCKS = 5
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class CompareConfig:
    """How sure a difference is: frames are drawn in blocks, since neighbours err alike (Künsch 1989)."""

    block_s: float = param(1.0, "length of a block of the bootstrap", unit="s", low=0.1)
    draws: int = param(1000, "bootstrap samples", low=100, high=100000)
    seed: int = param(1, "fixes them", low=0)

    __post_init__ = validate


@dataclass(frozen=True)
class Difference:
    """One metric of one group: "all", "joint:NAME", "person:NAME" or "segment:NUMBER".

    `difference` is b - a, `percent` of a (None where a is 0); `low`..`high` holds it with 95 %, None with fewer than
    five blocks. `sure`: 0 lies outside of that interval.
    """

    metric: str
    group: str
    a: float
    b: float
    difference: float
    percent: float | None
    low: float | None
    high: float | None

    @property
    def sure(self) -> bool:
        return self.low is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Limit:
    """By how much a metric may get worse, in its unit or in percent of the first run's."""

    metric: str
    group: str
    most: float
    percent: bool


@dataclass(frozen=True)
class Verdict:
    """`worse`: by how much the second run is worse, in the limit's unit; negative where it is better."""

    limit: Limit
    worse: float
    broken: bool


def parse_limit(text: str) -> Limit:
    """`METRIC=NUMBER`, `METRIC=NUMBER%` or `METRIC@GROUP=...`. Raises ConfigError."""
    match = re.fullmatch(r"\s*([a-z]\w*)(?:@([^=]+))?\s*=\s*([0-9.]+)\s*(%?)\s*", text)
    try:
        metric, group, most, unit = match.groups()
        return Limit(metric, (group or ALL).strip(), float(most), unit == "%")
    except (AttributeError, ValueError):
        raise ConfigError(
            f"limit {text!r}: expected METRIC=NUMBER or METRIC=NUMBER%, such as mpjpe_mm=2%, or METRIC@GROUP=..., such "
            "as mpjpe_mm@joint:left_wrist=5"
        ) from None


def compare(a: RunResult, b: RunResult, config: CompareConfig | None = None) -> list[Difference]:
    """Every metric that both runs have: over everything, and by joint, person and time slice, as far as both have them.

    Runs of the same bag are drawn together, block by block of its time; others independently. Raises InputError where
    the skeletons differ.
    """
    config = config or CompareConfig()
    if a.skeleton.name != b.skeleton.name:
        raise InputError(f"runs of different skeletons cannot be compared: {a.skeleton.name} and {b.skeleton.name}")
    draws = _Draws(a, b, config)
    sides = samples(a), samples(b)
    found = []
    for metric in [name for name in sides[0] if name in sides[1]]:
        for group, picked in _groups(a, b, sides[0][metric], sides[1][metric]):
            row = draws.difference(metric, group, *picked)
            if row is not None:
                found.append(row)
    return found


def judge(differences: list[Difference], limits: list[Limit]) -> list[Verdict]:
    """Raises ConfigError for a metric that has no better and worse, or is not in both runs."""
    found = {(row.metric, row.group): row for row in differences}
    verdicts = []
    for limit in limits:
        if limit.metric in NO_DIRECTION:
            raise ConfigError(f"{limit.metric}: neither more nor less of it is worse; take another metric")
        row = found.get((limit.metric, limit.group))
        if row is None:
            names = sorted({r.metric for r in differences if r.group == limit.group})
            raise ConfigError(
                f"limit on {limit.metric}@{limit.group}: expected a metric of both runs; they have {', '.join(names)}"
                if names
                else f"limit on group {limit.group!r}: expected all, joint:NAME, person:NAME or segment:NUMBER"
            )
        worse = -row.difference if limit.metric in HIGHER_IS_BETTER else row.difference
        if limit.percent:
            worse = 100 * worse / abs(row.a) if row.a else (np.inf if worse > 0 else 0.0)
        verdicts.append(Verdict(limit, float(worse), bool(worse > limit.most)))
    return verdicts


def as_dict(a: RunResult, b: RunResult, rows: list[Difference], verdicts: list[Verdict]) -> dict[str, Any]:
    """For JSON."""
    return {
        "a": _about(a),
        "b": _about(b),
        "same_bag": same_bag(a, b),
        "differences": [
            {key: rounded(value) for key, value in asdict(row).items()} | {"sure": row.sure} for row in rows
        ],
        "limits": [asdict(v.limit) | {"worse": rounded(v.worse), "broken": v.broken} for v in verdicts],
        "broken": any(verdict.broken for verdict in verdicts),
    }


def same_bag(a: RunResult, b: RunResult) -> bool:
    """Both come from the same recording."""
    return a.info["bag"]["sha256"] == b.info["bag"]["sha256"]


def _about(run: RunResult) -> dict[str, Any]:
    keys = ("mode", "weights", "faults")
    return {"folder": str(run.folder), "bag": run.info["bag"]["name"]} | {key: run.info[key] for key in keys}


class _Draws:
    """Blocks of both runs and how often each bootstrap sample takes them."""

    def __init__(self, a: RunResult, b: RunResult, config: CompareConfig) -> None:
        together = same_bag(a, b)
        self._block = _blocks([run.frames.image_stamp_ns for run in (a, b)], together, config.block_s * 1e9)
        self._count = [int(block.max(initial=-1)) + 1 for block in self._block]
        if together:
            self._count = [max(self._count)] * 2
        self._drawn: list[np.ndarray] | None = None  # (draws, blocks) of each side
        if min(self._count) >= LEAST_BLOCKS:
            rng = np.random.default_rng(config.seed)
            drawn = [rng.multinomial(count, np.full(count, 1 / count), config.draws) for count in self._count]
            self._drawn = [drawn[0], drawn[0]] if together else drawn

    def difference(self, metric: str, group: str, a: Samples, b: Samples) -> Difference | None:
        """None where one of the runs has no sample."""
        sums = [self._sums(side, part) for side, part in enumerate((a, b))]
        if not all(count.sum() for _, count in sums):
            return None
        first, second = (float(total.sum() / count.sum()) for total, count in sums)
        percent = 100 * (second - first) / abs(first) if first else None
        return Difference(metric, group, first, second, second - first, percent, *self._interval(sums))

    def _interval(self, sums: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float | None, float | None]:
        if self._drawn is None:
            return None, None
        with np.errstate(invalid="ignore"):  # a bootstrap sample without any of a rare thing
            first, second = (
                drawn @ total / (drawn @ count) for drawn, (total, count) in zip(self._drawn, sums, strict=True)
            )
        off = second - first
        low, high = np.percentile(off[np.isfinite(off)], INTERVAL)
        return float(low), float(high)

    def _sums(self, side: int, part: Samples) -> tuple[np.ndarray, np.ndarray]:
        """Per block: sum of the samples, and how many there are."""
        value = part.value if part.value.ndim > 1 else part.value[:, None]
        known = np.isfinite(value)
        block, blocks = self._block[side][part.frame], self._count[side]
        total = np.bincount(block, np.where(known, value, 0).sum(1), blocks)
        if part.total:
            return total, np.full(blocks, 1 / max(blocks, 1))
        return total, np.bincount(block, known.sum(1), blocks)


def _blocks(stamps_ns: list[np.ndarray], together: bool, length_ns: float) -> list[np.ndarray]:
    """Number of the block of each frame, without empty blocks; of the time of both runs where they are one bag."""
    if not together:
        return [np.unique((s - s.min(initial=2**62)) // length_ns, return_inverse=True)[1] for s in stamps_ns]
    both = np.concatenate(stamps_ns)
    numbers = np.unique((both - both.min(initial=2**62)) // length_ns, return_inverse=True)[1]
    return np.split(numbers, [len(stamps_ns[0])])


def _groups(a: RunResult, b: RunResult, one: Samples, two: Samples):
    """(name, (samples of a, samples of b)) of every group that both have."""
    yield ALL, (one, two)
    if one.value.ndim > 1:
        for i, joint in enumerate(a.skeleton.joints):
            yield f"joint:{joint}", tuple(_of(part, np.ones(len(part.frame), bool), i) for part in (one, two))
    for name in [name for name in a.people if name in b.people]:
        numbers = a.people.index(name), b.people.index(name)
        yield (
            f"person:{name}",
            tuple(_of(part, part.person == number) for part, number in zip((one, two), numbers, strict=True)),
        )
    if same_bag(a, b) and a.info["config"]["segment_s"] == b.info["config"]["segment_s"]:
        spans, first = slices(a.frames, a.info["config"]["segment_s"])
        second = slices(b.frames, b.info["config"]["segment_s"])[1]
        for i in range(len(spans)):
            yield f"segment:{i}", (_of(one, first[one.frame] == i), _of(two, second[two.frame] == i))


def _of(part: Samples, rows: np.ndarray, joint: int | None = None) -> Samples:
    value = part.value[rows] if joint is None else part.value[rows, joint]
    return Samples(value, part.frame[rows], part.person[rows], part.total)

"""What `pose3d benchmark` measures: backends beside each other, eager torch, and the network of the published size."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pose3d_ros.core.errors import ConfigError, EngineError, Pose3DError
from pose3d_ros.engines import EngineCache, EngineOptions, Ladder, open_lifter
from pose3d_ros.engines.backends.choice import CHOICES, FILES, rungs
from pose3d_ros.engines.cache import identity
from pose3d_ros.lab.evaluation.latency.energy import meter
from pose3d_ros.lab.evaluation.latency.roofline import Reach, Work, probes, reach, work
from pose3d_ros.lab.evaluation.latency.synthetic_keypoints import CAMERA, crowd
from pose3d_ros.lab.evaluation.latency.timing import Clocked, TimedCandidate, in_turns, percentiles, resident_mb
from pose3d_ros.lab.evaluation.report import machine
from pose3d_ros.models import Lifter, registry, use_threads
from pose3d_ros.models.dtf import DTF, PUBLISHED
from pose3d_ros.pipeline import Pipeline, PipelineConfig

EAGER, ALL = "torch", "all"
PUBLISHED_FRAMES = 351
WARM_UP = 30  # frames: the windows fill, people are confirmed
Progress = Callable[[str, float], object]


@dataclass(frozen=True)
class BenchmarkConfig:
    """`backend`: a backend, auto, or all that work here. `seconds`: of measuring, after loading. Raises ConfigError."""

    people: tuple[int, ...] = (1,)
    backend: str = "auto"
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    seconds: float = 20.0

    def __post_init__(self) -> None:
        if not self.people or min(self.people) < 1 or max(self.people) > 128:
            raise ConfigError(f"people: expected numbers from 1 to 128, got {self.people}")
        if self.backend not in (*CHOICES, ALL):
            raise ConfigError(f"backend: expected one of {', '.join((*CHOICES, ALL))}, got {self.backend!r}")
        if not 0 < self.seconds <= 3600:
            raise ConfigError(f"seconds: expected 0 to 3600, got {self.seconds}")

    def options(self, backend: str) -> EngineOptions:
        return replace(self.pipeline.body.engines(), backend=backend)

    @property
    def weights(self) -> tuple[str, ...]:
        """Of bodies, and of hands where they are lifted."""
        named = (self.pipeline.body.weights, self.pipeline.hands.weights)
        return tuple(name for name in named if name)


@dataclass
class Opened:
    """One backend that runs here: its lifters (bodies, hands), whose engines are clocked, and how they started."""

    name: str
    lifters: list[Lifter]
    clocks: list[Clocked]
    start_up: dict[str, Any]

    @property
    def device(self) -> torch.device:
        return torch.device(self.ladders[0].info.device)

    @property
    def ladders(self) -> list[Ladder]:
        return [clock.engine for clock in self.clocks]

    def take_ms(self) -> float:
        """What the engines took since the last call of this."""
        return sum(clock.take() for clock in self.clocks)


@dataclass
class Run:
    """One backend with so many people: times of the whole push, of what is around the networks, of these alone."""

    backend: str
    people: int
    push: TimedCandidate
    model: TimedCandidate
    around_ms: list[float]
    stages_ms: list[dict[str, float]]
    work: Work


def measure(config: BenchmarkConfig, on_progress: Progress = lambda doing, share: None) -> dict[str, Any]:
    """The report. The first run (best backend, first number of people) is repeated at its top level.

    Raises CheckpointError, ConfigError, EngineError: nothing that was asked for runs here.
    """
    use_threads(config.pipeline.body.threads)
    opened, left_out = _open_all(config, on_progress)
    eager = opened.get(EAGER) or _open(config, EAGER)
    device = next(iter(opened.values())).device
    published = TimedCandidate(_published(device), calls=1)
    dtype = torch.float16 if device.type == "cuda" and config.pipeline.body.precision == "fp16" else torch.float32
    multiply, copy = (TimedCandidate(probe, calls=1) for probe in probes(device, dtype))
    runs = [_run(config, found, people) for people in config.people for found in opened.values()]
    references = [_run(config, eager, people) for people in config.people] if EAGER not in opened else []
    energy = meter(str(device))
    candidates = [published, multiply, copy, *(part for run in (*runs, *references) for part in (run.push, run.model))]
    in_turns(candidates, config.seconds, energy, lambda share: on_progress("measuring", share))
    eager_ms = {run.people: _p50(run.model) for run in (*references, *runs) if run.backend == EAGER}
    reached = reach(device, min(multiply.times_ms) / 1e3, min(copy.times_ms) / 1e3)
    rows = [_row(run, eager_ms[run.people], _p50(published), reached, energy is not None) for run in runs]
    _refuse_falls(opened)
    first = opened[runs[0].backend]
    return {
        **rows[0],
        "hands": len(config.weights) > 1,
        "weights": list(config.weights),
        "runs": rows,
        "published_ms": percentiles(published.times_ms),
        "start_up": {name: found.start_up for name, found in opened.items()},
        "left_out": left_out,
        "reach": {"gflops": round(reached.flops_per_s / 1e9, 1), "gb_per_s": round(reached.bytes_per_s / 1e9, 1)},
        "energy": energy.source if energy else None,
        **_machine(first),
    }


def _open_all(config: BenchmarkConfig, on_progress: Progress) -> tuple[dict[str, Opened], dict[str, str]]:
    """Backends by name, best first, and why others are missing. What is not built yet is built."""
    opened: dict[str, Opened] = {}
    left_out: dict[str, str] = {}
    for name in FILES if config.backend == ALL else (config.backend,):
        on_progress(f"starting {name}", 0.0)
        try:
            found = _open(config, name)
        except EngineError as error:
            if config.backend != ALL:
                raise
            left_out[name] = str(error)
            continue
        opened[found.name] = found
    return opened, left_out


def _open(config: BenchmarkConfig, backend: str) -> Opened:
    """Raises EngineError where another backend would stand in for the named one."""
    options, begin, before_mb = config.options(backend), time.perf_counter(), resident_mb()
    lifters = [open_lifter(name, options, wait=True) for name in config.weights]
    opened_s, after_mb = time.perf_counter() - begin, resident_mb()
    for lifter in lifters:
        if lifter.engine is None:
            raise EngineError(f"{lifter.spec.name} is no model for engines: `benchmark/` has what times it")
        if backend not in ("auto", lifter.engine.info.name):
            raise EngineError(lifter.engine.description)
    name = lifters[0].engine.info.name
    start_up = _start_up(config.weights[0], replace(options, backend=name), lifters[0].engine)
    start_up |= {
        "opened_s": round(opened_s, 2),
        "resident_mb": round(after_mb - before_mb, 1) if before_mb and after_mb else None,
    }
    clocks = [Clocked(lifter.engine) for lifter in lifters]
    for lifter, clock in zip(lifters, clocks, strict=True):
        lifter.engine = clock
    return Opened(name, lifters, clocks, start_up)


def _start_up(weights: str, options: EngineOptions, running: Ladder) -> dict[str, Any]:
    """Milliseconds of a second start of the engine that runs: loading, first call, warm-up of all its batch sizes."""
    program = registry.program(weights)
    rung = next(
        rung for rung in rungs(options)
        if (rung.kind.name, rung.target.device) == (running.info.name, running.info.device)
    )  # fmt: skip
    cache = EngineCache.default()
    folder = cache.find(identity(program, rung.kind, rung.target)) if rung.kind.built and cache else None
    times = [time.perf_counter()]
    engine = rung.kind.load(program, rung.target, folder)
    times.append(time.perf_counter())
    engine(program.example(1))
    times.append(time.perf_counter())
    engine.warm_up()
    times.append(time.perf_counter())
    engine.close()
    names = ("load_ms", "first_call_ms", "warm_up_ms")
    return {name: round(1e3 * float(ms), 1) for name, ms in zip(names, np.diff(times), strict=True)}


def _run(config: BenchmarkConfig, opened: Opened, people: int) -> Run:
    rows = (people, 2 * people)  # of bodies, and of their hands
    inputs = [lifter.spec.example(count) for lifter, count in zip(opened.lifters, rows, strict=False)]

    def model() -> None:
        for lifter, batch in zip(opened.lifters, inputs, strict=True):
            lifter(batch)

    around_ms: list[float] = []
    stages_ms: list[dict[str, float]] = []
    push = TimedCandidate(_pusher(config.pipeline, opened, people, around_ms, stages_ms))
    total = Work(0, 0)
    for name, batch in zip(config.weights, inputs, strict=True):
        total += work(registry.program(name).module, (torch.from_numpy(batch),))
    return Run(opened.name, people, push, TimedCandidate(model), around_ms, stages_ms, total)


def _pusher(
    config: PipelineConfig,
    opened: Opened,
    people: int,
    around_ms: list[float],
    stages_ms: list[dict[str, float]],
) -> Callable[[], None]:
    """Pushes the next frame of an endless stream, warmed up; fails where somebody is missing in the output."""
    pipeline, frames = Pipeline(config, *opened.lifters), crowd(people, hands=len(opened.lifters) > 1)
    pushed = 0

    def push() -> None:
        nonlocal pushed
        turn, i = divmod(pushed, len(frames))
        frame = frames[i]
        if turn:
            step_ns = frames[1].stamp_ns - frames[0].stamp_ns
            frame = replace(frame, stamp_ns=frame.stamp_ns + turn * len(frames) * step_ns)
        opened.take_ms()
        begin = time.perf_counter()
        found = pipeline.push(frame, CAMERA)
        around_ms.append(1e3 * (time.perf_counter() - begin) - opened.take_ms())
        stages_ms.append(found.timings_ms)
        pushed += 1
        if pushed > WARM_UP and len(found.people) != people:
            raise Pose3DError(f"expected {people} people in the output, got {len(found.people)}: {found.reasons}")

    for _ in range(WARM_UP):
        push()
    around_ms.clear()
    stages_ms.clear()
    return push


def _published(device: torch.device) -> Callable[[], None]:
    """One person through the published network, whose weights are random: that costs the same."""
    network = DTF(PUBLISHED[PUBLISHED_FRAMES]).eval().requires_grad_(False).to(device)
    window = torch.randn(1, PUBLISHED_FRAMES, 17, 3).numpy()

    @torch.inference_mode()
    def run() -> None:
        network(torch.from_numpy(window).to(device))["xyz"].cpu()

    return run


def _p50(candidate: TimedCandidate) -> float:
    return float(np.percentile(candidate.times_ms, 50))


def _row(run: Run, eager_ms: float, published_ms: float, reached: Reach, metered: bool) -> dict[str, Any]:
    """Speed-ups: the networks' p50 against eager torch; the whole push against the published network run for each."""
    floor_ms = run.work.floor_ms(reached)
    return {
        "push_ms": percentiles(run.push.times_ms),
        "model_ms": percentiles(run.model.times_ms),
        "around_ms": percentiles(run.around_ms),
        # what a busy machine disturbs least
        "fastest_ms": {
            "push": round(min(run.push.times_ms), 3),
            "model": round(min(run.model.times_ms), 3),
            "around": round(min(run.around_ms), 3),
        },
        "stages_ms": {
            stage: round(float(np.median([times[stage] for times in run.stages_ms])), 3) for stage in run.stages_ms[0]
        },
        "backend": run.backend,
        "people": run.people,
        "calls": len(run.push.times_ms),
        "speedup_over_eager": round(eager_ms / _p50(run.model), 2),
        "speedup_over_published": round(run.people * published_ms / _p50(run.push), 1),
        "mflops": round(run.work.flops / 1e6, 1),
        "floor_ms": round(floor_ms, 3),
        "over_floor": round(_p50(run.model) / floor_ms, 1),
        "push_joules": round(run.push.joules / len(run.push.times_ms), 4) if metered else None,
    }


def _refuse_falls(opened: dict[str, Opened]) -> None:
    """Raises EngineError where an engine failed while it was measured: the times would be another one's."""
    for found in opened.values():
        for ladder in found.ladders:
            if ladder.falls:
                raise EngineError("; ".join(ladder.news()) or f"{found.name} failed while it was measured")


def _machine(first: Opened) -> dict[str, Any]:
    """Versions and memory."""
    on_gpu = first.device.type == "cuda"
    info = host(first.lifters[0].description)
    return info | {
        "versions": info["versions"] | dict(first.ladders[0].info.versions),
        "resident_mb": round(found, 1) if (found := resident_mb()) else None,
        "gpu_mb": round(torch.cuda.max_memory_allocated(first.device) / 2**20, 1) if on_gpu else None,
    }


def host(description: str) -> dict[str, Any]:
    """What times depend on besides the network: device, processor, threads, what else runs, versions."""
    return machine(description) | {
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }

"""What `pose3d benchmark --images` measures: one step of an image model, backends beside each other."""

import time
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError
from pose3d_ros.engines import CHOICES, EngineCache, EngineOptions, on_engine
from pose3d_ros.engines.backends.choice import FILES
from pose3d_ros.lab.evaluation.latency.latency import ALL, EAGER, Progress, host
from pose3d_ros.lab.evaluation.latency.timing import TimedCandidate, in_turns, percentiles
from pose3d_ros.models import registry, use_threads
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig
from pose3d_ros.models.image_lifter import ImageLifter, ImageSpec
from pose3d_ros.models.vit import PRESETS

RATE_HZ = 30.0
CALLS = 4  # of a block: a step may take a second


@dataclass(frozen=True)
class ImageBenchmarkConfig:
    """`models`: presets of `models.vit`, which get random weights, or weights. `crops`: hands or people in one step.
    `frames`: that a preset sees, this one and those of its cache; weights say themselves. `seconds`: of measuring, of
    each model. Raises ConfigError."""

    models: tuple[str, ...] = ("tiny",)
    crops: tuple[int, ...] = (1,)
    frames: tuple[int, ...] = (1, 4, 8)
    backend: str = "auto"
    options: EngineOptions = field(default_factory=EngineOptions)
    seconds: float = 20.0

    def __post_init__(self) -> None:
        for name, values, most in (("crops", self.crops, 128), ("frames", self.frames, 64)):
            if not values or min(values) < 1 or max(values) > most:
                raise ConfigError(f"{name}: expected numbers from 1 to {most}, got {values}")
        if self.backend not in (*CHOICES, ALL):
            raise ConfigError(f"backend: expected one of {', '.join((*CHOICES, ALL))}, got {self.backend!r}")
        if not 0 < self.seconds <= 3600:
            raise ConfigError(f"seconds: expected 0 to 3600, got {self.seconds}")


def measure(config: ImageBenchmarkConfig, on_progress: Progress = lambda doing, share: None) -> dict[str, Any]:
    """The report: `runs` (model, frames, crops, backend), and why backends are missing.

    A step is from crops and drawn skeletons to joints, with the cache of the frames before full. `torch` keeps the
    cache on its device; engines are given it in every step. Raises CheckpointError, ConfigError, EngineError: nothing
    that was asked for runs here.
    """
    use_threads(config.options.threads)
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    plan = _plan(config)
    for number, (model, frames) in enumerate(plan):
        network, spec = _network(model, frames)
        title, start = f"{model}, T = {spec.frames}", number / len(plan)
        with TemporaryDirectory() as folder:  # engines of random weights are of no further use
            on_progress(f"{title}: starting", start)
            opened = _open_all(config, network, spec, EngineCache(Path(folder)), left_out)
            on_progress(f"{title}: measuring", start)
            rows += _rows(config, model, opened)
            for lifter in opened.values():
                lifter.close()
    return {"runs": rows, "left_out": left_out, **host(rows[0]["device"])}


def _plan(config: ImageBenchmarkConfig) -> list[tuple[str, int]]:
    """(model, frames); 0 where the weights say it."""
    return [(model, frames) for model in config.models for frames in (config.frames if model in PRESETS else (0,))]


def _network(model: str, frames: int) -> tuple[ExtPose, ImageSpec]:
    """Raises CheckpointError."""
    if model in PRESETS:
        torch.manual_seed(0)
        network = ExtPose(ExtPoseConfig(PRESETS[model], frames=frames)).eval()
        return network, ImageSpec(model, network.config.skeleton, frames, RATE_HZ)
    try:
        lifter = registry.load_image_lifter(model)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; presets are {', '.join(PRESETS)}") from None
    return lifter.network, lifter.spec


def _open_all(
    config: ImageBenchmarkConfig, network: ExtPose, spec: ImageSpec, cache: EngineCache, left_out: dict[str, str]
) -> dict[str, ImageLifter]:
    """Lifters by backend, best first. What is not built yet is built."""
    opened: dict[str, ImageLifter] = {}
    for name in FILES if config.backend == ALL else (config.backend,):
        try:
            lifter = _open(replace(config.options, backend=name), network, spec, cache)
        except EngineError as error:
            if config.backend != ALL:
                raise
            left_out[name] = str(error)
            continue
        opened[lifter.engine.info.name if lifter.engine else EAGER] = lifter
    return opened


def _open(options: EngineOptions, network: ExtPose, spec: ImageSpec, cache: EngineCache) -> ImageLifter:
    """Raises EngineError where another backend would stand in for the named one."""
    if options.backend == EAGER:
        return ImageLifter(deepcopy(network), spec, options.device, options.precision)
    lifter = on_engine(ImageLifter(network, spec), options, wait=True, cache=cache)
    if options.named and lifter.engine.info.name != options.backend:
        stands_in = lifter.engine.description
        lifter.close()
        raise EngineError(stands_in)
    return lifter


def _rows(config: ImageBenchmarkConfig, model: str, opened: dict[str, ImageLifter]) -> list[dict[str, Any]]:
    """Times of all backends and numbers of crops, in turns."""
    steppers = {
        (crops, backend): Stepper(lifter, crops) for crops in config.crops for backend, lifter in opened.items()
    }
    runs = {key: TimedCandidate(stepper.step, CALLS) for key, stepper in steppers.items()}
    in_turns(list(runs.values()), config.seconds)
    for lifter in opened.values():
        if lifter.engine and lifter.engine.falls:
            raise EngineError("; ".join(lifter.engine.news()))
    return [
        {
            "model": model,
            "frames": opened[backend].spec.frames,
            "crops": crops,
            "backend": backend,
            "device": opened[backend].description,
            "step_ms": percentiles(run.times_ms),
            "fastest_ms": round(min(run.times_ms), 3),
            "cpu_ms": percentiles(steppers[crops, backend].cpu_ms),
            "calls": len(run.times_ms),
        }
        for (crops, backend), run in runs.items()
    ]


class Stepper:
    """An endless stream whose cache is full. `cpu_ms`: processor time of its steps, which other processes do not
    lengthen as they do the time that passes."""

    def __init__(self, lifter: ImageLifter, crops: int) -> None:
        rng, (width, height) = np.random.default_rng(0), lifter.size
        self._lifter, self._cache = lifter, lifter.start(crops)
        self._images = rng.integers(0, 256, (crops, height, width, 3), np.uint8)
        self._drawn = rng.random((crops, 3, height, width), np.float32)
        self.cpu_ms: list[float] = []
        for _ in range(lifter.spec.frames):
            self.step()
        self.cpu_ms.clear()

    def step(self) -> None:
        """The next frame."""
        begin = time.process_time()
        self._lifter(self._images, self._drawn, self._cache)
        self.cpu_ms.append(1e3 * (time.process_time() - begin))

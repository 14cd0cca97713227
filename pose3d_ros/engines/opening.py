"""Models on engines, of whatever kind: keypoint lifters and image models by name, and any `Model` that is there."""

from typing import TypeVar

from pose3d_ros.engines.backends.choice import EngineOptions, Rung, backend, refuse, rungs
from pose3d_ros.engines.base import Program, Target, explain
from pose3d_ros.engines.cache import EngineCache
from pose3d_ros.engines.ladder import Ladder
from pose3d_ros.models import Lifter, Model, registry, torch_device
from pose3d_ros.models.image_lifter import ImageLifter

PRECISION_BESIDE_STATE = "fp16"  # half of the memory
AnyModel = TypeVar("AnyModel", bound=Model)


def open_lifter(
    weights: str, options: EngineOptions = EngineOptions(), wait: bool = False, cache: EngineCache | None = None
) -> Lifter:
    """A lifter on the best engine (`Lifter.engine` is its `Ladder`), which falls to the next one when that fails.

    `cache`: of built engines, by default the user's. Raises CheckpointError, ConfigError, and EngineError where the
    named GPU or backend cannot run here.
    """
    rungs(options)  # what is wrong with them is told before weights are read
    return on_engine(registry.load_lifter(weights), options, wait, cache, origin_of(weights))


def open_image_lifter(
    weights: str, options: EngineOptions = EngineOptions(), wait: bool = False, cache: EngineCache | None = None,
    body_model: str = "",
) -> ImageLifter:  # fmt: skip
    """An image model on the best engine, as `open_lifter`.

    `body_model`: path of the licensed file that SMPL and MANO weights need; no engine holds it. Raises CheckpointError
    too where it is missing, not needed, or of another kind.
    """
    lifter = registry.load_image_lifter(weights, body_model=body_model)
    lifter.check_complete()
    return on_engine(lifter, options, wait, cache, origin_of(weights))


def origin_of(weights: str) -> tuple[str, str]:
    """How another process makes the program of these weights."""
    return f"{registry.__name__}:program", str(registry.find(weights).resolve())


def on_engine(
    model: AnyModel, options: EngineOptions, wait: bool = False, cache: EngineCache | None = None,
    origin: tuple[str, str] | None = None,
) -> AnyModel:  # fmt: skip
    """The same model, which is on the CPU, on the best engine. `origin`: for builds beside it.

    Engines take and give arrays of the host. A GPU would be sent all that the model remembers in every step, 3.5 GB for
    four crops of a ViT-H that looks back 8 frames; where no backend is named, eager torch there keeps it instead. A
    model without a program stays in torch.
    """
    steps, program = rungs(options), model.program(origin)
    if program is None:
        return model.moved(options.device, options.precision)
    device, why = str(torch_device(options.device)), ""
    if model.keeps_state and not options.named and device.startswith("cuda"):
        try:
            return _beside_its_state(model, program, device)
        except Exception as error:  # no memory, not near enough to fp32, what a GPU's driver raises
            why = explain(error)
    model.engine = Ladder(program, steps, cache or EngineCache.default(), wait, options.named)
    model.note = f"eager torch on {device} beside its state: {why}" if why else ""
    return model


def _beside_its_state(model: AnyModel, program: Program, device: str) -> AnyModel:
    """The model by eager torch in fp16, what it remembers on the same device; checked as engines are. Raises
    EngineError, and what torch raises."""
    Rung(backend("torch"), Target(device, PRECISION_BESIDE_STATE)).load(program).close()
    return model.moved(device, PRECISION_BESIDE_STATE)


class Models:
    """The models of a pipeline on their engines, opened by name."""

    def __init__(self, options: EngineOptions, wait: bool = False) -> None:
        self._options, self._wait = options, wait
        self._ladders: list[Ladder] = []

    def lifter(self, weights: str) -> Lifter:
        """As `open_lifter`."""
        return self._kept(open_lifter(weights, self._options, self._wait))

    def image_lifter(self, weights: str, body_model: str) -> ImageLifter:
        """As `open_image_lifter`."""
        return self._kept(open_image_lifter(weights, self._options, self._wait, body_model=body_model))

    def reopened(self, old: Lifter, weights: str, elsewhere: bool = False) -> Lifter:
        """Open these weights again, in the place of a lifter that went wrong; on the next engine if `elsewhere`."""
        if isinstance(old.engine, Ladder):
            if elsewhere:
                refuse(old.engine.info.name)
            self._ladders = [ladder for ladder in self._ladders if ladder is not old.engine]
        lifter = self.lifter(weights)
        old.close()
        return lifter

    @property
    def falls(self) -> int:
        """How often an engine failed and the next one went on."""
        return sum(ladder.falls for ladder in self._ladders)

    @property
    def in_call(self) -> tuple[str, ...]:
        """Names of the backends that compute at this moment; for a watchdog, from another thread."""
        return tuple(ladder.info.name for ladder in self._ladders if ladder.in_call)

    def news(self) -> list[str]:
        """What failed since the last call of this, one line each."""
        return [line for ladder in self._ladders for line in ladder.news()]

    def _kept(self, model: AnyModel) -> AnyModel:
        if isinstance(model.engine, Ladder):
            self._ladders.append(model.engine)
        return model

"""Training of ExtPose on rendered hands or people: both modalities or one of them, one frame or several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.lab.evaluation.motion.images import MODALITIES, held_back, measure, predict, presence
from pose3d_ros.lab.synthesis import image_windows
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.image_config import Subject
from pose3d_ros.lab.synthesis.image_folders import Folders
from pose3d_ros.lab.synthesis.image_windows import ImageWindows, pose_input
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.losses import sigma_loss
from pose3d_ros.lab.training.optimizers import MuonAdamW
from pose3d_ros.lab.training.people import Subjects, subjects
from pose3d_ros.lab.training.places import Places
from pose3d_ros.lab.training.priming import prime
from pose3d_ros.lab.training.trainer import DTYPES, Trainer, load_average
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPose

PATCHES = "backbone.patch_embed.proj.weight"
PRIMED = 128  # windows whose images the first layer is fitted to
Source = Callable[[int], ImageWindows]


class ImageTrainer(Trainer):
    """The loop on windows of images. Each batch is split: both modalities, the image alone, the pose alone; so that
    what is blanked costs nothing."""

    feedable = False

    def __init__(self, config: TrainConfig, folder: Path, subject: Subject, source: Source | None = None):
        nobody = MotionSet(*(torch.zeros(0) for _ in range(6)), names=[], subjects=[])
        self.subject, self.source = subject, source
        super().__init__(config, nobody, folder)
        if config.image.start:
            state = start_from(self.model, Path(config.image.start))
            if "places" in state:
                self.places.load_state_dict(state["places"])
        else:
            image, pose = self.apart(lambda: self.draw(PRIMED))[:2]
            prime(self.model, image, pose)
        self.average.module.load_state_dict(self.model.state_dict())

    def _optimizer(self) -> MuonAdamW:
        config = self.config
        self.places = Places(config.extpose).to(self.device)
        return MuonAdamW(self.model, config.learning_rate, config.weight_decay, self.places)

    def state(self) -> dict[str, Any]:
        return super().state() | {"places": self.places.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.places.load_state_dict(state["places"])
        super().restore(state)

    @staticmethod
    def new_network(config: TrainConfig) -> nn.Module:
        return ExtPose(config.extpose)

    @property
    def network(self) -> nn.Module:
        """The averaged weights; there is no batch norm in them."""
        return self.average.module

    def draw(self, count: int) -> tuple[Tensor, ...]:
        """image, pose, score, xyz, uv, turn of `count` windows."""
        config = self.config
        recorded = round(count * config.image.recorded) if self.source else 0
        drawn = None
        if count > recorded:
            drawn = image_windows.draw(self.rng, count - recorded, config.images, self.subject)
        if recorded:
            found = ImageWindows(*(value.to(self.device) for value in self.source(recorded)))
            drawn = found if drawn is None else ImageWindows(*map(torch.cat, zip(found, drawn, strict=True)))
        images, skeleton = config.images, self.subject.skeleton
        pose = pose_input(config.extpose.pose_input, drawn.xy_px, drawn.score, images.render, images.drawing, skeleton)
        rows = torch.randperm(count, generator=self.rng.generator, device=self.device) if recorded else slice(None)
        parts = (drawn.image, pose, drawn.score, drawn.xyz, drawn.uv, drawn.turn)
        return tuple(part[rows] for part in parts)

    def step(self) -> dict[str, float]:
        """One batch. Returns its losses, and the joints' mean error in mm for each kind of input."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        batch = next(self._batches)
        self.optimizer.zero_grad(set_to_none=True)
        report: dict[str, Tensor] = {}
        for name, rows in self._parts(len(batch[0])):
            part = [value[rows] for value in batch]
            share = len(part[0]) / len(batch[0])
            with torch.autocast(self.device.type, DTYPES[config.precision], enabled=config.precision != "fp32"):
                out = self._forward(name, part)
                tokens, weight = out.pop("tokens"), config.image.places_weight
                asked = {"places": weight * self.places(tokens, part[4], part[3])} if weight else {}
            losses, error = self.losses(out, *part[3:])
            losses |= asked
            self.scaler.scale(share * sum(losses.values())).backward()
            report[f"{name}_mm"] = 1000 * error.detach().mean()
            for kind, value in losses.items():
                report[kind] = report.get(kind, 0) + share * value.detach()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.average.update_parameters(self.model)
        self.windows_seen += len(batch[0])
        return report

    def losses(self, out: dict[str, Tensor], xyz: Tensor, uv: Tensor, turn: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Weighted losses by name, and the error (N, T, J) in metres. What is NaN in the truth does not count."""
        weights, body = self.config.image, self.model.body
        out = {name: value.float() for name, value in out.items()}
        known = torch.isfinite(xyz).all(-1)
        truth = torch.where(known[..., None], xyz, 0.0)
        off = torch.where(known[..., None], out["xyz"] - truth, 0.0)
        error = off.norm(dim=-1)
        seen = out["camera"][..., None, :1] * (out["xyz"][..., :2] + out["camera"][..., None, 1:])
        flat = torch.where(torch.isfinite(uv), seen - uv.nan_to_num(), 0.0)
        losses = {
            "joints": weights.joints_weight * off.abs().sum(-1).mean(),
            "pixels": weights.pixels_weight * flat.abs().clamp(max=2.0).sum(-1).mean(),
        }
        whole = known.all(-1)
        if (weights.rotation_weight or weights.posture_weight) and whole.any():
            own, target = out["rotations"][whole], body.rotations_of(truth)[whole]
            losses["rotation"] = weights.rotation_weight * ((own - target)[..., :2] ** 2).sum((-1, -2)).mean()
            bent = unturned(out["xyz"][whole], own) - unturned(truth[whole], target)
            losses["posture"] = weights.posture_weight * bent.abs().sum(-1).mean()
        if weights.shape_weight and whole.any():
            losses["shape"] = weights.shape_weight * ((out["shape"] - body.shape_of(truth))[whole] ** 2).mean()
        if xyz.shape[1] > 1:
            straight = torch.einsum("ntij,ntki->ntkj", turn, off)
            losses["steady"] = weights.steady_weight * straight.diff(dim=1).abs().sum(-1).mean()
        if "log_sigma" in out:
            losses["sigma"] = 0.1 * sigma_loss(out["log_sigma"], error)
        return losses, error

    def _parts(self, count: int) -> list[tuple[str, slice]]:
        """Kinds of input and their rows of a batch."""
        settings = self.config.image
        if settings.modalities != "both":
            return [(settings.modalities, slice(0, count))]
        blanked = round(count * settings.blank)
        ends = (count - blanked, count - blanked // 2, count)
        parts = [(name, slice(a, b)) for name, a, b in zip(MODALITIES, (0, *ends), ends, strict=False)]
        return [(name, rows) for name, rows in parts if rows.stop > rows.start]

    def _forward(self, name: str, part: list[Tensor]) -> dict[str, Tensor]:
        image, pose, score = part[:3]
        causal = self.config.image.causal
        if name == "image":
            return self.forward(image, None, causal=causal, tokens=True)
        there = presence(score)
        return self.forward(None if name == "pose" else image, pose, pose_present=there, causal=causal, tokens=True)


def unturned(xyz: Tensor, rotations: Tensor) -> Tensor:
    """Joints (..., J, 3) about the root in the axes of the root: how fingers and limbs are bent, however turned."""
    return torch.einsum("...ij,...ki->...kj", rotations[..., 0, :, :], xyz)


def start_from(network: ExtPose, path: Path) -> dict[str, Any]:
    """Weights of a file or a run's folder into `network`. Kept as they are: the temporal embedding where its size
    differs, what embeds poses as numbers, and the channels of a joined image that only the poses have, which start
    from zero. Returns the run's state, empty for a file. Raises CheckpointError."""
    given, state = load_average(path) if path.is_dir() else (checkpoint.load(path)[0].state_dict(), {})
    own = network.state_dict()
    for name, value in own.items():
        other = given.get(name)
        if name.startswith("pose_embed.") or (other is not None and _temporal(name) and other.shape != value.shape):
            given[name] = value
        elif name == PATCHES and other is not None and other.shape[1] < value.shape[1]:
            given[name] = functional.pad(other, (0, 0, 0, 0, 0, value.shape[1] - other.shape[1]))
    given = {name: value for name, value in given.items() if name in own or not name.startswith("pose_embed.")}
    try:
        network.load_state_dict(given)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its network is another than the run's ({error})") from None
    return state


def _temporal(name: str) -> bool:
    return ".temporal." in f".{name}."


def prepare_extpose(config: TrainConfig, data: Path, folder: Path) -> tuple[Trainer, Callable | None]:
    """The loop, and its validation on held-back hands or people. Raises ConfigError, CheckpointError, InputError."""
    check_sizes(config)
    known, source = subjects(config, data), None
    if config.image.folders:
        folders = [data / name for name in config.image.folders]
        source = Folders(folders, config.images, config.seed, config.image.trust_pickle)
    return ImageTrainer(config, folder, known.training, source), Check(config, known)


def check_sizes(config: TrainConfig) -> None:
    """Raises ConfigError where network and images do not fit."""
    render, vit = config.images.render, config.extpose.vit
    if (render.height, render.width) != vit.image_size:
        raise ConfigError(
            f"images.render is {render.width}x{render.height}, extpose.vit takes {vit.image_width}x"
            f"{vit.image_height}: expected the same"
        )
    if config.images.frames > config.extpose.frames and not config.image.causal:
        raise ConfigError(f"images.frames {config.images.frames}: expected at most extpose.frames")
    if config.extpose.head != "kinematic":
        raise ConfigError(f"extpose.head {config.extpose.head}: rendered images train the kinematic head")
    if config.image.folders and config.extpose.skeleton != HANDS.skeleton.name:
        raise ConfigError(f"image.folders: expected {HANDS.skeleton.name}, got {config.extpose.skeleton}")


class Check:
    """Validation: errors on held-back hands or people, drawn once, for every kind of input that was trained on."""

    def __init__(self, config: TrainConfig, known: Subjects, count: int | None = None):
        self.config, self.subject = config, known.validation
        self.count = config.validation_windows if count is None else count
        self.windows: ImageWindows | None = None

    def __call__(self, network: ExtPose) -> dict[str, float]:
        config = self.config
        if self.windows is None:
            self.windows = held_back(self.count, config.images, subject=self.subject)
        shown = MODALITIES if config.image.modalities == "both" else (config.image.modalities,)
        found = {}
        for name in shown:
            xyz, _ = predict(network, self.windows, config.images, name, config.image.causal)
            measured = measure(xyz, self.windows, config.images.rate_hz, self.subject)
            found |= {f"{key} {name}": value for key, value in measured.items() if value is not None}
        return found

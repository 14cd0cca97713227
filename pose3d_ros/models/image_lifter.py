"""`ImageLifter`: an ExtPose network with its spec. Crops and drawn skeletons in, root-relative joints out, online.

What SMPL and MANO networks say becomes joints outside of what engines run: their body model is asked in torch, on the
CPU, in fp32. So no engine and no cache of engines ever holds a licensed file.
"""

from copy import deepcopy
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import CheckpointError, ConfigError, EngineError, InputError
from pose3d_ros.geometry.crop import CropConfig, as_input
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig
from pose3d_ros.models.base import IMAGES, Model, arrays
from pose3d_ros.models.extpose import ExtPose, ExtPoseConfig, on_root
from pose3d_ros.models.frame_attention import AttentionCache
from pose3d_ros.models.kinds import register
from pose3d_ros.models.lifter import as_lifted
from pose3d_ros.models.parametric import HOW_TO_GET, PARAMETERS, BodyModel
from pose3d_ros.models.program import LIMITS, Program
from pose3d_ros.models.spec import Spec

INPUTS = ("image", "pose", "present", "keys", "values", "shape", "seen", "age")  # of `FrameStep`
OWN = ("keys", "values", "shape")  # what a frame leaves in the cache
PARAMETRIC = ("rotations", "betas")  # what a body model makes joints of


@dataclass(frozen=True)
class ImageSpec(Spec):
    """What belongs to the weights of an image model and is stored with them, never in a settings file.

    `frames` at `rate_hz` is how far back it looks. `crop` and `drawing`: how crops are cut and skeletons are drawn.
    `drawn`: the network knows drawn skeletons; one that does not is shown the image alone. `sigma_seen`,
    `sigma_hidden`: factors on the network's sigma, measured on people outside of training; of a network without one on
    `DEFAULT_SIGMA_M`. Left hands are shown mirrored. Raises FormatError or ConfigError.
    """

    crop: CropConfig = field(default_factory=CropConfig)
    drawing: SkeletonImageConfig = field(default_factory=SkeletonImageConfig)
    drawn: bool = True


class ImageOutput(NamedTuple):
    """Of N people or hands, in the axes of their crops' virtual cameras: `xyz_m` float32 (N, J, 3) from the root,
    `sigma_m` (N, J), not yet calibrated, `weak` (N, 3): weak-perspective camera for `geometry.crop_camera`."""

    xyz_m: np.ndarray
    sigma_m: np.ndarray
    weak: np.ndarray


class FrameStep(nn.Module):
    """An ExtPose network asked for one frame, as engines see it: float tensors by the names of `INPUTS` in, a dict out.

    `present` (B, 2) and `seen` (B, R, 2) are 1 where there is an image, a pose; `age` (B, R) in frames, 0 = not in
    sight. The frame's own `keys`, `values` and `shape` are for the cache; networks that look at one frame only have
    none, and take the first three inputs. Not `drawn`: there is no `pose`, and one column of `present` and `seen`.

    Joints come out as `xyz`, or where the network has a body model elsewhere as `rotations` and `betas`.
    """

    def __init__(self, network: ExtPose, drawn: bool = True):
        super().__init__()
        self.network, self.drawn = network, drawn

    def forward(self, image: Tensor, *given: Tensor) -> dict[str, Tensor]:
        image, own = image[:, None], {}
        pose, given = (given[0][:, None], given[1:]) if self.drawn else (None, given)
        present, past = given[0] > 0.5, given[1:]
        if past:
            keys, values, shape, seen, age = past
            age = age.round().long()
            cache = AttentionCache(keys, values, shape, seen > 0.5, age, age[:, 0])  # its slots are not looked at
            out, kept = self.network.frame(image, pose, present, cache, age)
            own = dict(zip(OWN, kept, strict=True))
        else:
            out = self.network(image, pose, present[:, :1], present[:, 1:] if self.drawn else None)
        joints = {} if "xyz" in out else dict(zip(PARAMETRIC, (out["rotations"], out["shape"]), strict=True))
        return {name: out[name] for name in ("xyz", "log_sigma", "camera") if name in out} | joints | own


@register("extpose", ExtPose, ExtPoseConfig, ImageSpec)
class ImageLifter(Model[ExtPose, ImageSpec]):
    """Runs an ExtPose network, frame by frame. `body_model`: what SMPL and MANO networks need to give joints."""

    takes = IMAGES

    def __init__(
        self, network: ExtPose, spec: ImageSpec, device: str = "cpu", precision: str = "fp32",
        body_model: BodyModel | None = None,
    ):  # fmt: skip
        if (network.config.frames, network.config.skeleton) != (spec.frames, spec.skeleton):
            raise ConfigError(f"{spec.name}: the network has {network.config}, its spec promises {spec}")
        super().__init__(network, spec, device, precision)
        self.body_model = body_model
        self.inputs = tuple(name for name in INPUTS if spec.drawn or name != "pose")

    @property
    def keeps_state(self) -> bool:
        return self.spec.frames > 1

    @cached_property
    def frame(self) -> FrameStep:
        """The network as engines see it. Raises EngineError after `close`."""
        return FrameStep(self.network, self.spec.drawn)

    @property
    def name(self) -> str:
        return f"{self.spec.name} with {self.body_model.file}" if self.body_model else self.spec.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crops in pixels, as `geometry.crop.boxes` takes them."""
        height, width = self.network.config.vit.image_size
        return width, height

    @torch.inference_mode()
    def start(self, streams: int) -> AttentionCache:
        """What is kept of the frames of so many people or hands: nothing yet."""
        return self.network.start(streams, pose=self.spec.drawn)

    @torch.inference_mode()
    def __call__(
        self,
        crops_rgb: np.ndarray,
        skeletons: np.ndarray,
        cache: AttentionCache | None = None,
        slot: np.ndarray | None = None,
        image_present: np.ndarray | None = None,
        pose_present: np.ndarray | None = None,
    ) -> ImageOutput:
        """Look at one frame of N people: uint8 crops (N, H, W, 3) and drawn skeletons float32 (N, 3, H, W) in 0..1.

        `cache` holds their past frames and is updated; without one the frame stands alone. `slot` int64 (N,): the
        frame's place on the grid of the model's rate. `image_present`, `pose_present` bool (N,): where there is one.
        Skeletons are not looked at where the spec says that the network does not know them. Raises InputError on
        shapes, EngineError for an SMPL or MANO network without its body model.
        """
        network = self.network
        if network.config.pose_input != "image":
            raise EngineError(f"{self.spec.name}: a study's network that takes {network.config.pose_input}, no images")
        width, height = self.size
        for name, shape, expected in (
            ("crops", crops_rgb.shape, (len(skeletons), height, width, 3)),
            ("skeletons", skeletons.shape, (len(crops_rgb), 3, height, width)),
        ):
            if shape != expected:
                raise InputError(f"{self.spec.name}: expected {name} of shape {expected}, got {shape}")
        if not len(crops_rgb):
            none = np.zeros((0, len(self.spec.joints), 3), np.float32)
            return ImageOutput(none, none[..., 0], none[:, 0])
        cache = self.start(len(crops_rgb)) if cache is None else cache
        slots = cache.newest + 1 if slot is None else torch.as_tensor(slot, device=self.device)
        given = (image_present, pose_present)
        there = np.stack([np.ones(len(crops_rgb)) if each is None else each for each in given], 1)
        there = there[:, : 1 + self.spec.drawn]
        frame = {"image": as_input(crops_rgb), "pose": skeletons, "present": there}
        out = self._frame([frame[name] for name in self.inputs if name in frame], cache, cache.age(slots))
        if "xyz" not in out:
            out |= self._joints(out)
        if OWN[0] in out:
            present = network.kept(torch.from_numpy(there).to(self.device) > 0.5)
            cache.write(slots, present, *(self._tensor(out[name]) for name in OWN))
        else:
            cache.newest.copy_(slots)
        return ImageOutput(*as_lifted(out), out["camera"][:, 0])

    def example(self, streams: int) -> dict[str, np.ndarray]:
        """A plausible input of `FrameStep`, always the same."""
        rng = np.random.default_rng(0)
        width, height = self.size
        cache = self.start(streams)
        rows = cache.slot.shape[1]
        arrays = {
            "image": rng.normal(0, 1, (streams, 3, height, width)),
            "pose": rng.uniform(0, 1, (streams, 3, height, width)) ** 4,
            "present": np.ones((streams, 1 + self.spec.drawn)),
        }
        if rows:
            arrays |= {name: rng.normal(0, 1, getattr(cache, name).shape) for name in OWN}
            arrays["seen"] = rng.random(cache.present.shape) < 0.8
            arrays["age"] = np.tile(np.arange(rows, 0, -1), (streams, 1))
        return {name: array.astype(np.float32) for name, array in arrays.items() if name in self.inputs}

    def _frame(self, inputs: list[np.ndarray], cache: AttentionCache, age: Tensor) -> dict[str, np.ndarray]:
        past = (cache.keys, cache.values, cache.shape, cache.present, age) if cache.slot.shape[1] else ()
        if self.engine is not None:
            given = [np.asarray(array, np.float32) for array in inputs]
            given += [tensor.float().cpu().numpy() for tensor in past]
            return self.engine(dict(zip(self.inputs, given, strict=False)))
        tensors = [self._tensor(array) for array in inputs] + [tensor.to(self.dtype) for tensor in past]
        return arrays(self.frame(*tensors))

    def _joints(self, out: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the body model makes of a network's rotations and shape."""
        if self.body_model is None:
            raise EngineError(f"{self.spec.name}: SMPL and MANO networks need a body model to give joints")
        rotations, betas, camera = (torch.from_numpy(out[name]) for name in (*PARAMETRIC, "camera"))
        return {name: value.numpy() for name, value in on_root(self.body_model(rotations, betas), camera).items()}

    def warm_up(self, rows: int = 1) -> None:
        width, height = self.size
        self(np.zeros((rows, height, width, 3), np.uint8), np.zeros((rows, 3, height, width), np.float32))

    def program(self, origin: tuple[str, str] | None = None) -> Program | None:
        """One frame after the cached ones. Raises CheckpointError for networks that take no drawn skeletons."""
        self._check_drawn()
        with torch.inference_mode():
            given = self.frame(*(torch.from_numpy(array) for array in self.example(1).values()))
        limits = {name: LIMITS[name] for name in given}
        config = {"spec": asdict(self.spec), "network": asdict(self.network.config)}
        return Program(self.spec.name, self.frame, self.example, tuple(limits), limits, config, origin)

    def moved(self, device: str, precision: str) -> "ImageLifter":
        return ImageLifter(deepcopy(self.network), self.spec, device, precision, self.body_model)

    def use_body_model(self, path: str | Path) -> None:
        head = self.network.config.head
        if head == "kinematic":
            raise CheckpointError(f"weights {self.spec.name}: their head is {head}, it takes no body model; got {path}")
        self.body_model = BodyModel(head, path)

    def check_complete(self) -> None:
        self._check_drawn()
        head = self.network.config.head
        if head in HOW_TO_GET and not self.body_model:
            raise CheckpointError(
                f"{self.spec.name}: {head.upper()} weights give joints with a licensed model file only: name "
                f"{HOW_TO_GET[head]} in {PARAMETERS[head]}"
            )

    def close(self) -> None:
        super().close()
        self.__dict__.pop("frame", None)
        self.body_model = None

    def _check_drawn(self) -> None:
        kind = self.network.config.pose_input
        if kind != "image":
            raise CheckpointError(f"{self.spec.name}: a study's network that takes {kind}, expected drawn skeletons")

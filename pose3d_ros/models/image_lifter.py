"""`ImageLifter`: an ExtPose network with its spec. Crops and drawn skeletons in, root-relative joints out, online.

What SMPL and MANO networks say becomes joints outside of what engines run: their body model is asked in torch, on the
CPU, in fp32. So no engine and no cache of engines ever holds a licensed file.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pose3d_ros.core.errors import ConfigError, EngineError, InputError
from pose3d_ros.geometry.crop import CropConfig, as_input
from pose3d_ros.geometry.skeleton_image import SkeletonImageConfig
from pose3d_ros.models.extpose import ExtPose, on_root
from pose3d_ros.models.frame_attention import AttentionCache
from pose3d_ros.models.lifter import Runner, as_lifted, torch_device
from pose3d_ros.models.parametric import BodyModel
from pose3d_ros.models.precision import place
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


def spec_of(fields: dict) -> ImageSpec:
    """The spec that `dataclasses.asdict` made the dict of."""
    parts = {"crop": CropConfig(**fields["crop"]), "drawing": SkeletonImageConfig(**fields["drawing"])}
    return ImageSpec(**{**fields, **parts})


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


class ImageLifter:
    """Runs one ExtPose network, frame by frame. `engine`: what answers in its stead, arrays by name in and out.
    `body_model`: what SMPL and MANO networks need to give joints."""

    def __init__(
        self, network: ExtPose, spec: ImageSpec, device: str = "cpu", precision: str = "fp32",
        body_model: BodyModel | None = None,
    ):  # fmt: skip
        if precision not in ("fp32", "fp16"):
            raise ConfigError(f"precision: expected fp32 or fp16, got {precision!r}")
        if (network.config.frames, network.config.skeleton) != (spec.frames, spec.skeleton):
            raise ConfigError(f"{spec.name}: the network has {network.config}, its spec promises {spec}")
        self.spec = spec
        self.device = torch_device(device)
        self.dtype = torch.float16 if precision == "fp16" else torch.float32
        self.network: ExtPose | None = place(network.eval(), self.device, self.dtype).requires_grad_(False)
        self.frame: FrameStep | None = FrameStep(self.network, spec.drawn)
        self.body_model = body_model
        self.inputs = tuple(name for name in INPUTS if spec.drawn or name != "pose")
        self.engine: Runner | None = None
        self.note = ""  # for diagnostics: why nothing better runs

    @property
    def description(self) -> str:
        """One line for diagnostics."""
        name = f"{self.spec.name} with {self.body_model.file}" if self.body_model else self.spec.name
        if self.engine is not None:
            return f"{name}, {self.engine.description}" + (f" [{self.note}]" if self.note else "")
        return f"{name}, eager torch {torch.__version__}, {self.device}, {str(self.dtype)[6:]}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the crops in pixels, as `geometry.crop.boxes` takes them."""
        height, width = self._open().config.vit.image_size
        return width, height

    @torch.inference_mode()
    def start(self, streams: int) -> AttentionCache:
        """What is kept of the frames of so many people or hands: nothing yet."""
        return self._open().start(streams, pose=self.spec.drawn)

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
        network = self._open()
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
            arrays = [np.asarray(array, np.float32) for array in inputs]
            arrays += [tensor.float().cpu().numpy() for tensor in past]
            return self.engine(dict(zip(self.inputs, arrays, strict=False)))
        tensors = [self._tensor(array) for array in inputs] + [tensor.to(self.dtype) for tensor in past]
        return {name: value.float().cpu().numpy() for name, value in self.frame(*tensors).items()}

    def _joints(self, out: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the body model makes of a network's rotations and shape."""
        if self.body_model is None:
            raise EngineError(f"{self.spec.name}: SMPL and MANO networks need a body model to give joints")
        rotations, betas, camera = (torch.from_numpy(out[name]) for name in (*PARAMETRIC, "camera"))
        return {name: value.numpy() for name, value in on_root(self.body_model(rotations, betas), camera).items()}

    def warm_up(self, streams: int = 1) -> None:
        """Run once, so that the first real frame is not the slow one."""
        width, height = self.size
        self(np.zeros((streams, height, width, 3), np.uint8), np.zeros((streams, 3, height, width), np.float32))

    def close(self) -> None:
        """Free the device."""
        if self.engine:
            self.engine.close()
        self.network = self.frame = self.engine = self.body_model = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _open(self) -> ExtPose:
        if self.network is None:
            raise EngineError(f"{self.spec.name}: this lifter was closed; load it again")
        return self.network

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device, self.dtype)

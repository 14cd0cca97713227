"""Recorded images of hands in the layouts of FreiHAND, HO3D and InterHand2.6M, for people who hold these data sets.

The data sets carry their own, mostly research-only licences: read them before you train on their images. Layouts, as
they are distributed:

- FreiHAND: `training_K.json`, `training_xyz.json` (metres, right hands), `training/rgb/00000000.jpg`, ...; the
  images beyond the number of poses are the same poses before other backgrounds.
- HO3D v2 and v3: `train/SEQUENCE/rgb/0000.png` or `.jpg`, `train/SEQUENCE/meta/0000.pkl` with `handJoints3D` (OpenGL
  axes) and `camMat`. The annotations are Python pickles, which can run code when they are read: only with
  `image.trust_pickle`, and only from where you trust.
- InterHand2.6M: `annotations/train/InterHand2.6M_train_{data,camera,joint_3d}.json`, `images/train/...`. Hands whose
  wrist is not annotated, and images of both hands touching each other's boxes, are used as they are.

Left hands are mirrored. Joints without a truth are NaN and do not count in the losses.
"""

import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from pose3d_ros.core.errors import InputError
from pose3d_ros.geometry.crop import Crops, cut
from pose3d_ros.lab.synthesis import camera_effects
from pose3d_ros.lab.synthesis.capsules import View
from pose3d_ros.lab.synthesis.hand_images import HANDS
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Scene
from pose3d_ros.lab.synthesis.image_windows import ImageWindows, assemble, observe
from pose3d_ros.lab.synthesis.rng import Rng

HO3D_ORDER = (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20)  # rows of hand21's joints
INTERHAND_ORDER = (20, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 19, 18, 17, 16)
OPENGL = np.array((1.0, -1.0, -1.0))


@dataclass(frozen=True)
class Shot:
    """One hand in one image: `xyz_m` (21, 3) in the camera frame, NaN where unknown, `K` (3, 3) in pixels. Shots of
    one `sequence` with successive `number`s are frames of a video."""

    path: Path
    xyz_m: np.ndarray
    K: np.ndarray
    left: bool
    sequence: str
    number: int


class Folders:
    """Windows of recorded images, drawn at random. Images that belong to no video stand still in their windows."""

    def __init__(self, folders: list[Path], config: ImageWindowConfig, seed: int = 0, trust_pickle: bool = False):
        self.config = config
        shots = [shot for folder in folders for shot in load(folder, trust_pickle)]
        self.shots = sorted(shots, key=lambda shot: (shot.sequence, shot.number))
        if not self.shots:
            raise InputError(f"{[str(folder) for folder in folders]}: no annotated images of hands in them")
        self.rng = Rng(seed)

    def __call__(self, count: int) -> ImageWindows:
        """`count` windows. Raises InputError where an image cannot be read."""
        starts = self.rng.integers(count, low=0, high=len(self.shots) - 1).tolist()
        windows = [self._window(start) for start in starts]
        xyz = torch.from_numpy(np.stack([[_right(shot) for shot in shots] for shots in windows]).astype(np.float32))
        rays, score, view = observe(self.rng, Scene(xyz, None), self.config, HANDS)
        size = count, self.config.frames
        rgb = torch.stack([
            self._crop(shot, view, row) for row, shot in enumerate(shot for shots in windows for shot in shots)
        ])  # fmt: skip
        rgb = camera_effects.taken(self.rng, rgb, self.config.frames)
        return assemble(rgb.unflatten(0, size), xyz, rays, score, view, self.config)

    def _window(self, start: int) -> list[Shot]:
        shots = [self.shots[start]]
        while len(shots) < self.config.frames:
            at = min(start + len(shots), len(self.shots) - 1)
            following, last = self.shots[at], shots[-1]
            goes_on = following.sequence == last.sequence and following.number == last.number + 1
            shots.append(following if goes_on else last)
        return shots

    def _crop(self, shot: Shot, view: View, row: int) -> Tensor:
        """(3, H, W) in 0..1; a left hand's image is mirrored."""
        image = cv2.imread(str(shot.path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{shot.path}: expected an image, it cannot be read")
        centre = view.centre[row].numpy() * ((-1.0, 1.0) if shot.left else (1.0, 1.0))
        focal = shot.K[[0, 1], [0, 1]]
        render = self.config.render
        scale = 2 * float(view.half[row]) * focal.mean() / render.height
        crops = Crops((centre * focal + shot.K[:2, 2])[None], np.array([scale]), render.width, render.height)
        crop = cut(image[..., ::-1], crops)[0]
        crop = crop[:, ::-1] if shot.left else crop
        return torch.from_numpy(crop.transpose(2, 0, 1).astype(np.float32) / 255)


def load(folder: Path, trust_pickle: bool = False) -> list[Shot]:
    """All shots of a folder in one of the layouts. Raises InputError."""
    for mark, reader in READERS:
        if list(folder.glob(mark)):
            return list(reader(folder, trust_pickle))
    raise InputError(
        f"{folder}: expected the layout of FreiHAND, HO3D or InterHand2.6M, one of {', '.join(m for m, _ in READERS)}"
    )


def _freihand(folder: Path, trust_pickle: bool) -> Iterator[Shot]:
    cameras, poses = (_json(folder / f"training_{name}.json") for name in ("K", "xyz"))
    for path in sorted((folder / "training" / "rgb").glob("*.jpg")):
        row = int(path.stem) % len(poses)
        yield Shot(path, np.array(poses[row]), np.array(cameras[row]), False, path.stem, 0)


def _ho3d(folder: Path, trust_pickle: bool) -> Iterator[Shot]:
    if not trust_pickle:
        raise InputError(
            f"{folder}: HO3D's annotations are pickles, which can run code when read; set image.trust_pickle "
            "if you trust where they come from"
        )
    for path in sorted((folder / "train").glob("*/meta/*.pkl")):
        with path.open("rb") as file:
            known = pickle.load(file, encoding="latin1")
        if known.get("handJoints3D") is None or np.shape(known["handJoints3D"]) != (21, 3):
            continue
        sequence = path.parents[1]
        found = [sequence / "rgb" / f"{path.stem}{ending}" for ending in (".jpg", ".png")]
        image = next((each for each in found if each.is_file()), found[0])
        xyz = np.asarray(known["handJoints3D"])[list(HO3D_ORDER)] * OPENGL
        yield Shot(image, xyz, np.asarray(known["camMat"]), False, sequence.name, int(path.stem))


def _interhand(folder: Path, trust_pickle: bool) -> Iterator[Shot]:
    notes = folder / "annotations" / "train"
    data, cameras, joints = (
        _json(notes / f"InterHand2.6M_train_{name}.json") for name in ("data", "camera", "joint_3d")
    )
    notes_of = {note["image_id"]: note for note in data["annotations"]}
    images = sorted(
        data["images"], key=lambda image: (image["capture"], image["seq_name"], image["camera"], image["frame_idx"])
    )
    numbers: Counter[str] = Counter()
    for image in images:
        capture, camera, frame = str(image["capture"]), str(image["camera"]), str(image["frame_idx"])
        lens, note = cameras[capture], notes_of[image["id"]]
        known = joints[capture][frame]
        world = np.array(known["world_coord"], np.float64) / 1e3
        place, turn = np.array(lens["campos"][camera]) / 1e3, np.array(lens["camrot"][camera])
        xyz = (world - place) @ turn.T
        valid = np.array(known["joint_valid"]).reshape(-1) > 0
        focal, middle = lens["focal"][camera], lens["princpt"][camera]
        K = np.array(((focal[0], 0, middle[0]), (0, focal[1], middle[1]), (0, 0, 1.0)))
        sides = {"right": (False,), "left": (True,)}.get(note["hand_type"], (False, True))
        for left in sides:
            rows = np.array(INTERHAND_ORDER) + 21 * left
            if not valid[rows[0]]:
                continue
            hand = np.where(valid[rows, None], xyz[rows], np.nan)
            sequence = f"{capture}/{image['seq_name']}/{camera}/{'left' if left else 'right'}"
            numbers[sequence] += 1
            yield Shot(folder / "images" / "train" / image["file_name"], hand, K, left, sequence, numbers[sequence])


READERS: tuple[tuple[str, Callable[[Path, bool], Iterator[Shot]]], ...] = (
    ("training_xyz.json", _freihand),
    ("train/*/meta", _ho3d),
    ("annotations/train/InterHand2.6M_train_data.json", _interhand),
)


def _json(path: Path) -> dict | list:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: expected a JSON file of the data set ({error})") from None


def _right(shot: Shot) -> np.ndarray:
    """(21, 3) as a right hand's."""
    return shot.xyz_m * (-1.0, 1.0, 1.0) if shot.left else shot.xyz_m

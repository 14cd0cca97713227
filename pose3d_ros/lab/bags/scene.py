"""`Scene`: people in front of one camera, frame by frame, and how it is written as a bag."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.transforms import IDENTITY, Transform
from pose3d_ros.lab.bags.writer import BagWriter

SKELETON = formats.get("h36m17")
START_NS = 1_700_000_000_000_000_000  # any; fixed, so that the same input gives the same bag
IMAGE_NS, DETECTION_NS = 5_000_000, 30_000_000  # arrival after the stamp: about what drivers and detectors take
WORLD, BASE, CAMERA = "map", "base_link", "camera_optical_frame"
TOPICS = {
    "info": "/camera_info",
    "keypoints": "/keypoints",
    "truth": "/truth",
    "image": "/image/compressed",
    "tf": "/tf",
    "tf_static": "/tf_static",
}


@dataclass(frozen=True)
class Scene:
    """N people, F frames, skeleton h36m17.

    `xyz_m` float64 (N, F, J, 3) in the camera frame is the truth; `xy_px` (N, F, J, 2) and `score` (N, F, J) what a
    detector gives, score 0 = hidden; `lost` bool (F,) frames without a message. `base` (F,) the robot in the world,
    `mount` the camera on it; `world_m` the truth in the world, None where there is none.
    """

    stamps_ns: np.ndarray
    camera: Camera
    xyz_m: np.ndarray
    xy_px: np.ndarray
    score: np.ndarray
    lost: np.ndarray
    ids: tuple[str, ...]
    send_ids: bool = True
    base: tuple[Transform, ...] = ()
    mount: Transform = IDENTITY
    world_m: np.ndarray | None = None

    def keypoints(self, frame: int) -> Keypoints2D:
        """What the detector gives; a person of whom it sees nothing is absent."""
        people = tuple(
            Person2D(SKELETON.name, self.xy_px[n, frame], self.score[n, frame], name if self.send_ids else "")
            for n, name in enumerate(self.ids)
            if self.score[n, frame].any()
        )
        return Keypoints2D(int(self.stamps_ns[frame]), people, CAMERA, self.camera.width, self.camera.height)

    def truth(self, frame: int) -> Skeletons3D:
        """All people, whether seen or not; a joint is MEASURED where the detector gives it, else INFERRED."""
        people = tuple(
            Person3D(
                name, n + 1, SKELETON.name, self.xyz_m[n, frame], np.zeros(len(SKELETON)),
                np.where(self.score[n, frame] > 0, JointState.MEASURED, JointState.INFERRED),
            )
            for n, name in enumerate(self.ids)
        )  # fmt: skip
        return Skeletons3D(int(self.stamps_ns[frame]), CAMERA, people)


def write(
    out: Path,
    scene: Scene,
    storage: str = "mcap",
    compression: str = "",
    force: bool = False,
    images: bool = False,
    joint_frames: bool = False,
) -> None:
    """The scene as a bag with the topics `TOPICS`. Raises InputError where something else lies at `out`."""
    with BagWriter(out, storage, compression, force) as bag:
        start_ns = int(scene.stamps_ns[0])
        bag.transforms(TOPICS["tf_static"], start_ns, start_ns, [(BASE, CAMERA, scene.mount)])
        for frame, stamp_ns in enumerate(map(int, scene.stamps_ns)):
            if scene.base:
                bag.transforms(TOPICS["tf"], stamp_ns, stamp_ns, _frames(scene, frame, joint_frames))
            bag.camera(TOPICS["info"], stamp_ns, scene.camera, stamp_ns, CAMERA)
            bag.skeletons(TOPICS["truth"], stamp_ns, scene.truth(frame), method="")
            if images:
                bag.image(TOPICS["image"], stamp_ns + IMAGE_NS, image(scene, frame), stamp_ns, CAMERA)
            if not scene.lost[frame]:
                bag.keypoints(TOPICS["keypoints"], stamp_ns + DETECTION_NS, scene.keypoints(frame))


def image(scene: Scene, frame: int) -> np.ndarray:
    """Stick figures on grey, the nearest last, uint8 (H, W, 3) blue first. Hidden joints are drawn too."""
    bgr = np.full((scene.camera.height, scene.camera.width, 3), 60, np.uint8)
    for number in np.argsort(-scene.xyz_m[:, frame, 0, 2]):
        xy = scene.camera.project(scene.xyz_m[number, frame])
        colour = tuple(int(value) for value in np.array([(90, 200, 240), (240, 180, 90), (120, 230, 120)])[number % 3])
        for a, b in SKELETON.bones:
            if np.isfinite(xy[[a, b]]).all() and np.abs(xy[[a, b]]).max() < 1e5:
                start, end = (tuple(int(v) for v in np.rint(xy[row])) for row in (a, b))
                cv2.line(bgr, start, end, colour, max(2, scene.camera.width // 160), cv2.LINE_AA)
    return bgr


def _frames(scene: Scene, frame: int, joint_frames: bool) -> list[tuple[str, str, Transform]]:
    """The robot in the world, and every true joint if asked for."""
    found = [(WORLD, BASE, scene.base[frame])]
    if joint_frames and scene.world_m is not None:
        for name, person in zip(scene.ids, scene.world_m[:, frame], strict=True):
            joints = zip(SKELETON.joints, person, strict=True)
            found += [(WORLD, f"{name}/{joint}", Transform(np.eye(3), xyz)) for joint, xyz in joints]
    return found

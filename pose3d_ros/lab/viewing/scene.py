"""`Scene`: skeletons in 3D on a metric floor, with the camera that saw them."""

from collections import deque
from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.viewing import strokes
from pose3d_ros.lab.viewing.bag import HandView, Moment
from pose3d_ros.lab.viewing.viewer import Viewer

FLOOR, GRID, SHADOW, FRUSTUM = (58, 50, 44), (112, 100, 90), (24, 20, 17), (200, 190, 120)
FOOT_M = 0.08  # an ankle's height above the floor
CELL_M = 0.5
SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
FRUSTUM_M = 0.35
BONE_M = 0.035
TRAIL = 24  # moments for which wrists leave a trail


class Scene:
    """What stays the same during a recording: floor, extents, camera."""

    def __init__(self, camera: Camera | None, frames: Iterable[Skeletons3D]) -> None:
        self.camera = camera
        everybody = [person for frame in frames for person in frame.people]
        joints = [person.xyz_m[person.state > 0] for person in everybody]
        joints = np.concatenate(joints) if joints else np.array([[0.0, 0.0, 2.0]])
        low, high = np.percentile(joints, [1, 99], axis=0)
        self.floor_m = float(_floor(everybody, high[1]))
        low, high = np.minimum(low, -0.15) - 0.1, np.maximum(high, 0.15) + 0.1
        low[2] = -0.05
        self.box = np.array([[low[0], low[1], low[2]], [high[0], self.floor_m, high[2]]])
        self._floor_tiles = self._tiles()
        self._trails: dict[tuple[int, str], deque] = {}

    def remember(self, moment: Moment) -> None:
        """Takes the wrists into their trails; once a moment."""
        alive = set()
        for person in moment.skeletons.people if moment.skeletons else ():
            definition = formats.get(person.skeleton)
            for side in ("left", "right"):
                if f"{side}_wrist" in definition:
                    key = (person.track, side)
                    alive.add(key)
                    at = person.xyz_m[definition.index(f"{side}_wrist")]
                    self._trails.setdefault(key, deque(maxlen=TRAIL)).append(at.astype(np.float64))
        self._trails = {key: trail for key, trail in self._trails.items() if key in alive}

    def draw(self, moment: Moment, viewer: Viewer, truth: Iterable[Person3D] = ()) -> np.ndarray:
        """uint8 (height, width, 3) from one side; `truth` as thin skeletons of one colour."""
        canvas = np.full((viewer.size[1], viewer.size[0], 3), strokes.PANEL, np.uint8)
        self._ground(canvas, viewer)
        people = moment.skeletons.people if moment.skeletons else ()
        for person in people:
            self._shadow(canvas, viewer, person)
        self._frustum(canvas, viewer, moment.image)
        self._draw_trails(canvas, viewer)
        for person in sorted(people, key=lambda p: -np.nanmean(viewer.project(p.xyz_m)[1])):
            _person(canvas, viewer, person)
        for person in truth:
            strokes.truth(canvas, viewer.project(person.xyz_m)[0], person)
        for hand in moment.hands:
            _hand(canvas, viewer, hand)
        return canvas

    def _tiles(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Squares of the floor (n, 4, 3) in metres, how clear each is, and which of two edges are at whole metres."""
        middle = self.box.mean(0)[[0, 2]]
        reach = max(2.0, float((self.box[1] - self.box[0])[[0, 2]].max()) * 0.9)
        cells = int(np.ceil(reach / CELL_M))
        first = np.stack(np.meshgrid(*[np.arange(-cells, cells)] * 2, indexing="ij"), -1).reshape(-1, 2)
        first = first + np.round(middle / CELL_M)
        corners = (first[:, None] + SQUARE) * CELL_M
        clear = np.clip(1.15 - np.linalg.norm(corners.mean(1) - middle, axis=1) / reach, 0, 1)
        return self._on_floor(corners[clear > 0]), clear[clear > 0], (first[clear > 0] * CELL_M % 1 == 0)[:, ::-1]

    def _ground(self, canvas: np.ndarray, viewer: Viewer) -> None:
        """A grid of half metres that fades with the distance from the scene's middle; clearer at whole metres."""
        tiles, clear, whole = self._floor_tiles
        for xy, share, bold in zip(viewer.project(tiles)[0], clear, whole, strict=True):
            if not strokes.drawable(xy):
                continue
            points = np.round(xy * 2**strokes.SHIFT).astype(np.int32)
            cv2.fillConvexPoly(canvas, points, strokes.mix(strokes.PANEL, FLOOR, share), cv2.LINE_AA, strokes.SHIFT)
            for end, strong in zip((1, 3), bold, strict=True):
                colour = strokes.mix(strokes.PANEL, GRID, share * (1.0 if strong else 0.45))
                strokes.line(canvas, xy[0], xy[end], colour, 1)

    def _on_floor(self, xz: np.ndarray) -> np.ndarray:
        return np.stack([xz[..., 0], np.full(xz.shape[:-1], self.floor_m), xz[..., 1]], -1)

    def _shadow(self, canvas: np.ndarray, viewer: Viewer, person: Person3D) -> None:
        mask = np.zeros(canvas.shape[:2], np.uint8)
        xy, depth = viewer.project(self._on_floor(person.xyz_m[:, [0, 2]]))
        for parent, child in formats.get(person.skeleton).bones:
            if person.state[parent] and person.state[child]:
                width = 1.6 * BONE_M * viewer.focal_px / depth[child]
                strokes.line(mask, xy[parent], xy[child], 255, width)
        alpha = cv2.GaussianBlur(mask, (0, 0), 2.5)[..., None] / np.float32(255) * 0.65
        canvas[:] = canvas * (1 - alpha) + np.array(SHADOW) * alpha

    def _frustum(self, canvas: np.ndarray, viewer: Viewer, image: np.ndarray | None) -> None:
        if self.camera is None:
            return
        corners = SQUARE * [self.camera.width, self.camera.height] - 0.5
        rays = self.camera.rays(corners)
        ends, _ = viewer.project(np.c_[rays, np.ones(4)] * FRUSTUM_M)
        tip, _ = viewer.project(np.zeros(3))
        if not strokes.drawable(ends, tip):
            return
        if image is not None:
            _paste(canvas, image, ends)
        for corner, following in zip(ends, np.roll(ends, -1, axis=0), strict=True):
            strokes.line(canvas, tip, corner, FRUSTUM, 1)
            strokes.line(canvas, corner, following, FRUSTUM, 1)
        foot, _ = viewer.project(np.array([0.0, self.floor_m, 0.0]))
        strokes.line(canvas, tip, foot, strokes.mix(strokes.PANEL, FRUSTUM, 0.35), 1, dashed=True)
        strokes.joint(canvas, tip, FRUSTUM, 2.5)

    def _draw_trails(self, canvas: np.ndarray, viewer: Viewer) -> None:
        for (_, side), trail in self._trails.items():
            xy, _ = viewer.project(np.array(trail))
            colour = strokes.side_colour(f"{side}_")
            for age, (a, b) in enumerate(pairwise(xy[::-1])):
                strokes.line(canvas, a, b, strokes.mix(colour, strokes.PANEL, 0.35 + 0.65 * age / TRAIL), 1)


def _person(canvas: np.ndarray, viewer: Viewer, person: Person3D) -> None:
    """Bones from far to near, as thick as they would look."""
    definition = formats.get(person.skeleton)
    xy, depth = viewer.project(person.xyz_m)
    seen, valid = person.state == JointState.MEASURED, person.state != JointState.INVALID
    middle_depth = np.nanmean(depth)
    for parent, child in sorted(definition.bones, key=lambda bone: -depth[bone].mean()):
        if not (valid[parent] and valid[child]):
            continue
        width = BONE_M * viewer.focal_px / depth[[parent, child]].mean()
        haze = float(np.clip((depth[[parent, child]].mean() - middle_depth) * 0.5, 0, 0.35))
        colour = strokes.mix(strokes.side_colour(definition.joints[child]), strokes.PANEL, haze)
        if seen[parent] and seen[child]:
            strokes.line(canvas, xy[parent], xy[child], strokes.BACKGROUND, width + 2)
            strokes.line(canvas, xy[parent], xy[child], colour, width)
        else:
            strokes.line(canvas, xy[parent], xy[child], strokes.pale(colour), 0.55 * width, dashed=True)
    for row in sorted(np.flatnonzero(valid), key=lambda row: -depth[row]):
        colour = strokes.side_colour(definition.joints[row])
        radius = 0.8 * BONE_M * viewer.focal_px / depth[row]
        if seen[row]:
            strokes.joint(canvas, xy[row], colour, radius)
        else:
            strokes.joint(canvas, xy[row], strokes.pale(colour), radius, hollow=True)


def _hand(canvas: np.ndarray, viewer: Viewer, hand: HandView) -> None:
    xy, _ = viewer.project(hand.xyz_m)
    colour = strokes.mix(strokes.side_colour(f"{hand.side}_"), (255, 255, 255), 0.4)
    for parent, child in formats.get("hand21").bones:
        if hand.state[parent] and hand.state[child]:
            inferred = JointState.INFERRED in (hand.state[parent], hand.state[child])
            strokes.line(canvas, xy[parent], xy[child], strokes.pale(colour) if inferred else colour, 1.4, inferred)


def _paste(canvas: np.ndarray, image: np.ndarray, corners: np.ndarray) -> None:
    """The image on the frustum's end, half transparent."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (160, max(1, round(160 * height / width))), interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    source = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    onto = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    size = canvas.shape[1], canvas.shape[0]
    alpha = cv2.warpPerspective(np.full(small.shape[:2], 0.75, np.float32), onto, size)[..., None]
    canvas[:] = canvas * (1 - alpha) + cv2.warpPerspective(small, onto, size) * alpha


def _floor(everybody: list[Person3D], lowest_m: float) -> float:
    """Height (y, down) under the feet: the median over time of everybody's lowest ankle."""
    ankles = []
    for person in everybody:
        definition = formats.get(person.skeleton)
        rows = [definition.index(j) for j in ("left_ankle", "right_ankle") if j in definition]
        ankles += [person.xyz_m[rows, 1].max()] if rows and person.state[rows].all() else []
    return np.median(ankles) + FOOT_M if ankles else lowest_m + FOOT_M

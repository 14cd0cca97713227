"""The moments to look at first: the largest errors, or without truth the most doubtful ones, as images."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from pose3d_ros.core.errors import CameraError
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.bags.run import RunResult
from pose3d_ros.lab.viewing import overlay, strokes
from pose3d_ros.lab.viewing.bag import Moment
from pose3d_ros.lab.viewing.scene import Scene
from pose3d_ros.lab.viewing.viewer import Viewer, fit

APART_S = 1.0  # moments shown are at least so far from each other, or they would all show the same
HEIGHT, LEFT_WIDTH, SIDE_WIDTH, GAP = 440, 560, 330, 6
VIEWS = (("oblique", 40.0, 14.0), ("from the side", 90.0, 4.0))
MARGIN = 0.2  # about the people, of their extent
SCENE_FRAMES = 200  # so many tell where the floor is

GetImage = Callable[[int], np.ndarray | None]


class Shown(NamedTuple):
    """One image, BGR, and what it shows. `score`: mean error in mm, or without truth mean sigma in mm."""

    row: int
    time_s: float
    score: float
    who: str
    image: np.ndarray


def worst(run: RunResult, get_image: GetImage, count: int = 4) -> list[Shown]:
    """The `count` worst moments, worst first. `get_image(stamp_ns)`: the camera's image in BGR, None if none."""
    frames = run.frames
    rows = chosen(run, count)
    if not rows:
        return []
    camera = camera_of(run)
    stride = max(1, len(frames) // SCENE_FRAMES)
    scene = Scene(camera, [skeletons(run, frame) for frame in range(0, len(frames), stride)])
    values = frames.relative_mm if run.has_truth else 1e3 * frames.sigma_m
    found = []
    for row in rows:
        frame = frames.frame[row]
        person = frames.person[row]
        name = run.people[person] if person >= 0 else ""
        who = (f"person {name}" if name.isdigit() else name) or f"track {frames.track[row]}"
        image = _image(run, frame, scene, camera, get_image(int(frames.image_stamp_ns[frame])))
        found.append(Shown(int(row), float(frames.seconds[frame]), float(np.nanmean(values[row])), who, image))
    return found


def chosen(run: RunResult, count: int) -> list[int]:
    """Rows of estimated people: the largest mean error; without truth the largest sigma and reprojection error, each
    in parts of its median."""
    frames = run.frames
    if run.has_truth:
        score = _means(frames.relative_mm)
    else:
        parts = [_means(frames.sigma_m), _means(frames.reprojection_px) / np.maximum(frames.height_px, 1)]
        score = sum(np.nan_to_num(part / max(_median(part), 1e-9)) for part in parts)
    rows: list[int] = []
    usual = _median(score)  # nothing better than that is worth an image
    seconds = frames.seconds[frames.frame]
    for row in np.argsort(-np.nan_to_num(score, nan=-1), kind="stable"):
        if len(rows) == count or not np.isfinite(score[row]) or (rows and score[row] <= usual):
            break
        if all(abs(seconds[row] - seconds[other]) >= APART_S for other in rows):
            rows.append(int(row))
    return rows


def every(run: RunResult, get_image: GetImage) -> Iterator[tuple[Moment, tuple[Person3D, ...]]]:
    """All frames, and the true people in each."""
    frames = run.frames
    for frame in range(len(frames)):
        image = get_image(int(frames.image_stamp_ns[frame]))
        stamp_ns = int(frames.stamp_ns[frame])
        yield Moment(stamp_ns, image, keypoints(run, frame), skeletons(run, frame), ()), truth(run, frame)


def skeletons(run: RunResult, frame: int) -> Skeletons3D:
    """Everybody estimated in a frame."""
    frames = run.frames
    people = tuple(
        Person3D(
            str(frames.id[row]), int(frames.track[row]), run.info["skeleton"], frames.xyz_m[row], frames.sigma_m[row],
            frames.state[row],
        )
        for row in np.flatnonzero(frames.frame == frame)
    )  # fmt: skip
    return Skeletons3D(int(frames.stamp_ns[frame]), "", people)


def truth(run: RunResult, frame: int) -> tuple[Person3D, ...]:
    """The true skeletons of those who were matched in a frame."""
    frames, found = run.frames, []
    for row in np.flatnonzero(frames.frame == frame):
        known = np.isfinite(frames.truth_m[row]).all(1)
        if known.any():
            state = np.where(known, JointState.MEASURED, JointState.INVALID)
            zero = np.zeros(len(known), np.float32)
            found.append(
                Person3D(run.people[frames.person[row]], 0, run.info["skeleton"], frames.truth_m[row], zero, state)
            )
    return tuple(found)


def keypoints(run: RunResult, frame: int) -> Keypoints2D:
    """The keypoints that were taken in, in the joints of the skeleton."""
    frames = run.frames
    people = [
        Person2D(run.info["skeleton"], frames.keypoint_px[row], frames.score[row])
        for row in np.flatnonzero(frames.frame == frame)
    ]
    return Keypoints2D(int(frames.stamp_ns[frame]), tuple(people))


def camera_of(run: RunResult) -> Camera | None:
    """Calibration of the run's first frame."""
    known = run.info["camera"]
    try:
        return known and Camera(
            np.array(known["K"], np.float64).reshape(3, 3), np.array(known["D"], np.float64),
            known["distortion_model"], known["width"], known["height"],
        )  # fmt: skip
    except CameraError:
        return None


def _image(run: RunResult, frame: int, scene: Scene, camera: Camera | None, image: np.ndarray | None) -> np.ndarray:
    """2D on the left, 3D from two sides on the right."""
    moment = Moment(0, image, keypoints(run, frame), skeletons(run, frame), ())
    true = truth(run, frame)
    panels = [
        (_flat(moment, camera, true), "2D: keypoints and skeletons" + ("" if image is not None else ", no image"))
    ]
    joints = np.concatenate([p.xyz_m[p.state > 0] for p in (*moment.skeletons.people, *true)])
    box = np.array([joints.min(0) - 0.12, joints.max(0) + 0.12], np.float64)
    for name, azimuth_deg, elevation_deg in VIEWS:
        size = (SIDE_WIDTH, HEIGHT)
        target, distance_m = fit(box, (azimuth_deg,), elevation_deg, size)
        viewer = Viewer.orbit(target, azimuth_deg, elevation_deg, distance_m, size)
        panels.append((scene.draw(moment, viewer, true), f"3D {name}, grid 0.5 m"))
    for panel, caption in panels:
        strokes.shade(panel, 0, HEIGHT - 26, panel.shape[1], HEIGHT, 0.55)
        strokes.text(panel, (10, HEIGHT - 8), caption, strokes.TEXT, 13)
    gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
    return np.hstack([panels[0][0], gap, panels[1][0], gap, panels[2][0]])


def _flat(moment: Moment, camera: Camera | None, true: tuple[Person3D, ...]) -> np.ndarray:
    """What the camera saw, about the people; also without an image or a calibration."""
    points = [person.xy_px[person.score > 0] for person in moment.keypoints.people]
    if camera:
        points += [camera.project(p.xyz_m[p.state > 0]) for p in (*moment.skeletons.people, *true)]
    points = np.concatenate([*points, np.zeros((0, 2))])
    points = points[np.isfinite(points).all(1)]
    source = _source_size(moment, camera, points)
    low, high = _around(points, source)
    scale = LEFT_WIDTH / (high[0] - low[0])
    size = tuple(int(side) for side in np.maximum(1, np.round(np.array(source) * scale)))
    canvas = overlay.draw(moment, camera, size, source)
    for person in true if camera else ():
        strokes.truth(canvas, (camera.project(person.xyz_m) + 0.5) * scale - 0.5, person)
    turn = np.array([[1, 0, -low[0] * scale], [0, 1, -low[1] * scale]])
    return cv2.warpAffine(canvas, turn, (LEFT_WIDTH, HEIGHT), borderValue=overlay.BLANK)


def _source_size(moment: Moment, camera: Camera | None, points: np.ndarray) -> tuple[int, int]:
    if moment.image is not None:
        return moment.image.shape[1], moment.image.shape[0]
    if camera and camera.width:
        return camera.width, camera.height
    width, height = (points.max(0) + 1).astype(int) if len(points) else (640, 480)
    return int(max(width, 64)), int(max(height, 48))


def _around(points: np.ndarray, source: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a part of the image in the shape of the panel: the people with a margin, at least half of the width;
    shifted into the image where it fits. What lies far outside of the image would only make the people small."""
    size = np.array(source, float)
    points = np.clip(points, -0.08 * size, 1.08 * size) if len(points) else np.array([[0, 0], size])
    low, high = points.min(0), points.max(0)
    extent = (high - low) * (1 + 2 * MARGIN)
    whole = max(size[0], size[1] * LEFT_WIDTH / HEIGHT)
    width = min(max(extent[0], extent[1] * LEFT_WIDTH / HEIGHT, 0.5 * size[0]), 1.05 * whole)
    wanted = np.array([width, width * HEIGHT / LEFT_WIDTH])
    first = (low + high) / 2 - wanted / 2
    room = size - wanted
    first = np.where(room > 0, np.clip(first, 0, np.maximum(room, 0)), room / 2)
    return first, first + wanted


def _means(values: np.ndarray) -> np.ndarray:
    good = np.isfinite(values)
    count = good.sum(1)
    return np.where(count > 0, np.where(good, values, 0).sum(1) / np.maximum(count, 1), np.nan)


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else 1.0

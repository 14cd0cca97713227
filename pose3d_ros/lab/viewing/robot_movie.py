"""The person beside the robots they drive: a video and a sheet of a recorded session."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pose3d_ros.control.config import HumanoidConfig, RobotHandConfig, load
from pose3d_ros.control.driver import JointDriver
from pose3d_ros.geometry.rotations import matrix_of
from pose3d_ros.lab.evaluation.robots.session import Told
from pose3d_ros.lab.viewing import overlay, strokes
from pose3d_ros.lab.viewing.bag import Moment, Recording
from pose3d_ros.lab.viewing.movie import Movie
from pose3d_ros.lab.viewing.render import sheet
from pose3d_ros.lab.viewing.robot import BACKGROUND, RobotView

HEIGHT, HEADER, GAP, HAND_PX = 640, 48, 8, 316
BODY_SIZE = (560, HEIGHT)
FROM_AHEAD = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])  # a robot that looks along x, seen from before it
FROM_PALM = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]])  # axes of robot hands in those of the palm
BODY_CENTRE_M, BODY_PX_PER_M, HAND_CENTRE_M, HAND_PX_PER_M = (0.0, 0.0, 0.22), 780.0, (0.0, 0.0, 0.11), 1150.0
SETTLE_NS = 20_000_000  # a status arrives so long after its skeleton
SHEET_MOMENTS = 6


class Drawn(NamedTuple):
    """One robot of the session: how it looks, and where it is."""

    driver: JointDriver
    view: RobotView
    told: Told


class Panel:
    """One robot's image, moment by moment. A hand is turned as the person's palm is, as last seen."""

    def __init__(self, name: str, drawn: Drawn) -> None:
        self._name, self._drawn = name, drawn
        self._body = isinstance(drawn.driver.config, HumanoidConfig)
        self._position, self._told = drawn.driver.solver.rest_rad, "not driven yet"
        self._turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # a palm that is upright and faces aside

    def draw(self, moment: Moment, arrival_ns: int | None) -> np.ndarray:
        """uint8 image, of the robot as it stands at this moment, with what it says."""
        driver, told = self._drawn.driver, self._drawn.told
        if moment.stamp_ns in told.commands:
            joints = told.commands[moment.stamp_ns][1]
            self._position[driver.published] = [joints[name] for name in driver.published_names]
            self._told = ""
        elif arrival_ns is not None:
            self._told = told.status_at(arrival_ns + SETTLE_NS) or self._told
        if self._body:
            view = FROM_AHEAD, np.array(BODY_CENTRE_M), BODY_PX_PER_M, BODY_SIZE
        else:
            self._look(moment)
            view = self._turn @ FROM_PALM, np.array(HAND_CENTRE_M), HAND_PX_PER_M, (HAND_PX, HAND_PX)
        image = cv2.medianBlur(self._drawn.view.draw(self._position, *view), 3)
        if self._told:
            image = cv2.addWeighted(image, 0.6, np.full_like(image, BACKGROUND), 0.4, 0)
        strokes.shade(image, 0, image.shape[0] - 30, image.shape[1], image.shape[0], 0.55)
        caption = f"{self._name}: {self._told or 'driven'}"
        strokes.text(image, (10, image.shape[0] - 10), caption, strokes.TEXT, 14 if self._body else 11)
        return image

    def _look(self, moment: Moment) -> None:
        side = self._drawn.driver.config.side
        for hand in moment.skeletons.hands if moment.skeletons else ():
            if hand.side == side:
                self._turn = matrix_of(hand.quat_xyzw.astype(np.float64))


def write(
    recording: Recording, told: dict[str, Told], robots: dict[str, str], out: Path, title: str
) -> tuple[Path, Path]:
    """`out`/video.* and `out`/sheet.png. `robots`: topic name -> robot, first a body, then hands."""
    from pose3d_ros.control.robots import driver

    panels = []
    for name, robot in robots.items():
        made = driver(load(robot))
        path = made.solver.urdf_path if isinstance(made.config, RobotHandConfig) else made.solver.model_path
        panels.append(Panel(name, Drawn(made, RobotView(path, made.names), told[name])))
    chosen = set(np.linspace(0, len(recording.stamps) - 1, SHEET_MOMENTS + 2).round().astype(int)[1:-1].tolist())
    kept = []
    with Movie(out / "video", recording.rate_hz) as movie:
        for number, page in enumerate(pages(recording, panels, title)):
            movie.write(page)
            if number in chosen:
                kept.append(page)
    cv2.imwrite(str(out / "sheet.png"), sheet(kept))
    return movie.path, out / "sheet.png"


def pages(recording: Recording, panels: list[Panel], title: str) -> Iterator[np.ndarray]:
    """The person on the left, then the body, then the hands in a column."""
    width, height = recording.size
    size = round(width * HEIGHT / height / 2) * 2, HEIGHT
    for moment in recording.moments():
        arrival_ns = recording.arrivals_ns["skeletons"].get(moment.stamp_ns)
        person = overlay.draw(moment, recording.camera, size, recording.size)
        images = [panel.draw(moment, arrival_ns) for panel in panels]
        hands = np.full((HEIGHT, HAND_PX, 3), BACKGROUND, np.uint8)
        for row, image in enumerate(images[1:3]):
            top = row * (HEIGHT - HAND_PX)
            hands[top : top + HAND_PX] = image
        gap = np.full((HEIGHT, GAP, 3), strokes.BACKGROUND, np.uint8)
        body = np.hstack((person, gap, images[0], gap, hands))
        head = np.full((HEADER, body.shape[1], 3), strokes.BACKGROUND, np.uint8)
        x = 12 + strokes.text(head, (12, 31), "pose3d_ros", strokes.TEXT, 20, bold=True) + 14
        strokes.text(head, (x, 31), title, strokes.MUTED, 15)
        page = np.vstack((head, body))
        yield page[: page.shape[0] // 2 * 2, : page.shape[1] // 2 * 2]

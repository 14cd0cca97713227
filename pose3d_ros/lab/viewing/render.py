"""`view`: a recording as one video, a sheet of images and a report."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.viewing import overlay, strokes
from pose3d_ros.lab.viewing.bag import NS_PER_S, Moment, Recording
from pose3d_ros.lab.viewing.movie import CODECS, Movie
from pose3d_ros.lab.viewing.report import report
from pose3d_ros.lab.viewing.scene import Scene
from pose3d_ros.lab.viewing.viewer import Viewer, fit

WIDTH, HEIGHT, HEADER, GAP = 1600, 664, 56, 8
SHEET_COLUMNS, SHEET_MOMENTS, SHEET_SCALE = 2, 8, 0.6
TURN_DEG, ELEVATION_DEG, SIDE_DEG = 38.0, 14.0, (90.0, 4.0)
SWAY_DEG, SWAY_PERIOD_S = 14.0, 6.0  # a slowly turning viewer makes depth visible


class Written(NamedTuple):
    """Files of one view, and the numbers of its report."""

    video: Path
    sheet: Path
    report: Path
    numbers: dict
    codec: str


def view(
    recording: Recording,
    out: Path,
    sent_stamps: Iterable[int] | None = None,
    codecs: Iterable[str] = tuple(CODECS),
    title: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Written:
    """Writes `video.webm` (or `.mp4`, see `movie`), `sheet.png` and `report.json` into the folder `out`, which is made.

    `sent_stamps` as in `report`; `progress` is told how many frames are drawn, and of how many.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in _videos(out):  # another codec has another name
        old.unlink()
    written = Written(out / "video", out / "sheet.png", out / "report.json", report(recording, sent_stamps), "")
    chosen = np.unique(np.linspace(0, len(recording.stamps) - 1, SHEET_MOMENTS + 2).round().astype(int)[1:-1])
    written.report.write_text(json.dumps(written.numbers, indent=2) + "\n")
    images = []
    with Movie(written.video, recording.rate_hz, codecs) as movie:
        for number, image in enumerate(frames(recording, title or recording.path.name)):
            movie.write(image)
            progress(number + 1, len(recording.stamps))
            if number in chosen:
                images.append(image)
    cv2.imwrite(str(written.sheet), sheet(images))
    return written._replace(video=movie.path, codec=movie.codec)


def refuse_replacing(out: Path, force: bool) -> None:
    """Raises InputError where the folder holds a view already, unless `force`."""
    taken = [path.name for path in (*_videos(out), out / "sheet.png", out / "report.json") if path.exists()]
    if taken and not force:
        raise InputError(f"{out}: already holds a view ({', '.join(taken)}); give --force to replace it")


def _videos(out: Path) -> list[Path]:
    return [path for suffix in sorted(set(CODECS.values())) if (path := out / f"video{suffix}").exists()]


def frames(recording: Recording, title: str) -> Iterator[np.ndarray]:
    """Each moment as an image: overlay on the left, two 3D views on the right."""
    scene = Scene(recording.camera, recording.skeletons.values())
    left = _left_size(recording.size)
    (first_at, first_size), (second_at, second_size) = _panels(left[0] + 2 * GAP, scene.box)
    side_target, side_m = fit(scene.box, SIDE_DEG[:1], SIDE_DEG[1], second_size)
    aside = Viewer.orbit(side_target, *SIDE_DEG, side_m, second_size)
    turns = (TURN_DEG - SWAY_DEG, TURN_DEG + SWAY_DEG)
    target, distance_m = fit(scene.box, turns, ELEVATION_DEG, first_size)
    page = np.full((HEIGHT, WIDTH, 3), strokes.BACKGROUND, np.uint8)
    _header(page, title)
    for moment in recording.moments():
        time_s = (moment.stamp_ns - recording.stamps[0]) / NS_PER_S
        scene.remember(moment)
        image = overlay.draw(moment, recording.camera, left, recording.size)
        turn = TURN_DEG + SWAY_DEG * np.sin(2 * np.pi * time_s / SWAY_PERIOD_S)
        turned = Viewer.orbit(target, turn, ELEVATION_DEG, distance_m, first_size)
        canvas = page.copy()
        for panel, (x, y), caption in (
            (image, (GAP, HEADER + (HEIGHT - HEADER - GAP - left[1]) // 2), _facts(moment, time_s)),
            (scene.draw(moment, turned), first_at, "3D, grid of 0.5 m"),
            (scene.draw(moment, aside), second_at, "from the side"),
        ):
            _caption(panel, caption)
            canvas[y : y + panel.shape[0], x : x + panel.shape[1]] = panel
        yield canvas


def _panels(x: int, box: np.ndarray) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(position, size) of the two 3D views right of `x`: columns where there is room beside a portrait image, or for a
    scene that is higher than deep; else rows."""
    width, height = WIDTH - x - GAP, HEIGHT - HEADER - GAP
    _, tall, deep = box[1] - box[0]
    if tall > 0.8 * deep or width > 1.6 * height:
        half = (width - GAP) // 2
        return [((x, HEADER), (half, height)), ((x + half + GAP, HEADER), (half, height))]
    half = (height - GAP) // 2
    return [((x, HEADER), (width, half)), ((x, HEADER + half + GAP), (width, half))]


def sheet(images: list[np.ndarray]) -> np.ndarray:
    """Images in rows of two, smaller."""
    small = [cv2.resize(p, None, fx=SHEET_SCALE, fy=SHEET_SCALE, interpolation=cv2.INTER_AREA) for p in images]
    small += [np.full_like(small[0], strokes.BACKGROUND)] * (-len(small) % SHEET_COLUMNS)
    return np.vstack([np.hstack(small[i : i + SHEET_COLUMNS]) for i in range(0, len(small), SHEET_COLUMNS)])


def _left_size(source: tuple[int, int]) -> tuple[int, int]:
    """As high as the page unless that takes more than half of its width."""
    width, height = source
    scale = min((HEIGHT - HEADER - GAP) / height, 0.5 * WIDTH / width)
    return round(width * scale), round(height * scale)


def _facts(moment: Moment, time_s: float) -> str:
    parts = [f"{time_s:.2f} s"]
    for person in moment.skeletons.people if moment.skeletons else ():
        valid = person.state > 0
        if valid.any():
            distance_m = np.linalg.norm(person.xyz_m[valid].mean(0))
            parts.append(f"{person.id or person.track}: {distance_m:.2f} m")
    return "     ".join(parts[:4])


def _caption(panel: np.ndarray, string: str) -> None:
    strokes.shade(panel, 0, panel.shape[0] - 30, panel.shape[1], panel.shape[0], 0.55)
    strokes.text(panel, (12, panel.shape[0] - 10), string, strokes.TEXT, 14)


def _header(page: np.ndarray, title: str) -> None:
    """Name and title on the left, legend on the right."""
    base = HEADER // 2 + 6
    x = GAP + 4
    x += strokes.text(page, (x, base), "pose3d_ros", strokes.TEXT, 20, bold=True) + 14
    strokes.text(page, (x, base), title, strokes.MUTED, 15)
    legend = np.full((HEADER, WIDTH, 3), strokes.BACKGROUND, np.uint8)
    width = _legend(legend, base)
    page[:HEADER, WIDTH - GAP - width : WIDTH - GAP] = legend[:, :width]


def _legend(strip: np.ndarray, base: float) -> int:
    """Width in pixels."""
    x = 8
    for label, colour, width, radius, inferred in (
        ("left", strokes.LEFT, 4, 5, False),
        ("right", strokes.RIGHT, 4, 5, False),
        ("seen", strokes.MIDDLE, 4, 5, False),
        ("inferred", strokes.pale(strokes.MIDDLE), 2, 5, True),
        ("2D keypoints in", strokes.KEYPOINT, 1, 2.4, False),
    ):
        ends = np.array([[x, HEADER / 2], [x + 32, HEADER / 2]])
        strokes.line(strip, *ends, colour, width, dashed=inferred)
        for end in ends:
            strokes.joint(strip, end, colour, radius, hollow=inferred)
        x += 72 + strokes.text(strip, (x + 44, base), label, strokes.TEXT, 15)
    return x - 20

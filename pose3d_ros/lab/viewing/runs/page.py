"""`write_report`: one run as a single HTML file that works offline, with its images beside it as PNG."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import jinja2
import numpy as np

from pose3d_ros.lab.evaluation.bags import curves
from pose3d_ros.lab.evaluation.bags.run import RunResult
from pose3d_ros.lab.viewing import strokes
from pose3d_ros.lab.viewing.runs import charts, moments, tables

NAME = "report.html"
JPEG_QUALITY = 84
MODES = {
    "direct": "keypoints lifted again",
    "recorded": "skeletons as the robot recorded them",
    "replay": "through the running nodes",
}


class Card(NamedTuple):
    """One number of the head."""

    value: str
    unit: str
    label: str


class Chart(NamedTuple):
    """A drawing within the page."""

    title: str
    note: str
    svg: str


def write_report(
    run: RunResult, folder: Path, get_image: Callable[[int], np.ndarray | None] = lambda _: None, worst: int = 4
) -> Path:
    """Writes `report.html` and PNGs into `folder`; returns the page's path. `get_image`: see `moments.worst`.

    Curves of faults that the folder holds are drawn too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = moments.worst(run, get_image, worst)
    drawn = [Chart("Over time", _note(run), charts.save(charts.timeline(run), folder / "timeline.png"))]
    bars = charts.joints(run)
    if bars:
        drawn.append(Chart("Each joint", "", charts.save(bars, folder / "joints.png")))
    for name, found in curves.load(folder).items():
        note = f"{found.help}; errors against {found.reference}."
        drawn.append(Chart(f"Fault: {name}", note, charts.save(charts.curve(found), folder / f"curve_{name}.png")))
    for number, moment in enumerate(shown, start=1):
        cv2.imwrite(str(folder / f"worst_{number}.png"), moment.image)
    info = run.info
    return render(
        folder / NAME,
        title=info["bag"]["name"],
        subtitle=_subtitle(run),
        verdict=verdict(run),
        cards=cards(run),
        tables=_there(tables.overall(run), tables.quality(run), tables.times(run)),
        charts=drawn,
        moments=[{"caption": _caption(run, moment), "views": _views(moment.image)} for moment in shown],
        moments_title="Worst moments" if run.has_truth else "Most doubtful moments",
        legend=_legend(run),
        folded=_there(tables.segments(run), tables.joints(run)),
        skipped=sorted(info["bag"]["skipped"].items(), key=lambda entry: -entry[1]),
        config=json.dumps({key: info[key] for key in ("config", "pipeline", "truth", "weights", "versions")}, indent=1),
        emphasise=True,
        footer=f"pose3d_ros · bag sha256 {info['bag']['sha256']}",
    )


def render(path: Path, **values: Any) -> Path:
    """Fills the template; what is not given is left out."""
    empty = {"charts": (), "moments": (), "folded": (), "skipped": None, "config": "", "links": {}, "failures": ()}
    loader = jinja2.PackageLoader("pose3d_ros.lab.viewing.runs", "")
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("template.html")
    path.write_text(template.render(**{**empty, **values}), encoding="utf-8")
    return path


def verdict(run: RunResult) -> str:
    """What a reader should remember, in two sentences."""
    frames = run.frames
    if not len(frames.frame):
        return "Nobody was estimated in this recording."
    if not run.has_truth:
        doubt = 1e3 * float(np.nanmedian(frames.sigma_m))
        return (
            f"There is no truth for this recording, so nothing here is an error. The lifter itself expects "
            f"{doubt:.0f} mm (median sigma); what follows says how steady and how consistent the skeletons are."
        )
    every = run.info["metrics"]["all"]
    if every["mpjpe_mm"] is None:
        return "No skeleton could be compared with the truth: see the stamps, the time offset and the joint names."
    parts = [f"Joints are {every['mpjpe_mm']:.1f} mm from the truth on average"]
    if every["hidden_mm"] is not None and every["seen_mm"] is not None:
        parts.append(
            f": {every['seen_mm']:.0f} mm where they were seen, {every['hidden_mm']:.0f} mm where they were hidden "
            f"({100 * every['hidden_share']:.0f} % of them)"
        )
    worst = max((value, name) for name, value in every["per_joint_mm"].items() if value is not None)
    parts.append(f". The worst joint is the {worst[1].replace('_', ' ')} with {worst[0]:.0f} mm.")
    return "".join(parts)


def cards(run: RunResult) -> list[Card]:
    """The numbers of the head, most important first."""
    found = []
    every = (run.info["metrics"] or {}).get("all", {})
    for key, unit, label, digits in (
        ("mpjpe_mm", "mm", "mean joint error (MPJPE)", 1),
        ("pa_mpjpe_mm", "mm", "after alignment (PA-MPJPE)", 1),
        ("mpjpe_absolute_mm", "mm", "error in the camera frame", 0),
    ):
        if every.get(key) is not None:
            found.append(Card(tables.cell(every[key], 1, digits), unit, label))
    quality = run.info["quality"]["all"]
    steady = () if run.has_truth else (
        ("reprojection_px", 1, 1, "px", "from joints to their keypoints"),
        ("bone_cv_percent", 1, 1, "%", "variation of bone lengths"),
        ("jitter_m_s2", 1, 1, "m/s²", "mean acceleration of joints"),
    )  # fmt: skip
    for key, factor, digits, unit, label in (
        *steady,
        ("coverage", 100, 1, "%", "of detected people have a skeleton"),
        ("share_inferred", 100, 0, "%", "of joints were hidden, so inferred"),
    ):
        if quality.get(key) is not None:
            found.append(Card(tables.cell(quality[key], factor, digits), unit, label))
    if run.info["mode"] != "direct" and quality["frames"]:
        share = 100 * quality["answered"] / quality["frames"]
        found.append(Card(f"{share:.1f}", "%", "of frames were answered"))
    times = run.timings.summary()
    if entry := times["latency_ms"]:
        found.append(Card(f"{entry['p50']:.0f} / {entry['p95']:.0f}", "", "latency p50 / p95, ms"))
    elif entry := times["push_ms"]:
        digits = 0 if entry["p95"] >= 100 else 1
        numbers = (tables.cell(entry[key], 1, digits) for key in ("p50", "p95"))
        found.append(Card(" / ".join(numbers), "", "computing p50 / p95, ms"))
    return found


def _subtitle(run: RunResult) -> str:
    info, bag = run.info, run.info["bag"]
    people = len(run.people) or len(np.unique(run.frames.track))
    parts = [
        MODES.get(info["mode"], info["mode"]),
        f"{bag['duration_s']:.1f} s, {bag['frames']} frames",
        f"{people} {'person' if people == 1 else 'people' if run.has_truth else 'tracks'}",
    ]
    parts += [info["weights"]["file"]] if info["weights"] else []
    parts += [f"truth: {info['truth']['source']}, offset {info['truth']['offset_ms']:.1f} ms"] if info["truth"] else []
    parts += [f"faults: {', '.join(info['faults'])}"] if info["faults"] else []
    return " · ".join(parts)


def _note(run: RunResult) -> str:
    if len(run.frames) <= charts.BINS:
        return ""
    return f"Means of {len(run.frames) / charts.BINS:.0f} frames each; the bands reach from the least to the greatest."


def _caption(run: RunResult, moment: moments.Shown) -> str:
    what = "mean error" if run.has_truth else "mean sigma"
    return f"{moment.time_s:.2f} s, {moment.who}: {what} {moment.score:.0f} mm"


def _legend(run: RunResult) -> list[tuple[str, str]]:
    truth = [(_hex(strokes.TRUTH), "truth")] if run.has_truth else []
    sides = [(_hex(strokes.LEFT), "left"), (_hex(strokes.RIGHT), "right")]
    return [*sides, ("#b9bec6", "middle; dashed and hollow: inferred"), (_hex(strokes.KEYPOINT), "keypoints"), *truth]


def _hex(bgr: strokes.Colour) -> str:
    return "#{2:02x}{1:02x}{0:02x}".format(*bgr)


def _views(image: np.ndarray) -> list[dict[str, Any]]:
    """The flat and the spatial part on their own, for narrow screens one below the other."""
    parts = image[:, : moments.LEFT_WIDTH], image[:, moments.LEFT_WIDTH + moments.GAP :]
    return [{"width": part.shape[1], "jpeg": _jpeg(part)} for part in parts]


def _jpeg(image: np.ndarray) -> str:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return base64.b64encode(data.tobytes()).decode()


def _there(*found: tables.Table | None) -> list[tables.Table]:
    return [table for table in found if table]

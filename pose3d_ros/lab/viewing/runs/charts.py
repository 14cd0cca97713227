"""Charts of a run as matplotlib figures, and how a figure gets into a page and into a PNG."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pose3d_ros.core.types import JointState
from pose3d_ros.lab.evaluation.bags.curves import Curve
from pose3d_ros.lab.evaluation.bags.run import RunResult

SEEN, HIDDEN, GREY, INK, GRID = "#2f6fd0", "#e07b28", "#8b95a5", "#25303f", "#e6eaf0"
RED = "#c62f2f"
PEOPLE = (SEEN, "#b0418f", "#2c9a74", HIDDEN, "#7a5bd0", "#8a6d3b")
BRIDGED_S = 0.3
BINS = 400  # points a line: more cannot be told apart on a screen
WIDTH_IN, DPI = 9.2, 100
STYLE = {
    "svg.fonttype": "none",  # text stays text: small, sharp, selectable
    "svg.hashsalt": "pose3d_ros",  # the same file for the same run
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#c5ccd6",
    "xtick.color": "#5b6675",
    "ytick.color": "#5b6675",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


@contextmanager
def _figure(height_in: float, rows: int = 1, **kwargs: Any) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in the style of the pages; everything about it happens inside."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, list(np.atleast_1d(figure.subplots(rows, 1, **kwargs)))


def save(figure: Figure, png: Path) -> str:
    """Writes the PNG, returns the same as SVG text for a page."""
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, dpi=DPI * 1.5, facecolor="white")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    name = re.sub(r"\W", "", png.stem)  # several images in one page must not share their ids
    svg = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\1{name}-", svg)
    return re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r' height="[^"]*pt"', "", svg, count=1), count=1)


def timeline(run: RunResult) -> Figure:
    """Error (without truth: what the lifter expects of it), visible joints, and time, over the stamps."""
    speed, label = _speed(run)
    heights = [2.2, 1.1] + ([1.2] if speed is not None else [])
    share = {"sharex": True, "gridspec_kw": {"height_ratios": heights}}
    with _figure(0.3 + 1.35 * sum(heights), len(heights), **share) as (figure, axes):
        (_errors if run.has_truth else _doubts)(axes[0], run)
        _visible(axes[1], run)
        if speed is not None:
            _line(axes[2], run.frames.seconds, speed, GREY, band=True)
            axes[2].set_ylabel(label)
            axes[2].set_ylim(0, max(1.0, 1.3 * float(np.nanpercentile(speed, 99))))
        axes[-1].set_xlabel("seconds")
        axes[-1].set_xlim(0, max(1e-3, float(run.frames.seconds.max(initial=0))))
    return figure


def joints(run: RunResult) -> Figure | None:
    """Error of each joint where it was seen and where it was hidden; without truth its sigma, and how often hidden.

    None where nobody was estimated.
    """
    frames, names = run.frames, [name.replace("_", " ") for name in run.skeleton.joints]
    values = frames.relative_mm if run.has_truth else 1e3 * frames.sigma_m
    seen = frames.state == JointState.MEASURED
    groups = [_column_means(values, mask) for mask in (seen, frames.state == JointState.INFERRED)]
    shown = np.flatnonzero(np.isfinite(groups).any(0))
    if run.has_truth:
        shown = shown[[bool(np.nanmax(values[:, joint]) > 0) or len(shown) == 1 for joint in shown]]  # not the root
    if not len(shown):
        return None
    with _figure(0.9 + 0.27 * len(shown)) as (figure, (axis,)):
        at = np.arange(len(shown))[::-1]
        beside = np.isfinite(groups).all(0)[shown]
        for offset, group, colour, label in ((0.2, groups[0], SEEN, "seen"), (-0.2, groups[1], HIDDEN, "hidden")):
            widths = np.nan_to_num(group[shown])
            bars = axis.barh(at + offset * beside, widths, np.where(beside, 0.38, 0.55), color=colour, label=label)
            axis.bar_label(bars, [f"{v:.0f}" if np.isfinite(v) else "" for v in group[shown]], padding=3, fontsize=8.5)
        share = 100 * np.nanmean(np.where(frames.state > 0, ~seen, np.nan), axis=0)[shown]
        axis.set_yticks(
            at, [f"{names[joint]}  ({part:.0f} % hidden)" for joint, part in zip(shown, share, strict=True)]
        )
        axis.set_xlabel("mean error to the truth, roots on each other, mm" if run.has_truth else "mean sigma, mm")
        axis.grid(axis="y", visible=False)
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def curve(found: Curve) -> Figure:
    """Errors over the severity of a fault, and the share of people that still got a skeleton."""
    with _figure(3.0) as (figure, (axis,)):
        for key, label, colour in (
            ("mpjpe_mm", "all joints", INK), ("seen_mm", "seen", SEEN), ("hidden_mm", "hidden", HIDDEN),
        ):  # fmt: skip
            axis.plot(*found.values(key), "o-", color=colour, label=label, lw=1.8, ms=4.5)
        axis.set(xlabel=f"{found.fault}, {found.unit}", ylabel="error, mm", ylim=(0, None))
        other = axis.twinx()
        other.spines["right"].set_visible(False)
        other.grid(visible=False)
        severities, coverage = found.values("coverage")
        other.plot(severities, 100 * np.array(coverage), "--", color=GREY, lw=1.3, label="coverage")
        other.set(ylim=(0, 105), ylabel="people with a skeleton, %")
        handles = [*axis.lines, *other.lines]
        axis.legend(handles, [line.get_label() for line in handles], loc="lower right", bbox_to_anchor=(1, 1), ncols=4)
    return figure


def _errors(axis: Axes, run: RunResult) -> None:
    frames = run.frames
    mean = _row_means(frames.relative_mm)
    matched = [person for person in range(len(run.people)) if (frames.person == person).any()]
    for person in matched[: len(PEOPLE)]:
        mine = frames.person == person
        at = frames.frame[mine]
        series = np.full(len(frames), np.nan)
        series[at] = mean[mine]
        _line(axis, frames.seconds, series, PEOPLE[person % len(PEOPLE)], band=True, label=run.people[person])
    if len(matched) > 1:
        axis.legend(loc="upper right", ncols=3)
    missed = np.unique(frames.truth_frame[frames.truth_row < 0])
    _ticks(axis, frames.seconds[missed], "somebody missed")
    axis.set_ylabel("error, mm")
    high = float(np.nanpercentile(mean, 99.7)) if np.isfinite(mean).any() else 1.0
    axis.set_ylim(0, max(1e-3, 1.15 * high))


def _doubts(axis: Axes, run: RunResult) -> None:
    frames = run.frames
    sigma = _per_frame(run, 1e3 * _row_means(frames.sigma_m))
    pixels = _per_frame(run, _row_means(frames.reprojection_px))
    _line(axis, frames.seconds, sigma, SEEN, band=True)
    axis.set_ylabel("sigma, mm", color=SEEN)
    axis.set_ylim(0, None)
    if np.isfinite(pixels).any():
        other = axis.twinx()
        other.spines["right"].set_visible(False)
        other.grid(visible=False)
        _line(other, frames.seconds, pixels, HIDDEN)
        other.set_ylabel("reprojection, px", color=HIDDEN)
        other.set_ylim(0, None)


def _visible(axis: Axes, run: RunResult) -> None:
    frames = run.frames
    share = _per_frame(run, 100 * _row_means(np.where(frames.state > 0, frames.state == JointState.MEASURED, np.nan)))
    x, y, _, _ = _binned(frames.seconds, share)
    axis.fill_between(x, 0, np.nan_to_num(y), color=SEEN, alpha=0.22, lw=0)
    axis.plot(x, y, color=SEEN, lw=1.2)
    _ticks(axis, frames.seconds[~frames.answered], "no answer")
    axis.set(ylabel="joints\nseen, %", ylim=(0, 105), yticks=(0, 50, 100))


def _speed(run: RunResult) -> tuple[np.ndarray | None, str]:
    """What the run says about time, and the name of it."""
    timings = run.timings
    if np.isfinite(timings.latency_ms).any():
        return timings.latency_ms, "latency, ms"
    if timings.push_ms.shape[1] and np.isfinite(timings.push_ms[:, -1]).any():
        return timings.push_ms[:, -1], "computing, ms"
    return None, ""


def _per_frame(run: RunResult, rows: np.ndarray) -> np.ndarray:
    """Mean over the people of each frame; NaN in frames of nobody."""
    frames = run.frames
    good = np.isfinite(rows)
    total = np.bincount(frames.frame[good], rows[good], len(frames))
    count = np.bincount(frames.frame[good], minlength=len(frames))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _line(
    axis: Axes, seconds: np.ndarray, values: np.ndarray, colour: str, band: bool = False, label: str = ""
) -> None:
    """Means of bins where there are many values, the spread of each bin behind them."""
    x, mean, low, high = _binned(seconds, values)
    axis.plot(x, mean, color=colour, lw=1.3, label=label or None)
    known = np.pad(np.isfinite(mean), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]  # a line needs two points
    axis.plot(x[alone], mean[alone], ".", color=colour, ms=3)
    if band and len(x) < len(seconds):
        axis.fill_between(x, low, high, color=colour, alpha=0.16, lw=0)


def _ticks(axis: Axes, seconds: np.ndarray, label: str) -> None:
    """Marks on the upper border, with what they mean."""
    if len(seconds):
        top = axis.get_xaxis_transform()
        axis.plot(seconds, np.full(len(seconds), 0.985), "|", color=RED, ms=7, mew=1, transform=top, clip_on=False)
        axis.text(1, 1.02, f"| {label}", color=RED, ha="right", va="bottom", fontsize=9, transform=axis.transAxes)


def _binned(seconds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Time, mean, least and greatest of at most `BINS` slices, sorted by time; NaN where a slice is empty. Gaps of up
    to `BRIDGED_S` are left out, so that lines go on over them."""
    order = np.argsort(seconds, kind="stable")
    seconds, values = seconds[order], values[order]
    known = np.isfinite(values)
    at = np.where(known, seconds, np.nan)
    before = np.fmax.accumulate(at)
    after = np.fmin.accumulate(at[::-1])[::-1]
    kept = known | ~(after - before <= BRIDGED_S)
    seconds, values = seconds[kept], values[kept]
    if len(seconds) <= BINS:
        return seconds, values, values, values
    found = []
    for part in np.array_split(np.arange(len(seconds)), BINS):
        good = values[part][np.isfinite(values[part])]
        found.append((seconds[part].mean(), *((good.mean(), good.min(), good.max()) if len(good) else [np.nan] * 3)))
    return tuple(np.array(found).T)


def _row_means(values: np.ndarray) -> np.ndarray:
    """Mean of what is finite in each row, else NaN."""
    good = np.isfinite(values)
    count = good.sum(1)
    return np.where(count > 0, np.where(good, values, 0).sum(1) / np.maximum(count, 1), np.nan)


def _column_means(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _row_means(np.where(mask, values, np.nan).T)

"""Tables of a run: which numbers, in which words."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pose3d_ros.lab.evaluation.bags.run import RunResult


class Column(NamedTuple):
    """Key of a result, its heading, factor and digits, and what it means."""

    key: str
    heading: str
    factor: float
    digits: int
    meaning: str


class Table(NamedTuple):
    """Headings with their meanings, and rows of texts, the first of each being its name."""

    title: str
    first: str
    headings: list[tuple[str, str]]
    rows: list[list[str]]


ERRORS = (
    Column("mpjpe_mm", "MPJPE mm", 1, 1, "mean error of the joints, roots laid onto each other"),
    Column("pa_mpjpe_mm", "PA mm", 1, 1, "the same after the best rotation, shift and scale"),
    Column("seen_mm", "seen mm", 1, 1, "joints whose keypoints were seen"),
    Column("hidden_mm", "hidden mm", 1, 1, "joints that were inferred"),
    Column("mpjpe_absolute_mm", "absolute mm", 1, 0, "error in the camera frame, with the place of the person in it"),
    Column("root_error_percent", "root %", 1, 1, "error of the place, in percent of the distance"),
    Column("pck150", "PCK@150 %", 100, 1, "share of joints within 150 mm"),
    Column("accel_error_mm_s2", "accel. mm/s²", 1, 0, "error of the acceleration: jitter"),
    Column("sigma_coverage", "in 1σ %", 100, 0, "share of errors below the given sigma; 68 is right"),
    Column("missed", "missed", 1, 0, "true people without an estimate"),
    Column("false", "false", 1, 0, "estimates of nobody"),
    Column("id_switches", "switches", 1, 0, "times that a person got another track"),
    Column("frames", "skeletons", 1, 0, "skeletons compared with the truth"),
)
QUALITY = (
    Column("people", "skeletons", 1, 0, "estimated people in all frames together"),
    Column("coverage", "coverage %", 100, 1, "share of the detected bodies that got a skeleton"),
    Column("share_inferred", "inferred %", 100, 0, "share of joints that were hidden"),
    Column("jitter_m_s2", "jitter m/s²", 1, 1, "mean acceleration of the joints: motion and shaking"),
    Column("bone_cv_percent", "bones ± %", 1, 2, "how much the lengths of bones vary over time"),
    Column("reprojection_px", "reprojection px", 1, 1, "from the projected joints to their keypoints"),
    Column("reprojection_percent", "of height %", 1, 2, "the same in percent of the person's height in the image"),
    Column("tracks", "tracks", 1, 0, "identities given"),
    Column("id_switches", "taken over", 1, 0, "tracks that began where another had just ended"),
)


def overall(run: RunResult) -> Table | None:
    """Errors of everybody, and of each person where there are several."""
    metrics = run.info["metrics"]
    if not metrics:
        return None
    rows = [("everybody", metrics["all"])]
    rows += list(metrics["people"].items()) if len(metrics["people"]) > 1 else []
    return table("Against the truth", "", ERRORS, rows)


def segments(run: RunResult) -> Table | None:
    """Errors, or what needs no truth, over time slices."""
    metrics, columns = (run.info["metrics"], ERRORS) if run.has_truth else (run.info["quality"], QUALITY)
    found = metrics["segments"]
    if len(found) < 2:
        return None
    rows = [(f"{part['start_s']:.0f} – {part['end_s']:.0f} s", part) for part in found]
    return table("Each time slice", "seconds", columns, rows)


def quality(run: RunResult) -> Table | None:
    """What needs no truth: of everybody, and of each track where there are few."""
    found = run.info["quality"]
    tracks = found["tracks"]
    rows = [("everybody", found["all"])]
    rows += [(f"track {number}", entry) for number, entry in tracks.items()] if 1 < len(tracks) <= 12 else []
    return table("What needs no truth", "", QUALITY, rows)


def times(run: RunResult) -> Table | None:
    """Percentiles of computing time, latency and age."""
    meanings = {
        "push_ms": ("computing", "time in Pipeline.push on this machine"),
        "latency_ms": ("latency", "arrival of the skeletons minus arrival of their keypoints"),
        "age_ms": ("age", "from the stamp of the image to the skeletons"),
    }
    columns = [Column(f"p{p}", f"p{p} ms", 1, 1, f"{p} of 100 are faster") for p in (50, 95, 99)]
    rows = [(meanings[key][0], entry) for key, entry in run.timings.summary().items() if entry]
    return table("Time", "", columns, rows) if rows else None


def joints(run: RunResult) -> Table | None:
    """Errors of each joint."""
    if not run.has_truth:
        return None
    people = run.info["metrics"]["people"] if len(run.info["metrics"]["people"]) > 1 else {}
    names = ["everybody", *people]
    of = [run.info["metrics"]["all"], *people.values()]
    columns = [Column(str(i), name, 1, 1, "mean error, mm") for i, name in enumerate(names)]
    rows = [
        (joint.replace("_", " "), {str(i): entry["per_joint_mm"].get(joint) for i, entry in enumerate(of)})
        for joint in of[0]["per_joint_mm"]
    ]
    return table("Each joint, mean error in mm", "joint", columns, rows)


def table(
    title: str, first: str, columns: Iterable[Column], rows: Iterable[tuple[str, dict[str, Any]]]
) -> Table | None:
    """Columns about which some row says something; None without any."""
    rows = list(rows)
    used = [column for column in columns if any(entry.get(column.key) is not None for _, entry in rows)]
    if not used:
        return None
    cells = [[name, *(cell(entry.get(c.key), c.factor, c.digits) for c in used)] for name, entry in rows]
    return Table(title, first, [(c.heading, c.meaning) for c in used], cells)


def cell(value: float | None, factor: float = 1, digits: int = 1) -> str:
    """A number for people; a dash for nothing."""
    return "–" if value is None else f"{factor * value:,.{digits}f}".replace(",", "\u202f")

"""Many runs in one table: a row for each bag, and all of them together."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pose3d_ros.lab.evaluation.bags.batch import Outcome
from pose3d_ros.lab.evaluation.bags.run import load_run

ERRORS = (
    "mpjpe_mm", "pa_mpjpe_mm", "seen_mm", "hidden_mm", "mpjpe_absolute_mm", "pck150", "accel_error_mm_s2",
    "sigma_coverage",
)  # fmt: skip
QUALITY = ("coverage", "share_inferred", "jitter_m_s2", "bone_cv_percent", "reprojection_px")
COUNTS = ("frames", "answered", "missed", "false", "id_switches")
TIMES = ("push_ms", "latency_ms")
SUMMARY_JSON, SUMMARY_CSV = "summary.json", "summary.csv"


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """{"bags": [{"bag", "folder", "status", "error", "duration_s", ERRORS, QUALITY, COUNTS, TIMES as "<name>_p50" and
    "<name>_p95"}], "all": the same over all bags}.

    `status`: done, complete (before) or failed. Over all bags errors are averaged by their compared skeletons
    (`compared`), the rest by their estimated ones (`people`); counts are added. None where there is nothing.
    """
    rows = [_row(outcome) for outcome in outcomes]
    together: dict[str, Any] = {"bags": len(rows), "failed": sum(row["status"] == "failed" for row in rows)}
    together |= {key: _mean(rows, key, "compared") for key in ERRORS}
    together |= {key: _mean(rows, key, "people") for key in QUALITY}
    together |= {key: _sum(rows, key) for key in (*COUNTS, "compared", "people", "duration_s")}
    return {"bags": rows, "all": together}


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """`summary.json` and `summary.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SUMMARY_JSON).write_text(json.dumps(summary, indent=1) + "\n")
    rows = summary["bags"]
    names = list(dict.fromkeys(key for row in rows for key in row))
    with (folder / SUMMARY_CSV).open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _row(outcome: Outcome) -> dict[str, Any]:
    task = outcome.task
    status = "failed" if outcome.error else "complete" if outcome.reused else "done"
    row: dict[str, Any] = {
        "bag": str(task.bag), "folder": task.folder.name, "status": status, "error": outcome.error,
    }  # fmt: skip
    if outcome.error:
        return row
    run = load_run(task.folder)
    quality, metrics = run.info["quality"]["all"], (run.info["metrics"] or {}).get("all", {})
    row["duration_s"] = run.info["bag"]["duration_s"]
    row |= {key: metrics.get(key) for key in ERRORS} | {"compared": metrics.get("frames")}
    row |= {key: quality[key] for key in (*QUALITY, "people")}
    row |= {key: metrics.get(key, quality.get(key)) for key in COUNTS} | {"frames": quality["frames"]}
    times = run.timings.summary()
    row |= {f"{key}_{p}": (times[key] or {}).get(p) for key in TIMES for p in ("p50", "p95")}
    return row


def _mean(rows: list[dict[str, Any]], key: str, weight: str) -> float | None:
    found = [(row[key], row[weight]) for row in rows if row.get(key) is not None and row.get(weight)]
    total = sum(count for _, count in found)
    return round(sum(value * count for value, count in found) / total, 4) if total else None


def _sum(rows: list[dict[str, Any]], key: str) -> float | None:
    found = [row[key] for row in rows if row.get(key) is not None]
    return round(sum(found), 6) if found else None

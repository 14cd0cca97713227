"""`evaluate_bags`: many bags evaluated, each with its report, and one summary of all of them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.evaluation.bags import batch
from pose3d_ros.lab.evaluation.bags.bag import evaluate_bag
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.lab.evaluation.bags.run import RUN_VERSION, save_run
from pose3d_ros.lab.evaluation.bags.summary import summarise, write_summary
from pose3d_ros.lab.evaluation.report import identity
from pose3d_ros.lab.viewing.runs import tables
from pose3d_ros.lab.viewing.runs.page import NAME, Card, render, write_report

PAGE = "summary.html"
BAG = "{bag}"
LEFT_OUT = ("frames", "root_error_percent", "pck150", "accel_error_mm_s2")  # the rest fits a page
COLUMNS = (
    *(column for column in tables.ERRORS if column.key not in LEFT_OUT),
    *(column for column in tables.QUALITY if column.key in ("coverage", "jitter_m_s2")),
    tables.Column("share_inferred", "hidden %", 100, 0, "share of joints that were inferred"),
    tables.Column("push_ms_p95", "computing p95 ms", 1, 1, "time in Pipeline.push, 95 of 100 are faster"),
    tables.Column("frames", "frames", 1, 0, "frames in the bag"),
)


@dataclass(frozen=True)
class Evaluation:
    """The job of one bag: a run and its report into a folder. `{bag}` in the truth's source stands for the bag."""

    config: BagEvaluationConfig

    def __call__(self, bag: Path, folder: Path) -> None:
        config = replace(self.config, bag=bag, truth=self._truth(bag))
        run = save_run(evaluate_bag(config), folder, force=True)
        write_report(run, folder, Bag(bag, config.topics).image)

    def truth_file(self, bag: Path) -> Path | None:
        """Of this bag, None where the truth is in the bag or there is none."""
        kind, _, path = self._truth(bag).partition(":")
        return Path(path) if kind == "file" else None

    def _truth(self, bag: Path) -> str:
        return self.config.truth.replace(BAG, str(bag))

    @property
    def fingerprint(self) -> str:
        """Of the options, the weights' bytes and the version of runs."""
        options = {name: value for name, value in asdict(self.config).items() if name != "bag"}
        options["joint_map"] = self.config.joint_map and self.config.joint_map.read_text()
        body, hands = self.config.pipeline.body.weights, self.config.pipeline.hands.weights
        weights = [identity(name) for name in (body, hands) if name]
        return batch.fingerprint({"options": options, "weights": weights, "version": RUN_VERSION})


def evaluate_bags(
    config: BagEvaluationConfig,
    bags: Sequence[Path],
    out: Path,
    workers: int = 0,
    ray_address: str = "",
    on_done: Callable[[batch.Outcome, int, int], Any] = lambda *_: None,
) -> dict[str, Any]:
    """Runs and reports in folders below `out`, `summary.json`, `summary.csv` and `summary.html` in it; returns the
    summary. `config.bag` is replaced. `workers`: 0 = one less than this machine's processors. `on_done(outcome, number,
    of)`. Resumed, and on Ray, as `batch.run_all` says."""
    job = Evaluation(config)
    work = [replace(task, beside=job.truth_file(task.bag)) for task in batch.tasks(bags, out)]
    finished = 0

    def count(outcome: batch.Outcome) -> None:
        nonlocal finished
        finished += 1
        on_done(outcome, finished, len(work))

    workers = workers or max(1, (os.cpu_count() or 2) - 1)
    summary = summarise(batch.run_all(work, job, job.fingerprint, workers, ray_address, count))
    write_summary(summary, out)
    write_page(summary, out)
    return summary


def write_page(summary: dict[str, Any], folder: Path) -> Path:
    """`summary.html`, with links to the reports of the runs."""
    good = [row for row in summary["bags"] if row["status"] != "failed"]
    failed = [row for row in summary["bags"] if row["status"] == "failed"]
    every = summary["all"]
    table = tables.table("All bags", "bag", COLUMNS, [("all", every), *((row["folder"], row) for row in good)])
    reused = sum(row["status"] == "complete" for row in good)
    told = (f"{len(good)} evaluated", reused and f"{reused} of them before", failed and f"{len(failed)} failed")
    return render(
        folder / PAGE,
        title=f"{len(summary['bags'])} bags",
        subtitle=", ".join(filter(None, told)),
        verdict=_verdict(every),
        cards=[
            Card(tables.cell(every[key], factor, digits), unit, label)
            for key, factor, digits, unit, label in (
                ("mpjpe_mm", 1, 1, "mm", "mean joint error (MPJPE)"),
                ("hidden_mm", 1, 1, "mm", "where joints were hidden"),
                ("coverage", 100, 1, "%", "of detected people have a skeleton"),
                ("people", 1, 0, "", "skeletons"),
                ("duration_s", 1, 0, "s", "of recordings"),
            )
            if every[key] is not None
        ],
        tables=[table] if table else [],
        links={row["folder"]: f"{row['folder']}/{NAME}" for row in good},
        failures=[{"name": row["folder"], "reason": row["error"]} for row in failed],
        emphasise=True,
        footer="pose3d_ros · the same numbers in summary.json and summary.csv",
    )


def _verdict(every: dict[str, Any]) -> str:
    if every["mpjpe_mm"] is None:
        return "No truth: what follows says how steady and how consistent the skeletons are."
    return (
        f"Joints are {every['mpjpe_mm']:.1f} mm from the truth on average of {every['compared']} skeletons in "
        f"{every['bags'] - every['failed']} bags; each skeleton counts alike."
    )

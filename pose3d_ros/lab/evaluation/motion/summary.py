"""A report of evaluated motion as rows of a table of docs/results."""

from typing import Any

COLUMNS = [
    "weights", "hidden", "MPJPE", "PA-MPJPE", "accel. error, m/s²", "root error, % of distance", "root accel., m/s²",
    "in 1 sigma, seen / hidden %", "in 99 %, seen / hidden %", "frames",
]  # fmt: skip
FILLED = {"baseline_held": ", last value held", "baseline_kalman": ", Kalman filler"}


def rows(report: dict[str, Any]) -> list[list[str]]:
    """One row for each lifter and protocol of what `evaluate_motion` gave."""
    found = []
    for name, per_protocol in report.items():
        if name == "meta" or not per_protocol:
            continue
        weights = report["meta"]["weights"][name]["file"].removesuffix(".safetensors") + FILLED.get(name, "")
        found += [[weights, protocol, *_cells(of)] for protocol, of in per_protocol.items()]
    return found


def measured(report: dict[str, Any], command: str) -> dict[str, str]:
    """Where the rows come from."""
    meta = report["meta"]
    config = meta["config"]
    return {
        "command": command,
        "data": f"{meta['motion']}, {meta['clips']} clips, {config['cameras']} cameras each; {meta['people']}",
        "told": ", ".join(config["told"]) or "nothing",
        "machine": f"{meta['cpu']}, {meta['threads']} thread(s)",
        "seed": str(config["seed"]),
    }


def _cells(of: dict[str, Any]) -> list[str]:
    return [
        _number(of["mpjpe_mm"], 1),
        _number(of["pa_mpjpe_mm"], 1),
        _number(of["accel_error_mm_s2"], 1, 1e-3),
        _number(of["root_error_percent"], 1),
        _number(of["root_accel_error_mm_s2"], 1, 1e-3),
        " / ".join(_number(of[f"sigma_coverage_{part}"], 0, 100) for part in ("seen", "hidden")),
        " / ".join(_number(of[f"sigma_coverage_99_{part}"], 1, 100) for part in ("seen", "hidden")),
        str(of["frames"]),
    ]


def _number(value: float | None, digits: int, factor: float = 1.0) -> str:
    return "–" if value is None else f"{factor * value:.{digits}f}"

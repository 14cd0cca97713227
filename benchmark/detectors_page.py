#!/usr/bin/env python3
"""Writes what `benchmark/detectors.py --json` measured into docs/detectors.md, between its two marks.

python benchmark/detectors_page.py out/bench/detectors.json out/bench/detectors_latency.json
"""

import json
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "detectors.md"
BEGIN, END = "<!-- measured: benchmark/detectors_page.py -->", "<!-- end of measured -->"


def table(head: list[str], rows: list[list[object]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def section(found: dict) -> str:
    """All tables that there are numbers for."""
    parts = [f"Machine: {found['machine']}. Command: `{found['command']}`.\n"]
    if people := found.get("people"):
        rows = [
            [clip, size, n["frames"], f"{n['both_percent']:.0f} %", n["more_than_two"], ", ".join(n["tracks"])]
            for size, clips in people.items()
            for clip, n in clips.items()
        ]
        parts.append(table(["two people", "input", "frames", "both found", "more than two", "tracks"], rows))
    if residuals := found.get("residual"):
        rows = [
            [name, *(f"{n[key]:.2f}" for key in ("median_px", "p90_px", "beyond_40_px_percent")), n["joints"]]
            for name, n in residuals.items()
        ]
        head = ["one person, four views", "median, px", "p90, px", "beyond 40 px, %", "joints"]
        parts.append(table(head, rows))
    if n := found.get("hands"):
        row = [n["hands_of_mediapipe"], f"{n['found_percent']:.1f} %", f"{n['median_px']:.2f}", f"{n['p95_px']:.2f}"]
        head = ["MediaPipe's hands", "found too", "median, px", "p95, px", "hands beside those"]
        parts.append(table(head, [[*row, n["ours_beside"]]]))
    if times := found.get("cpu_ms"):
        parts.append(table(["one image, CPU ms on one thread", ""], [[k, f"{ms:.1f}"] for k, ms in times.items()]))
    if latency := found.get("latency"):
        rows = [
            [name, f"{n['p50_ms']:.0f}", f"{n['p95_ms']:.0f}", f"{n['answered']} of {n['images']}"]
            for name, n in latency.items()
        ]
        parts.append(table(["image to skeletons over DDS", "p50, ms", "p95, ms", "images answered"], rows))
    return "\n".join(parts)


def main() -> None:
    """Command line: JSON files."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    sections = [section(json.loads(Path(path).read_text())) for path in sys.argv[1:]]
    PAGE.write_text(before + BEGIN + "\n\n" + "\n".join(sections) + "\n" + END + after)


if __name__ == "__main__":
    main()

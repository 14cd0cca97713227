#!/usr/bin/env python3
"""Write docs/results.md from docs/results/*.json: python tools/results_page.py

One file a section, in the order of their names: `title`, `level` (of the heading) and `blocks`, each a `text`, some
`commands`, or a `table` (its name) with `columns` and `rows`. Commands that measure write their table by its name with
`--table docs/results/FILE.json:NAME`; nobody types a number.
"""

import json
import textwrap
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "results"
PAGE = FOLDER.with_suffix(".md")
WIDTH = 120


def page(folder: Path = FOLDER) -> str:
    """Render all sections."""
    return "\n\n".join(_section(json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))) + "\n"


def _section(section: dict[str, Any]) -> str:
    return "\n\n".join([f"{'#' * section['level']} {section['title']}", *map(_block, section["blocks"])])


def _block(block: dict[str, Any]) -> str:
    if "table" in block:
        rule = ["---"] * len(block["columns"])
        lines = ["| " + " | ".join(map(str, row)) + " |" for row in (block["columns"], rule, *block["rows"])]
        return "\n".join([*lines, *([f"\n{_origin(block['measured'])}"] if "measured" in block else [])])
    if "commands" in block:
        return "\n".join(f"    {command}" for command in block["commands"])
    lines = block["text"].split("\n")
    return "\n".join(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in lines)


def _origin(measured: dict[str, str]) -> str:
    """Where a table comes from, as the command that wrote it said."""
    return "*" + "; ".join(f"{name} {value}" for name, value in measured.items()) + "*"


if __name__ == "__main__":
    PAGE.write_text(page())

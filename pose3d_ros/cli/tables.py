"""Results on stdout and in files."""

import json
from pathlib import Path
from typing import Any

Columns = tuple[tuple[str, str, float, int], ...]  # key of a result, heading, factor, digits


def print_table(title: str, first: str, columns: Columns, rows: dict[str, dict[str, Any]]) -> None:
    """One row a result. Columns that hold nothing in any row are left out."""
    from rich.console import Console
    from rich.table import Table

    shown = [column for column in columns if any(found.get(column[0]) is not None for found in rows.values())]
    table = Table(first, title=title, title_justify="left")
    for _, heading, _, _ in shown:
        table.add_column(heading, justify="right")
    for name, found in rows.items():
        table.add_row(name, *(cell(found.get(key), factor, digits) for key, _, factor, digits in shown))
    Console(width=None if Console().is_terminal else 320).print(table)


def cell(value: float | None, factor: float, digits: int) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{factor * value:.{digits}f}"


def write_json(path: Path, content: Any) -> None:
    """With the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")

"""Tables of docs/results: written by the command that measured them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from pose3d_ros.core.errors import InputError


def store_table(target: str, columns: list[str], rows: list[list[str]], measured: dict[str, Any]) -> None:
    """Replace a table of docs/results by what a command has measured.

    `target` is FILE.json:NAME, NAME the table's; a file or table that is not there is made. `measured` says from what
    and how (command, data, split, machine, seed), and today's date is added. Raises InputError for rows of another
    length than `columns` and for a target of another form.
    """
    file, _, name = target.rpartition(":")
    if not file.endswith(".json") or not name:
        raise InputError(f"table {target!r}: expected FILE.json:NAME, such as docs/results/01_body.json:main")
    if wrong := [row for row in rows if len(row) != len(columns)]:
        raise InputError(f"table {target}: expected {len(columns)} cells a row, got {wrong[0]}")
    path = Path(file)
    section = json.loads(path.read_text()) if path.exists() else {"title": path.stem, "level": 2, "blocks": []}
    told = {key: _anywhere(str(value)) for key, value in measured.items()} | {"on": date.today().isoformat()}
    block = {"table": name, "columns": columns, "rows": rows, "measured": told}
    places = [i for i, found in enumerate(section["blocks"]) if found.get("table") == name]
    if places:
        section["blocks"][places[0]] = block
    else:
        section["blocks"].append(block)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(section, indent=1, ensure_ascii=False) + "\n")


def _anywhere(text: str) -> str:
    """The words, of paths that begin at this machine's root their last part only."""
    return " ".join(word.rpartition("/")[2] if word.startswith("/") else word for word in text.split(" "))

"""docs/results.md says what docs/results/*.json say, and commands write their tables there."""

import importlib.util
import json
from pathlib import Path

import pytest

from pose3d_ros.core.errors import InputError
from pose3d_ros.lab.evaluation.tables import store_table

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("results_page", ROOT / "tools" / "results_page.py")
results_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(results_page)


def test_the_page_is_what_the_files_say():
    assert (ROOT / "docs" / "results.md").read_text() == results_page.page(), "run python tools/results_page.py"


def test_a_stored_table_is_replaced_in_place_and_shown(tmp_path):
    file = tmp_path / "01_some.json"
    blocks = [{"table": "main", "columns": ["a"], "rows": [["old"]]}, {"text": "after"}]
    file.write_text(json.dumps({"title": "Some", "level": 2, "blocks": blocks}))
    store_table(f"{file}:main", ["case", "mm"], [["clean", "74.9"]], {"seed": 1})
    page = results_page.page(tmp_path)
    assert page.startswith("## Some\n\n| case | mm |\n| --- | --- |\n| clean | 74.9 |\n\n*seed 1; on 20")
    assert page.endswith("\n\nafter\n")
    store_table(f"{file}:other", ["case"], [["limb"]], {})
    assert json.loads(file.read_text())["blocks"][-1]["rows"] == [["limb"]]


@pytest.mark.parametrize(
    ("target", "row"), [("page.md:main", ["1"]), ("some.json", ["1"]), ("some.json:t", ["1", "2"])]
)
def test_a_wrong_target_or_row_is_refused(tmp_path, target, row):
    with pytest.raises(InputError, match=r"expected"):
        store_table(str(tmp_path / target), ["case"], [row], {})


def test_a_stored_command_names_no_place_of_this_machine(tmp_path):
    given = "pose3d evaluate --motion /some/where/a.npz --seed 1"
    store_table(f"{tmp_path}/t.json:main", ["a"], [["1"]], {"command": given})
    (block,) = json.loads((tmp_path / "t.json").read_text())["blocks"]
    assert block["measured"]["command"] == "pose3d evaluate --motion a.npz --seed 1"

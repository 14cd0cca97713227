"""A corpus of malicious files: each is refused in one line, within bounds, and nothing in it is run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus.py"
MOST_MB, MOST_S = 500.0, 5.0


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> list[dict]:
    """Of all files, read in a process of their own, whose memory and time are theirs."""
    command = [sys.executable, str(CORPUS), str(tmp_path_factory.mktemp("corpus"))]
    path = os.pathsep.join([str(CORPUS.parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_file_is_refused_in_one_line_within_bounds_and_nothing_runs(outcomes):
    assert len(outcomes) > 40
    for found in outcomes:
        what = f"{found['name']}: {found['outcome']}"
        assert found["outcome"] == "read" or found["outcome"].split(":")[0].endswith("Error"), what
        assert not found["outcome"].startswith(("TRACEBACK", "READ")), what
        assert "\n" not in found["outcome"], what
        assert len(found["outcome"]) < 600, what
        assert found["outcome"] == "read" or found["name"].split(" ")[0].split(".")[0] in found["outcome"], what
        assert found["mb"] < MOST_MB, f"{what}: {found['mb']:.0f} MB"
        assert found["seconds"] < MOST_S, f"{what}: {found['seconds']:.1f} s"
        assert not found["canary"], what

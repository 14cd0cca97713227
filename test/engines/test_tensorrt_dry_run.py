"""All shipped windowed networks become one TensorRT engine each, as far as that can be asked without a GPU."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pose3d_ros.models import registry

TOOL = Path(__file__).parents[2] / "tools" / "tensorrt_dry_run.py"
WHEELS = ("torch_tensorrt", "tensorrt_rtx_bindings", "tensorrt_rtx_libs")


@pytest.mark.slow
@pytest.mark.skipif(not all(find_spec(name) for name in WHEELS), reason="needs torch_tensorrt_rtx (see the tool)")
def test_every_shipped_network_converts_in_full():
    run = subprocess.run([sys.executable, str(TOOL)], capture_output=True, text=True)
    if run.returncode == 3:
        pytest.skip(run.stdout.strip().split("\n")[-1])
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [line for line in run.stdout.split("\n") if "1 engine(s)" in line]
    assert {line.split(",")[0] for line in lines} == set(registry.names("dtf"))

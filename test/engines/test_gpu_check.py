"""tools/gpu_check.py on the CPU: each step stands alone, and says what failed, what is absent and what was left out."""

import importlib.util
from pathlib import Path

import pytest

from pose3d_ros.core.errors import EngineError
from pose3d_ros.engines.base import UnavailableError

TOOL = Path(__file__).parents[2] / "tools" / "gpu_check.py"
spec = importlib.util.spec_from_file_location("gpu_check", TOOL)
gpu_check = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gpu_check)


@pytest.fixture
def check():
    return gpu_check.Check("cpu", end=float("inf"), models=["body_dtf27"], calls=3)


def test_an_engine_agrees_and_falls_to_the_next(check, monkeypatch):
    check.names = ["torch"]
    check.step("parity", lambda: check.parity("body_dtf27", "torch"))
    check.step("fallback", check.fallback)
    check.step("memory", check.memory)
    parity, fallback, memory = check.report["steps"]
    assert parity["xyz_off_m"] < 1e-5
    assert (fallback["from"], fallback["to"], fallback["falls"]) == ("torch", "torch", 1)
    assert "made to fail" in fallback["said"][0]
    assert memory["calls"] == 3


@pytest.mark.parametrize(("error", "key"), [(UnavailableError("no GPU"), "absent"), (EngineError("differs"), "failed")])
def test_what_goes_wrong_is_a_row_and_the_next_step_goes_on(check, error, key):
    def wrong():
        raise error

    check.step("one", wrong)
    check.step("other", lambda: {"ms": 1.0})
    assert check.report["steps"][0][key] == str(error)
    assert check.report["steps"][1]["ms"] == 1.0


def test_without_time_a_step_is_named_and_left_out():
    late = gpu_check.Check("cpu", end=0.0, models=[], calls=1)
    late.step("one", lambda: pytest.fail("there is no time for this"))
    assert late.report["steps"] == [{"step": "one", "skipped": "no time left"}]

"""OpenVINO and ONNX Runtime for real, where they are installed: built, stored, loaded, compared."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from pose3d_testing.engines import CPU, example

from pose3d_ros.engines.backends.choice import Rung, backend
from pose3d_ros.engines.base import Target, UnavailableError
from pose3d_ros.engines.builder import build

NEEDS = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx", "onnxscript")}
INSTALLED = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            not all(find_spec(package) for package in packages), reason=f"needs {', '.join(packages)}"
        ),
    )
    for name, packages in NEEDS.items()
]


@pytest.mark.parametrize("name", INSTALLED)
def test_any_number_of_rows_as_eager(name, program, cache):
    rung = Rung(backend(name), Target("cpu", threads=1))
    engine = rung.load(program, build(program, rung, cache))
    assert engine.info.name == name
    assert engine.info.versions.keys() == {name}
    for rows in (1, 3, 4, 33):
        batch = example(rows)
        wanted, got = program.reference(batch), engine(batch)
        for output in program.outputs:
            np.testing.assert_allclose(got[output], wanted[output], atol=1e-6)
    kept = got["xyz"].copy()
    engine({key: array + 1 for key, array in batch.items()})
    np.testing.assert_array_equal(got["xyz"], kept)  # results are the caller's
    engine.close()


@pytest.mark.skipif(not find_spec("openvino"), reason="needs openvino")
def test_openvino_reports_to_nobody():
    code = (
        "import sys; from pose3d_ros.engines.backends.choice import backend\n"
        "from pose3d_ros.engines.base import Target\n"
        "backend('openvino').versions(Target())\n"
        "print('openvino' in sys.modules, {name for name in sys.modules if 'telemetry.backend' in name})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True set()"


@pytest.mark.parametrize("name", NEEDS)
@pytest.mark.parametrize(
    ("error", "words"),
    [(ModuleNotFoundError("none"), "not installed .pip install"), (RuntimeError("wrong CPU"), "does not import")],
)  # fmt: skip
def test_absent_or_broken(name, error, words, monkeypatch):
    class Finder:
        @staticmethod
        def find_spec(asked, path=None, target=None):
            if asked == name:
                raise error

    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(UnavailableError, match=words):
        backend(name).versions(CPU)

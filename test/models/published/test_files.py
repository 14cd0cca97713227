"""Published checkpoints: read without running anything, and written as weights that the pipeline takes."""

import os
import pathlib
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from pose3d_testing.body_models import Statue
from pose3d_testing.published_vit import HEADS, LOAD, published

from pose3d_ros.cli.main import main
from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.geometry.crop import as_input
from pose3d_ros.models import registry
from pose3d_ros.models.published.files import convert, read
from pose3d_ros.models.published.unpickler import Foreign

CROPS = np.random.default_rng(0).integers(0, 256, (2, 64, 48, 3), np.uint8)
DRAWN = np.zeros((2, 3, 64, 48), np.float32)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """written(which, **more) -> a checkpoint as Lightning writes it, with settings of a package that is not here."""

    def made(which="hmr2", **more):
        class CfgNode(dict):
            __module__, __qualname__ = "yacs_config", "CfgNode"

        with monkeypatch.context() as patch:
            module = ModuleType("yacs_config")
            module.CfgNode = CfgNode
            patch.setitem(sys.modules, "yacs_config", module)
            settings = CfgNode(MODEL=CfgNode(IMAGE_SIZE=256))
            settings.__dict__["__immutable__"] = True
            tensors = {**published(which), "smpl.v_template": torch.ones(3), "initialized": torch.tensor(True)}
            kept = {
                "epoch": 35,
                "state_dict": tensors,
                "hyper_parameters": {"cfg": settings, "kinds": {CfgNode}},
            }
            path = tmp_path / f"{which}.ckpt"
            torch.save(kept | {"callbacks": {"best": pathlib.PurePosixPath("a/b")}} | more, path)
        return path

    return made


@pytest.mark.parametrize("which", LOAD)
def test_converted_weights_say_what_the_published_ones_do(written, tmp_path, monkeypatch, which):
    head, sigma_m, padding = {"hmr2": ("smpl", 0.08, 1.2), "hamer": ("mano", 0.015, 2.0)}[which]
    monkeypatch.setattr("pose3d_ros.models.image_lifter.BodyModel", Statue)
    target = tmp_path / "mine.safetensors"
    spec, kind = convert(written(which), target, backbone_heads=HEADS)
    assert (kind, spec.name, spec.frames, spec.crop.padding) == (head, "mine", 1, padding)
    lifter = registry.load(target, body_model="model.pkl")
    assert lifter.spec == spec
    seen = lifter(CROPS, DRAWN)
    with torch.inference_mode():
        out = LOAD[which](published(which), Statue(head), HEADS)(torch.from_numpy(as_input(CROPS))[:, None])
    np.testing.assert_allclose(seen.xyz_m, out["xyz"][:, 0].numpy(), atol=1e-5)
    np.testing.assert_allclose(spec.calibrated(seen.sigma_m, np.eye(*seen.sigma_m.shape) > 0), sigma_m, rtol=1e-5)


def test_no_licensed_array_is_written(written, tmp_path):
    convert(written(), tmp_path / "hmr2.safetensors", backbone_heads=HEADS)
    assert not [name for name in registry.load(tmp_path / "hmr2.safetensors").network.state_dict() if "smpl" in name]


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_nothing_in_a_checkpoint_is_run(written, tmp_path):
    trap = tmp_path / "sprung"
    found = read(written(trap=Trap(trap)))
    assert isinstance(found["trap"], Foreign)
    assert isinstance(found["hyper_parameters"]["cfg"], Foreign)
    assert not trap.exists()
    torch.save(Trap(trap), tmp_path / "alone.ckpt")
    torch.load(tmp_path / "alone.ckpt", weights_only=False)
    assert trap.exists()  # it does spring


@pytest.mark.parametrize(("content", "words"), [
    (None, "there is no such file"),
    (b"text", "expected a file as torch writes it"),
    ([torch.ones(1)], "expected a dict of tensors, got list"),
    ({"state_dict": {"weight": torch.ones(1)}}, "expected a checkpoint of HMR2.0"),
    ({"smpl_head.x": torch.ones(1)}, "not those of such a network"),
])  # fmt: skip
def test_files_that_are_no_such_checkpoint(tmp_path, content, words):
    path = tmp_path / "some.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=words):
        convert(path, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_damaged_checkpoint(written, tmp_path):
    path = written()
    path.write_bytes(path.read_bytes()[:-3000] + path.read_bytes()[-2000:])
    with pytest.raises(CheckpointError, match=r"hmr2\.ckpt: (cannot be read|expected a file)"):
        convert(path, tmp_path / "out.safetensors")


def test_nothing_is_replaced_and_values_out_of_range_are_refused(written, tmp_path):
    path = written()
    for name in ("hmr2.ckpt", "new.pt"):
        with pytest.raises(CheckpointError, match=r"a new file that ends in \.safetensors"):
            convert(path, tmp_path / name)
    with pytest.raises(ConfigError, match=r"padding: expected at least 1"):
        convert(path, tmp_path / "a.safetensors", padding=0.5)
    with pytest.raises(ConfigError, match=r"positive .* sigma factors"):
        convert(path, tmp_path / "a.safetensors", sigma_m=0.0)


def test_the_command_says_what_to_write_into_the_parameters(written, tmp_path, capsys):
    target = tmp_path / "hamer.safetensors"
    with pytest.raises(SystemExit) as end:
        main(["convert", str(written("hamer")), str(target), "--sigma-m", "0.02", "--padding", "1.8"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert f"refine.hands: {target}\nrefine.hands_model: MANO_RIGHT.pkl from" in printed
    assert "sigma 0.02 m" in printed
    assert registry.load(target).spec.crop.padding == 1.8

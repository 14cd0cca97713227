"""ExtPose's loop: it learns, starts from other weights, resumes, exports; wrong keypoints; metrics."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from pose3d_ros.core.errors import CheckpointError, ConfigError
from pose3d_ros.lab.evaluation.motion.images import FAULTS, faulty, held_back, measure, predict
from pose3d_ros.lab.synthesis import hand_motion
from pose3d_ros.lab.synthesis.body import bones
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.lab.training import run
from pose3d_ros.lab.training.config import ImageTraining, TrainConfig
from pose3d_ros.lab.training.export import export
from pose3d_ros.lab.training.extpose import start_from
from pose3d_ros.lab.training.priming import STEPS, look_about, positions, whitening
from pose3d_ros.models import checkpoint
from pose3d_ros.models.extpose import ExtPoseConfig
from pose3d_ros.models.pose_decoder import DecoderConfig
from pose3d_ros.models.vit import Block, ViTConfig

DATA = Path(__file__).parents[2] / "data"
NETWORK = ExtPoseConfig(
    vit=ViTConfig(image_height=32, image_width=24, patch=8, padding=0, width=32, depth=2, heads=2),
    decoder=DecoderConfig(width=32, depth=1, heads=2, head_width=16, mlp=32),
    frames=2,
)
IMAGES = ImageWindowConfig(frames=2, render=RenderConfig(width=24, height=32, samples=1))


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig(
        name="tiny", recipe="extpose", windows=32, batch=8, warmup=8, ema=0.5, validation_windows=8, precision="fp32",
        extpose=NETWORK, images=IMAGES,
    )  # fmt: skip


@pytest.mark.parametrize("pose_input", ["image", "heatmaps", "coordinates"])
def test_it_learns_a_batch_by_heart(config, tmp_path, pose_input):
    config = replace(config, windows=4000, extpose=replace(NETWORK, pose_input=pose_input), learning_rate=5e-3)
    trainer, _ = run.prepare(config, tmp_path, tmp_path)
    batch = next(trainer.batches())
    trainer._batches = iter(lambda: batch, None)
    first = trainer.step()
    for _ in range(10):
        last = trainer.step()
    assert {
        "both_mm",
        "image_mm",
        "pose_mm",
        "joints",
        "pixels",
        "rotation",
        "shape",
        "steady",
        "sigma",
        "places",
    } <= set(first)
    assert last["joints"] < 0.9 * first["joints"]
    assert last["pixels"] < 0.9 * first["pixels"]


@pytest.mark.parametrize(("modalities", "kinds"), [("image", {"image_mm"}), ("pose", {"pose_mm"})])
def test_one_modality_alone(config, tmp_path, modalities, kinds):
    trainer, check = run.prepare(replace(config, image=ImageTraining(modalities=modalities)), tmp_path, tmp_path)
    assert {name for name in trainer.step() if name.endswith("_mm")} == kinds
    assert set(check(trainer.network)) == {f"{key} {modalities}" for key in ("mpjpe_mm", "pa_mpjpe_mm", "pck20")}


def test_a_run_resumes_and_its_weights_load(config, tmp_path):
    folder = tmp_path / "run"
    run.train(replace(config, windows=16), tmp_path, folder, resume=False, report_every=1)
    trainer = run.train(config, tmp_path, folder, resume=True, report_every=1)
    assert trainer.windows_seen == 32
    done = export(folder, tmp_path, tmp_path / "weights", windows=8)
    network, spec = checkpoint.load(done.weights)
    assert (spec.skeleton, spec.frames, spec.crop) == ("hand21", 2, IMAGES.crop)
    assert spec.sigma_seen > 0
    assert "synthetic images" in done.card.read_text()
    assert set(done.metrics) >= {"pa_mpjpe_mm both", "pa_mpjpe_mm pose", "mpjpe_mm both, 2D shifted"}
    windows = held_back(4, IMAGES)
    expected, _ = predict(trainer.network, windows, IMAGES)
    np.testing.assert_allclose(predict(network, windows, IMAGES)[0], expected, atol=1e-6)


def test_a_run_on_bodies_resumes_and_its_weights_load(config, tmp_path):
    config = replace(
        config, extpose=replace(NETWORK, skeleton="h36m17"), motion=("motion_sample.npz",),
        validation=("motion_sample.npz",), hold_out=(),
    )  # fmt: skip
    folder = tmp_path / "run"
    run.train(replace(config, windows=16), DATA, folder, resume=False, report_every=1)
    trainer = run.train(config, DATA, folder, resume=True, report_every=1)
    done = export(folder, DATA, tmp_path / "weights", windows=8)
    network, spec = checkpoint.load(done.weights)
    assert spec.skeleton == "h36m17"
    assert {"pa_mpjpe_mm both", "pck150 pose"} <= set(done.metrics)
    card = done.card.read_text()
    assert "people drawn as shaded capsules" in card
    assert "motion_sample.npz" in card
    windows = held_back(4, IMAGES, subject=trainer.subject)
    assert windows.xyz.shape == (4, 2, 17, 3)
    expected, _ = predict(trainer.network, windows, IMAGES)
    np.testing.assert_allclose(predict(network, windows, IMAGES)[0], expected, atol=1e-6)


def test_bodies_that_are_measured_are_others_than_those_learned_from(config, tmp_path):
    with np.load(DATA / "motion_sample.npz") as file:
        clips = dict(file)
    first = int(clips["clip_offset"][1])
    for name, rows, kept in (("one", slice(0, first), slice(0, 1)), ("others", slice(first, None), slice(1, None))):
        part = {key: clips[key][rows] for key in ("joints", "root")}
        part |= {key: clips[key][kept] for key in ("clip_fps", "clip_name", "clip_subject", "clip_source")}
        starts = clips["clip_offset"] - first if name == "others" else clips["clip_offset"][:2]
        np.savez(tmp_path / f"{name}.npz", clip_offset=starts[starts >= 0], **part)
    config = replace(
        config, extpose=replace(NETWORK, skeleton="h36m17"), motion=("others.npz",), validation=("one.npz",)
    )
    trainer, check = run.prepare(config, tmp_path, tmp_path / "run")
    assert not set(trainer.subject.motion.subjects) & set(check.subject.motion.subjects)
    check(trainer.network)
    measured = bones(check.windows.xyz).norm(dim=-1)[..., 2].flatten()  # thighs, as recorded
    recorded = torch.from_numpy(np.linalg.norm(np.diff(clips["joints"][:first, 1:3], axis=1), axis=-1)).float()
    assert measured.min() > recorded.min() - 1e-3
    assert measured.max() < recorded.max() + 1e-3


def test_bodies_need_motion_and_other_people(config, tmp_path):
    config = replace(config, extpose=replace(NETWORK, skeleton="h36m17"))
    with pytest.raises(ConfigError, match="motion"):
        run.prepare(config, DATA, tmp_path)
    with pytest.raises(ConfigError, match="validation"):
        run.prepare(replace(config, motion=("motion_sample.npz",)), DATA, tmp_path)
    with pytest.raises(ConfigError, match="hand21"):
        run.prepare(replace(config, image=ImageTraining(folders=(".",))), DATA, tmp_path)


def test_more_frames_start_from_one(config, tmp_path):
    one = replace(config, extpose=replace(NETWORK, frames=1), images=replace(IMAGES, frames=1))
    trainer, _ = run.prepare(one, tmp_path, tmp_path / "one")
    trainer.save()
    two, _ = run.prepare(replace(config, image=ImageTraining(start=str(tmp_path / "one"))), tmp_path, tmp_path / "two")
    for a, b in zip(trainer.network.backbone.parameters(), two.model.backbone.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(CheckpointError, match="another"):
        start_from(type(two.model)(replace(NETWORK, vit=replace(NETWORK.vit, depth=1))), tmp_path / "one")
    with pytest.raises(CheckpointError, match=r"state\.pt"):
        start_from(two.model, tmp_path)


def test_recorded_images_join_the_rendered_ones(config, tmp_path):
    xyz = hand_motion.draw(Rng(1), 2, 1, 30.0)[:, 0] + torch.tensor([0.0, 0.0, 0.7])
    xyz[0, 20] = torch.nan
    (tmp_path / "training" / "rgb").mkdir(parents=True)
    for row in range(2):
        cv2.imwrite(str(tmp_path / "training" / "rgb" / f"{row:08d}.jpg"), np.full((224, 224, 3), 90, np.uint8))
    (tmp_path / "training_xyz.json").write_text(json.dumps(xyz.tolist()))
    (tmp_path / "training_K.json").write_text(json.dumps([[[480, 0, 112], [0, 480, 112], [0, 0, 1]]] * 2))
    training = ImageTraining(folders=(".",), recorded=0.5)
    trainer, _ = run.prepare(replace(config, image=training), tmp_path, tmp_path / "run")
    image = trainer.draw(8)[0]
    assert sum(bool(each.std((0, 2, 3)).max() < 0.5) for each in image) >= 3
    assert all(torch.isfinite(value) for value in trainer.step().values())


@pytest.mark.parametrize(
    "network",
    [{}, {"pose_input": "coordinates"}, {"pose_input": "heatmaps"}, {"fusion": "channel_concat"}, {"fusion": "late"}],
)
def test_every_kind_of_network_starts_from_images_alone(config, tmp_path, network):
    folder = tmp_path / "run"
    alone = replace(config, windows=8, image=ImageTraining(modalities="image"))
    first = run.train(alone, tmp_path, folder, resume=False, report_every=1)
    started = replace(config, extpose=replace(NETWORK, **network), image=ImageTraining(start=str(folder)), windows=8)
    trainer, _ = run.prepare(started, tmp_path, tmp_path / "other")
    assert all(torch.equal(a, b) for a, b in zip(trainer.places.parameters(), first.places.parameters(), strict=True))
    windows = held_back(4, IMAGES)
    expected, _ = predict(first.network, windows, IMAGES, "image")
    np.testing.assert_allclose(predict(trainer.network, windows, IMAGES, "image")[0], expected, atol=1e-5)


def test_turning_the_whole_hand_is_no_error_of_its_posture(config, tmp_path):
    trainer, _ = run.prepare(config, tmp_path, tmp_path)
    windows = held_back(4, IMAGES)
    body = trainer.model.body
    truth = windows.xyz
    rotations, shape = body.rotations_of(truth), body.shape_of(truth)
    angle = torch.tensor(0.5)
    turn = torch.tensor([[angle.cos(), -angle.sin(), 0], [angle.sin(), angle.cos(), 0], [0, 0, 1.0]])

    def posture(rotations: torch.Tensor) -> float:
        out = {"xyz": body(rotations, shape), "rotations": rotations, "shape": shape, "camera": torch.ones(4, 2, 3)}
        return float(trainer.losses(out, truth, windows.uv, windows.turn)[0]["posture"])

    turned = rotations.clone()
    turned[..., 0, :, :] = turn @ turned[..., 0, :, :]
    bent = rotations.clone()
    bent[..., 6, :, :] = turn @ bent[..., 6, :, :]
    assert posture(turned) == pytest.approx(posture(rotations), abs=1e-3)
    assert posture(bent) > posture(rotations) + 0.05


def test_priming_makes_every_head_look_at_a_place_beside():
    vit = ViTConfig(image_height=64, image_width=48, patch=8, padding=0, width=128, depth=5, heads=4)
    block = Block(vit, 0.0)
    torch.nn.init.normal_(block.attn.qkv.weight, std=0.02)
    look_about(block.attn, vit, number=1)
    tokens = block.norm1(positions(vit)[None])
    q, k, _ = block.attn.qkv(tokens).reshape(48, 3, 4, 32).unbind(1)
    logits = torch.einsum("qhd,khd->hqk", q, k) / 32**0.5
    columns, rows = 6, 8
    for head in range(4):
        right, down = STEPS[(4 + head) % len(STEPS)]
        for row in range(1, rows - 1):
            for column in range(1, columns - 1):
                looked = logits[head, row * columns + column].argmax()
                assert divmod(int(looked), columns) == (row + down, column + right)


def test_priming_whitens_patches_and_tells_places_apart():
    images = torch.rand(40, 3, 32, 24, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
    weight, bias = whitening(images, 8, 32)
    out = torch.nn.functional.conv2d(images, weight, bias, stride=8).permute(1, 0, 2, 3).flatten(1)
    assert weight.shape == (32, 3, 8, 8)
    torch.testing.assert_close(out.mean(1), torch.zeros(32), atol=1e-3, rtol=0)
    covariance = out[:16] @ out[:16].T / out.shape[1]
    assert (covariance - torch.diag(covariance.diagonal())).abs().max() < 1e-3
    table = positions(NETWORK.vit)
    apart = torch.cdist(table, table)
    assert table.shape == (12, 32)
    assert (apart + 99 * torch.eye(12)).min() > 1.0
    assert apart[0, 1] < apart[0, 2]


def test_sizes_that_do_not_fit_are_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="24x64"):
        run.prepare(
            replace(config, images=replace(IMAGES, render=replace(IMAGES.render, height=64))), tmp_path, tmp_path
        )
    with pytest.raises(ConfigError, match=r"extpose\.frames"):
        run.prepare(replace(config, images=replace(IMAGES, frames=3)), tmp_path, tmp_path)


def test_wrong_keypoints_are_wrong_as_said():
    windows = held_back(8, IMAGES)
    seen = windows.score > 0
    by_name = {fault: faulty(windows, fault, 32) for fault in FAULTS}
    moved = (by_name["shifted"].xy_px - windows.xy_px)[seen].norm(dim=-1)
    torch.testing.assert_close(moved, torch.full_like(moved, 3.2), atol=1e-4, rtol=0)
    assert torch.equal(by_name["swapped"].xy_px[1], windows.xy_px[0])
    assert 0.35 < (by_name["missing"].score > 0)[seen].float().mean() < 0.65
    assert all(torch.equal(part.image, windows.image) for part in by_name.values())
    with pytest.raises(ConfigError, match="unknown fault"):
        faulty(windows, "blue", 32)


def test_metrics_of_known_errors():
    windows = held_back(4, replace(IMAGES, frames=3))
    truth = windows.xyz.numpy()
    assert measure(truth, windows, 30.0) == {
        "mpjpe_mm": 0.0, "pa_mpjpe_mm": 0.0, "pck20": 1.0, "accel_error_m_s2": 0.0
    }  # fmt: skip
    larger = measure(1.5 * truth, windows, 30.0)
    assert larger["pa_mpjpe_mm"] < 1e-3 < larger["mpjpe_mm"]
    shaking = truth.copy()
    shaking[:, 1] += 0.01
    assert measure(shaking, windows, 30.0)["accel_error_m_s2"] == pytest.approx(2 * 0.01 * 3**0.5 * 900, rel=1e-3)

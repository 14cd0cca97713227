"""What an image adds to a lifter: the same rendered hands or people, whose past keypoints the lifter sees, and whose
newest image with its keypoints the image model sees.

    python benchmark/images_against_lifter.py --images hand_extpose --lifter hand_dtf27 [--count 512]
    python benchmark/images_against_lifter.py --images hand_extpose --lifter hand_dtf27 --motion leap.npz
    python benchmark/images_against_lifter.py --images body_extpose --lifter body_dtf27 --motion validation.npz

Hands are generated, or those of a file's recordings which were left out of the generator's statistics.

Errors of the newest frame about the root, before anything is pulled to keypoints: of each alone; of the surer one, by
mean sigma; of both, each joint fuse by 1 / sigma² (`refiner.weighed`); of the better one, which nobody knows.
"Within sigma" should be 68 %. The windows are as in the image model's training, of another seed (and people).
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.geometry.align import procrustes
from pose3d_ros.lab.evaluation.motion.hands import CAMERAS, RATE_HZ, TABLE_M
from pose3d_ros.lab.evaluation.motion.images import HELD_BACK, presence
from pose3d_ros.lab.synthesis import hand_recordings, hand_windows, motion, windows
from pose3d_ros.lab.synthesis.body_images import Bodies
from pose3d_ros.lab.synthesis.cameras import view
from pose3d_ros.lab.synthesis.hand_images import HANDS, HandScenes
from pose3d_ros.lab.synthesis.image_config import ImageWindowConfig, Scene, Subject
from pose3d_ros.lab.synthesis.image_windows import ImageWindows, Shot, assemble, pose_input, shoot
from pose3d_ros.lab.synthesis.render import RenderConfig
from pose3d_ros.lab.synthesis.rng import Rng
from pose3d_ros.models import Lifter, checkpoint, registry
from pose3d_ros.models.extpose import ExtPose
from pose3d_ros.models.image_lifter import ImageSpec
from pose3d_ros.stages.image_refiner import Estimate, fuse

PIECE = 16


class RecordedHands(HandScenes):
    """Hands of recordings before robots' cameras; left ones as right ones."""

    def __init__(self, file: Path):
        recordings = hand_recordings.load(file, RATE_HZ)
        recordings = [rec for rec in recordings if rec.name in hand_recordings.LEFT_OUT] or recordings
        sides = ((1.0, 1.0, 1.0), (-1.0, 1.0, 1.0))
        self.pieces = [(rec.xyz_m * sides[rec.left]).astype(np.float32) for rec in recordings]

    def scene(self, rng: Rng, count: int, config: ImageWindowConfig) -> Scene:
        pieces = [piece for piece in self.pieces if len(piece) >= config.frames]
        starts = torch.tensor([len(piece) - config.frames + 1 for piece in pieces], dtype=torch.float)
        found = []
        for draw in rng.uniform(count, high=float(starts.sum())).tolist():  # every window is as likely
            piece = int((starts.cumsum(0) <= draw).sum())
            first = int(draw - float(starts[:piece].sum()))
            found.append(torch.from_numpy(pieces[piece][first : first + config.frames]))
        xyz = torch.stack(found) + torch.tensor((0.0, 0.0, TABLE_M))
        return Scene(view(rng, xyz - xyz[:, :, :1], xyz[:, :, 0], CAMERAS).xyz, None)


def by_lifter(lifter: Lifter, shot: Shot) -> Estimate:
    """Of the newest frame, from the whole window."""
    spec = lifter.spec
    if spec.skeleton == HANDS.skeleton.name:
        right = torch.zeros(len(shot.score), dtype=torch.bool)
        given = hand_windows.assemble(shot.rays, shot.score, shot.xyz, spec.guidance, right)
    else:
        given = windows.assemble_windows(shot.rays, shot.score, shot.xyz, spec.guidance)
    out = lifter(given.inputs.numpy())
    seen = shot.score[:, -1].numpy() > 0
    xyz = given.camera.to_camera(torch.from_numpy(out.xyz_m)).numpy()
    return xyz - xyz[:, :1], spec.calibrated(out.sigma_m, seen)


@torch.inference_mode()
def by_image(network: ExtPose, spec: ImageSpec, shot: Shot, config: ImageWindowConfig) -> Estimate:
    """Of the newest frame, from the last `spec.frames` images."""
    made = assemble(*shot, config)
    last = ImageWindows(*(value[:, -spec.frames :] for value in made))
    pose = pose_input("image", last.xy_px, last.score, config.render, spec.drawing, spec.joints)
    out = network(last.image, pose, pose_present=presence(last.score), causal=True)
    xyz = torch.einsum("nij,nki->nkj", last.turn[:, -1], out["xyz"][:, -1]).numpy()
    seen = last.score[:, -1].numpy() > 0
    return xyz, spec.calibrated(out["log_sigma"][:, -1].exp().numpy(), seen)


def row(name: str, xyz: np.ndarray, sigma: np.ndarray, truth: np.ndarray, seen: np.ndarray) -> str:
    """A line of the table."""
    off = 1e3 * np.linalg.norm(xyz - truth, axis=-1)
    aligned = 1e3 * np.linalg.norm(procrustes(xyz.astype(float), truth.astype(float)) - truth, axis=-1)
    parts = (off.mean(), aligned.mean(), off[:, 1:][seen[:, 1:]].mean(), off[:, 1:][~seen[:, 1:]].mean())
    within = (off < 1e3 * sigma)[:, 1:].mean()
    return f"| {name} | " + " | ".join(f"{part:.1f}" for part in parts) + f" | {100 * within:.0f} % |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="weights of an image model, name or path")
    parser.add_argument("--lifter", required=True, help="weights of a windowed lifter of the same skeleton")
    parser.add_argument("--motion", type=Path, help="motion file of people, or of hands")
    parser.add_argument("--count", type=int, default=512, help="windows")
    args = parser.parse_args()
    lifter = registry.load_lifter(args.lifter, "cpu")
    network, spec = checkpoint.load(registry.find(args.images))
    if not isinstance(network, ExtPose) or lifter.spec.skeleton != spec.skeleton:
        parser.error(f"expected an image model and a lifter of the same skeleton, got {spec.name}, {lifter.spec.name}")
    if spec.skeleton == HANDS.skeleton.name:
        subject: Subject = RecordedHands(args.motion) if args.motion else HANDS
    elif args.motion:
        subject = Bodies(motion.load([args.motion]), widened=False)
    else:
        parser.error("bodies need --motion")
    vit = network.config.vit
    config = ImageWindowConfig(
        frames=lifter.spec.frames, rate_hz=lifter.spec.rate_hz, crop=spec.crop, drawing=spec.drawing,
        render=RenderConfig(width=vit.image_width, height=vit.image_height, samples=1),
    )  # fmt: skip
    print(f"{args.count} windows, seed {HELD_BACK}; mm\n")
    print(table(lifter, network.eval(), spec, subject, config, args.count))


def table(
    lifter: Lifter, network: ExtPose, spec: ImageSpec, subject: Subject, config: ImageWindowConfig, count: int
) -> str:
    """Markdown."""
    rng = Rng(HELD_BACK, "cpu")
    found: list[list[np.ndarray]] = []
    for first in range(0, count, PIECE):
        shot = shoot(rng, min(PIECE, count - first), config, subject)
        truth = (shot.xyz[:, -1] - shot.xyz[:, -1, :1]).numpy()
        seen = shot.score[:, -1].numpy() > 0
        found.append([truth, seen, *by_lifter(lifter, shot), *by_image(network, spec, shot, config)])
    truth, seen, lifted, lifted_sigma, looked, looked_sigma = (
        np.concatenate(part) for part in zip(*found, strict=True)
    )
    surer = looked_sigma.mean(1) <= lifted_sigma.mean(1)
    better = np.linalg.norm(looked - truth, axis=-1).mean(1) < np.linalg.norm(lifted - truth, axis=-1).mean(1)

    def chosen(image: np.ndarray) -> Estimate:
        return np.where(image[:, None, None], looked, lifted), np.where(image[:, None], looked_sigma, lifted_sigma)

    rows = [
        ("lifter", lifted, lifted_sigma),
        ("image", looked, looked_sigma),
        (f"the surer one (image: {100 * surer.mean():.0f} %)", *chosen(surer)),
        ("both, fused, as they are published", *fuse((looked, looked_sigma), (lifted, lifted_sigma))),
        (f"the better one (image: {100 * better.mean():.0f} %)", *chosen(better)),
    ]
    head = ["| | MPJPE | PA-MPJPE | seen | hidden | within sigma |", "|---" * 6 + "|"]
    return "\n".join(head + [row(name, xyz, sigma, truth, seen) for name, xyz, sigma in rows])


if __name__ == "__main__":
    main()

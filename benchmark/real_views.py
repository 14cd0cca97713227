#!/usr/bin/env python3
"""Error on a real video: each of four calibrated views lifted alone, against what all of them say together.

    python benchmark/real_views.py [--weights body_dtf27] [--json OUT] [--reference OUT.npz]
    python benchmark/real_views.py --images body_extpose --videos FOLDER

One man balances and reaches (60 Hz, 100 frames). The reference is triangulated from MediaPipe's 2D joints of all views,
the very joints that the lifter is fed from one view; views that disagree are left out per joint and per frame. It is
good to about 1 cm, and where MediaPipe puts a joint to one side in all views, the reference does so too. Printed beside
ours: MediaPipe's own 3D world landmarks from the same networks. All errors over 12 limb joints, hips in the origin;
"distance" is that of the pelvis from the camera.

`--images` looks at the videos too (cam01.mp4, ... of Pose2Sim's demonstration with one person, which are not part of
this package) by the pipeline of pose_vit_node, and tells apart: the lifter; the image model by itself, before it is
pulled to keypoints; the same, shown the image only or the keypoints only; and what is published, with the image and
without. "Seen" and "hidden" are MPJPE of the joints that the pipeline was given in that frame, and that it was not;
"jitter" the mean acceleration of the joints about the hips, m/s². What is hidden from the lifter is in the image.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.types import JointState, Keypoints2D, Person2D, Person3D
from pose3d_ros.geometry.align import procrustes
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.evaluation.motion.multiview import Triangulation, View, triangulate_body

DATA = Path(__file__).resolve().parent.parent / "demo" / "pose2sim"
SIDES = ("left", "right")
LIMB_JOINTS = tuple(f"{s}_{j}" for s in SIDES for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
HIPS = [LIMB_JOINTS.index(f"{side}_hip") for side in SIDES]
LIMBS = {
    "upper arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
}
THRESHOLD_PX = 40.0  # about 7 cm at 3 m: a joint that is farther from where the others say is another joint
SEEN = 0.3
RECENTRINGS = 4  # then nothing moves any more
HIDDEN = 12  # of the 17 joints of COCO
BURST_S = 0.5
# what the image model is given, if there is an image at all; whose answer is published; whose is the model's own
WAYS = (
    ("both", False, "lifter", ""),
    ("both", True, "published", "image alone"),
    ("image", True, "", "its image alone"),
    ("keypoints", True, "published, no image", "its keypoints alone"),
)
SEED = 7


@dataclass(frozen=True)
class Clip:
    """One view's video after detection: `xy_px` (F, J, 2), `score` (F, J), MediaPipe's `world_m` (F, J, 3)."""

    name: str
    view: View
    format: str
    xy_px: np.ndarray
    score: np.ndarray
    world_m: np.ndarray
    rate_hz: float


def load(path: Path) -> Clip:
    """One npz of `tools/detect_views.py`."""
    data = np.load(path)
    camera = Camera(data["K"], data["D"], "plumb_bob", int(data["width"]), int(data["height"]))
    arrays = (data[name] for name in ("xy_px", "score", "world_m"))
    return Clip(path.stem, View(camera, data["R"], data["t"]), str(data["format"]), *arrays, float(data["rate_hz"]))


def reference(clips: list[Clip]) -> Triangulation:
    """World positions (F, J, 3) of all joints of the detector's format."""
    score = np.stack([clip.score for clip in clips])
    xy_px = np.stack([clip.xy_px for clip in clips])
    weight = np.where(score > SEEN, score, 0.0)
    views = [clip.view for clip in clips]
    for _ in range(RECENTRINGS):
        views = recentred(views, xy_px, triangulate_body(views, xy_px, weight, THRESHOLD_PX))
    return triangulate_body(views, xy_px, weight, THRESHOLD_PX)


def recentred(views: list[View], xy_px: np.ndarray, found: Triangulation) -> list[View]:
    """The views with their principal points moved by the offset that all of their joints share.

    As calibrated, the joints of a view lie up to 15 px beside the reprojection, all alike: a camera was touched, or its
    video cropped. That is no error of the joints.
    """
    moved = []
    for view, xy, used in zip(views, xy_px, found.used, strict=True):
        offset_px = np.median((xy - view.project(found.xyz_m))[used], axis=0)
        K = view.camera.K.copy()
        K[:2, 2] += offset_px
        moved.append(replace(view, camera=replace(view.camera, K=K)))
    return moved


def limbs(xyz_m: np.ndarray, skeleton: str) -> np.ndarray:
    """(F, 12, 3) of (F, J, 3)."""
    return xyz_m[:, formats.get(skeleton).indices(LIMB_JOINTS)]


def about_hips(xyz_m: np.ndarray) -> np.ndarray:
    """Limb joints (F, 12, 3) with the middle of the hips in the origin."""
    return xyz_m - xyz_m[:, HIPS].mean(axis=1, keepdims=True)


def errors_mm(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Hip-centred MPJPE and Procrustes-aligned MPJPE of (F, 12, 3) in metres, over frames in which both are there."""
    there = np.isfinite(predicted).all(axis=(1, 2)) & np.isfinite(truth).all(axis=(1, 2))
    predicted, truth = predicted[there].astype(np.float64), truth[there]
    centred = [about_hips(pose) for pose in (predicted, truth)]
    return {
        "mpjpe_mm": 1e3 * float(np.linalg.norm(centred[0] - centred[1], axis=2).mean()),
        "pa_mpjpe_mm": 1e3 * float(np.linalg.norm(procrustes(predicted, truth) - truth, axis=2).mean()),
        "frames": int(there.sum()),
    }


def hide(shape: tuple[int, int], every: int, rng: np.random.Generator) -> np.ndarray:
    """bool (F, 17): which joints are hidden, `HIDDEN` at random, drawn again `every` so many frames."""
    order = rng.random((-(-shape[0] // every), shape[1])).argsort(axis=1) < HIDDEN
    return order.repeat(every, axis=0)[: shape[0]]


def push(
    pipeline, clip: Clip, format: str, xy_px: np.ndarray, score: np.ndarray, images: Iterable = repeat(None)
) -> Iterator[Person3D | None]:
    """The man in every frame, None without a skeleton. `images`: of the frames, if they are to be looked at."""
    pipeline.reset()
    camera = clip.view.camera
    for i, image in zip(range(len(score)), images, strict=False):
        person = Person2D(format, xy_px[i], score[i], id="man")
        stamp_ns = 1_000_000_000 + round(i * 1e9 / clip.rate_hz)
        frame = Keypoints2D(stamp_ns, (person,), "", camera.width, camera.height)
        looked = () if image is None else (image,)
        people = pipeline.push(frame, camera, *looked).people
        yield people[0] if people else None


def lift(pipeline, clip: Clip, format: str, xy_px: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Limb joints (F, 12, 3) and pelvis (F, 3) in the camera frame, metres, newest frame of each push; NaN without
    a skeleton."""
    pose = np.full((len(score), 12, 3), np.nan)
    for i, person in enumerate(push(pipeline, clip, format, xy_px, score)):
        if person:
            pose[i] = limbs(person.xyz_m[None], person.skeleton)[0]
    return pose, pose[:, HIPS].mean(axis=1)


def inputs(clip: Clip) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
    """Format, pixels and scores by kind of occlusion."""
    coco_px, coco_score = mapping(clip.format, "coco17")(clip.xy_px, clip.score)
    rng = np.random.default_rng(SEED)
    burst = round(BURST_S * clip.rate_hz)
    return {
        "seen": (clip.format, clip.xy_px, clip.score),
        f"random:{HIDDEN}": ("coco17", coco_px, np.where(hide(coco_score.shape, 1, rng), 0, coco_score)),
        f"burst:{HIDDEN}": ("coco17", coco_px, np.where(hide(coco_score.shape, burst, rng), 0, coco_score)),
    }


def lifted(pipeline, clip: Clip, truth_m: np.ndarray) -> dict[str, dict[str, float]]:
    """Errors of one view by kind of occlusion."""
    distance_m = np.linalg.norm(truth_m[:, HIPS].mean(axis=1), axis=1)
    result = {}
    for name, given in inputs(clip).items():
        pose, pelvis = lift(pipeline, clip, *given)
        off = np.linalg.norm(pelvis, axis=1) / distance_m - 1
        result[name] = errors_mm(pose, truth_m) | {
            "distance_error_percent": 100 * float(np.nanmean(np.abs(off))),
            "distance_bias_percent": 100 * float(np.nanmean(off)),
        }
    return result


def video(path: Path) -> Iterator[np.ndarray]:
    """Its images, uint8 (H, W, 3), RGB."""
    reader = cv2.VideoCapture(str(path))
    while (read := reader.read())[0]:
        yield np.ascontiguousarray(read[1][..., ::-1])
    reader.release()


def looked_at(pipelines: dict[str, object], clip: Clip, path: Path, truth_m: np.ndarray) -> dict[str, dict[str, dict]]:
    """Errors of one view by kind of occlusion and by who says it. `pipelines`: `looks.ToldPipeline`s by what their
    network is given."""
    result = {"-": {"the reference": {"jitter": jitter(truth_m, clip.rate_hz)}}}
    for name, given in inputs(clip).items():
        shape = len(clip.score), 12, 3
        poses = {who: np.full(shape, np.nan) for way in WAYS for who in way[2:] if who}
        seen = np.zeros(shape[:2], bool)
        for which, looks, published, alone in WAYS:
            pipeline, images = pipelines[which], video(path) if looks else repeat(None)
            for i, person in enumerate(push(pipeline, clip, *given, images)):
                if person is None:
                    continue
                if published:
                    poses[published][i] = limbs(person.xyz_m[None], person.skeleton)[0]
                    seen[i] = limbs(person.state[None], person.skeleton)[0] == JointState.MEASURED
                if alone and person.track in pipeline.people_alone:
                    poses[alone][i] = limbs(pipeline.people_alone[person.track][None], person.skeleton)[0]
        result[name] = {who: compared(pose, truth_m, seen, clip.rate_hz) for who, pose in poses.items()}
    return result


def compared(pose: np.ndarray, truth_m: np.ndarray, seen: np.ndarray, rate_hz: float) -> dict[str, float]:
    """Errors of (F, 12, 3), those of joints that are `seen` bool (F, 12) and hidden, and jitter."""
    off_mm = 1e3 * np.linalg.norm(about_hips(pose) - about_hips(truth_m), axis=2)
    there = np.isfinite(off_mm)
    parts = {"seen_mm": there & seen, "hidden_mm": there & ~seen}
    means = {name: float(off_mm[rows].mean()) for name, rows in parts.items() if rows.any()}
    return errors_mm(pose, truth_m) | means | {"jitter": jitter(pose, rate_hz)}


def jitter(pose: np.ndarray, rate_hz: float) -> float:
    """Mean acceleration about the hips, m/s², of (F, 12, 3), where three frames in a row are there."""
    return rate_hz**2 * float(np.nanmean(np.linalg.norm(np.diff(about_hips(pose), n=2, axis=0), axis=2)))


def check(found: Triangulation, clips: list[Clip]) -> dict:
    """What speaks for the reference: agreement of the views, constancy of lengths. Pixels, metres, frames."""
    rows = formats.get(clips[0].format).indices(LIMB_JOINTS)
    used, error_px = found.used[..., rows], found.error_px[..., rows]
    report = {
        "reprojection_px": {clip.name: float(np.median(error_px[v][used[v]])) for v, clip in enumerate(clips)},
        "share_used": {clip.name: float(used[v].mean()) for v, clip in enumerate(clips)},
        "frames_without_view": {clip.name: int((~used[v].any(axis=1)).sum()) for v, clip in enumerate(clips)},
        "length_m": {},
    }
    at = dict(zip(LIMB_JOINTS, np.moveaxis(limbs(found.xyz_m, clips[0].format), 1, 0), strict=True))
    at |= {f"mid {part}": (at[f"left_{part}"] + at[f"right_{part}"]) / 2 for part in ("hip", "shoulder")}
    pairs = {f"{side} {limb}": [f"{side}_{end}" for end in ends] for limb, ends in LIMBS.items() for side in SIDES}
    pairs |= {"hips": ("left_hip", "right_hip"), "shoulders": ("left_shoulder", "right_shoulder")}
    pairs |= {"trunk": ("mid hip", "mid shoulder")}
    for name, (a, b) in pairs.items():
        length = np.linalg.norm(at[a] - at[b], axis=1)
        middle = np.nanmedian(length)
        spread = 1.4826 * np.nanmedian(np.abs(length - middle))  # standard deviation without outliers
        report["length_m"][name] = {"median": float(middle), "spread": float(spread)}
    return report


def save(path: Path, found: Triangulation, clips: list[Clip]) -> None:
    """The reference as h36m17 in the world, and every view's pose."""
    there = np.isfinite(found.xyz_m).all(axis=-1).astype(np.float64)
    xyz_m, _ = mapping(clips[0].format, "h36m17")(found.xyz_m, there)
    poses = {"R": np.stack([clip.view.R for clip in clips]), "t": np.stack([clip.view.t for clip in clips])}
    np.savez_compressed(path, xyz_m=xyz_m, joints=formats.get("h36m17").joints, rate_hz=clips[0].rate_hz, **poses)


def show(report: dict) -> None:
    """The report as text."""
    quality = report["reference"]
    print("reference: view, median reprojection error px, share of joints used, frames left out")
    for name, error_px in quality["reprojection_px"].items():
        print(f"  {name} {error_px:5.1f} {quality['share_used'][name]:.2f} {quality['frames_without_view'][name]:3d}")
    for name, length in quality["length_m"].items():
        print(f"  {name:16s} {length['median']:.3f} m, spread {length['spread']:.3f}")
    print(f"{'view':6s} {'method':26s} {'MPJPE':>7s} {'PA':>7s} mm {'distance error':>16s} {'frames':>7s}")
    for name, methods in report["views"].items():
        for method, e in methods.items():
            far = f"{e['distance_error_percent']:.1f} %" if "distance_error_percent" in e else "-"
            print(f"{name:6s} {method:26s} {e['mpjpe_mm']:7.1f} {e['pa_mpjpe_mm']:7.1f}    {far:>16s} {e['frames']:7d}")


def show_images(view: str, kinds: dict[str, dict[str, dict]]) -> None:
    """What images do in one view, as text."""
    columns = ("mpjpe_mm", "pa_mpjpe_mm", "seen_mm", "hidden_mm", "jitter")
    heads = ("MPJPE", "PA", "seen", "hidden", "jitter", "frames")
    print(f"\n{view:9s}  {'who says it':20s}" + "".join(f"{head:>8s}" for head in heads))
    for kind, methods in kinds.items():
        for who, e in methods.items():
            values = [f"{e[name]:8.1f}" if name in e else f"{'-':>8s}" for name in columns]
            print(f"{kind:9s}  {who:20s}" + "".join(values) + f"{e.get('frames', '-'):>8}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--weights", default="body_dtf27", help="name or file; empty: the reference and MediaPipe only")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--reference", type=Path, help="save the triangulated skeletons (npz)")
    parser.add_argument("--images", help="weights of an image model of bodies, name or path")
    parser.add_argument("--videos", type=Path, help="folder with the videos of the views, for --images")
    args = parser.parse_args()
    if args.images and not (args.videos and args.weights):
        parser.error("--images: expected --videos FOLDER, and --weights of a lifter")
    clips = [load(path) for path in sorted(args.data.glob("*.npz"))]
    if args.images and (missing := [c.name for c in clips if not (args.videos / f"{c.name}.mp4").is_file()]):
        parser.error(f"--videos {args.videos}: expected a video .mp4 of each view, got none of {', '.join(missing)}")
    found = reference(clips)
    report = {"reference": check(found, clips), "views": {}}
    pipeline = make_pipeline(args.weights) if args.weights else None
    for clip in clips:
        truth_m = clip.view.to_camera(limbs(found.xyz_m, clip.format))
        methods = {"MediaPipe world landmarks": errors_mm(limbs(clip.world_m, clip.format), truth_m)}
        if pipeline:
            methods |= {f"ours, {name}": e for name, e in lifted(pipeline, clip, truth_m).items()}
        report["views"][clip.name] = methods
    show(report)
    if args.images:
        pipelines = make_told(args.weights, args.images)
        report["images"] = {}
        for clip in clips:
            truth_m = clip.view.to_camera(limbs(found.xyz_m, clip.format))
            path = args.videos / f"{clip.name}.mp4"
            report["images"][clip.name] = looked_at(pipelines, clip, path, truth_m)
            show_images(clip.name, report["images"][clip.name])
    if args.reference:
        save(args.reference, found, clips)
    if args.json:
        args.json.write_text(json.dumps(report, indent=2))


def make_pipeline(weights: str):
    """The pipeline of the node, with these weights."""
    from pose3d_ros.pipeline import Pipeline, PipelineConfig  # torch, only where it lifts
    from pose3d_ros.settings import BodyConfig

    return Pipeline(PipelineConfig(body=BodyConfig(weights=weights)))


def make_told(weights: str, images: str) -> dict[str, object]:
    """Pipelines of pose_vit_node that tell who says what, for `looked_at`."""
    from pose3d_ros.lab.evaluation.motion.modality_probe import ProbedPipeline  # torch, only where it looks
    from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig, RefineConfig

    config = PipelineConfig(
        body=BodyConfig(weights=weights), hands=HandConfig(weights=""), refine=RefineConfig(body=images, hands="")
    )
    return {given: ProbedPipeline(config, given) for given in ("both", "image", "keypoints")}


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What images do to hands, and to bodies, of a real video of which nobody knows the truth.

    python benchmark/images_on_video.py [--images hand_extpose] [--body NAME]
    python benchmark/images_on_video.py --bag BAG --mediapipe LANDMARKS.npz

A bag with images, calibration and our detector's keypoints (`tools/make_demo_bag.py` writes one) goes through the
pipeline of `pose_vit_node`. Answers: of the lifter, without images; of the image model by itself, before it is
pulled to keypoints; of the same, shown the image only or the keypoints only; and what is published of lifter and model,
with the image and with the model shown the keypoints only.

**MediaPipe's 3D is no truth.** The same networks found the keypoints, know no size, and see one frame. A distance to it
tells that something changed, not that it got better. Only where its hand lies in the lifter's place:
PA: after the best similarity. Unaligned: about the wrist (bodies: shoulders, elbows and wrists about the middle of the
shoulders). Turn: of the best rotation, median. Size: ours to MediaPipe's, median.

Over all answers: px: median distance of seen joints from their keypoints. Jitter: mean acceleration of the joints in
the camera frame, and about the wrist or shoulders, m/s². Steps: mean second difference from frame to frame of the
distance from thumb to index finger, and of curl (0 straight, 1 fist).
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.core import formats
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.types import Hand3D, Method, Person3D, Skeletons3D
from pose3d_ros.geometry.align import procrustes
from pose3d_ros.geometry.hand import SKELETON, aperture, describe
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.types import Input
from pose3d_ros.lab.evaluation.motion.modality_probe import ProbedPipeline
from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig, RefineConfig

DEMO = Path(__file__).resolve().parent.parent / "demo"
SAME = 0.5  # of the extent of MediaPipe's joints in the image; farther off is another hand
BODY, FORMAT = "h36m17", "mediapipe33"
UPPER = [f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")]
DIGITS = {"curl steps": 3, "size": 2}
Key = tuple[int, int, str]  # frame, track, side ("" of bodies)
Poses = dict[Key, np.ndarray]  # joints (J, 3) in the camera frame
Points = dict[tuple[int, str], tuple[np.ndarray, np.ndarray]]  # two arrays by frame and side


class Shown(NamedTuple):
    """One frame: what the pipeline is given, and `image` uint8 (H, W, 3), RGB."""

    entry: Input
    image: np.ndarray


class Subject(NamedTuple):
    """Hands, or bodies: `rows` of the joints that are compared, `root` rows that are their origin. `theirs`: pixels
    (J, 2) and metres (J, 3) of MediaPipe; `keypoints`: pixels (J, 2) and scores (J,), as the pipeline is given them."""

    rows: list[int]
    root: list[int]
    theirs: Points
    keypoints: Points


@dataclass
class Run:
    """Answers of one way through the video; `imaged`: how many have the image's part in them."""

    published: Poses = field(default_factory=dict)
    alone: Poses = field(default_factory=dict)
    imaged: int = 0


def read(bag: Bag) -> list[Shown]:
    """All frames that have an image and a calibration."""
    found = []
    for entry in bag.inputs():
        bgr = bag.image(entry.keypoints.stamp_ns)
        if bgr is not None and entry.camera is not None:
            found.append(Shown(entry, np.ascontiguousarray(bgr[..., ::-1])))
    return found


def push_all(
    config: PipelineConfig, frames: list[Shown], with_images: bool = True, given: str = "both"
) -> dict[str, Run]:
    """Runs of "hand" and "body"; `given` as in `ProbedPipeline`."""
    pipeline = ProbedPipeline(config, given)
    runs = {"hand": Run(), "body": Run()}
    for number, (entry, image) in enumerate(frames):
        result = pipeline.push(entry.keypoints, entry.camera, image if with_images else None)
        for what, track, side, answer in answers(result):
            runs[what].published[number, track, side] = answer.xyz_m
            runs[what].imaged += answer.method == Method.EXTPOSE
        runs["body"].alone |= {(number, track, ""): xyz_m for track, xyz_m in pipeline.people_alone.items()}
        runs["hand"].alone |= {(number, *key): xyz_m for key, xyz_m in pipeline.hands_alone.items()}
    pipeline.close()
    return runs


def answers(result: Skeletons3D) -> Iterator[tuple[str, int, str, Person3D | Hand3D]]:
    """("hand" or "body", track, side, answer) of everybody."""
    yield from (("body", one.track, "", one) for one in result.people)
    yield from (("hand", one.track, one.side, one) for one in result.hands)


def subjects(frames: list[Shown], landmarks: Path) -> dict[str, Subject]:
    """Of "hand" and "body"; `landmarks` is the npz of `tools/detect_worlds.py`."""
    number = {shown.entry.keypoints.stamp_ns: k for k, shown in enumerate(frames)}
    to_body, ones = mapping(FORMAT, BODY), np.ones(len(formats.get(FORMAT)))
    hands, bodies = {}, {}
    data = np.load(landmarks)
    for stamp, side, *points in zip(*(data[k] for k in ("stamp_ns", "side", "xy_px", "world_m")), strict=True):
        hands[number.get(int(stamp)), str(side)] = tuple(points)
    for stamp, *points in zip(*(data[f"body_{k}"] for k in ("stamp_ns", "xy_px", "world_m")), strict=True):
        bodies[number.get(int(stamp)), ""] = tuple(to_body(joints, ones)[0] for joints in points)
    given: dict[bool, Points] = {True: {}, False: {}}
    for k, (entry, _) in enumerate(frames):
        for person in entry.keypoints.people:
            joints = mapping(person.format, SKELETON.name if person.side else BODY)(person.xy_px, person.score)
            given[bool(person.side)][k, person.side] = joints
    rows = formats.get(BODY).indices(UPPER).tolist()
    every = list(range(len(SKELETON)))
    return {
        "hand": Subject(every, [0], hands, given[True]),
        "body": Subject(rows, [rows[0], rows[3]], bodies, given[False]),
    }


def same(subject: Subject, lifted: Poses, frames: list[Shown]) -> list[Key]:
    """Those whom MediaPipe sees in the same place."""
    found = []
    for (number, track, side), xyz_m in lifted.items():
        if (number, side) not in subject.theirs:
            continue
        xy_px = subject.theirs[number, side][0][subject.rows]
        off_px = frames[number].entry.camera.project(xyz_m[None, subject.rows])[0] - xy_px
        if np.median(np.linalg.norm(off_px, axis=1)) < SAME * np.ptp(xy_px, axis=0).max():
            found.append((number, track, side))
    return found


def distances(subject: Subject, poses: Poses, keys: list[Key]) -> dict[str, float]:
    """To MediaPipe's own 3D."""
    keys = [key for key in keys if key in poses]
    if not keys:
        return {}
    pairs = [(poses[key], subject.theirs[key[0], key[2]][1]) for key in keys]
    root = [subject.rows.index(row) for row in subject.root]
    found = [np.stack(part)[:, subject.rows].astype(np.float64) for part in zip(*pairs, strict=True)]
    ours, theirs = (xyz - xyz[:, root].mean(1, keepdims=True) for xyz in found)
    turn = [Rotation.align_vectors(b, a)[0].magnitude() for a, b in zip(ours, theirs, strict=True)]
    return {
        "with MediaPipe's": len(keys),
        "PA mm": 1e3 * float(np.linalg.norm(procrustes(ours, theirs) - theirs, axis=-1).mean()),
        "unaligned mm": 1e3 * float(np.linalg.norm(ours - theirs, axis=-1).mean()),
        "turn °": float(np.degrees(np.median(turn))),
        "size": float(np.median(np.linalg.norm(ours, axis=(1, 2)) / np.linalg.norm(theirs, axis=(1, 2)))),
    }


def pixels(subject: Subject, poses: Poses, frames: list[Shown], min_score: float) -> float:
    """Median distance of seen joints from their keypoints."""
    off = []
    for (number, _, side), xyz_m in poses.items():
        if (number, side) in subject.keypoints:
            xy_px, score = subject.keypoints[number, side]
            seen = [row for row in subject.rows if score[row] >= min_score]
            off.append(np.linalg.norm(frames[number].entry.camera.project(xyz_m[None])[0] - xy_px, axis=1)[seen])
    return float(np.median(np.concatenate(off))) if off else np.nan


def second_differences(poses: Poses, of: Callable[[np.ndarray, bool], np.ndarray]) -> np.ndarray:
    """Of `of(joints, left)`, over three frames in a row of the same person or hand; NaN (1, 1) where there are none."""
    found = []
    for (number, track, side), xyz_m in poses.items():
        later = [poses.get((number + k, track, side)) for k in (1, 2)]
        if all(each is not None for each in later):
            a, b, c = (of(each, side == "left") for each in (xyz_m, *later))
            found.append(a - 2 * b + c)
    return np.stack(found) if found else np.full((1, 1), np.nan)


def steadiness(subject: Subject, poses: Poses, rate_hz: float) -> dict[str, float]:
    """Jitter in m/s², and of hands the steps of what a gripper would be told."""

    def about_root(xyz_m: np.ndarray, left: bool) -> np.ndarray:
        return xyz_m[subject.rows] - xyz_m[subject.root].mean(0)

    def grip(xyz_m: np.ndarray, left: bool) -> np.ndarray:
        return np.append(describe(xyz_m[None].astype(float), np.array([left])).curl[0], aperture(xyz_m))

    jitter = second_differences(poses, lambda xyz_m, left: xyz_m[subject.rows]), second_differences(poses, about_root)
    found = [rate_hz**2 * float(np.linalg.norm(steps, axis=-1).mean()) for steps in jitter]
    result = dict(zip(("jitter", "about the root"), found, strict=True))
    if len(subject.rows) == len(SKELETON):
        steps = np.abs(second_differences(poses, grip))
        result |= {
            "pinch steps mm": 1e3 * float(np.nanmean(steps[:, -1])),
            "curl steps": float(np.nanmean(steps[:, :-1])),
        }
    return result


def measure(config: PipelineConfig, frames: list[Shown], landmarks: Path) -> dict[str, dict[str, dict]]:
    """Figures of "hand" and "body", where images refine them, by variant."""
    lifted, looked = push_all(config, frames, with_images=False), push_all(config, frames)
    halves = {given: push_all(config, frames, given=given) for given in ("image", "keypoints")}
    stamps = [shown.entry.keypoints.stamp_ns for shown in frames]
    rate_hz = 1e9 / float(np.median(np.diff(stamps)))
    min_score = {"hand": config.hands.min_score, "body": config.tracking.min_score}
    report: dict[str, dict[str, dict]] = {}
    for what, subject in subjects(frames, landmarks).items():
        if not looked[what].alone:
            continue
        keys = same(subject, lifted[what].published, frames)
        variants = {
            "lifter": lifted[what].published,
            "image alone": looked[what].alone,
            **{f"its {given} alone": runs[what].alone for given, runs in halves.items()},
            "published": looked[what].published,
            "published, no image": halves["keypoints"][what].published,
        }
        imaged = {"published": looked[what].imaged, "published, no image": halves["keypoints"][what].imaged}
        report[what] = {
            name: {
                "answers": len(poses),
                "image's part": imaged.get(name),
                **distances(subject, poses, keys),
                "px": pixels(subject, poses, frames, min_score[what]),
                **steadiness(subject, poses, rate_hz),
            }
            for name, poses in variants.items()
        }
    return report


def table(variants: dict[str, dict[str, float | None]]) -> str:
    """Markdown."""
    names = list(variants["lifter"])

    def text(name: str, value: float | None) -> str:
        if value is None:
            return "-"
        return str(value) if isinstance(value, int) else f"{value:.{DIGITS.get(name, 1)}f}"

    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for variant, found in variants.items():
        lines.append(f"| {variant} | " + " | ".join(text(name, found.get(name)) for name in names) + " |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="hand_extpose", help="weights of hands, name or path; empty: none")
    parser.add_argument("--body", default="", help="weights of bodies, name or path; empty: none")
    parser.add_argument("--lifter", default=BodyConfig().weights, help="lifter of bodies")
    parser.add_argument("--hand-lifter", default=HandConfig().weights, help="lifter of hands")
    parser.add_argument("--bag", type=Path, default=DEMO / "signing")
    parser.add_argument(
        "--mediapipe", type=Path, default=DEMO / "signing_mediapipe.npz", help="written by tools/detect_worlds.py"
    )
    args = parser.parse_args()
    frames = read(Bag(args.bag))
    if not frames:
        parser.error(f"{args.bag}: expected images, a calibration and keypoints of the same stamps, found none")
    config = PipelineConfig(
        body=BodyConfig(weights=args.lifter),
        hands=HandConfig(weights=args.hand_lifter),
        refine=RefineConfig(body=args.body, hands=args.images),
    )
    for what, found in measure(config, frames, args.mediapipe).items():
        print(f"{len(frames)} frames, {what}: {args.images if what == 'hand' else args.body}\n\n{table(found)}\n")


if __name__ == "__main__":
    main()

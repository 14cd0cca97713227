#!/usr/bin/env python3
"""What the package's own 2D detector finds, how exactly, and how long it takes.

    python benchmark/detectors.py --videos FOLDER [--single FOLDER] [--hands FOLDER --reference NPZ]
    python benchmark/detectors.py --latency                    # through the nodes, over DDS; needs ROS

- *people*: two people in clips of `--videos` (default: demo/two_people.mp4): frames in which both are found, in which
  more than two are, and the tracks that the pipeline's tracker makes of them.
- *residual* (`--single`: cam01.mp4 ... of Pose2Sim's demonstration with one person): limb joints of four calibrated
  views, triangulated; how far each lies from the reprojection. Each detector is measured by its own triangulation;
  MediaPipe's joints are in demo/pose2sim.
- *hands*: those that MediaPipe 0.10.21 finds (demo/signing_mediapipe.npz in the demo bag; or `--hands` with clips and
  `--reference`, by tools/detect_hands.py): share that is found too, and the distance of the joints.
- *cpu_ms*: CPU time on one thread, in turns.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import real_views

from pose3d_ros import Pipeline, detectors
from pose3d_ros.core.mapping import mapping
from pose3d_ros.core.types import Keypoints2D
from pose3d_ros.detectors import DetectorConfig
from pose3d_ros.detectors.hand_finder import HandFinder
from pose3d_ros.detectors.hand_region import Region
from pose3d_ros.detectors.hands import DetectedHand
from pose3d_ros.detectors.letterbox import shape_like
from pose3d_ros.detectors.movenet import MoveNet
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.viewing.movie import Movie
from pose3d_ros.lab.viewing.video import Frame, Video

DEMO = Path(__file__).resolve().parent.parent / "demo"
SIZES = (256, 320, 384)
FOV_DEG = 36.0
SAME_PALMS = 0.5  # mean distance of joints, in palms, below which two detections are one hand
REPEATS = 20


def frames_of(path: Path) -> Iterator[Frame]:
    """Images of a video, or of a bag."""
    if path.is_dir():
        bag = Bag(path)
        yield from (Frame(stamp_ns, bag.image(stamp_ns)) for stamp_ns in sorted(bag.image_stamps_ns))
    else:
        yield from Video(str(path))


def rgb(frame: Frame) -> np.ndarray:
    """Red first."""
    return np.ascontiguousarray(frame.bgr[..., ::-1])


def people(clips: list[Path], size: int) -> dict:
    """Of clips with two people."""
    found = {}
    for clip in clips:
        detector, pipeline = detectors.make(DetectorConfig(hands=False, input_size=size)), Pipeline()
        counts, tracks = Counter(), Counter()
        for frame in frames_of(clip):
            image = rgb(frame)
            seen = detector.detect(image, frame.stamp_ns)
            height, width = image.shape[:2]
            camera = Camera.from_fov(width, height, FOV_DEG)
            lifted = pipeline.push(Keypoints2D(frame.stamp_ns, seen, "", width, height), camera)
            counts[len(seen)] += 1
            tracks[" ".join(str(p.track) for p in sorted(lifted.people, key=lambda p: p.track))] += 1
        pipeline.close()
        found[clip.name] = {
            "frames": sum(counts.values()),
            "both_percent": 100 * sum(n for k, n in counts.items() if k >= 2) / sum(counts.values()),
            "more_than_two": sum(n for k, n in counts.items() if k > 2),
            "tracks": dict(tracks),
        }
    return found


def views(folder: Path, size: int) -> list[real_views.Clip]:
    """Our detections of the four views, in place of MediaPipe's."""
    made = []
    for clip in mediapipe_views():
        detector = detectors.make(DetectorConfig(hands=False, input_size=size, max_people=1))
        xy_px, score = np.full_like(clip.xy_px, np.nan), np.zeros_like(clip.score)
        for i, frame in enumerate(frames_of(folder / f"{clip.name}.mp4")):
            for person in detector.detect(rgb(frame), frame.stamp_ns):
                xy_px[i], score[i] = person.xy_px, person.score
        made.append(replace(clip, xy_px=xy_px, score=score))
    return made


def mediapipe_views() -> list[real_views.Clip]:
    """MediaPipe's, as coco17."""
    clips = []
    for path in sorted(real_views.DATA.glob("*.npz")):
        clip = real_views.load(path)
        xy_px, score = mapping(clip.format, "coco17")(clip.xy_px, clip.score)
        clips.append(replace(clip, format="coco17", xy_px=xy_px, score=score))
    return clips


def residual(clips: list[real_views.Clip]) -> dict[str, float]:
    """Distance of limb joints from the reprojection of their own triangulation, pixels."""
    xy_px, score = np.stack([c.xy_px for c in clips]), np.stack([c.score for c in clips])
    weight = np.where(score > real_views.SEEN, score, 0.0)
    cameras = [clip.view for clip in clips]
    for _ in range(real_views.RECENTRINGS):
        found = real_views.triangulate_body(cameras, xy_px, weight, real_views.THRESHOLD_PX)
        cameras = real_views.recentred(cameras, xy_px, found)
    xyz_m = real_views.triangulate_body(cameras, xy_px, weight, real_views.THRESHOLD_PX).xyz_m
    off = np.stack([np.linalg.norm(xy - view.project(xyz_m), axis=-1) for xy, view in zip(xy_px, cameras, strict=True)])
    limbs = real_views.formats.get("coco17").indices(real_views.LIMB_JOINTS)
    off = off[..., limbs][(score[..., limbs] > real_views.SEEN) & np.isfinite(off[..., limbs])]
    return {
        "median_px": float(np.median(off)),
        "p90_px": float(np.percentile(off, 90)),
        "beyond_40_px_percent": 100 * float(np.mean(off > real_views.THRESHOLD_PX)),
        "joints": len(off),
    }


def hands(clips: dict[str, Path], reference: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict:
    """Of clips by name; `reference`: numbers of frames (H,) and joints (H, 21, 2) of MediaPipe's hands."""
    theirs_count = found = more = 0
    off = []
    for name, clip in clips.items():
        detector = detectors.make(DetectorConfig())
        numbers, joints_px = reference[name]
        for number, frame in enumerate(frames_of(clip)):
            ours = [p.xy_px for p in detector.detect(rgb(frame), frame.stamp_ns) if p.side]
            theirs = distinct(joints_px[numbers == number])
            theirs_count, more = theirs_count + len(theirs), more + len(ours)
            for hand in theirs:
                gaps = [np.linalg.norm(mine - hand, axis=1) for mine in ours]
                best = min(range(len(gaps)), key=lambda k: gaps[k].mean(), default=None)
                if best is not None and gaps[best].mean() < SAME_PALMS * palm(hand):
                    off.append(gaps[best])
                    ours.pop(best)
                    found, more = found + 1, more - 1
    return {
        "hands_of_mediapipe": theirs_count,
        "found_percent": 100 * found / theirs_count,
        "median_px": float(np.median(off)),
        "p95_px": float(np.percentile(off, 95)),
        "ours_beside": more,
    }


def palm(hand_px: np.ndarray) -> float:
    """Size of a hand's palm, pixels."""
    return DetectedHand(hand_px, 1.0, "left").palm_px


def distinct(hands_px: np.ndarray) -> list[np.ndarray]:
    """Each hand once: MediaPipe sometimes tells of one twice."""
    kept: list[np.ndarray] = []
    for hand in hands_px:
        if all(np.linalg.norm(hand - other, axis=1).mean() > SAME_PALMS * palm(hand) for other in kept):
            kept.append(hand)
    return kept


def demo_hands() -> tuple[dict[str, Path], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The demo bag and what MediaPipe found in it."""
    held = np.load(DEMO / "signing_mediapipe.npz")
    stamps = sorted(Bag(DEMO / "signing").image_stamps_ns)
    return {"signing": DEMO / "signing"}, {"signing": (np.searchsorted(stamps, held["stamp_ns"]), held["xy_px"])}


def clips_of_hands(folder: Path, reference: Path):
    """Clips and what tools/detect_hands.py wrote of them."""
    held = np.load(reference)
    names = sorted(name.removesuffix("_frame") for name in held if name.endswith("_frame"))
    clips = {name: next(folder.glob(f"{name}.*")) for name in names}
    return clips, {name: (held[f"{name}_frame"], held[f"{name}_xy_px"].reshape(-1, 21, 2)) for name in names}


def times(frame: Frame) -> dict[str, float]:
    """CPU milliseconds on one thread, of each network on one image, in turns."""
    image = rgb(frame)
    square = np.zeros((640, 640, 3), np.uint8)
    finder = HandFinder(DetectorConfig())
    region = Region((image.shape[1] / 2, image.shape[0] / 2), 200.0)
    jobs = {}
    for size in SIZES:
        network = MoveNet(DetectorConfig(input_size=size))
        shape = "x".join(map(str, shape_like(image.shape[1::-1], size, 32)))
        jobs[f"people, {shape}"] = lambda n=network: n.find(image, [])
        jobs[f"people, {size}x{size}"] = lambda n=network: n.find(square, [])
    jobs["a hand that is followed"] = lambda: finder.landmarks.look(image, region)
    jobs["a search for palms"] = lambda: finder.palms.find(image, 0.5)
    taken = {name: [] for name in jobs}
    for turn in range(REPEATS + 2):
        for name, job in jobs.items():
            began = time.process_time()
            job()
            if turn >= 2:
                taken[name].append(1e3 * (time.process_time() - began))
    return {name: float(np.median(ms)) for name, ms in taken.items()}


def scenes(folder: Path) -> dict[str, Path]:
    """Videos of 1, 2 and 4 people, 30 Hz, 640 pixels wide, made of the demo's."""
    two = [cv2.resize(f.bgr, (544, 960), interpolation=cv2.INTER_AREA) for f in Video(str(DEMO / "two_people.mp4"))]
    two = two[::2] + two[::-2]  # there and back: 3 s
    made = {
        "1 person": [f.bgr for f in frames_of(DEMO / "signing")],
        "2 people": two,
        "4 people": [np.hstack([image, image[:, ::-1]]) for image in two],
    }
    for name, images in made.items():
        with Movie(folder / name.replace(" ", "_"), 30.0, ("mp4v",)) as movie:
            for image in images:
                movie.write(np.ascontiguousarray(image))
        made[name] = movie.path
    return made


def latency() -> dict:
    """Image to skeletons through camera, detector and lifter as processes, p50 and p95, by arrival at the recorder."""
    from rosbags.highlevel import AnyReader

    from pose3d_ros.lab.bags.definitions import typestore
    from pose3d_ros.messages import stamp_to_ns
    from pose3d_ros.ros.demo import session

    found = {}
    with TemporaryDirectory() as scratch:
        for name, video in scenes(Path(scratch)).items():
            out = Path(scratch) / video.stem
            session.live(str(video), out, seconds=10.0)
            came: dict[str, dict[int, int]] = {"image/compressed": {}, "skeletons": {}}
            with AnyReader([out / "bag"], default_typestore=typestore()) as reader:
                for connection, at_ns, raw in reader.messages():
                    for topic, times_ns in came.items():
                        if connection.topic.endswith("/" + topic):
                            stamp = reader.deserialize(raw, connection.msgtype).header.stamp
                            times_ns.setdefault(stamp_to_ns(stamp), at_ns)
            images, answers = came.values()
            taken = [(answers[stamp] - images[stamp]) / 1e6 for stamp in answers.keys() & images.keys()]
            found[name] = {
                "p50_ms": float(np.percentile(taken, 50)),
                "p95_ms": float(np.percentile(taken, 95)),
                "images": len(images),
                "answered": len(taken),
            }
    return found


def machine() -> str:
    """Processor, cores, and how busy they were: CPU times and latencies of a busy machine are upper bounds."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder with clips of two people")
    parser.add_argument("--single", type=Path, help="folder with cam01.mp4 ... cam04.mp4")
    parser.add_argument("--hands", type=Path, help="folder with clips of hands")
    parser.add_argument("--reference", type=Path, help="what MediaPipe finds in them, by tools/detect_hands.py")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES[:2], help="longest side of the input")
    parser.add_argument("--latency", action="store_true", help="only: through the nodes")
    parser.add_argument("--json", type=Path, help="write the results to this file, too")
    args = parser.parse_args()
    clips = sorted(args.videos.glob("*.mp4")) if args.videos else [DEMO / "two_people.mp4"]
    result = {"latency": latency()} if args.latency else measured(args, clips)
    result |= {"machine": machine(), "command": " ".join(Path(word).name for word in sys.argv)}
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def measured(args: argparse.Namespace, clips: list[Path]) -> dict:
    """Everything but the latency."""
    given = clips_of_hands(args.hands, args.reference) if args.hands else demo_hands()
    result = {"people": {size: people(clips, size) for size in args.sizes}, "hands": hands(*given)}
    if args.single:
        result["residual"] = {"mediapipe": residual(mediapipe_views())}
        result["residual"] |= {f"movenet {size}": residual(views(args.single, size)) for size in args.sizes}
    return result | {"cpu_ms": times(next(frames_of(clips[0])))}


if __name__ == "__main__":
    main()

"""Do ExtPose's claims hold on rendered hands and people? The same small budget for every variant, errors on held-back
ones.

    python benchmark/extpose_study.py --out out/extpose_study [--windows 150000] [--only image both] [--seconds 1800]
    python benchmark/extpose_study.py --config config/train/body_extpose_study.yaml --data DATA --out out/body_study

Trains what is not trained yet (every variant has its folder and is resumed), measures it, and writes `study.md` and
`study.json` of all that is there. All variants go on from one network that has seen images only, as the paper's go on
from HaMeR: `image, first`, which sees FIRST times as many. Variants with several frames go on from `both`; so does
`both, T = 1, longer`, which they are to be compared with. Where the settings name a run in `image.start`, all go on
from that one instead. A budget this small ranks variants, it says little about a whole training.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from pose3d_ros.geometry.align import procrustes
from pose3d_ros.lab.evaluation.motion.images import FAULTS, MODALITIES, faulty, given_pose, held_back, measure, predict
from pose3d_ros.lab.synthesis.image_config import Subject
from pose3d_ros.lab.synthesis.image_windows import ImageWindows
from pose3d_ros.lab.training import config as settings
from pose3d_ros.lab.training import run
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.export import load_network
from pose3d_ros.lab.training.people import subjects
from pose3d_ros.lab.training.trainer import STATE
from pose3d_ros.models.extpose import ExtPose

LONG = 16  # frames of the windows that videos are measured on
FIRST = 6
ROW = "row.json"
VIDEO = {
    "both, T = 1, longer": (1, False),
    "T = 4": (4, False),
    "T = 8": (8, False),
    "T = 16": (16, False),
    "T = 8, causal": (8, True),
}


class OutOfTimeError(Exception):
    """The variant's share of time is spent; it is resumed the next time."""


def variants(base: TrainConfig, out: Path) -> dict[str, TrainConfig]:
    """Settings by name, in the order in which they are trained."""
    first, both = base.image.start or folder_of(out, "image, first"), folder_of(out, "both")

    def made(modalities: str, **network: object) -> TrainConfig:
        training = replace(base.image, modalities=modalities, start=str(first))
        return replace(base, image=training, extpose=replace(base.extpose, **network))

    found = {}
    if not base.image.start:
        training = replace(base.image, modalities="image")
        found["image, first"] = replace(base, image=training, windows=FIRST * base.windows, warmup=FIRST * base.warmup)
    found |= {
        "both": made("both"),
        "image": made("image"),
        "pose": made("pose"),
        "pose as coordinates": made("pose", pose_input="coordinates"),
        "pose as heatmaps": made("pose", pose_input="heatmaps"),
        "late fusion": made("both", fusion="late"),
        "channel concatenation": made("both", fusion="channel_concat"),
    }
    for name, (frames, causal) in VIDEO.items():
        # as many images as the others, in fewer windows
        found[name] = replace(
            made("both", frames=frames),
            images=replace(base.images, frames=frames),
            image=replace(base.image, causal=causal, start=str(both)),
            windows=max(base.windows // frames, 1),
            warmup=base.warmup // frames,
            batch=max(base.batch // frames, 4),
        )
    return found


def folder_of(out: Path, name: str) -> Path:
    """Where a variant is trained."""
    return out / name.replace(",", "").replace(" = ", "").replace(" ", "_")


def is_done(config: TrainConfig, folder: Path) -> bool:
    """Whether a variant has seen all its windows."""
    state = folder / STATE
    return state.is_file() and (
        torch.load(state, map_location="cpu", weights_only=True)["windows_seen"] >= config.windows
    )


def train(config: TrainConfig, data: Path, folder: Path, seconds: float) -> bool:
    """Train or go on; whether it is done."""
    if is_done(config, folder):
        return True
    state = folder / STATE
    end = time.monotonic() + seconds

    def check(_: dict) -> None:
        if time.monotonic() > end:
            raise OutOfTimeError

    every = max(1, 100 * 64 // config.batch // config.images.frames)
    try:
        run.train(config, data, folder, resume=state.is_file(), report_every=every, on_report=check)
    except OutOfTimeError:
        return False
    return True


def row_of(network: ExtPose, config: TrainConfig, single: ImageWindows, videos: ImageWindows, subject: Subject) -> dict:
    """All that is measured of one variant."""
    images, image = config.images, config.image
    first = image.modalities

    def errors(given: ImageWindows, truth: ImageWindows, name: str) -> dict:
        return measure(predict(network, given, images, name, image.causal)[0], truth, images.rate_hz, subject)

    row: dict = {
        "parameters_m": round(sum(p.numel() for p in network.parameters()) / 1e6, 2),
        "ms_per_frame": milliseconds(network, videos, config),
        "given": {name: errors(single, single, name) for name in (MODALITIES if first == "both" else (first,))},
        "video": errors(videos, videos, first),
    }
    if first != "image":
        row["faults"] = {fault: errors(faulty(single, fault, images.render.height), single, first) for fault in FAULTS}
    return row


@torch.inference_mode()
def milliseconds(network: ExtPose, windows: ImageWindows, config: TrainConfig, repeats: int = 10) -> float:
    """Median time of one more frame of one hand or person, with the past in the cache where there is one."""
    part = ImageWindows(*(value[:1] for value in windows))
    image, pose = part.image, given_pose(network, part, config.images)
    first = config.image.modalities
    cache = network.start(1, first != "pose", first != "image")
    spent = []
    for frame in range(repeats):
        at = frame % image.shape[1]
        began = time.perf_counter()
        network.step(None if first == "pose" else image[:, at], None if first == "image" else pose[:, at], cache)
        spent.append(time.perf_counter() - began)
    return round(1e3 * sorted(spent)[repeats // 2], 2)


def one_posture(windows: ImageWindows) -> float:
    """PA-MPJPE in mm of the one posture that fits all best (generalised Procrustes analysis, Gower 1975): what is
    reached without telling how any finger or limb is bent."""
    xyz = windows.xyz[:, 0].numpy().astype(np.float64)
    mean = xyz[0]
    for _ in range(5):
        mean = np.median(procrustes(xyz, np.broadcast_to(mean, xyz.shape)), axis=0)
    off = procrustes(np.broadcast_to(mean, xyz.shape), xyz) - xyz
    return round(1e3 * float(np.linalg.norm(off, axis=-1).mean()), 3)


def table(title: str, columns: list[str], rows: list[list[object]]) -> list[str]:
    """Markdown lines."""
    cells = ["| " + " | ".join("-" if cell is None else str(cell) for cell in row) + " |" for row in (columns, *rows)]
    return ["", f"### {title}", "", cells[0], "|---" * len(columns) + "|", *cells[1:]]


def markdown(found: dict[str, dict], meta: dict) -> str:
    """The tables of what is there."""
    about = f"{meta['windows']:,} windows per variant, seed {meta['seed']}, {meta['machine']}"
    lines = [f"{about}; {meta['count']} held-back windows."]

    share = next((key for row in found.values() for key in row["video"] if key.startswith("pck")), "pck")
    right = f"PCK {share[3:]} mm"

    def errors(values: dict) -> list[object]:
        return [values["pa_mpjpe_mm"], values["mpjpe_mm"], values[share]]

    names = [
        name
        for name in ("image, first", "pose as coordinates", "pose as heatmaps", "pose", "image", "both")
        if name in found
    ]
    rows = [[name, *errors(next(iter(found[name]["given"].values())))] for name in names]
    if "both" in found:
        rows += [[f"both, given {part} only", *errors(found["both"]["given"][part])] for part in ("image", "pose")]
    rows.append(["one posture for all", meta["one_posture_mm"], None, None])
    lines += table("What is given", ["trained on", "PA-MPJPE mm", "MPJPE mm", right], rows)
    names = [name for name in ("image", "late fusion", "channel concatenation", "both") if name in found]
    rows = [[name, *errors(next(iter(found[name]["given"].values()))), found[name]["parameters_m"]] for name in names]
    lines += table("Fusion", ["", "PA-MPJPE mm", "MPJPE mm", right, "M parameters"], rows)
    names = [name for name in ("both", *VIDEO) if name in found]
    rows = [
        [name, *errors(found[name]["video"]), found[name]["video"]["accel_error_m_s2"], found[name]["ms_per_frame"]]
        for name in names
    ]
    title = f"Frames, on windows of {LONG}"
    lines += table(title, ["", "PA-MPJPE mm", "MPJPE mm", right, "acceleration error m/s²", "ms a frame"], rows)
    rows = [
        [
            name,
            *(
                f"{found[name]['faults'][fault]['pa_mpjpe_mm']} / {found[name]['faults'][fault]['mpjpe_mm']}"
                for fault in FAULTS
            ),
        ]
        for name in ("pose", "both", "late fusion", "channel concatenation")
        if name in found
    ]
    lines += table("Wrong 2D: PA-MPJPE / MPJPE in mm", ["", *FAULTS], rows)
    return "\n".join([*lines, "", *claims(found)]) + "\n"


def claims(found: dict[str, dict]) -> list[str]:
    """The published ordering, each with its number."""
    lines = []

    def error(name: str, part: str, key: str = "pa_mpjpe_mm") -> float:
        values = found[name][part]
        return (next(iter(values.values())) if part == "given" else values)[key]

    for other in ("image", "pose"):
        if {"both", other} <= set(found):
            gain, whole = (
                1 - error("both", "given", key) / error(other, "given", key) for key in ("pa_mpjpe_mm", "mpjpe_mm")
            )
            lines.append(
                f"- both against {other} alone: PA-MPJPE lower by {100 * gain:.1f} %, MPJPE by {100 * whole:.1f} %"
            )
    alone = "both, T = 1, longer"
    for name in VIDEO:
        if name != alone and {name, alone} <= set(found):
            gain, cost = (
                1 - error(name, "video", key) / error(alone, "video", key)
                for key in ("accel_error_m_s2", "pa_mpjpe_mm")
            )
            lines.append(
                f"- {name} against T = 1: acceleration error lower by {100 * gain:.1f} %, "
                f"PA-MPJPE by {100 * cost:.1f} %"
            )
    if {"T = 8", "T = 8, causal"} <= set(found):
        more = error("T = 8, causal", "video") / error("T = 8", "video") - 1
        lines.append(f"- causal against bidirectional at T = 8: PA-MPJPE higher by {100 * more:.1f} %")
    if {"both", "pose"} <= set(found):
        for key, title in (("pa_mpjpe_mm", "PA-MPJPE"), ("mpjpe_mm", "MPJPE")):
            grown = [
                found[name]["faults"]["shifted"][key] - found[name]["faults"]["none"][key] for name in ("both", "pose")
            ]
            lines.append(
                f"- 2D shifted by a tenth of the crop: {title} grows by {grown[0]:.2f} mm (both), "
                f"{grown[1]:.2f} mm (pose)"
            )
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--config", type=Path, default=Path(__file__).parents[1] / "config/train/hand_extpose_study.yaml"
    )
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the motion files that people come from")
    parser.add_argument("--out", type=Path, default=Path("out/extpose_study"))
    parser.add_argument("--windows", type=int, help="of every variant, instead of the settings'")
    parser.add_argument("--seconds", type=float, default=1e9, help="at most, for each variant; the rest the next time")
    parser.add_argument("--count", type=int, default=1024, help="held-back windows; an eighth of them of 16 frames")
    parser.add_argument("--only", nargs="*", help="names of variants")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    base = replace(settings.load(args.config), device=args.device)
    base = replace(
        base, windows=args.windows or base.windows, warmup=min(base.warmup, (args.windows or base.windows) // 10)
    )
    known = variants(base, args.out)
    by_folder = {folder_of(args.out, name): config for name, config in known.items()}
    unknown = set(args.only or ()) - set(known)
    if unknown:
        parser.error(f"unknown variants {sorted(unknown)}; known are {', '.join(known)}")
    people = subjects(base, args.data).validation
    single = held_back(args.count, base.images, subject=people)
    videos = held_back(max(args.count // 8, 1), replace(base.images, frames=LONG), subject=people)
    meta = {
        "windows": base.windows,
        "seed": base.seed,
        "machine": run.machine(args.device),
        "count": args.count,
        "one_posture_mm": one_posture(single),
    }
    for name, config in known.items():
        folder = folder_of(args.out, name)
        if args.only and name not in args.only:
            continue
        start = Path(config.image.start)
        if start in by_folder and not is_done(by_folder[start], start):
            print(f"{name}: goes on from {start}, which is not done")
        elif train(config, args.data, folder, args.seconds):
            network, _ = load_network(folder, config)
            (folder / ROW).write_text(json.dumps({"name": name} | row_of(network, config, single, videos, people)))
        else:
            print(f"{name}: not done yet; run this again")
        write(args.out, meta)


def write(out: Path, meta: dict) -> None:
    """Tables of all rows that are there."""
    rows = [json.loads(path.read_text()) for path in out.glob(f"*/{ROW}")]
    found = {row["name"]: row for row in rows}
    out.mkdir(parents=True, exist_ok=True)
    (out / "study.json").write_text(json.dumps({"rows": found, "meta": meta}, indent=1))
    (out / "study.md").write_text(markdown(found, meta))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Studies that need no training, as JSON and markdown tables.

    python tools/run_studies.py --motion FILE [--pairs FILE] [--weights body_dtf27] [--studies rate lookahead]
        [--clips 12] [--out out/studies]

Cells: MPJPE / PA-MPJPE in mm / acceleration error in m/s². Fewer clips for a quick look; the numbers say how many.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.lab.evaluation.motion.ablations import STUDIES, markdown
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig
from pose3d_ros.lab.evaluation.motion.pairs import evaluate_pairs, record_pairs
from pose3d_ros.lab.evaluation.report import machine
from pose3d_ros.lab.synthesis import motion
from pose3d_ros.models import registry

PROTOCOLS = ("clean", "random:12", "burst")
RATE_HZ = 30.0


def run(args: argparse.Namespace) -> None:
    """Every chosen study writes its files as soon as it is done."""
    lifter = registry.load(args.weights, args.device)
    clips = motion.load([args.motion])
    config = EvaluationConfig(protocols=tuple(args.protocols), clips=args.clips, cameras=args.cameras, seed=args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    meta = {"motion": args.motion.name, "weights": args.weights, "clips": args.clips or len(clips)}
    meta["cameras"] = args.cameras
    meta |= machine(lifter.description)
    for name in args.studies:
        study = STUDIES[name](lifter, clips, config)
        found = {row: {p: metrics.as_dict() for p, metrics in per.items()} for row, per in study.items()}
        write(args.out / name, {name: found, "meta": meta}, markdown(name, study))
    if args.pairs:
        found = evaluate_pairs(lifter, record_pairs(args.pairs, RATE_HZ, args.cameras, args.seed), RATE_HZ)
        rows = "\n".join(f"| {key} | {value:g} |" for key, value in found.items() if value is not None)
        write(args.out / "pairs", {"pairs": found, "meta": meta}, f"| two people | |\n|---|---|\n{rows}\n")


def write(path: Path, report: dict, table: str) -> None:
    """JSON and markdown side by side; the table is printed too."""
    path.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    path.with_suffix(".md").write_text(table)
    print(table, flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--weights", default="body_dtf27")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--studies", nargs="*", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--protocols", nargs="+", default=PROTOCOLS)
    parser.add_argument("--clips", type=int, default=0)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/studies"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    try:
        run(args)
    except Pose3DError as error:
        sys.exit(f"tools/run_studies.py: {error}")


if __name__ == "__main__":
    main()

"""What helps the lifter: the same small budget for every variant, errors on the validation people.

    python benchmark/ablations.py --data data --windows 60000 --json out/ablations.json

Groups: views, confidence, reach (f_past, f_future), widening. Variants share seed, budget and validation windows. A
budget this small ranks variants, it says little about the errors of a whole training.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from pose3d_ros.guidance import GuidanceConfig
from pose3d_ros.lab.synthesis.augmentation import WidenConfig
from pose3d_ros.lab.training import config as settings
from pose3d_ros.lab.training import run
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.trainer import Trainer
from pose3d_ros.lab.training.validation import Validator

PROTOCOLS = ("clean", "random:12", "burst", "truncated")
NO_WIDENING = WidenConfig(mirror=0.0, bodies=0.0, mix=0.0, angles=0.0, legs=0.0, arms=0.0, tilt=0.0)
DEFAULT = WidenConfig()


def variants(base: TrainConfig) -> Iterator[tuple[str, str, TrainConfig]]:
    """Group, name and settings of every variant."""
    for views in (1, 2, 3, 4):
        # the views share the channels, so that the sizes stay alike
        channels = base.model.channels * 2 // views // base.model.heads * base.model.heads
        yield "views", f"{views} x {channels}", replace(base, model=replace(base.model, views=views, channels=channels))
    for on in (True, False):
        yield "confidence", "on" if on else "off", _with_guidance(base, confidence=on)
    for past, future in ((40, 40), (10, 10), (10, 40), (40, 10), (4, 4)):
        yield "reach", f"f_past {past}, f_future {future}", _with_guidance(base, f_past=past, f_future=future)
    added: dict[str, float] = {}
    yield "widening", "none", _with_widening(base, NO_WIDENING)
    for name, fields in (
        ("other bodies", ("bodies",)),
        ("+ mixed upper bodies", ("mix",)),
        ("+ joint angles", ("angles",)),
        ("+ low legs, reaching arms", ("legs", "arms")),
        ("all (+ mirror, tilt)", ("mirror", "tilt")),
    ):
        added |= {field: getattr(DEFAULT, field) for field in fields}
        yield "widening", name, _with_widening(base, replace(NO_WIDENING, **added))


def _with_guidance(base: TrainConfig, **changes: object) -> TrainConfig:
    return replace(base, data=replace(base.data, guidance=GuidanceConfig(**changes)))


def _with_widening(base: TrainConfig, widen: WidenConfig) -> TrainConfig:
    return replace(base, data=replace(base.data, widen=widen))


def measure(config: TrainConfig, known: run.People, count: int) -> dict[str, float]:
    """Train one variant and measure it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, known.training, Path(folder))
        trainer.run(report_every=1_000_000)
    seconds = time.monotonic() - began
    validate = Validator(
        known.validation.to(config.device),
        config.data.frames,
        config.data.rate_hz,
        config.data.guidance,
        PROTOCOLS,
        count,
    )
    parameters = sum(value.numel() for value in trainer.model.parameters())
    return validate(trainer.network) | {"parameters_m": round(parameters / 1e6, 2), "seconds": round(seconds, 1)}


def markdown(results: dict[str, dict[str, dict[str, float]]], meta: dict) -> str:
    """One table per group: MPJPE and PA-MPJPE in millimetres per protocol."""
    lines = [
        f"{meta['windows']:,} windows per variant, seed {meta['seed']}, {meta['machine']}; MPJPE / PA-MPJPE in mm."
    ]
    for group, rows in results.items():
        lines += ["", f"| {group} | {' | '.join(PROTOCOLS)} | M parameters |", "|---" * (len(PROTOCOLS) + 2) + "|"]
        for name, row in rows.items():
            cells = [f"{row[f'mpjpe_mm {p}']:.1f} / {row[f'pa_mpjpe_mm {p}']:.1f}" for p in PROTOCOLS]
            lines.append(f"| {name} | {' | '.join(cells)} | {row['parameters_m']:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config/train/body_dtf27.yaml")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--windows", type=int, default=60_000, help="of every variant")
    parser.add_argument("--groups", nargs="*", default=["views", "confidence", "reach", "widening"])
    parser.add_argument("--count", type=int, default=2048, help="validation windows per protocol")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("out/ablations.json"))
    args = parser.parse_args()
    if not (args.data / "body").is_dir():  # the data are the user's: without them there is nothing to measure
        print(f"{args.data}: no motion files there; see docs/training.md")
        return
    torch.set_num_threads(args.threads)
    base = settings.load(args.config)
    # few steps: short warm-up, and an average that forgets its beginning
    base = replace(base, windows=args.windows, warmup=args.windows // 10, ema=0.98, device=args.device, compile=False)
    known = run.people(base, args.data)
    results: dict[str, dict[str, dict[str, float]]] = {}
    meta = {"windows": args.windows, "seed": base.seed, "machine": run.machine(args.device), "count": args.count}
    args.json.parent.mkdir(parents=True, exist_ok=True)
    for group, name, config in variants(base):
        if group not in args.groups:
            continue
        results.setdefault(group, {})[name] = measure(config, known, args.count)
        print(f"{group}: {name}: {results[group][name]}", flush=True)
        args.json.write_text(json.dumps({"meta": meta, "results": results}, indent=1))
        args.json.with_suffix(".md").write_text(markdown(results, meta))


if __name__ == "__main__":
    main()

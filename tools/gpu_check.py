#!/usr/bin/env python3
"""Check all shipped networks on all backends of a GPU: parity, latency, precision, memory, failure. See gpu_check.sh.

Each step stands alone: one that fails is written into the report, and the next goes on. What does not fit into the time
is named as skipped.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.engines import EngineCache, Ladder
from pose3d_ros.engines.backends.choice import FILES, Rung, backend
from pose3d_ros.engines.base import Target, explain
from pose3d_ros.engines.builder import build
from pose3d_ros.models import registry

MODELS = ("body_dtf27", "body_stream", "hand_dtf27", "hand_extpose", "body_extpose")
MEASURED = "body_dtf27"  # latency over numbers of people, precision, memory
ROWS = (1, 4, 16, 64, 128)


def main() -> int:
    """Run all steps and print the table. Exit status 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--budget-s", type=float, default=420.0)
    parser.add_argument("--calls", type=int, default=100_000, help="of the memory check, as far as the time allows")
    parser.add_argument("--models", default=",".join(MODELS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    check = Check(args.device, time.monotonic() + args.budget_s, args.models.split(","), args.calls)
    check.all()
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(check.report, indent=1) + "\n")
    show(check.report)
    return int(any("failed" in row for row in check.report["steps"]))


class Check:
    """The steps, in the order of what is worth most."""

    def __init__(self, device: str, end: float, models: list[str], calls: int) -> None:
        self.device, self.end, self.models, self.calls = device, end, models, calls
        self.report: dict[str, Any] = {"machine": machine(device), "steps": []}
        self.names = [name for name in FILES if backend(name).on_gpu == device.startswith("cuda") or name == "torch"]

    def all(self) -> None:
        """Every backend with every model; then what is measured with one; then failure."""
        for name in self.models:
            for kind in self.names:
                self.step(f"{name} on {kind}", lambda name=name, kind=kind: self.parity(name, kind))
        for kind in self.names:
            self.step(f"latency on {kind}", lambda kind=kind: self.latency(kind))
        self.step("fp16 and bf16", self.precision)
        self.step("fallback", self.fallback)
        self.step("memory", self.memory)

    def step(self, name: str, run: Callable[[], dict[str, Any]]) -> None:
        """One row of the report."""
        if time.monotonic() > self.end:
            self.report["steps"].append({"step": name, "skipped": "no time left"})
            return
        begin = time.monotonic()
        try:
            row = run()
        except (Pose3DError, RuntimeError, AssertionError, ImportError) as error:
            row = {"failed" if not _absent(error) else "absent": explain(error)}
        row = {"step": name, **row, "seconds": round(time.monotonic() - begin, 1)}
        self.report["steps"].append(row)
        print(json.dumps(row), flush=True)

    def parity(self, name: str, kind: str) -> dict[str, Any]:
        """Build and load, which checks against eager fp32; then the largest difference, and one call's time."""
        program = registry.program(name)
        with self.engine(program, kind, (1, 4)) as engine:
            batch = program.example(4)
            found, wanted = engine(batch), program.reference(batch)
            off = max(float(np.abs(found[key] - wanted[key]).max()) for key in program.outputs if key == "xyz")
            return {"xyz_off_m": off, "ms": _median_ms(lambda: engine(batch), 30), "runs": str(engine.info)}

    def latency(self, kind: str) -> dict[str, Any]:
        """Milliseconds of one call for 1 to 128 people, host to host."""
        program = registry.program(MEASURED)
        rows = ROWS if self.device.startswith("cuda") else ROWS[:2]
        with self.engine(program, kind, rows) as engine:
            times = {people: _median_ms(lambda people=people: engine(program.example(people)), 30) for people in rows}
        return {"ms": times}

    def precision(self) -> dict[str, Any]:
        """Distance of half precisions from fp32 in millimetres, on the spec's example of 64 people."""
        program = registry.program(MEASURED)
        batch, found = program.example(64), {}
        wanted = program.reference(batch)["xyz"]
        for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
            module = program.placed(self.device, dtype)
            inputs = [torch.from_numpy(batch[key]).to(self.device, dtype) for key in program.inputs]
            with torch.inference_mode():
                off = np.linalg.norm(module(*inputs)["xyz"].float().cpu().numpy() - wanted, axis=-1) * 1e3
            found[name] = {"mean_mm": float(off.mean()), "p99_mm": float(np.percentile(off, 99))}
        return found

    def fallback(self) -> dict[str, Any]:
        """An engine that fails in a call: the ladder goes on with the next one, and says so."""
        program = registry.program(MEASURED)
        steps = [Rung(backend(kind), self.target((1, 4))) for kind in self.names if kind != "tensorrt"]
        steps.append(Rung(backend("torch"), Target("cpu")))
        ladder = Ladder(program, steps)
        try:
            first = ladder.info.name
            ladder._engine.__class__ = type("Failing", (ladder._engine.__class__,), {"__call__": _fail})
            ladder(program.example(1))
            return {"from": first, "to": ladder.info.name, "falls": ladder.falls, "said": ladder.news()}
        finally:
            ladder.close()

    def memory(self) -> dict[str, Any]:
        """Memory before and after many calls: it must stay flat."""
        program = registry.program(MEASURED)
        kind = "cuda" if self.device.startswith("cuda") else "torch"
        with self.engine(program, kind, (1, 4)) as engine:
            batch, calls = program.example(1), 0
            for _ in range(200):
                engine(batch)
            before = _memory_mb(self.device)
            while calls < self.calls and time.monotonic() < self.end:
                engine(batch)
                calls += 1
            return {"calls": calls, "grown_mb": {key: _memory_mb(self.device)[key] - before[key] for key in before}}

    def target(self, rows: tuple[int, ...]) -> Target:
        """Where the backends run."""
        return Target(self.device, "fp32", 1, rows, rows)

    def engine(self, program: Any, kind: str, rows: tuple[int, ...]) -> "Opened":
        """A context with a checked and warm engine."""
        rung = Rung(backend(kind), self.target(rows))
        rung.kind.versions(rung.target)
        folder = build(program, rung, EngineCache.default()) if rung.kind.built else None
        return Opened(rung.load(program, folder))


class Opened:
    """An engine that is closed at the end of a `with` block."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine

    def __enter__(self) -> Any:
        return self.engine

    def __exit__(self, *_: object) -> None:
        self.engine.close()


def machine(device: str) -> dict[str, Any]:
    """What the numbers are of."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "cuda": str(torch.version.cuda)}
    if device.startswith("cuda") and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(device)
    try:
        import torch_tensorrt

        found["torch_tensorrt"] = torch_tensorrt.__version__
    except Exception as error:  # a broken install raises anything
        found["torch_tensorrt"] = f"absent ({explain(error)})"
    return found


def show(report: dict[str, Any]) -> None:
    """One line a step."""
    print(f"\n{report['machine']}\n")
    for row in report["steps"]:
        told = {key: value for key, value in row.items() if key not in ("step", "seconds")}
        print(f"{row['step']:32} {row.get('seconds', 0):6.1f} s  {json.dumps(told)[:150]}")


def _absent(error: BaseException) -> bool:
    return type(error).__name__ == "UnavailableError"


def _fail(*_: Any) -> None:
    raise RuntimeError("made to fail by tools/gpu_check.py")


def _median_ms(run: Callable[[], Any], calls: int) -> float:
    run()
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begin))
    return round(float(np.median(times)), 3)


def _memory_mb(device: str) -> dict[str, float]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    found = {"host": pages * 4096 / 2**20}
    if device.startswith("cuda"):
        found["gpu"] = torch.cuda.memory_reserved(device) / 2**20
    return found


if __name__ == "__main__":
    sys.exit(main())

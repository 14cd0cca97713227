"""GPU and driver, the backend that `auto` takes, and the engine cache."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pose3d_ros.cli.diagnosis.child import run
from pose3d_ros.cli.diagnosis.page import Line

WEIGHTS = "body_dtf27"
DRIVER = Path("/proc/driver/nvidia/version")
TEGRA = Path("/etc/nv_tegra_release")
ENOUGH_BYTES = 2 << 30  # TensorRT engines of all models and their builder's files
_TORCH = """
import json, torch
found = {"built": torch.version.cuda or "", "available": torch.cuda.is_available()}
if found["available"]:
    p = torch.cuda.get_device_properties(0)
    found |= {"name": p.name, "capability": f"{p.major}.{p.minor}", "gb": round(p.total_memory / 2**30, 1)}
print(json.dumps(found))
"""
_RUNGS = "import sys; from pose3d_ros.cli.diagnosis.rungs import main; main(sys.argv[1])"


def gpu() -> Iterator[Line]:
    """What the system and what torch know of an NVIDIA GPU."""
    driver = DRIVER.read_text().split("\n")[0].split("Module")[-1].strip() if DRIVER.is_file() else ""
    if TEGRA.is_file():
        yield Line("jetson", TEGRA.read_text().split("\n")[0].lstrip("# "))
    if smi := _smi():
        yield Line("nvidia-smi", smi)
    yield Line("nvidia driver", driver or "none", "" if driver else "only for NVIDIA GPUs", absent=not driver)
    lines, why = run(_TORCH)
    if not lines:
        yield Line("torch and CUDA", f"torch does not start: {why}", "reinstall torch; docs/dependencies.md")
        return
    found = lines[0]
    if found["available"]:
        text = f"{found['name']}, compute capability {found['capability']}, {found['gb']} GiB, CUDA {found['built']}"
        yield Line("torch and CUDA", text)
    elif driver or TEGRA.is_file() or smi:
        text = f"torch sees no GPU; it was built {'for CUDA ' + found['built'] if found['built'] else 'without CUDA'}"
        yield Line("torch and CUDA", text, "install the torch build of this driver or JetPack: docs/dependencies.md")
    else:
        yield Line("torch and CUDA", "no GPU", "the CPU is used", absent=True)


def backends() -> Iterator[Line]:
    """Step by step, best first, and the cache they load from."""
    lines, why = run(_RUNGS, [WEIGHTS])
    steps = {line["rung"]: line for line in lines if "rung" in line}
    for name, step in steps.items():
        hint = ""
        if step["state"] == "not built":
            hint = "`pose3d engine build`, once, for a quick start; else the node builds it when it starts"
        elif step["state"] == "ends the interpreter":
            hint = "its installation is broken: reinstall it, or choose another with body.backend"
        yield Line(name, f"{step['state']}: {step['text'] or why}", hint, absent=step["state"] == "not here")
    if not any(step["state"] == "TAKEN" for step in steps.values()):
        yield Line(f"auto, for {WEIGHTS}", f"NOTHING runs: {why}", "see what is missing or broken above")
    yield from _cache(next((line for line in lines if "cache" in line), None))


def _cache(found: dict | None) -> Iterator[Line]:
    if found is None:
        return
    if not found["cache"]:
        yield Line("engine cache", "none: POSE3D_ROS_ENGINES is empty", "unset it, or name a folder")
        return
    folder, entries = Path(found["cache"]), found["entries"]
    damaged = [entry["name"] for entry in entries if entry["fault"]]
    text = f"{folder}: {len(entries)} engines, {sum(entry['mb'] for entry in entries):.0f} MB"
    if damaged:
        text += f", DAMAGED or foreign: {', '.join(damaged)}"
    yield Line("engine cache", text, "`pose3d engine clear --damaged`" if damaged else "")
    there = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    if not os.access(there, os.W_OK):
        yield Line("its folder", f"{there} cannot be written", "set POSE3D_ROS_ENGINES to a folder that can")
    free = shutil.disk_usage(there).free
    hint = "" if free > ENOUGH_BYTES else "less than 2 GiB: a TensorRT build may fail"
    yield Line("its disk", f"{free / 2**30:.1f} GiB free", hint)


def _smi() -> str:
    """The driver's own word, "" where its tool is not there or does not answer."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return ""
    query = [tool, "--query-gpu=name,driver_version,compute_cap,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not answer ({type(error).__name__})"
    return (done.stdout or done.stderr).strip().replace("\n", "; ")

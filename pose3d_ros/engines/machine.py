"""What an engine's files depend on beside the model: this package, the platform, the GPU."""

import hashlib
import inspect
import platform
import re
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

from pose3d_ros.engines.base import UnavailableError, explain

DRIVER = Path("/proc/driver/nvidia/version")
TEGRA = Path("/etc/nv_tegra_release")


def gpu(device: str) -> dict[str, str | int]:
    """Name, compute capability, size and driver. Raises UnavailableError without a GPU that torch sees."""
    try:
        if not torch.cuda.is_available():
            raise UnavailableError("no GPU that torch sees")
        if not device.startswith("cuda"):
            raise UnavailableError("not wanted, the device is cpu")
        properties = torch.cuda.get_device_properties(device)
    except UnavailableError:
        raise
    except Exception as error:  # no driver, an old one, a GPU that fell off the bus: each has its own type
        raise UnavailableError(f"no usable GPU ({explain(error)})") from error
    return {
        "gpu": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "driver": _first(DRIVER, r"Kernel Module\S*(?:\s+for \S+)?\s+(\S+)"),
        "l4t": _first(TEGRA, r"(R\d+.*?REVISION: \S+)"),
    }


def host() -> dict[str, str]:
    """Platform, and version of this package."""
    try:
        version = metadata.version("pose3d_ros")
    except metadata.PackageNotFoundError:  # a source tree on the path
        version = "source"
    return {"platform": f"{platform.system()} {platform.machine()}".lower(), "pose3d_ros": version}


def code_sha256(module: nn.Module) -> str:
    """Of the source files of the network's own classes: with other code the same weights mean another graph."""
    files = {inspect.getsourcefile(type(part)) for part in module.modules()}
    files = {Path(file) for file in files if file and not Path(file).is_relative_to(Path(torch.__file__).parent)}
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _first(file: Path, pattern: str) -> str:
    try:
        match = re.search(pattern, file.read_text())
    except OSError:
        return ""
    return match.group(1) if match else ""

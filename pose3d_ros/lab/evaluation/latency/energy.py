"""Energy that the machine has used, where its counters can be read."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

RAPL = Path("/sys/class/powercap")
INA = Path("/sys/bus/i2c/drivers/ina3221")


class Meter(NamedTuple):
    """`joules()` rises from call to call; of the whole part that `source` names, other processes included."""

    source: str
    joules: Callable[[], float]


def meter(device: str = "cpu") -> Meter | None:
    """Of the GPU (NVML), the board (Jetson's power monitor) or the processor (RAPL); None where none can be read."""
    for make in (_nvml, _board) if device.startswith("cuda") else (_board, _rapl):
        try:
            found = make(device)
            if found:
                found.joules()
                return found
        except Exception:  # no right to read, no driver, no module: each has its own type
            continue
    return None


def _nvml(device: str) -> Meter:
    import pynvml

    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(int(device.partition(":")[2] or 0))
    return Meter("GPU (NVML)", lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)


def _rapl(_: str) -> Meter | None:
    """All processor packages. The counters start again at their end: a step down adds their range."""
    zones = [zone for zone in sorted(RAPL.glob("*-rapl:?")) if (zone / "energy_uj").is_file()]
    if not zones:
        return None
    ranges = [int((zone / "max_energy_range_uj").read_text()) for zone in zones]
    last = [int((zone / "energy_uj").read_text()) for zone in zones]
    total = 0

    def joules() -> float:
        nonlocal total, last
        now = [int((zone / "energy_uj").read_text()) for zone in zones]
        total += sum((b - a) % span for a, b, span in zip(last, now, ranges, strict=True))
        last = now
        return total / 1e6

    return Meter("processor (RAPL)", joules)


def _board(_: str) -> Meter | None:
    """The first channel of a Jetson's monitor, its input. It shows power: between two readings counts their mean."""
    inputs = sorted(INA.glob("*/hwmon/hwmon*/in1_input"))
    if not inputs:
        return None
    volts_mv, current_ma = inputs[0], inputs[0].with_name("curr1_input")

    def watts() -> float:
        return int(volts_mv.read_text()) * int(current_ma.read_text()) / 1e6

    total, last_w, last_s = 0.0, watts(), time.monotonic()

    def joules() -> float:
        nonlocal total, last_w, last_s
        now_w, now_s = watts(), time.monotonic()
        total += 0.5 * (last_w + now_w) * (now_s - last_s)
        last_w, last_s = now_w, now_s
        return total

    return Meter("board (INA3221)", joules)

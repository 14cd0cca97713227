"""What a robot's surroundings must give: ROS and DDS settings for images, clocks, the CPU's governor."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from pose3d_ros.cli.diagnosis.page import Check, Line

RAW_IMAGE_BYTES = 1920 * 1080 * 3
SEGMENT_BYTES = 4 * RAW_IMAGE_BYTES
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")  # of Fast DDS 2 and 3
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
SHARED_MEMORY = Path("/dev/shm")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
JUMP_S = 0.05


def ros() -> Iterator[Line]:
    """Distribution, middleware, domain; nothing more where ROS is not set up."""
    distro = os.environ.get("ROS_DISTRO", "")
    if not distro:
        yield Line("ROS_DISTRO", "not set", "for the nodes: source your ROS installation, or tools/env.sh", absent=True)
        return
    yield Line("ROS_DISTRO", distro)
    middleware = os.environ.get("RMW_IMPLEMENTATION", "")
    yield Line("RMW_IMPLEMENTATION", middleware or "not set: the distribution's default")
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or os.environ.get("ROS_LOCALHOST_ONLY", "")
    yield Line("ROS_DOMAIN_ID", f"{os.environ.get('ROS_DOMAIN_ID', '0')}, discovery {reach or 'as by default'}")
    if not middleware or "fastrtps" in middleware:
        yield from _fastdds()
    yield Line("use_sim_time", "true for bags with --clock and for simulations; false with a camera")


def network() -> Iterator[Line]:
    """What raw images need of the system: 6.2 MB each at 1080p."""
    if RMEM_MAX.is_file():
        size = int(RMEM_MAX.read_text())
        hint = "" if size >= RAW_IMAGE_BYTES else (
            "raw images from another machine, or without shared memory, are lost: "
            "sudo sysctl -w net.core.rmem_max=16777216"
        )  # fmt: skip
        yield Line("net.core.rmem_max", f"{size} bytes; a raw image of 1080p has {RAW_IMAGE_BYTES}", hint)
    if SHARED_MEMORY.is_dir():
        free = shutil.disk_usage(SHARED_MEMORY).free
        hint = "" if free > 1 << 28 else "images in shared memory need 256 MB: docker run --shm-size=512m"
        yield Line(str(SHARED_MEMORY), f"{free / 2**20:.0f} MB free", hint)


def clocks() -> Check:
    """A check that compares both clocks from now until it is run, which should be last."""
    wall, monotonic = time.time(), time.monotonic()

    def clock() -> Iterator[Line]:
        passed_s = time.monotonic() - monotonic
        jump_s = time.time() - wall - passed_s
        hint = "stamps jump with it: let NTP or PTP slew the clock" if abs(jump_s) > JUMP_S else ""
        yield Line("wall clock", f"{time.strftime('%Y-%m-%d %H:%M:%S %Z')}, {1e3 * jump_s:+.1f} ms against the "
                   f"monotonic clock in {passed_s:.0f} s", hint)  # fmt: skip
        state = _synchronised()
        hint = "needed where camera and lifter run on different machines" if state == "no" else ""
        yield Line("synchronised (NTP)", state, hint)

    return clock


def processor() -> Iterator[Line]:
    """Cores, load and governor."""
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = "the machine is busy: latencies rise" if load > cores else ""
    yield Line("CPU", f"{cores} cores, load {load:.1f}", busy)
    if GOVERNOR.is_file():
        governor = GOVERNOR.read_text().strip()
        slow = (
            "slow to wake: sudo cpupower frequency-set -g performance" if governor in ("powersave", "ondemand") else ""
        )
        yield Line("CPU governor", governor, slow)
    else:
        yield Line("CPU governor", "not readable", "nothing to do: a virtual machine has none", absent=True)


def _fastdds() -> Iterator[Line]:
    """Whether a profile with enough shared memory for images is loaded."""
    named = next((value for variable in PROFILES if (value := os.environ.get(variable))), "")
    remedy = (
        f"export {PROFILES[0]}=<share/pose3d_ros>/config/fastdds.xml for camera driver and nodes; the launch files do"
    )
    if not named:
        yield Line("Fast DDS profile", "none: best-effort images are lost", remedy)
        return
    try:
        sizes = [int(node.text) for node in ElementTree.parse(named).iter() if node.tag.endswith("segment_size")]
    except (OSError, ElementTree.ParseError, ValueError, TypeError) as error:
        yield Line("Fast DDS profile", f"{named} cannot be read ({type(error).__name__})", remedy)
        return
    largest = max(sizes, default=0)
    small = largest < SEGMENT_BYTES
    yield Line("Fast DDS profile", f"{named}, shared memory segment {largest} bytes", remedy if small else "")


def _synchronised() -> str:
    """yes, no, or not readable."""
    asks: tuple[Callable[[], str], ...] = (_timedatectl, lambda: "yes" if SYNCHRONISED.exists() else "")
    return next((answer for ask in asks if (answer := ask())), "not readable")


def _timedatectl() -> str:
    try:
        done = subprocess.run(
            ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.stdout.strip() in ("yes", "no") else ""

"""The demo's processes, started, brought up, fed, recorded and ended in the right order."""

import contextlib
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from pose3d_ros.core.errors import ConfigError, EngineError
from pose3d_ros.core.paths import share_dir
from pose3d_ros.detectors import files
from pose3d_ros.ros.demo.child import Child
from pose3d_ros.ros.demo.control import control

NAMESPACE = "demo"  # apart from a robot's own nodes in the same DDS domain
PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")  # of Fast DDS 2 and 3
READY_S, ANSWER_S = 60.0, 20.0
# every frame is to be answered: none while an engine is being built beside the node, and by its image
LIFTER = {"body.wait_for_engine": "true"}
WITH_IMAGES = {"image.transport": "compressed", "image.wait_s": "1.0"}
Say = Callable[[str], None]


def replay(
    bag: Path, out: Path, weights: str = "", seconds: float = math.inf, say: Say = lambda _: None,
    player: Sequence[str] = (), lifter: Sequence[str] = (), patience_s: float = 600.0,
    refine: Mapping[str, str] | None = None, robots: Sequence[str] = (),
) -> list[int]:  # fmt: skip
    """Plays a bag through the lifter node and records into `out`/bag; returns the stamps of the keypoints sent.

    `weights`: the node's default if empty. `player`: more options of that process; `lifter`: more ROS arguments of the
    node; playing must end within `patience_s`. `refine`: parameters of pose_vit_node, which then is the node. `robots`:
    those that retarget_node drives. Raises EngineError where a process fails, with the end of its log.
    """
    source = [*_module("player"), str(bag), "--namespace", NAMESPACE, "--readers", "2", *player]
    source += ["--images"] if refine else []
    source += ["--seconds", str(seconds)] if math.isfinite(seconds) else []
    with _Session(out, say) as session:
        session.start_lifter(weights, lifter, refine)
        if robots:
            session.start_retarget(robots)
        return [int(stamp) for stamp in session.run("player", source, min(patience_s, seconds + 60))]


def live(
    source: str, out: Path, weights: str = "", seconds: float = 20.0, fov_deg: float = 60.0,
    say: Say = lambda _: None, refine: Mapping[str, str] | None = None,
) -> list[int]:  # fmt: skip
    """A camera (its number) or a video file through detector and lifter. Ctrl-C ends it early. `refine` as `replay`."""
    for model in files.KNOWN:
        files.find(model)  # else the detector's process says so, later
    camera = [*_module("camera"), source, "--namespace", NAMESPACE, "--seconds", str(seconds), "--fov", str(fov_deg)]
    camera += ["--readers", "3" if refine else "2"]
    with _Session(out, say) as session:
        session.start_lifter(weights, refine=refine)
        session.start_detector()
        session.run("camera", camera, seconds + 60)
    return []


class _Session:
    """Children are ended in the opposite order of their start, whatever happens."""

    def __init__(self, out: Path, say: Say) -> None:
        self._bag, self._logs, self._say = out / "bag", out / "log", say
        self._recorded: list[str] = []  # more options of the recorder
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> "_Session":
        _remove_bag(self._bag)
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in PROFILES:
            os.environ.setdefault(name, str(share_dir() / "config" / "fastdds.xml"))
        self._control = self._exit.enter_context(control(NAMESPACE))
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def start_lifter(self, weights: str, more: Sequence[str] = (), refine: Mapping[str, str] | None = None) -> None:
        self._recorded = ["--diagnostics"] if refine else []
        name, executable = ("pose_vit", "pose_vit_node") if refine else ("lifter", "lifter_node")
        given = LIFTER | (WITH_IMAGES | dict(refine) if refine else {}) | ({"body.weights": weights} if weights else {})
        arguments = ["--ros-args", "-r", f"__ns:=/{NAMESPACE}"]
        for parameter, value in given.items():
            arguments += ["-p", f"{parameter}:={value}"]
        self._control.bring_up(name, self._start(name, [_executable(executable), *arguments, *more]))

    def start_retarget(self, robots: Sequence[str]) -> None:
        """The stamps are a recording's, the clutch is closed, and a busy machine is not yet silence."""
        given = {"robots": str(list(robots)), "recorded": "true", "clutch_closed": "true", "silent_s": "2.0"}
        arguments = ["--ros-args", "-r", f"__ns:=/{NAMESPACE}"]
        for parameter, value in given.items():
            arguments += ["-p", f"{parameter}:={value}"]
        self._control.bring_up("retarget", self._start("retarget", [_executable("retarget_node"), *arguments]))
        self._recorded += ["--robots", *(robot.replace(":", "_") for robot in robots)]

    def start_detector(self) -> None:
        given = ["--ros-args", "-r", f"__ns:=/{NAMESPACE}", "-p", "image_transport:=compressed"]
        self._control.bring_up("detector", self._start("detector", [_executable("detector_node"), *given]))

    def run(self, name: str, command: list[str], patience_s: float) -> list[str]:
        """Records while the source plays. Returns what it said at its end: the stamps that it sent."""
        recording = [*_module("recorder"), str(self._bag), "--namespace", NAMESPACE, *self._recorded]
        recorder = self._start("recorder", recording, by_signal=False)
        source = self._start(name, command, by_signal=False)
        source.expect("ready", READY_S)
        recorder.expect("ready", READY_S)
        self._say(f"{name} runs, the lifter answers ...")
        source.say("go")
        try:
            stamps = source.expect("done", patience_s)
        except KeyboardInterrupt:
            source.say("stop")
            stamps = source.expect("done", patience_s)
        if stamps:
            recorder.say(f"until {stamps[-1]}")
        try:
            recorder.expect("end", ANSWER_S)
        except EngineError:  # the report says what is missing
            self._say(f"the lifter did not answer everything within {ANSWER_S:.0f} s")
        return stamps

    def _start(self, name: str, command: list[str], by_signal: bool = True) -> Child:
        child = Child(name, command, self._logs)
        self._exit.callback(child.end, by_signal)
        return child


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"pose3d_ros.ros.demo.{name}"]


def _executable(name: str) -> str:
    """As installed by colcon."""
    try:
        path = Path(get_package_prefix("pose3d_ros")) / "lib" / "pose3d_ros" / name
    except PackageNotFoundError:
        path = Path(name)
    if not path.is_file():
        raise EngineError(f"{name} is not installed: make setup, or colcon build and source install/setup.bash")
    return str(path)


def _remove_bag(folder: Path) -> None:
    """That of an earlier demo; anything else is left alone."""
    if not folder.exists():
        return
    if any(path.suffix not in (".mcap", ".yaml") for path in folder.iterdir()):
        raise ConfigError(f"{folder} is in the way and is no bag of an earlier demo: move it, or give another --out")
    shutil.rmtree(folder)

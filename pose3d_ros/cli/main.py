"""The `pose3d` command. A command's file is imported when it is called, so that `pose3d --help` loads no torch."""

import sys
from importlib import import_module
from importlib.util import find_spec
from itertools import takewhile
from typing import NoReturn

from pose3d_ros.core.errors import Pose3DError

# Command -> its line in `pose3d --help`. The module pose3d_ros.cli.<command> holds a function `command`, or a typer
# `app` where it has subcommands; a command whose module is not there is not offered.
COMMANDS = {
    "evaluate": "Errors under occlusion, on recorded motion or on a bag.",
    "rotations": "Rotations of joints on recorded motion, against those of the truth.",
    "sweep-state": "What settings of the state of people are worth on recorded motion.",
    "calibrate-person": "Somebody's bone lengths from a bag, as a profile for people.profiles.",
    "moving": "Errors before a camera that turns and drives, with its poses and without.",
    "compare": "Two runs on bags side by side, with limits for a CI.",
    "synthesize": "A bag of virtual people with exact truth, from motion capture.",
    "train": "Train weights as a YAML file says.",
    "export": "Weights and model card of a training run.",
    "convert": "Published HMR2.0 or HaMeR weights, to look at images with.",
    "benchmark": "Latency and throughput on this machine.",
    "engine": "Build, list, check and clear compiled engines.",
    "detector": "Fetch, list and check the models of the built-in 2D detector.",
    "demo": "People and hands of your video or camera; without one, the nodes on the demo bag.",
    "robot": "The demo's person drives robots through the nodes; a video and a report.",
    "separation": "Bounds of the distance to a robot against the truth, and injected faults.",
    "view": "Watch or render the skeletons of a bag.",
    "doctor": "What works on this machine, and what is missing.",
}
EXIT_ERROR = 2
# need pose3d_ros.lab
OF_LAB = ("benchmark", "compare", "demo", "evaluate", "rotations", "separation", "synthesize", "train", "view")


def main(arguments: list[str] | None = None) -> None:
    """Run one command. What the user can mend is one line on stderr and exit code 2."""
    arguments = _spelled_out(sys.argv[1:] if arguments is None else arguments)
    try:
        _app(arguments[0] if arguments else "")(arguments, prog_name="pose3d")
    except Pose3DError as error:
        _refuse(str(error))
    except OSError as error:
        if not error.filename:
            raise
        _refuse(f"{error.filename}: cannot be read or written: {error.strerror}")


def _spelled_out(arguments: list[str]) -> list[str]:
    """`evaluate motion FILE` and `evaluate bag BAG ...` as the options that they stand for."""
    if arguments[:1] != ["evaluate"] or arguments[1:2] not in (["motion"], ["bag"]):
        return arguments
    option, rest = f"--{arguments[1]}", arguments[2:]
    paths = list(takewhile(lambda argument: not argument.startswith("-"), rest))
    return ["evaluate", *(word for path in paths for word in (option, path)), *rest[len(paths) :]]


def _refuse(why: str) -> NoReturn:
    """One line, also of what parsers of YAML and others say in several."""
    print(f"pose3d: {' '.join(why.split())}", file=sys.stderr)
    raise SystemExit(EXIT_ERROR) from None


def _has_lab() -> bool:
    try:
        return find_spec("pose3d_ros.lab") is not None
    except ModuleNotFoundError:
        return False


def _app(wanted: str):
    """The typer application; of all commands only the wanted one is loaded."""
    try:
        import typer
    except ImportError:
        raise Pose3DError("the command line needs typer and rich: pip install 'pose3d_ros[tools]'") from None
    app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback(help="Metric 3D skeletons of people from 2D keypoints.")(lambda: None)
    for name, line in COMMANDS.items():
        module = f"pose3d_ros.cli.{name.replace('-', '_')}"
        if not find_spec(module):
            continue
        if name == wanted and name in OF_LAB and not _has_lab():
            raise Pose3DError(f"{name} needs pose3d_ros.lab, which is left out of this installation (-DWITH_LAB=ON)")
        if name != wanted:
            app.command(name, help=line)(lambda: None)
        elif hasattr(loaded := import_module(module), "app"):
            app.add_typer(loaded.app, name=name, help=line)
        else:
            app.command(name)(loaded.command)
    return app


if __name__ == "__main__":
    main()

"""`pose3d robot`: the demo's person drives robots through the real nodes; video, sheet and report."""

import json
import math
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.core.paths import share_dir

DRIVEN = "g1:upper,leap:right,leap:left"
OFFLINE = "allegro:right,shadow:right,inspire:right,ability:right,g1:whole"


def command(
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/robot"),
    bag: Annotated[Path | None, typer.Option(help="another bag: keypoints, camera_info, compressed images")] = None,
    robots: Annotated[str, typer.Option(help="over DDS, with commas: first a body, then up to two hands")] = DRIVEN,
    offline: Annotated[str, typer.Option(help="others, driven afterwards by what was recorded, with commas")] = OFFLINE,
    seconds: Annotated[float, typer.Option(help="end after so many seconds; 0: the whole bag")] = 0.0,
    video: Annotated[bool, typer.Option("--video/--no-video", help="draw the robots beside the person")] = True,
) -> None:
    """Player, lifter, retarget_node and recorder over DDS, then the numbers and images of what the robots were told."""
    try:
        from pose3d_ros.control.config import load
        from pose3d_ros.control.robots import driver
        from pose3d_ros.lab.evaluation.robots import session as sessions
        from pose3d_ros.lab.viewing.bag import Recording
        from pose3d_ros.lab.viewing.robot_movie import write
        from pose3d_ros.ros.demo import session
    except ImportError as error:
        raise Pose3DError(
            f"robots need ROS, the built messages and the extras `tools` and `control` ({error}): make robot"
        ) from None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the processes as Ctrl-C does
    began, played = time.monotonic(), bag or share_dir() / "demo" / "signing"
    driven = {load(name).name: name for name in robots.split(",")}
    for name in driven.values():
        driver(load(name))  # what is missing is said before anything starts
    typer.echo("starting the nodes ...")
    session.replay(played, out, seconds=seconds or math.inf, say=typer.echo, robots=list(driven.values()))
    recording = Recording(out / "bag")
    told = sessions.read(out / "bag", session.NAMESPACE, list(driven))
    typer.echo("measuring ...")
    numbers = sessions.report(recording, told, driven, [name for name in offline.split(",") if name])
    (out / "report.json").write_text(json.dumps(numbers, indent=1) + "\n")
    if video:
        typer.echo("drawing ...")
        for path in write(recording, told, driven, out, f"{played.stem}, through the nodes to the robots' joints"):
            typer.echo(f"        {path}")
    _show(numbers)
    typer.echo(f"report  {out / 'report.json'}\nlogs    {out / 'log'}\n{time.monotonic() - began:.0f} s in all")


def _show(numbers: dict) -> None:
    latency = numbers["latency_ms"]
    typer.echo(
        f"latency keypoints to joints: p50 {latency['p50']} ms, p95 {latency['p95']} ms, p99 {latency['p99']} ms"
    )
    for name, hand in numbers["hands"].items():
        speed = hand["joint_speed_rad_s"]
        typer.echo(
            f"{name:<16} tips {hand['tip_error_mm']} mm, joints p99 {speed['p99']}, at most {speed['max']} rad/s"
        )
    if body := numbers["body"]:
        speed = body["joint_speed_rad_s"]
        typer.echo(
            f"{'body':<16} wrists {body['wrist_error_mm']} mm, lean {body['pelvis_lean_deg']} degrees, joints p99 "
            f"{speed['p99']}, at most {speed['max']} rad/s"
        )
    typer.echo(f"held {numbers['holds']} inputs, stopped {numbers['stops']} times")

"""`pose3d demo`: the real nodes as processes over DDS, on the bundled bag or on a camera."""

import math
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.core.paths import share_dir


def command(
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/demo"),
    bag: Annotated[Path | None, typer.Option(help="another bag: keypoints, camera_info, compressed images")] = None,
    weights: Annotated[str, typer.Option(help="name, or a .safetensors file; default: the node's")] = "",
    seconds: Annotated[float, typer.Option(help="end after so many seconds; 0: the whole bag, 20 s live")] = 0.0,
    live: Annotated[bool, typer.Option("--live", help="a camera and the detector node instead of a bag")] = False,
    source: Annotated[str, typer.Option(help="live: number of the camera, or a video file")] = "0",
    fov: Annotated[float, typer.Option(help="live: assumed horizontal field of view, degrees")] = 60.0,
    images: Annotated[bool, typer.Option("--images", help="pose_vit_node in the lifter's place")] = False,
    refine_hands: Annotated[str, typer.Option(help="with --images: ExtPose weights of hands")] = "",
    refine_body: Annotated[str, typer.Option(help="with --images: ExtPose weights of bodies")] = "",
) -> None:
    """Starts player (or camera and detector), lifter and recorder, then draws what was recorded."""
    try:
        from pose3d_ros.cli.view import show
        from pose3d_ros.lab.viewing import render
        from pose3d_ros.lab.viewing.bag import Recording
        from pose3d_ros.ros.demo import images as looks
        from pose3d_ros.ros.demo import session
    except ImportError as error:
        raise Pose3DError(
            f"the demo needs ROS, the built messages and the extra `tools` ({error}): make demo; on a robot: "
            "colcon build, source install/setup.bash, pip install 'rosbags>=0.10,<0.12' matplotlib"
        ) from None
    refine = looks.weights(refine_body, refine_hands) if images else None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the processes as Ctrl-C does
    began = time.monotonic()
    typer.echo("starting the nodes; the first time, engines are built for this machine ...")
    if live:
        sent = None
        session.live(source, out, weights, seconds or 20.0, fov, typer.echo, refine)
    else:
        played = bag or share_dir() / "demo" / "signing"
        sent = session.replay(played, out, weights, seconds or math.inf, typer.echo, refine=refine)
    typer.echo("drawing ...")
    recording = Recording(out / "bag")
    if not recording.skeletons:
        raise Pose3DError(f"the lifter published nothing: see {out}/log/{'pose_vit' if images else 'lifter'}.log")
    title = "live camera" if live else f"{played.stem}, replayed through the nodes"
    title += ", refined by images" if images else ""
    written = render.view(recording, out, sent, title=title)
    show(written)
    if lost := written.numbers["lost_messages"]:
        typer.echo(
            f"{lost} of {len(recording.keypoints)} frames were not answered: the machine was busy, so the lifter took "
            "them into its window and answered newer ones only"
        )
    for line in looks.summary(out / "bag") if images else ():
        typer.echo(line)
    typer.echo(f"bag     {out / 'bag'}\nlogs    {out / 'log'}\n{time.monotonic() - began:.0f} s in all")

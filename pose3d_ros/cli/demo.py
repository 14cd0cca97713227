"""`pose3d demo`: a video or a camera of the user's own, or the real nodes as processes over DDS on the bundled bag."""

import math
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pose3d_ros.core.errors import ConfigError, Pose3DError
from pose3d_ros.core.paths import share_dir

if TYPE_CHECKING:
    from pose3d_ros.lab.viewing.bag import Recording

SAMPLE, SAMPLE_FOV_DEG = "two_people.mp4", 36.0  # that of its camera's calibration
LIVE_S = 20.0


def command(
    source: Annotated[str, typer.Argument(help="video file, or number of a camera; none: the bundled bag")] = "",
    sample: Annotated[bool, typer.Option("--sample", help="the bundled clip of two people")] = False,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/demo"),
    bag: Annotated[Path | None, typer.Option(help="another bag: keypoints, camera_info, compressed images")] = None,
    weights: Annotated[str, typer.Option(help="name, or a .safetensors file; default: the node's")] = "",
    seconds: Annotated[float, typer.Option(help="end after so many seconds; 0: all of it, 20 s of a camera")] = 0.0,
    fov: Annotated[float, typer.Option(help="assumed horizontal field of view of a video, degrees")] = 60.0,
    size: Annotated[int, typer.Option(help="longest side of the body network's input, pixels")] = 320,
    live: Annotated[bool, typer.Option("--live", help="camera or video through the nodes, at its own pace")] = False,
    images: Annotated[bool, typer.Option("--images", help="pose_vit_node in the lifter's place")] = False,
    refine_hands: Annotated[str, typer.Option(help="with --images: ExtPose weights of hands")] = "",
    refine_body: Annotated[str, typer.Option(help="with --images: ExtPose weights of bodies")] = "",
) -> None:
    """People and hands of a video as a video with skeletons, a sheet and a report; no ROS needed. Without a video, or
    with --live: player or camera, detector, lifter and recorder as processes over DDS, then the same."""
    if sample and (source or live):
        raise ConfigError("--sample is a video of its own: leave out the other one, and --live")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends the processes as Ctrl-C does
    began = time.monotonic()
    if (source or sample) and not live:
        if bag or images:
            raise ConfigError("--bag and --images are for the nodes: leave them out, or the video")
        chosen = str(share_dir() / "demo" / SAMPLE) if sample else source
        _video(chosen, out, weights, seconds, SAMPLE_FOV_DEG if sample else fov, size)
    else:
        _nodes(source or "0", out, bag, weights, seconds, fov, live, images, refine_hands, refine_body)
    typer.echo(f"bag     {out / 'bag'}\n{time.monotonic() - began:.0f} s in all")


def _video(source: str, out: Path, weights: str, seconds: float, fov: float, size: int) -> None:
    """Every frame through the detector and the pipeline, in this process."""
    try:
        from pose3d_ros import detectors
        from pose3d_ros.cli.progress import progress
        from pose3d_ros.lab.viewing import video
        from pose3d_ros.pipeline import Pipeline, PipelineConfig
        from pose3d_ros.settings import BodyConfig
    except ImportError as error:
        raise Pose3DError(f"a video needs the extras `tools` and `detector` ({error}): pip install them") from None
    frames = video.Video(source, seconds or (LIVE_S if source.isdecimal() else 0.0))
    detector = detectors.make(detectors.DetectorConfig(input_size=size))
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=weights))) if weights else Pipeline()
    with progress("finding people") as report:
        recording = video.record(
            frames, detector, pipeline, out / "bag", fov, lambda done, of: report("finding people", done, of or None)
        )
    detector.close()
    pipeline.close()
    _draw(recording, out, Path(source).name if not source.isdecimal() else f"camera {source}")


def _nodes(
    source: str, out: Path, bag: Path | None, weights: str, seconds: float, fov: float, live: bool, images: bool,
    refine_hands: str, refine_body: str,
) -> None:  # fmt: skip
    """Through processes over DDS."""
    try:
        from pose3d_ros.lab.viewing.bag import Recording
        from pose3d_ros.ros.demo import images as looks
        from pose3d_ros.ros.demo import session
    except ImportError as error:
        raise Pose3DError(
            f"the demo of nodes needs ROS, the built messages and the extra `tools` ({error}): make demo; on a robot: "
            "colcon build, source install/setup.bash, pip install 'rosbags>=0.10,<0.12' matplotlib"
        ) from None
    refine = looks.weights(refine_body, refine_hands) if images else None
    typer.echo("starting the nodes; the first time, engines are built for this machine ...")
    if live:
        sent, title = None, "through the nodes"
        session.live(source, out, weights, seconds or LIVE_S, fov, typer.echo, refine)
    else:
        played = bag or share_dir() / "demo" / "signing"
        title = f"{played.stem}, replayed through the nodes"
        sent = session.replay(played, out, weights, seconds or math.inf, typer.echo, refine=refine)
    recording = Recording(out / "bag")
    if not recording.skeletons:
        raise Pose3DError(f"the lifter published nothing: see {out}/log/{'pose_vit' if images else 'lifter'}.log")
    _draw(recording, out, title + (", refined by images" if images else ""), sent)
    for line in looks.summary(out / "bag") if images else ():
        typer.echo(line)
    typer.echo(f"logs    {out / 'log'}")


def _draw(recording: "Recording", out: Path, title: str, sent: list[int] | None = None) -> None:
    from pose3d_ros.cli.progress import progress
    from pose3d_ros.cli.view import show
    from pose3d_ros.lab.viewing import render

    with progress("drawing") as report:
        written = render.view(recording, out, sent, title=title, progress=lambda done, of: report("drawing", done, of))
    show(written)
    if lost := written.numbers["lost_messages"]:
        typer.echo(
            f"{lost} of {len(recording.keypoints)} frames were not answered: the machine was busy, so the lifter took "
            "them into its window and answered newer ones only"
        )

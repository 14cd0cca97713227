"""`pose3d view BAG`: a recorded bag as a video, a sheet of images and a report."""

from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.core.errors import InputError, Pose3DError


def command(
    bag: Annotated[Path, typer.Argument(help="folder of a rosbag2, or one .mcap file")],
    out: Annotated[Path | None, typer.Option(help="folder for the results; default: out/view/NAME")] = None,
    namespace: Annotated[str, typer.Option(help="of the topics, where the bag holds several cameras")] = "",
    image: Annotated[str, typer.Option(help="image topic; default: the likeliest")] = "",
    weights: Annotated[
        str, typer.Option(help="lifts the keypoints of a bag without skeletons: name, or a .safetensors file")
    ] = "body_dtf27",
    rerun: Annotated[Path | None, typer.Option(help="also write this Rerun recording (.rrd)")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace the view that is there")] = False,
) -> None:
    """2D keypoints in, 3D skeletons out, seen and inferred joints told apart; no ROS needed."""
    try:
        from pose3d_ros.lab.viewing import bag as bags
        from pose3d_ros.lab.viewing import render
    except ModuleNotFoundError as error:
        raise Pose3DError(f"view needs rosbags and matplotlib ({error}): pip install 'pose3d_ros[tools]'") from None
    out = out or Path("out/view") / bag.stem
    render.refuse_replacing(out, force)
    if rerun is not None:
        from pose3d_ros.lab.viewing import rerun_export

        if rerun.exists() and not force:
            raise InputError(f"{rerun}: is there already; give --force to replace it")
        rerun_export.sdk()
    recording = bags.Recording(bag, namespace, image)
    if not recording.skeletons:
        from pose3d_ros.lab.viewing.offline import lift

        typer.echo(f"no skeletons in {bag}: lifting its keypoints with {weights}")
        lift(recording, weights)
    show(render.view(recording, out))
    if rerun is not None:
        rerun_export.export(((moment, ()) for moment in recording.moments()), recording.camera, rerun)
        typer.echo(f"Rerun   {rerun}")


def show(written) -> None:
    """Where the files are, and the numbers."""
    numbers = written.numbers
    typer.echo(f"video   {written.video} ({written.codec})\nsheet   {written.sheet}\nreport  {written.report}")
    latency = numbers["latency_ms"]
    if latency["p50"] is not None:
        typer.echo(
            f"{numbers['rate_hz']} Hz, latency {latency['p50']} / {latency['p95']} / {latency['p99']} ms "
            f"(p50 / p95 / p99), {numbers['people']} people, {numbers['lost_messages']} messages lost"
        )
    if numbers["share_inferred"] is not None:
        typer.echo(f"{100 * numbers['share_inferred']:.0f} % of the joints were inferred, the others seen")

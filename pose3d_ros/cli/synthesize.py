"""`pose3d synthesize OUT --motion FILE`: a bag of virtual people with exact truth."""

from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.core.errors import ConfigError, Pose3DError


def command(
    out: Annotated[Path, typer.Argument(help="folder of the new bag")],
    motion: Annotated[
        Path | None, typer.Option(help="motion file (npz; also of pairs of people), or a folder of BVH files")
    ] = None,
    clip: Annotated[str, typer.Option(help="name or number of the clip; default: the first")] = "",
    seconds: Annotated[float, typer.Option(help="length; 0 = the whole clip")] = 0.0,
    rate: Annotated[float, typer.Option(help="frame rate of the camera, Hz")] = 30.0,
    size: Annotated[str, typer.Option(help="of the image, WIDTHxHEIGHT")] = "640x480",
    fov: Annotated[float, typer.Option(help="horizontal field of view, degrees")] = 70.0,
    distance: Annotated[float, typer.Option(help="of the camera from where people come nearest, metres")] = 3.0,
    moving: Annotated[bool, typer.Option("--moving", help="the robot drives to and fro")] = False,
    noise: Annotated[float, typer.Option(help="of the detector; 1 = as in pose3d evaluate --motion, 0 = exact")] = 0.0,
    protocol: Annotated[
        str, typer.Option(help="hides joints: clean, random:M, burst, limb, truncated, lostframes, passer")
    ] = "clean",
    lost: Annotated[float, typer.Option(help="share of frames without a message, 0 to 0.95")] = 0.0,
    ids: Annotated[bool, typer.Option("--ids/--no-ids", help="keypoints say who is who")] = True,
    images: Annotated[bool, typer.Option("--images", help="also images of stick figures")] = False,
    joint_frames: Annotated[bool, typer.Option("--joint-frames", help="also the true joints as TF frames")] = False,
    storage: Annotated[str, typer.Option(help="mcap or sqlite3")] = "mcap",
    compression: Annotated[str, typer.Option(help="message, file, or storage (mcap only); default: none")] = "",
    seed: Annotated[int, typer.Option(help="fixes all that is drawn: the same seed, the same bytes")] = 1,
    force: Annotated[bool, typer.Option("--force", help="replace the bag that is there")] = False,
) -> None:
    """Motion capture seen by a virtual robot's camera: keypoints, camera_info, TF and exact truth, as a rosbag2."""
    if motion is None:
        raise ConfigError("synthesize: expected --motion FILE (npz), e.g. test/data/motion_sample.npz")
    width, cross, height = size.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise ConfigError(f"--size: expected WIDTHxHEIGHT, e.g. 640x480, got {size!r}")
    try:
        from pose3d_ros.lab.bags.synthetic import SyntheticConfig, synthesize
    except ModuleNotFoundError as error:
        raise Pose3DError(f"synthesize needs rosbags ({error}): pip install 'pose3d_ros[tools]'") from None
    config = SyntheticConfig(
        clip=clip, seconds=seconds, rate_hz=rate, width=int(width), height=int(height), fov_deg=fov,
        distance_m=distance, moving=moving, noise=noise, protocol=protocol, lost=lost, ids=ids, images=images,
        joint_frames=joint_frames, seed=seed,
    )  # fmt: skip
    made = synthesize(out, motion, config, storage, compression, force)
    hidden = 100 * float((made.score == 0).mean())
    typer.echo(
        f"{out}: {len(made.stamps_ns)} frames at {rate:g} Hz, {int(made.lost.sum())} of them lost, "
        f"{len(made.ids)} people, {hidden:.0f} % of the joints hidden"
    )

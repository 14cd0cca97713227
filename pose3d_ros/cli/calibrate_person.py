"""`pose3d calibrate-person`: the bones of somebody in a bag, as a profile for `people.profiles`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pose3d_ros.core.errors import InputError

SIGMA_M = 0.015  # of a bone that a lifter measured for a while, after its size is known


def command(
    bag: Annotated[Path, typer.Argument(help="a rosbag2 in which the person turns once before the camera")],
    out: Annotated[Path, typer.Option(help="YAML file; others that it holds stay")] = Path("people.yaml"),
    id: Annotated[str, typer.Option(help="the person's id in the bag; empty = who is there longest")] = "",
    name: Annotated[str, typer.Option(help="id in the profile, if not that of the bag")] = "",
    stature: Annotated[float, typer.Option(help="measured body height in metres; 0 = as the lifter guesses")] = 0.0,
    weights: Annotated[str, typer.Option(help="name of shipped weights, or a .safetensors file")] = "body_dtf27",
) -> None:
    """Learn bone lengths from a recording, scaled to the stature where it is known."""
    from pose3d_ros.lab.viewing.bag import Recording
    from pose3d_ros.pipeline import Pipeline, PipelineConfig
    from pose3d_ros.settings import BodyConfig, HandConfig
    from pose3d_ros.stages import profiles

    recording = Recording(bag)
    if recording.camera is None:
        raise InputError(f"bag {bag}: expected a usable camera_info, there is none")
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=weights), hands=HandConfig(weights="")))
    seen: dict[tuple[str, int], int] = {}
    for _, frame in sorted(recording.keypoints.items()):
        for person in pipeline.push(frame, recording.camera).people:
            if not id or person.id == id:
                seen[person.id, person.track] = seen.get((person.id, person.track), 0) + 1
    if not seen:
        raise InputError(f"bag {bag}: expected {f'a person {id!r}' if id else 'a person'}, there is none")
    found, track = max(seen, key=seen.get)
    length_m, stature_m = pipeline.state.learned(track)
    if stature:
        length_m, stature_m = length_m * stature / stature_m, stature
    profiles.save(out, name or found, pipeline.body_skeleton, length_m, SIGMA_M, stature_m)
    Console().print(f"{name or found}: {stature_m:.2f} m, from {seen[found, track]} frames -> {out}")

"""A bag through the running lifter node over DDS, evaluated like any other run; latency and losses are real."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader

from pose3d_ros.core import formats
from pose3d_ros.core.config import flatten
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.lab.bags.reader import Bag, stamp_of
from pose3d_ros.lab.bags.types import Timeline
from pose3d_ros.lab.evaluation.bags.bag import Material, assess, read
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.lab.evaluation.bags.estimates import Answer
from pose3d_ros.lab.evaluation.bags.run import RunResult
from pose3d_ros.pipeline import PipelineConfig
from pose3d_ros.ros.demo import session

REPLAY = "replay"
MARGIN_S = 60.0  # for the player to load and to end


def evaluate_replay(
    config: BagEvaluationConfig, folder: Path, rate: float = 1.0, say: Callable[[str], None] = lambda _: None
) -> RunResult:
    """Plays the bag at `rate` times its pace with its own clock, records into `folder`/bag, and compares what the node
    published.

    A frame without an answer was lost: on the way, or since the node was busy and answered a newer one. Latency is
    arrival of the skeletons minus arrival of their keypoints, both at the recorder.
    Raises EngineError where a process fails, ConfigError for faults, InputError where the node published nobody.
    """
    if config.faults:
        raise ConfigError("faults are put into bags by the direct mode: leave out --replay or --fault")
    if not rate > 0:
        raise ConfigError(f"rate: expected more than 0 times the pace of the recording, got {rate}")
    material = read(config, formats.get("h36m17"))
    folder.mkdir(parents=True, exist_ok=True)
    parameters = write_parameters(config.pipeline, folder / "parameters.yaml")
    choice = {name: value for name, value in vars(config.topics).items() if value}
    session.replay(
        config.bag, folder, say=say,
        player=["--rate", str(rate), "--clock", "--topics", json.dumps(choice)],
        lifter=["--params-file", str(parameters), "-r", "/clock:=clock"],
        patience_s=material.bag.duration_s / rate + MARGIN_S,
    )  # fmt: skip
    played = Bag(folder / "bag")
    estimates = played.estimates()
    names = [person.skeleton for frame in estimates.frames for person in frame.people] if estimates else []
    if not names:
        raise InputError(f"replay of {config.bag}: the lifter published nobody; see {folder}/log/lifter.log")
    run = assess(answers(material, played, estimates), material, config, REPLAY, formats.get(names[0]))
    # the recorder of the bag and this one have different clocks: only their differences add up
    waited_ns = {entry.keypoints.stamp_ns: entry.arrival_ns - entry.keypoints.stamp_ns for entry in material.inputs}
    age_in_ms = np.array([waited_ns[stamp] / 1e6 for stamp in run.frames.stamp_ns.tolist()], np.float32)
    run.info["replay"] = {"rate": rate, "sent": len(run.frames), "answered": int(run.frames.answered.sum())}
    return replace(run, timings=replace(run.timings, age_ms=age_in_ms + run.timings.latency_ms))


def write_parameters(config: PipelineConfig, path: Path) -> Path:
    """A parameter file for the node: those of the pipeline, and simulated time."""
    values = {name: value for name, value, _ in flatten(config)} | {"use_sim_time": True}
    lines = ["/**:", "  ros__parameters:", *(f"    {name}: {json.dumps(value)}" for name, value in values.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


def answers(material: Material, played: Bag, estimates: Timeline) -> list[Answer]:
    """What was sent beside what came back, by stamp."""
    heard = {entry.keypoints.stamp_ns: entry.arrival_ns for entry in played.inputs()}
    spent = _timings(played.path)
    skeletons = {frame.stamp_ns: replace(frame, timings_ms=spent.get(frame.stamp_ns, {})) for frame in estimates.frames}
    found = []
    for entry in material.inputs:
        stamp_ns = entry.keypoints.stamp_ns
        given = replace(entry, arrival_ns=heard[stamp_ns]) if stamp_ns in heard else None
        result = skeletons.pop(stamp_ns, None)
        found.append(Answer(entry, given, result, estimates.arrivals_ns[stamp_ns] if result else None))
    return sorted(found, key=lambda answer: answer.stamp_ns)


def _timings(bag: Path) -> dict[int, dict[str, float]]:
    """Milliseconds in each stage of the pipeline by stamp, as the node told them."""
    kind = "pose3d_ros/msg/StageTimings"
    with AnyReader([bag], default_typestore=typestore()) as reader:
        connections = [connection for connection in reader.connections if connection.msgtype == kind]
        found = {}
        for connection, _, raw in reader.messages(connections=connections):
            message = reader.deserialize(raw, connection.msgtype)
            found[stamp_of(raw)] = dict(zip(message.stage, map(float, message.ms), strict=True))
        return found

"""What robots were told over DDS, read from the bag of a session, and the numbers of that."""

from bisect import bisect_right
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rosbags.highlevel import AnyReader

from pose3d_ros.control.config import HumanoidConfig, RobotHandConfig, load
from pose3d_ros.control.driver import HandDriver, JointDriver
from pose3d_ros.control.robots import driver
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import JointState, Skeletons3D
from pose3d_ros.geometry.rotations import matrix_of
from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.lab.evaluation.robots.drive import Driven, drive, speeds
from pose3d_ros.lab.viewing.bag import Recording
from pose3d_ros.messages import stamp_to_ns

PERCENTILES = (50, 95, 99)
WRISTS = ("left_wrist", "right_wrist")


class Told(NamedTuple):
    """Of one robot: `commands` stamp -> (arrival, {joint: rad}), `status` (arrival, text) in order of arrival."""

    commands: dict[int, tuple[int, dict[str, float]]]
    status: list[tuple[int, str]]

    def status_at(self, arrival_ns: int) -> str:
        """The latest status by then."""
        row = bisect_right([arrival for arrival, _ in self.status], arrival_ns) - 1
        return self.status[row][1] if row >= 0 else ""


def read(bag: Path, namespace: str, names: list[str]) -> dict[str, Told]:
    """What each robot was told. Raises InputError where a robot was never told anything."""
    told = {name: Told({}, []) for name in names}
    topics = {f"/{namespace}/{name}/{what}": (name, what) for name in names for what in ("joint_command", "status")}
    with AnyReader([bag], default_typestore=typestore()) as reader:
        connections = [connection for connection in reader.connections if connection.topic in topics]
        for connection, arrival_ns, raw in reader.messages(connections=connections):
            name, what = topics[connection.topic]
            message = reader.deserialize(raw, connection.msgtype)
            if what == "status":
                told[name].status.append((arrival_ns, message.data))
            else:
                positions = dict(zip(message.name, map(float, message.position), strict=True))
                told[name].commands[stamp_to_ns(message.header.stamp)] = arrival_ns, positions
    for name, each in told.items():
        if not each.commands:
            said = "; ".join(dict.fromkeys(text for _, text in each.status)) or "nothing"
            raise InputError(f"{bag}: {name} was never commanded; its status said: {said}")
    return told


def report(recording: Recording, told: dict[str, Told], robots: dict[str, str], offline: list[str]) -> dict[str, Any]:
    """The numbers of a session. `robots`: topic name -> robot, of those over DDS; `offline`: others, driven here by
    what was recorded: more hands, and a whole body, whose pelvis shows how it leans.

    `latency_ms`: arrival of a robot's command minus arrival of the keypoints of the same stamp. `tip_error_mm`,
    `wrist_error_mm`: from where the published hand or body asks them to be. `holds`: inputs without a command after the
    first one; `stops`: how often a moving robot was stopped.
    """
    found = {name: _driven(driver(load(robot)), told[name], recording) for name, robot in robots.items()}
    results = {name: figures(robot, driven, recording) for name, (robot, driven) in found.items()}
    more = {load(robot).name: drive_here(robot, recording) for robot in offline}
    results |= {name: figures(robot, driven, recording) for name, (robot, driven) in more.items()}
    kinds = {name: robot.config for name, (robot, _) in (found | more).items()}
    body = next((results[name] for name in found if isinstance(kinds[name], HumanoidConfig)), {})
    leans = [results[name]["pelvis_lean_deg"] for name in more if isinstance(kinds[name], HumanoidConfig)]
    return {
        "latency_ms": _latency(recording, told),
        "hands": {name: values for name, values in results.items() if isinstance(kinds[name], RobotHandConfig)},
        "body": body | ({"pelvis_lean_deg": leans[0]} if leans else {}),
        "holds": sum(values["holds"] for name, values in results.items() if name in found),
        "stops": sum(values["stops"] for name, values in results.items() if name in found),
        "over_dds": sorted(found),
        "reasons": {name: _reasons(each) for name, each in told.items()},
    }


def drive_here(robot: str, recording: Recording) -> tuple[JointDriver, Driven]:
    """A robot through the recorded skeletons and hands, in this process."""
    made = driver(load(robot))
    return made, drive(made, ((result, _hidden(result)) for result in recording.skeletons.values()))


def figures(robot: JointDriver, driven: Driven, recording: Recording) -> dict[str, Any]:
    """Of one robot."""
    rows = np.flatnonzero(driven.commanded)
    results = list(recording.skeletons.values())
    common = {
        "finite": bool(np.isfinite(driven.whole_rad[driven.moving]).all()),
        "joint_speed_rad_s": speeds([driven]),
        "holds": int((driven.moving & ~driven.commanded).sum()),
        "stops": driven.stops,
        "commands": len(rows),
    }
    if isinstance(robot, HandDriver):
        errors = [_tips(robot, driven.whole_rad[row], results[row]) for row in rows]
        return common | {"tip_error_mm": _mean_mm(errors)}
    wrists, leans = [], []
    for row in rows:
        person = next(iter(results[row].people), None)
        if person is not None:
            wanted = robot.solver.targets(*robot.body24(results[row], person))
            is_at = robot.solver.frames(driven.whole_rad[row], driven.base[row] if robot.floats else None)
            wrists.append([is_at[joint][0] - wanted[joint][0] for joint in WRISTS])
            leans.append(np.degrees(np.arccos(np.clip(is_at["pelvis"][1][:, 2] @ wanted["pelvis"][1][:, 2], -1, 1))))
    lean = round(float(np.percentile(leans, 95)), 2) if leans else None
    return common | {"wrist_error_mm": _mean_mm(wrists), "pelvis_lean_deg": lean}


def _driven(robot: JointDriver, told: Told, recording: Recording) -> tuple[JointDriver, Driven]:
    """What a robot did that holds where it is not commanded."""
    stamps = list(recording.skeletons)
    whole = np.full((len(stamps), len(robot.names)), np.nan)
    commanded = np.array([stamp in told.commands for stamp in stamps])
    last = None
    for row, stamp in enumerate(stamps):
        if commanded[row]:
            last = robot.solver.rest_rad
            last[robot.published] = [told.commands[stamp][1][name] for name in robot.published_names]
            last = robot.solver.coupled(last) if isinstance(robot, HandDriver) else last
        if last is not None:
            whole[row] = last
    hidden = np.array([_hidden(result) for result in recording.skeletons.values()])
    stops = int((commanded[:-1] & ~commanded[1:]).sum())
    none = np.full((len(stamps), 7), np.nan)
    return robot, Driven(np.array(stamps), whole[:, robot.published], whole, commanded, hidden, stops, none)


def _hidden(result: Skeletons3D) -> bool:
    return any((hand.state != JointState.MEASURED).any() for hand in result.hands)


def _tips(robot: HandDriver, position_rad: np.ndarray, result: Skeletons3D) -> np.ndarray:
    hand = next(hand for hand in result.hands if hand.side == robot.config.side)
    palm_m = (hand.xyz_m - hand.wrist_m) @ matrix_of(hand.quat_xyzw.astype(np.float64))
    return robot.solver.tips(position_rad) - robot.solver.wanted_tips(palm_m)


def _latency(recording: Recording, told: dict[str, Told]) -> dict[str, float | None]:
    came = recording.arrivals_ns["keypoints"]
    answers = [(stamp, arrival) for each in told.values() for stamp, (arrival, _) in each.commands.items()]
    spent = [(arrival - came[stamp]) / 1e6 for stamp, arrival in answers if stamp in came]
    return {f"p{p}": round(float(np.percentile(spent, p)), 2) if spent else None for p in PERCENTILES}


def _reasons(told: Told) -> list[str]:
    return list(dict.fromkeys(text for _, text in told.status if text))


def _mean_mm(off_m: list) -> float | None:
    return round(float(1e3 * np.linalg.norm(np.concatenate(off_m), axis=-1).mean()), 2) if len(off_m) else None

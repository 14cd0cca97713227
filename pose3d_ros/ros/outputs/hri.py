"""`hri`: everybody after REP-155 (ROS4HRI): ids, and skeleton2d and region of each body. Frames: `output.tf_joints`."""

import re

import numpy as np
from hri_msgs.msg import IdsList, NormalizedPointOfInterest2D, NormalizedRegionOfInterest2D, Skeleton2D

from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Person3D
from pose3d_ros.ros.outputs.base import Moment, Output, register

ROOT = "/humans/bodies"
# The points of Skeleton2D, which nobody lifts behind the ankles (eyes and ears)
JOINTS = (
    "nose", "thorax", *(f"{s}_{p}" for s in ("right", "left") for p in ("shoulder", "elbow", "wrist")),
    *(f"{s}_{p}" for s in ("right", "left") for p in ("hip", "knee", "ankle")), *[""] * 4,
)  # fmt: skip


def name_of(person: Person3D) -> str:
    """The id as a part of a topic's name, which has no blanks and does not begin with a digit."""
    return re.sub(r"^(?=\d)", "b", re.sub(r"\W", "_", person.id or str(person.track)))


@register
class Hri(Output):
    """Points are the 3D joints in the image, 0 to 1. A body's topics go when its person goes."""

    NAME = "hri"

    def open(self) -> None:
        self._send = {"tracked": self.advertise(IdsList, f"{ROOT}/tracked")}

    def publish(self, moment: Moment) -> None:
        people = {} if moment.result.stale else {name_of(person): person for person in moment.result.people}
        self._send["tracked"](IdsList(header=moment.header, ids=list(people)))
        for gone in self._send.keys() - people.keys() - {"tracked"}:
            del self._send[gone]
            for topic in (f"{ROOT}/{gone}/skeleton2d", f"{ROOT}/{gone}/roi"):
                self.withdraw(topic)
        if moment.camera is None or not moment.camera.width:
            return
        for name, person in people.items():
            if name not in self._send:
                message_of = {"skeleton2d": Skeleton2D, "roi": NormalizedRegionOfInterest2D}
                self._send[name] = [self.advertise(kind, f"{ROOT}/{name}/{t}") for t, kind in message_of.items()]
            points = _points(moment, person)
            seen = np.array([point[:2] for point in points if point[2]])
            skeleton = [NormalizedPointOfInterest2D(x=x, y=y, c=c) for x, y, c in points]
            self._send[name][0](Skeleton2D(header=moment.header, skeleton=skeleton))
            if len(seen):
                (xmin, ymin), (xmax, ymax) = seen.min(0).tolist(), seen.max(0).tolist()
                roi = NormalizedRegionOfInterest2D(xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, c=1.0)
                roi.header = moment.header
                self._send[name][1](roi)


def _points(moment: Moment, person: Person3D) -> list[tuple[float, float, float]]:
    """x, y, and 1 where seen, 0.5 where inferred, 0 where unknown or outside of the image."""
    camera, skeleton = moment.camera, formats.get(person.skeleton)
    xy = (camera.project(person.xyz_m) + 0.5) / (camera.width, camera.height)
    inside = ((xy >= 0) & (xy <= 1)).all(1) & (person.state != JointState.INVALID)
    sure = np.where(person.state == JointState.MEASURED, 1.0, 0.5)
    rows = [skeleton.index(joint) if joint in skeleton else -1 for joint in JOINTS]
    return [(*xy[row].tolist(), float(sure[row])) if row >= 0 and inside[row] else (0.0, 0.0, 0.0) for row in rows]

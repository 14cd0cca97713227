"""`cloud`: joints and bones of everybody as points, for Nav2's Collision Monitor, costmaps, and whoever eats clouds."""

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField

from pose3d_ros.core import formats
from pose3d_ros.core.types import JointState, Skeletons3D
from pose3d_ros.ros.outputs.base import Moment, Output, register

ALONG = np.array([0.25, 0.5, 0.75])[:, None]  # where points lie on a bone, beside its ends
NAMES = ("x", "y", "z", "sigma", "track")
FIELDS = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate(NAMES)]


def points_of(result: Skeletons3D) -> np.ndarray:
    """float32 (P, 5): x, y, z, sigma in metres and the number of the track. Joints that are invalid have no point."""
    clouds = [np.zeros((0, len(NAMES)), np.float32)]
    for person in result.people:
        bones = formats.get(person.skeleton).bones
        joints = np.column_stack((person.xyz_m, person.sigma_m))
        joints[person.state == JointState.INVALID] = np.nan
        first, second = joints[bones[:, 0], None], joints[bones[:, 1], None]
        between = (first + ALONG * (second - first)).reshape(-1, 4)
        points = np.concatenate((joints, between))
        points = points[np.isfinite(points).all(1)]
        clouds.append(np.column_stack((points, np.full(len(points), person.track))))
    return np.concatenate(clouds).astype(np.float32)


@register
class Cloud(Output):
    """Nobody is an empty cloud, which clears costmaps. What is stale is not sent: monitors then time out and stop."""

    NAME = "cloud"

    def open(self) -> None:
        self._send = self.advertise(PointCloud2, "cloud")

    def publish(self, moment: Moment) -> None:
        if moment.result.stale:
            return
        points = points_of(moment.result)
        message = PointCloud2(
            header=moment.header, height=1, width=len(points), fields=FIELDS, point_step=4 * len(NAMES),
            row_step=points.nbytes, is_dense=True,
        )  # fmt: skip
        message.data.frombytes(points.tobytes())
        self._send(message)

"""`people`: positions and velocities as people_msgs/People, for social costmaps."""

from math import isfinite

import numpy as np
from geometry_msgs.msg import Point
from people_msgs.msg import People, Person

from pose3d_ros.core.types import JointState, Person3D
from pose3d_ros.ros import conversions
from pose3d_ros.ros.outputs.base import Moment, Output, register


def person_of(person: Person3D) -> Person | None:
    """None where the root is not known. The share of joints that are seen is the reliability."""
    if not np.isfinite(person.xyz_m[0]).all():
        return None
    velocity = Point()
    if person.velocity_m_s is not None and all(isfinite(value) for value in person.velocity_m_s[0]):
        velocity = conversions.point(person.velocity_m_s[0])
    return Person(
        name=person.id or str(person.track),
        position=conversions.point(person.xyz_m[0]),
        velocity=velocity,
        reliability=float(np.mean(person.state == JointState.MEASURED)),
    )


@register
class PeopleOutput(Output):
    """Everybody's root. An unknown velocity is zero, which is what this message has for it."""

    NAME = "people"

    def open(self) -> None:
        self._send = self.advertise(People, "people")

    def publish(self, moment: Moment) -> None:
        if not moment.result.stale:
            people = [person_of(person) for person in moment.result.people]
            self._send(People(header=moment.header, people=[person for person in people if person]))

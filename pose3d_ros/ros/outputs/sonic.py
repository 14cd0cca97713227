"""`sonic`: the followed person as SONIC's protocol v3 over ZeroMQ (needs the extra `sonic`, which is pyzmq)."""

import numpy as np
import zmq

from pose3d_ros.control.sonic import TOPIC, fields, packed
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.ros.outputs.base import Moment, Output, register

SUBSCRIBE = 1  # first byte of what a subscriber sends to an XPUB socket


@register
class Sonic(Output):
    """Bound to `output.sonic_address`. Who is lost, stale or half known is not sent: the receiver times out."""

    NAME = "sonic"

    def open(self) -> None:
        self._number, self._readers = 0, 0
        self._socket = zmq.Context.instance().socket(zmq.XPUB)  # unlike PUB it tells who listens
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        try:
            self._socket.bind(self.config.output.sonic_address)
        except zmq.ZMQError as error:
            self._socket.close()
            raise ConfigError(f"output.sonic_address: {self.config.output.sonic_address}: {error}") from None

    @property
    def wanted(self) -> bool:
        while self._socket.poll(0):
            request = self._socket.recv()
            if TOPIC.encode().startswith(request[1:]):
                self._readers += 1 if request[0] == SUBSCRIBE else -1
        return self._readers > 0

    def publish(self, moment: Moment) -> None:
        person = moment.followed24
        if person is None or moment.result.stale:
            return
        arrays = fields(person, moment.level, self._number)
        if all(np.isfinite(array).all() for array in arrays.values()):
            self._socket.send(packed(arrays))
            self._number += 1

    def close(self) -> None:
        self._socket.close()

"""`BagWriter`: this package's dataclasses as a rosbag2. The same calls give the same bytes."""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from scipy.spatial.transform import Rotation

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Keypoints2D, Person3D, Skeletons3D
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.lab.bags.definitions import typestore
from pose3d_ros.lab.bags.transforms import Transform

METADATA_VERSION = 8  # read by Humble to Lyrical
STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
COMPRESSIONS = {
    "": None,
    "message": CompressionMode.MESSAGE,
    "file": CompressionMode.FILE,
    "storage": CompressionMode.STORAGE,  # the chunks of mcap
}
NS_PER_S = 1_000_000_000


class BagWriter:
    """A context manager that writes the folder `path`. `at_ns` is always the time of arrival at the recorder.

    `compression` (zstd): "", "message", "file", or "storage" for the chunks of mcap. `force` replaces a bag that is
    there; anything else that is there is refused. Raises InputError.
    """

    def __init__(self, path: Path, storage: str = "mcap", compression: str = "", force: bool = False) -> None:
        if storage not in STORAGES or compression not in COMPRESSIONS:
            raise InputError(
                f"bag {path}: expected storage {' or '.join(STORAGES)} and compression message, file, storage or none, "
                f"got {storage!r} and {compression!r}"
            )
        if (storage, compression) == ("sqlite3", "storage"):
            raise InputError(f"bag {path}: sqlite3 has no compression of its own; say message or file")
        make_room(path, force)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._store = typestore()
        self._writer = Writer(path, version=METADATA_VERSION, storage_plugin=STORAGES[storage])
        if mode := COMPRESSIONS[compression]:
            self._writer.set_compression(mode, CompressionFormat.ZSTD)
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> "BagWriter":
        self._writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self._writer.close()

    def write(self, topic: str, msgtype: str, at_ns: int, message: Any) -> None:
        """Any message that `make` gave."""
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, msgtype, typestore=self._store, offered_qos_profiles=[qos(latched=topic.endswith("tf_static"))]
            )
        self._writer.write(self._connections[topic], at_ns, self._store.serialize_cdr(message, msgtype))

    def make(self, msgtype: str, **fields: Any) -> Any:
        """A message of a type that `typestore` knows; all fields are needed."""
        return self._store.types[msgtype](**fields)

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        """std_msgs/Header."""
        sec, nanosec = divmod(int(stamp_ns), NS_PER_S)
        stamp = self.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)

    def keypoints(self, topic: str, at_ns: int, frame: Keypoints2D) -> None:
        """Skeleton2DArray."""
        people = [
            self.make(
                "pose3d_ros/msg/Skeleton2D", id=p.id, side=p.side, format=p.format, xy_px=p.xy_px.ravel(), score=p.score
            )
            for p in frame.people
        ]
        header = self.header(frame.stamp_ns, frame.frame_id)
        msgtype = "pose3d_ros/msg/Skeleton2DArray"
        message = self.make(msgtype, header=header, width=frame.width, height=frame.height, people=people)
        self.write(topic, msgtype, at_ns, message)

    def skeletons(self, topic: str, at_ns: int, frame: Skeletons3D, method: str | None = None) -> None:
        """Skeleton3DArray (no hands); `method` in place of that of the people."""
        people = [self._skeleton(person, method) for person in frame.people]
        msgtype = "pose3d_ros/msg/Skeleton3DArray"
        header = self.header(frame.stamp_ns, frame.frame_id)
        message = self.make(
            msgtype, header=header, people=people, predicted_s=float(frame.predicted_s), stale=bool(frame.stale)
        )
        self.write(topic, msgtype, at_ns, message)

    def camera(self, topic: str, at_ns: int, camera: Camera, stamp_ns: int, frame_id: str) -> None:
        """CameraInfo."""
        roi = self.make("sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        msgtype = "sensor_msgs/msg/CameraInfo"
        message = self.make(
            msgtype,
            header=self.header(stamp_ns, frame_id),
            height=camera.height,
            width=camera.width,
            distortion_model=camera.distortion_model or "plumb_bob",
            d=camera.D if camera.D.size else np.zeros(5),
            k=camera.K.ravel(),
            r=np.eye(3).ravel(),
            p=np.c_[camera.K, np.zeros(3)].ravel(),
            binning_x=0,
            binning_y=0,
            roi=roi,
        )
        self.write(topic, msgtype, at_ns, message)

    def image(self, topic: str, at_ns: int, bgr: np.ndarray, stamp_ns: int, frame_id: str, quality: int = 80) -> bytes:
        """CompressedImage of uint8 (H, W, 3), blue first; returns the JPEG."""
        data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])[1]
        msgtype = "sensor_msgs/msg/CompressedImage"
        header = self.header(stamp_ns, frame_id)
        message = self.make(msgtype, header=header, format="bgr8; jpeg compressed bgr8", data=data.ravel())
        self.write(topic, msgtype, at_ns, message)
        return data.tobytes()

    def transforms(self, topic: str, at_ns: int, stamp_ns: int, found: list[tuple[str, str, Transform]]) -> None:
        """TFMessage of (parent, child, child's points into the parent)."""
        parts = []
        for parent, child, way in found:
            x, y, z = (float(value) for value in way.t)
            quat = dict(zip("xyzw", map(float, Rotation.from_matrix(way.R).as_quat()), strict=True))
            transform = self.make(
                "geometry_msgs/msg/Transform",
                translation=self.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
                rotation=self.make("geometry_msgs/msg/Quaternion", **quat),
            )
            header = self.header(stamp_ns, parent)
            parts.append(
                self.make(
                    "geometry_msgs/msg/TransformStamped", header=header, child_frame_id=child, transform=transform
                )
            )
        self.write(topic, "tf2_msgs/msg/TFMessage", at_ns, self.make("tf2_msgs/msg/TFMessage", transforms=parts))

    def _skeleton(self, person: Person3D, method: str | None) -> Any:
        sec, nanosec = divmod(person.last_seen_ns, 1_000_000_000)
        covariance = np.zeros((3, 3), np.float32) if person.root_covariance is None else person.root_covariance
        return self.make(
            "pose3d_ros/msg/Skeleton3D",
            id=person.id,
            track=person.track,
            skeleton=person.skeleton,
            xyz_m=person.xyz_m.ravel(),
            sigma_m=person.sigma_m,
            state=person.state,
            track_state=int(person.track_state),
            method=str(person.method) if method is None else method,
            velocity_m_s=_flat_or_empty(person.velocity_m_s),
            quat_xyzw=_flat_or_empty(person.quat_xyzw),
            root_covariance=covariance.ravel(),
            last_seen=self.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec),
            stature_m=float(person.stature_m),
        )


def _flat_or_empty(values: np.ndarray | None) -> np.ndarray:
    return np.empty(0, np.float32) if values is None else values.ravel()


def make_room(path: Path, force: bool) -> None:
    """Removes an old bag of that name if told so. Raises InputError for what is there otherwise, or is no bag."""
    if not path.exists():
        return
    if not force:
        raise InputError(f"{path} exists: choose another name, or say --force to replace it")
    if not path.is_dir() or any(p.is_dir() or not _of_bag(p) for p in path.iterdir()):
        raise InputError(f"{path} is no bag, or holds more than one: it is not replaced")
    shutil.rmtree(path)


def _of_bag(file: Path) -> bool:
    return file.name == "metadata.yaml" or file.name.endswith((".mcap", ".db3", ".mcap.zstd", ".db3.zstd"))


def qos(latched: bool = False) -> Qos:
    """Reliable, as drivers offer by default; a player offers the same."""
    unset = QosTime(2147483647, 4294967295)
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return Qos(
        QosHistory.KEEP_LAST, 5, QosReliability.RELIABLE, durability, unset, unset,
        QosLiveliness.AUTOMATIC, unset, avoid_ros_namespace_conventions=False,
    )  # fmt: skip

"""RViz markers of skeletons and hands: one array a frame, one marker a person and kind."""

import colorsys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose3d_ros.core import formats
from pose3d_ros.core.config import param, validate
from pose3d_ros.core.types import Hand3D, JointState, Person3D, Skeletons3D
from pose3d_ros.ros.conversions import HAND, NS_PER_S, header, point

GOLDEN = 0.618033988749895  # turning the hue by the golden ratio keeps neighbours in number apart in colour


@dataclass(frozen=True)
class MarkerConfig:
    """How skeletons are drawn."""

    lifetime_s: float = param(
        0.3, "markers vanish after this without a new frame; 0 = never", unit="s", low=0.0, high=60.0, live=True
    )
    joint_diameter_m: float = param(0.05, "diameter of body joints", unit="m", low=0.001, high=1.0, live=True)
    bone_width_m: float = param(0.025, "width of body bones", unit="m", low=0.001, high=1.0, live=True)
    hand_scale: float = param(0.35, "size of hand joints and bones against those of the body", low=0.01, high=10.0,
                              live=True)  # fmt: skip
    text_height_m: float = param(0.12, "height of the label; 0 = no label", unit="m", low=0.0, high=2.0, live=True)

    def __post_init__(self) -> None:
        validate(self)


def colour(track: int, inferred: bool) -> ColorRGBA:
    """The same hue for a track for ever; what is inferred is paler and half transparent."""
    red, green, blue = colorsys.hsv_to_rgb(track * GOLDEN % 1.0, 0.35 if inferred else 0.9, 1.0)
    return ColorRGBA(r=red, g=green, b=blue, a=0.5 if inferred else 1.0)


class Markers:
    """Makes the marker array of each frame and remembers what is on display, to delete whoever left."""

    def __init__(self, config: MarkerConfig) -> None:
        self.config = config
        self._shown: set[tuple[str, int]] = set()

    def draw(self, result: Skeletons3D) -> MarkerArray:
        """Everybody of this frame, and a DELETE for whatever was shown before and is not any more."""
        head = header(result.stamp_ns, result.frame_id)
        markers = [marker for person in result.people for marker in self._person(person, head)]
        markers += [marker for hand in result.hands for marker in self._hand(hand, head)]
        shown = {(marker.ns, marker.id) for marker in markers}
        gone = sorted(self._shown - shown)
        markers += [Marker(header=head, ns=ns, id=number, action=Marker.DELETE) for ns, number in gone]
        self._shown = shown
        return MarkerArray(markers=markers)

    def clear(self, frame_id: str) -> MarkerArray:
        """Deletes all: at (de)activation and after time jumps only, since it makes RViz flicker."""
        self._shown = set()
        return MarkerArray(markers=[Marker(header=Header(frame_id=frame_id), action=Marker.DELETEALL)])

    def _person(self, person: Person3D, head: Header) -> Iterator[Marker]:
        cfg = self.config
        bones = formats.get(person.skeleton).bones
        sizes = cfg.joint_diameter_m, cfg.bone_width_m
        yield from self._figure("body", person.track, person.xyz_m, person.state, bones, sizes, head)
        valid = _drawable(person.xyz_m, person.state)
        if cfg.text_height_m and valid.any():
            label = self._marker("body_text", person.track, Marker.TEXT_VIEW_FACING, head)
            label.scale.z = cfg.text_height_m
            label.color = colour(person.track, inferred=False)
            top = person.xyz_m[valid][person.xyz_m[valid][:, 1].argmin()]  # y points down
            label.pose.position = point(top - (0, 1.5 * cfg.text_height_m, 0))
            measured = np.count_nonzero(person.state == JointState.MEASURED)
            label.text = f"{person.id or person.track}  {measured}/{len(person.state)} seen"
            yield label

    def _hand(self, hand: Hand3D, head: Header) -> Iterator[Marker]:
        cfg, bones = self.config, formats.get(HAND).bones
        sizes = cfg.joint_diameter_m * cfg.hand_scale, cfg.bone_width_m * cfg.hand_scale
        yield from self._figure(f"{hand.side}_hand", hand.track, hand.xyz_m, hand.state, bones, sizes, head)

    def _figure(
        self,
        kind: str,
        track: int,
        xyz_m: np.ndarray,
        state: np.ndarray,
        bones: np.ndarray,
        sizes: tuple[float, float],
        head: Header,
    ) -> Iterator[Marker]:
        """Joints and bones that can be drawn (RViz complains about NaN)."""
        valid = _drawable(xyz_m, state)
        points = {row: point(xyz_m[row]) for row in np.flatnonzero(valid).tolist()}
        shades = {inferred: colour(track, inferred) for inferred in (False, True)}
        inferred = (state == JointState.INFERRED).tolist()
        if points:
            joints = self._marker(f"{kind}_joints", track, Marker.SPHERE_LIST, head)
            joints.scale.x = joints.scale.y = joints.scale.z = sizes[0]
            joints.points = list(points.values())
            joints.colors = [shades[inferred[row]] for row in points]
            yield joints
        pairs = [(a, b) for a, b in bones.tolist() if a in points and b in points]
        if pairs:
            lines = self._marker(f"{kind}_bones", track, Marker.LINE_LIST, head)
            lines.scale.x = sizes[1]
            lines.points = [points[row] for pair in pairs for row in pair]
            lines.colors = [shades[inferred[a] or inferred[b]] for a, b in pairs for _ in range(2)]
            yield lines

    def _marker(self, ns: str, track: int, kind: int, head: Header) -> Marker:
        sec, nanosec = divmod(round(self.config.lifetime_s * NS_PER_S), NS_PER_S)
        marker = Marker(header=head, ns=ns, id=track, type=kind, action=Marker.ADD)
        marker.lifetime = Duration(sec=sec, nanosec=nanosec)
        marker.pose.orientation.w = 1.0
        return marker


def _drawable(xyz_m: np.ndarray, state: np.ndarray) -> np.ndarray:
    return (state != JointState.INVALID) & np.isfinite(xyz_m).all(axis=1)

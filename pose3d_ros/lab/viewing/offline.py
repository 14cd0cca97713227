"""Lifts the keypoints of a bag that holds no skeletons, so that it can be looked at."""

from pose3d_ros.core.errors import InputError
from pose3d_ros.core.types import Skeletons3D
from pose3d_ros.lab.viewing.bag import HandView, Recording
from pose3d_ros.pipeline import Pipeline, PipelineConfig
from pose3d_ros.settings import BodyConfig


def lift(recording: Recording, weights: str) -> None:
    """Fills `recording.skeletons` and `hands`. Raises InputError without a calibration, CheckpointError for the
    weights."""
    if recording.camera is None:
        raise InputError(f"bag {recording.path}: no skeletons, and no usable camera_info to compute them with")
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=weights)))
    try:
        for stamp_ns, frame in sorted(recording.keypoints.items()):
            recording.skeletons[stamp_ns] = pipeline.push(frame, recording.camera)
            recording.hands[stamp_ns] = hand_views(recording.skeletons[stamp_ns])
    finally:
        pipeline.close()


def hand_views(frame: Skeletons3D) -> tuple[HandView, ...]:
    """What is drawn of the hands of a frame."""
    return tuple(HandView(hand.track, hand.side, hand.xyz_m, hand.state) for hand in frame.hands)

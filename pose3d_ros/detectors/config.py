"""Parameters of the 2D detectors."""

from dataclasses import dataclass

from pose3d_ros.core.config import param, validate


@dataclass(frozen=True)
class DetectorConfig:
    """What finds the keypoints, and how carefully."""

    detector: str = param("mediapipe", "2D detector", choices=("mediapipe",))
    hands: bool = param(True, "also find the hands, 21 joints each")
    max_people: int = param(
        1, "people found at most; more than one needs model_path, the bundled model finds one", low=1, high=16
    )
    model_complexity: int = param(1, "size of the bundled body model: 0 lite, 1 full, 2 heavy", low=0, high=2)
    min_detection_confidence: float = param(0.5, "a person or hand below this is not reported", low=0.0, high=1.0)
    min_tracking_confidence: float = param(0.5, "below this the next image is searched anew", low=0.0, high=1.0)
    model_path: str = param(
        "", "body model file (pose_landmarker_*.task); empty: the one bundled with MediaPipe 0.10.21"
    )
    hand_model_path: str = param("", "hand model file (hand_landmarker.task), needed with model_path and hands")

    def __post_init__(self) -> None:
        validate(self)

"""Parameters of the 2D detectors."""

from dataclasses import dataclass

from pose3d_ros.core.config import param, validate
from pose3d_ros.core.errors import ConfigError


@dataclass(frozen=True)
class DetectorConfig:
    """What finds the keypoints, and how carefully."""

    detector: str = param("movenet", "2D detector", choices=("movenet", "onnx", "rtmlib"))
    hands: bool = param(True, "also find the hands, 21 joints each")
    max_people: int = param(6, "people reported at most, the surest ones; MoveNet finds six", low=1, high=64)
    input_size: int = param(
        320,
        "longest side of the body network's input, a multiple of 32: larger sees smaller people and costs more",
        unit="px",
        low=64,
        high=1024,
    )
    min_detection_confidence: float = param(0.3, "a new person below this is not reported", low=0.0, high=1.0)
    min_tracking_confidence: float = param(
        0.2, "a person where somebody was in the image before, below this, is not reported", low=0.0, high=1.0
    )
    min_hand_confidence: float = param(0.5, "a hand below this is not reported", low=0.0, high=1.0)
    family: str = param(
        "rtmo", "detector onnx: kind of the network in model_path", choices=("rtmo", "yolo_pose", "rtmpose")
    )
    box_model_path: str = param(
        "", "family rtmpose: ONNX file that finds people's boxes (YOLOX, RTMDet, YOLO); empty: MoveNet finds them"
    )
    box_interval: int = param(
        1,
        "family rtmpose: boxes are looked for in every so-many-th image; between, people are followed",
        low=1,
        high=100,
    )
    rtmlib_format: str = param(
        "coco17", "detector rtmlib: what it finds", choices=("coco17", "halpe26", "coco_wholebody133")
    )
    rtmlib_mode: str = param(
        "balanced", "detector rtmlib: size of its models", choices=("lightweight", "balanced", "performance")
    )
    backend: str = param(
        "auto",
        "what runs ONNX files: auto is OpenVINO; cuda and tensorrt need onnxruntime-gpu",
        choices=("auto", "openvino", "onnxruntime", "cuda", "tensorrt"),
    )
    model_path: str = param("", "file of the body model; empty: MoveNet's, which `pose3d detector fetch` gets")
    hand_model_path: str = param("", "file of the hand landmark model; empty: likewise")
    palm_model_path: str = param("", "file of the palm model; empty: likewise")
    threads: int = param(1, "CPU threads of each network; 0 = as many as the library likes", low=0, high=64)

    def __post_init__(self) -> None:
        validate(self)
        if self.input_size % 32:
            raise ConfigError(f"input_size: expected a multiple of 32 px, got {self.input_size}")

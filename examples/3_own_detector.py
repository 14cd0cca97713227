"""Connect a detector of your own: three members, and the pipeline takes what it finds.

    python examples/3_own_detector.py

This one "finds" a person whose keypoints it draws itself; put the call of your network in its place.
"""

import numpy as np

from pose3d_ros import Camera, Keypoints2D, Person2D, Pipeline, Skeletons3D

X = [320, 328, 312, 335, 305, 360, 280, 370, 270, 375, 265, 345, 295, 345, 295, 345, 295]
Y = [105, 97, 97, 100, 100, 150, 150, 195, 195, 240, 240, 240, 240, 320, 320, 400, 400]


class MyDetector:
    """What `pose3d_ros.detectors.base.Detector` asks for."""

    names = ("coco17",)  # the keypoint formats that it gives, one file each in pose3d_ros/core/formats

    def detect(self, image_rgb: np.ndarray, stamp_ns: int) -> tuple[Person2D, ...]:
        """Everybody in one image, uint8 (H, W, 3). Scores are 0..1, 0 where a joint is not seen."""
        xy_px = np.stack((X, Y), 1) + 20.0 * np.sin(stamp_ns / 1e9)
        score = np.full(17, 0.9)
        score[[9, 10]] = 0.0  # the wrists are hidden: the lifter infers them
        return (Person2D("coco17", xy_px, score),)

    def close(self) -> None:
        """Free the network."""


def lift(detector: MyDetector, frames: int = 15) -> list[Skeletons3D]:
    """Skeletons of as many frames of a camera at 30 Hz."""
    camera, pipeline, image = Camera.from_fov(640, 480, 60.0), Pipeline(), np.zeros((480, 640, 3), np.uint8)
    stamps_ns = [round(i * 1e9 / 30) for i in range(frames)]
    return [
        pipeline.push(Keypoints2D(stamp_ns, detector.detect(image, stamp_ns), "camera", 640, 480), camera)
        for stamp_ns in stamps_ns
    ]


def main() -> None:
    """Print where the wrist is that the detector never saw, and how sure that is."""
    found = lift(MyDetector())[-1].people[0]
    wrist = 13  # left_wrist of h36m17; joints by name: pose3d_ros.core.formats.get("h36m17").index("left_wrist")
    print(f"left wrist at {np.round(found.xyz_m[wrist], 2)} m, give or take {found.sigma_m[wrist]:.2f} m")


if __name__ == "__main__":
    main()

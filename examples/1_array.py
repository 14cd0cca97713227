"""Lift keypoints from a numpy array, without ROS.

    python examples/1_array.py [KEYPOINTS.npy] [--weights body_dtf27] [--fov 60]

KEYPOINTS.npy: float (frames, 17, 3), one person in the order of COCO: x and y in pixels, score. NaN or score 0 where a
joint is hidden. Without a file: somebody who waves.
"""

import argparse

import numpy as np

from pose3d_ros import BodyConfig, Camera, Keypoints2D, Person2D, Pipeline, PipelineConfig


def lift(keypoints: np.ndarray, pipeline: Pipeline, camera: Camera, rate_hz: float = 30.0) -> np.ndarray:
    """Keypoints (T, 17, 3) of one person to joints (T, 17, 3) in metres in the camera frame, NaN where nobody is."""
    xyz_m = np.full((len(keypoints), len(pipeline.body_skeleton), 3), np.nan)
    for i, one in enumerate(keypoints):
        person = Person2D("coco17", one[:, :2], one[:, 2], id="me")
        result = pipeline.push(Keypoints2D(int(i / rate_hz * 1e9), (person,)), camera)
        if result.people:
            xyz_m[i] = result.people[0].xyz_m
    return xyz_m


def waving(frames: int = 30) -> np.ndarray:
    """Keypoints (frames, 17, 3) of somebody who stands before the camera and waves."""
    x = [640, 655, 625, 670, 610, 720, 560, 740, 540, 750, 530, 690, 590, 690, 590, 690, 590]
    y = [160, 145, 145, 150, 150, 240, 240, 330, 330, 410, 410, 420, 420, 540, 540, 660, 660]
    keypoints = np.tile(np.stack((x, y, np.full(17, 0.9)), 1), (frames, 1, 1))
    keypoints[:, 9, 0] += 60 * np.sin(np.arange(frames) / 5)  # the left wrist
    return keypoints


def main() -> None:
    """Print where the pelvis is in each frame."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keypoints", nargs="?", help="default: somebody who waves")
    parser.add_argument("--weights", default="body_dtf27", help="name of shipped weights, or a path")
    parser.add_argument("--fov", type=float, default=60.0, help="horizontal field of view in degrees")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), help="width and height of the image")
    args = parser.parse_args()
    pipeline = Pipeline(PipelineConfig(body=BodyConfig(weights=args.weights)))
    camera = Camera.from_fov(*args.size, args.fov)
    keypoints = np.load(args.keypoints) if args.keypoints else waving()
    pelvis = pipeline.body_skeleton.index("pelvis")
    for i, joints in enumerate(lift(keypoints, pipeline, camera)):
        print(f"frame {i}: pelvis at {np.round(joints[pelvis], 2)} m")


if __name__ == "__main__":
    main()

"""`Camera`: intrinsics and distortion of one image stream. Optical frame: x right, y down, z forward."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from pose3d_ros.core.errors import CameraError
from pose3d_ros.core.types import checked

FISHEYE = "equidistant"
FARTHEST_RAY = 57.0  # x/z or y/z, 89 degrees off the axis; no lens of these models sees further
# OpenCV 4 has a second function that takes the criteria, OpenCV 5 only one
_undistort_points = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
ITERATIONS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-9)
UNDISTORTED_WITHIN_PX = 0.5
# sensor_msgs/distortion_models; number of coefficients that each may have
COEFFICIENTS = {"": (0,), "plumb_bob": (0, 4, 5), "rational_polynomial": (0, 8, 12, 14), FISHEYE: (0, 4)}


@dataclass(frozen=True)
class Camera:
    """Pinhole camera with lens distortion.

    `K` float64 (3, 3) in pixels; `D` float64 (n,) in the order of OpenCV; `distortion_model` one of `COEFFICIENTS`.
    Raises CameraError where the calibration cannot be used.
    """

    K: np.ndarray
    D: np.ndarray = field(default_factory=lambda: np.zeros(0))
    distortion_model: str = ""
    width: int = 0
    height: int = 0

    def __post_init__(self) -> None:
        K = checked("K", self.K, (3, 3), np.float64)
        D = np.ascontiguousarray(self.D, np.float64).reshape(-1)
        if not (np.isfinite(K).all() and np.isfinite(D).all()):
            raise CameraError(f"camera: expected finite K and D, got K {K.tolist()}, D {D.tolist()}")
        if K[0, 0] <= 0 or K[1, 1] <= 0:
            raise CameraError(
                f"camera is not calibrated: focal lengths are {K[0, 0]}, {K[1, 1]} px; calibrate it, "
                "or give the driver a calibration file, so that camera_info carries K"
            )
        if self.distortion_model not in COEFFICIENTS:
            known = ", ".join(name for name in COEFFICIENTS if name)
            raise CameraError(f"unknown distortion model {self.distortion_model!r}; known are {known}")
        if D.size not in COEFFICIENTS[self.distortion_model] and D.any():
            expected = COEFFICIENTS[self.distortion_model]
            raise CameraError(f"{self.distortion_model}: expected {expected} coefficients, got {D.size}")
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "D", D)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Camera) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple:
        return self.K.tobytes(), self.D.tobytes(), self.distortion_model, self.width, self.height

    @classmethod
    def from_fov(cls, width: int, height: int, horizontal_fov_deg: float) -> "Camera":
        """An ideal camera with square pixels and the principal point in the middle."""
        if not 0 < horizontal_fov_deg < 180:
            raise CameraError(f"horizontal field of view: expected 0 to 180 degrees, got {horizontal_fov_deg}")
        focal_px = width / 2 / np.tan(np.radians(horizontal_fov_deg) / 2)
        K = np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]])
        return cls(K, width=width, height=height)

    def check_image(self, width: int, height: int) -> None:
        """Raises CameraError where keypoints come from an image of another size; 0 = unknown on either side."""
        sizes = (width, height), (self.width, self.height)
        if all(sizes[0]) and all(sizes[1]) and sizes[0] != sizes[1]:
            raise CameraError(
                f"keypoints are in a {width}x{height} image but the camera is calibrated for {self.width}x"
                f"{self.height}: give the calibration of the image which the detector reads"
            )

    def outside(self, xy_px: np.ndarray) -> np.ndarray:
        """Which pixels (..., 2) are out of the image, bool (...); none where its size is unknown. NaN is not."""
        size = np.array([self.width or np.inf, self.height or np.inf])
        known = np.isfinite(size)
        return (((xy_px < -0.5) | (xy_px > size - 0.5)) & known).any(axis=-1)

    def rays(self, xy_px: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) to undistorted rays (x/z, y/z), float64 (..., 2).

        NaN stays NaN, and a pixel that no ray of this camera reaches gives NaN.
        """
        xy_px = np.asarray(xy_px, np.float64)
        ideal = not self.D.any() and self.distortion_model != FISHEYE
        rays = self._unproject(xy_px) if ideal else self._undistort(xy_px.reshape(-1, 1, 2)).reshape(xy_px.shape)
        # NaN compares as out of reach too
        return np.where((np.abs(rays) < FARTHEST_RAY).all(axis=-1, keepdims=True), rays, np.nan)

    def project(self, xyz_m: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the optical frame to pixels, float64 (..., 2). NaN for points behind the camera."""
        xyz_m = np.asarray(xyz_m, np.float64)
        flat = xyz_m.reshape(-1, 3)
        xy_px = np.full((len(flat), 2), np.nan)
        ahead = np.isfinite(flat).all(axis=1) & (flat[:, 2] > 1e-6)
        if ahead.any():
            xy_px[ahead] = self._project_ahead(flat[ahead])
        return xy_px.reshape(*xyz_m.shape[:-1], 2)

    def _project_ahead(self, xyz_m: np.ndarray) -> np.ndarray:
        zero = np.zeros(3)
        if self.distortion_model == FISHEYE:
            D = self.D if self.D.size else np.zeros(4)
            return cv2.fisheye.projectPoints(xyz_m[:, None], zero, zero, self.K, D)[0][:, 0]
        return cv2.projectPoints(xyz_m[:, None], zero, zero, self.K, self.D)[0][:, 0]

    def _undistort(self, xy_px: np.ndarray) -> np.ndarray:
        """Rays (n, 1, 2) of pixels (n, 1, 2) through the lens; NaN where there is none."""
        rays = np.full_like(xy_px, np.nan)
        (present,) = np.isfinite(xy_px).all(axis=(1, 2)).nonzero()
        if present.size:
            if self.distortion_model == FISHEYE:
                D = self.D if self.D.size else np.zeros(4)
                found = cv2.fisheye.undistortPoints(xy_px[present], self.K, D)
            else:  # the five iterations of cv2.undistortPoints are off by half a pixel in the corners of wide images
                found = _undistort_points(xy_px[present], self.K, self.D, R=None, P=None, criteria=ITERATIONS)
            # The polynomials fold back outside of the image: what does not project to where it came from is no ray
            back = self.project(np.concatenate((found, np.ones_like(found[..., :1])), axis=-1))
            true = np.abs(back - xy_px[present]).max(axis=(1, 2)) < UNDISTORTED_WITHIN_PX
            rays[present[true]] = found[true]
        return rays

    def _unproject(self, xy_px: np.ndarray) -> np.ndarray:
        (fx, skew, cx), (_, fy, cy) = self.K[:2]
        y = (xy_px[..., 1] - cy) / fy
        return np.stack(((xy_px[..., 0] - cx - skew * y) / fx, y), axis=-1)

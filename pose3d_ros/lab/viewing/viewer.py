"""`Viewer`: an imagined camera that looks at the scene, for images of 3D points."""

import numpy as np

DOWN = np.array([0.0, 1.0, 0.0])  # the real camera is taken to be level
NEAR_M = 0.05
FOV_DEG, MARGIN_PX, AIMS = 30.0, 24.0, 5


class Viewer:
    """Pinhole at `eye` looking at `target`: metres in the real camera's optical frame. `size`: (width, height)."""

    def __init__(self, eye: np.ndarray, target: np.ndarray, size: tuple[int, int], vertical_fov_deg: float) -> None:
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(DOWN, forward)
        right /= np.linalg.norm(right)
        self.eye, self.size = eye, size
        self.turn = np.stack([right, np.cross(forward, right), forward])
        self.focal_px = size[1] / 2 / np.tan(np.radians(vertical_fov_deg) / 2)

    def project(self, xyz_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (..., 3) -> pixels (..., 2), NaN behind the viewer, and depths (...) in metres."""
        local = (np.asarray(xyz_m, np.float64) - self.eye) @ self.turn.T
        depth = np.where(local[..., 2] > NEAR_M, local[..., 2], np.nan)
        return local[..., :2] / depth[..., None] * self.focal_px + np.array(self.size) / 2, depth

    @classmethod
    def orbit(
        cls, target: np.ndarray, azimuth_deg: float, elevation_deg: float, distance_m: float, size: tuple[int, int],
        fov_deg: float = FOV_DEG,
    ) -> "Viewer":  # fmt: skip
        """Azimuth 0 looks along the real camera's axis, 90 across it from its right; positive elevations look down."""
        azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
        back = np.array([np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), -np.cos(azimuth) * np.cos(elevation)])
        return cls(target + back * distance_m, target, size, fov_deg)


def fit(
    box: np.ndarray, azimuths_deg: tuple[float, ...], elevation_deg: float, size: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """Target and distance in metres of the nearest orbit from which the whole box is seen at all these azimuths.

    `box` (2, 3): lowest and highest coordinates.
    """
    corners = np.stack(np.meshgrid(*box.T, indexing="ij"), -1).reshape(-1, 3)
    target, distance_m = box.mean(0), 1.0
    for _ in range(AIMS):  # distance for the extents, then aim at their middle, as seen from the middle azimuth
        distance_m = _distance(corners, target, azimuths_deg, elevation_deg, size)
        viewer = Viewer.orbit(target, float(np.mean(azimuths_deg)), elevation_deg, distance_m, size)
        xy, _ = viewer.project(corners)
        offset = (xy.min(0) + xy.max(0)) / 2 - np.array(size) / 2
        target = target + offset @ viewer.turn[:2] * distance_m / viewer.focal_px
    return target, _distance(corners, target, azimuths_deg, elevation_deg, size)


def _distance(corners: np.ndarray, target: np.ndarray, azimuths_deg, elevation_deg: float, size) -> float:
    low, high, limit = 0.2, 200.0, np.array(size) / 2 - MARGIN_PX
    for _ in range(30):
        middle = (low + high) / 2
        seen = [
            Viewer.orbit(target, azimuth, elevation_deg, middle, size).project(corners)[0] for azimuth in azimuths_deg
        ]
        # the middle of what is seen need not be the image's: aiming comes later
        fits = all(np.isfinite(xy).all() and (np.ptp(xy, axis=0) / 2 <= limit).all() for xy in seen)
        low, high = (low, middle) if fits else (middle, high)
    return high

"""`View`: what one camera sees, in the units of the keypoints."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pose3d_ros.geometry.camera import Camera

IN_VIEW = 0.25  # of somebody's joints; with fewer inside of the image they have left it


@dataclass(frozen=True)
class View:
    """`low` and `high` (x, y) of the image's borders, and the extent of one `pixel`; the default knows neither."""

    low: tuple[float, float] = (-np.inf, -np.inf)
    high: tuple[float, float] = (np.inf, np.inf)
    pixel: float = 0.0

    def left(self, xy: np.ndarray) -> np.ndarray:
        """Whose joints (N, J, 2), NaN where unknown, are out of the image but for a few, bool (N,)."""
        known = np.isfinite(xy).all(-1)
        inside = known & (xy >= self.low).all(-1) & (xy <= self.high).all(-1)
        return inside.sum(1) < IN_VIEW * known.sum(1)


@lru_cache(maxsize=8)
def view_of(camera: Camera) -> View:
    """In rays. Of a lens that bends its borders, the box around them."""
    if not (camera.width and camera.height):
        return View()  # and what is called a pixel may be anything
    pixel = 1.0 / float(camera.K[0, 0])
    x, y = (np.linspace(-0.5, size - 0.5, 9) for size in (camera.width, camera.height))
    edges = (x, y[0]), (x, y[-1]), (x[0], y), (x[-1], y)
    rays = camera.rays(np.concatenate([np.stack(np.broadcast_arrays(*edge), -1) for edge in edges]))
    known = np.isfinite(rays).all()  # a fisheye may look further than rays go
    return View(tuple(rays.min(0)), tuple(rays.max(0)), pixel) if known else View(pixel=pixel)

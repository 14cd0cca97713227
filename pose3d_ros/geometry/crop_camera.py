"""The virtual camera of a crop, in which image models speak, and the way from there to metres before the real camera.

A crop is cut out of the image as it is, so it shows a hand as a camera would that looks at the crop's middle. Public
models assume a focal length of 5000 px; here the real intrinsics turn the weak-perspective camera into a place.
"""

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.crop import Crops
from pose3d_ros.geometry.placement import MIN_DEPTH_M, place
from pose3d_ros.geometry.virtual_camera import VirtualCamera, look_along

MIN_SEEN = 4.0  # weights of keypoints that the place is taken from; with fewer it is the weak-perspective camera's


def look_at_crops(crops: Crops, camera: Camera, mirrored: np.ndarray | None = None) -> VirtualCamera:
    """Virtual cameras of N crops of an image of `camera`: they look at the crops' middles, without roll; `scale` is
    half of a crop's height, in x/z.

    Where `mirrored`, bool (N,), the network is shown the crop with left and right exchanged (left hands), and `R` is a
    reflection. Crops whose middle no ray reaches get NaN.
    """
    half = crops.scale * crops.height / 2
    steps = np.array(((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)))
    around = camera.rays(crops.centre_px[:, None] + half[:, None, None] * steps)
    view = look_along(around[:, 0], half)
    turned = view.turn_rays(around)
    # half of the distance of opposite borders, in both directions: lenses and slanting rays squeeze one of them
    across, along = (np.linalg.norm(turned[:, i] - turned[:, i + 1], axis=-1) for i in (1, 3))
    sides = np.ones((len(half), 3))
    if mirrored is not None:
        sides[mirrored, 0] = -1
    return VirtualCamera(sides[..., None] * view.R, (across + along) / 4)


def place_by_crop(
    xyz_m: np.ndarray, weak: np.ndarray, view: VirtualCamera, rays: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Root-relative joints (N, J, 3) in the axes of `view`, put before the camera: (N, J, 3) in its axes, metres, and
    bool (N,): the 2D placed them.

    They are put where their keypoints say, `rays` (N, J, 2) of the camera with weights (N, J) >= 0 (0 where there is
    none); where these are too few, where the weak-perspective camera `weak` (N, 3) does.
    """
    seen = (weight > 0) & np.isfinite(rays).all(-1)
    weight = np.where(seen, weight, 0.0)
    turned = view.turn_rays(np.where(seen[..., None], rays, 0.0))
    root, determined = place(xyz_m, turned, weight)
    determined = determined & (weight.sum(-1) >= MIN_SEEN)
    root = np.where(determined[:, None], root, root_of_weak(weak, view))
    return view.to_camera(xyz_m + root[:, None]), determined


def root_of_weak(weak: np.ndarray, view: VirtualCamera) -> np.ndarray:
    """Roots (N, 3) in the axes of `view` of weak-perspective cameras (N, 3): scale and shift, where
    x_crop = scale (x + shift) in halves of the crop's height."""
    depth = 1 / np.maximum(weak[:, 0] * view.scale, 1e-6)
    return np.concatenate((weak[:, 1:], np.maximum(depth, MIN_DEPTH_M)[:, None]), -1)

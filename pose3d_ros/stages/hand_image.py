"""Hands looked at: the image's hand takes the place of the lifter's, on the same wrist."""

from dataclasses import replace

import numpy as np

from pose3d_ros.core.types import Hand3D, Method
from pose3d_ros.geometry.hand import describe, resized
from pose3d_ros.geometry.hand_placement import place_hands
from pose3d_ros.geometry.placement import pull_to_rays
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.hands import MAX_MISFIT, SKELETON
from pose3d_ros.stages.image_refiner import Refiner, Sightings


class HandRefiner(Refiner[Hand3D]):
    """Left hands are shown mirrored: the network knows right ones only."""

    SKELETON, PARAMETER, WHOM = SKELETON, "refine.hands", "hand"

    def _key(self, one: Hand3D) -> tuple[int, str]:
        return one.track, one.side

    def _mirrored(self, given: list[Hand3D]) -> np.ndarray:
        return np.array([hand.side == "left" for hand in given])

    def _placed(
        self, config: PipelineConfig, xyz_m: np.ndarray, sigma_m: np.ndarray, seen: Sightings
    ) -> tuple[np.ndarray, np.ndarray]:
        xyz_m = resized(xyz_m, config.hands.hand_size_m)
        placed = place_hands(xyz_m, seen.rays, seen.weight, seen.score > 0, seen.lifted_m[:, 0, 2])
        xyz_m = pull_to_rays(placed.xyz_m, seen.rays, seen.score, sigma_m, config.hands.keypoint_sigma_m)
        # one that is carried on unseen stays on its arm, however the image bends it
        carried = ~(seen.score > 0).any(1)
        xyz_m[carried] += (seen.lifted_m - xyz_m)[carried, :1]
        return xyz_m, placed.misfit < MAX_MISFIT

    def _made(
        self, given: list[Hand3D], xyz_m: np.ndarray, sigma_m: np.ndarray, plausible: np.ndarray
    ) -> list[Hand3D | None]:
        pose = describe(xyz_m, self._mirrored(given))
        good = plausible & pose.valid
        return [
            replace(
                hand, wrist_m=xyz_m[i, 0], xyz_m=xyz_m[i], sigma_m=sigma_m[i], method=Method.EXTPOSE, **pose.of(i)
            )
            if good[i]
            else None
            for i, hand in enumerate(given)
        ]  # fmt: skip

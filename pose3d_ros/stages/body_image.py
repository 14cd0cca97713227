"""Bodies looked at: the image's body takes the place of the lifter's, put where its keypoints say."""

from dataclasses import replace

import numpy as np

from pose3d_ros.core.types import Method, Person3D
from pose3d_ros.geometry.placement import DepthPrior, misfit, place_people, pull_to_rays
from pose3d_ros.settings import PipelineConfig
from pose3d_ros.stages.image_refiner import Refiner, Sightings

# Of the body's extent in the image. Measured on generated people whom body_dtf27 lifted: 0.6 % exceed it; of another
# person's pose in their place 82 % do, with the joints shuffled all
MAX_MISFIT = 0.5
MIN_SEEN = 6  # fewer joints are met by almost any body
LIFTED_DEPTH = 0.053  # error of the lifter's distance, as a share of it (docs/results.md)


class BodyRefiner(Refiner[Person3D]):
    """Bodies are shown as they are."""

    SKELETON, PARAMETER, WHOM = "h36m17", "refine.body", "person"

    def _key(self, one: Person3D) -> int:
        return one.track

    def _mirrored(self, given: list[Person3D]) -> np.ndarray:
        return np.zeros(len(given), bool)

    def _placed(
        self, config: PipelineConfig, xyz_m: np.ndarray, sigma_m: np.ndarray, seen: Sightings
    ) -> tuple[np.ndarray, np.ndarray]:
        # the less sure the image, the more counts where the lifter stood them: nobody jumps between the two
        depth_m = seen.lifted_m[:, 0, 2]
        prior = DepthPrior(depth_m, (sigma_m.mean(1) / (LIFTED_DEPTH * depth_m)) ** 2)
        placed = place_people(xyz_m, seen.rays, seen.weight, config.unsettled, prior)
        plausible = placed.determined & (misfit(placed.xyz_m, seen.rays, seen.score, MIN_SEEN) < MAX_MISFIT)
        keypoint_sigma_m = config.unsettled.keypoint_sigma_m
        return pull_to_rays(placed.xyz_m, seen.rays, seen.score, sigma_m, keypoint_sigma_m), plausible

    def _made(
        self, given: list[Person3D], xyz_m: np.ndarray, sigma_m: np.ndarray, plausible: np.ndarray
    ) -> list[Person3D | None]:
        return [
            replace(person, xyz_m=xyz_m[i], sigma_m=sigma_m[i], method=Method.EXTPOSE) if plausible[i] else None
            for i, person in enumerate(given)
        ]

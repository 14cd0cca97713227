"""`HandFinder`: the hands of everybody, followed from image to image and looked for at wrists that show none."""

from collections.abc import Iterator

import numpy as np

from pose3d_ros.core import formats
from pose3d_ros.detectors.base import Body
from pose3d_ros.detectors.config import DetectorConfig
from pose3d_ros.detectors.hand_landmarks import HandLandmarks
from pose3d_ros.detectors.hand_region import Region, of_hand
from pose3d_ros.detectors.hands import DetectedHand, assign, without_duplicates
from pose3d_ros.detectors.palms import PalmDetector

SIDES = ("left", "right")
# whose longest is a measure of the body's size in the image, however it is turned
SEGMENTS = (
    ("left_shoulder", "right_shoulder"),
    *((f"{side}_{a}", f"{side}_{b}") for side in SIDES
      for a, b in (("shoulder", "hip"), ("shoulder", "elbow"), ("elbow", "wrist"))),
)  # fmt: skip
SHOWN = 0.2  # score of a joint that is where it is said to be
SEARCHES = 2  # places looked at in one image, beside the hands that are followed: a search takes as long as a hand
AHEAD, WINDOW = 0.2, 1.4  # of the body's size: how far beyond the wrist its palm is looked for, and in what square
NEARLY = 0.4  # of the least confidence
SMALLEST_PX = 24.0  # of such a square; a hand in a smaller one is no more than a few pixels
Place = tuple[float, float, float, float]  # x0, y0, x1, y1 of a part of the image


class HandFinder:
    """Each hand is looked at where it was in the image before. Wrists without a hand take turns being searched for
    palms, and so does the whole image while anybody's hand is missing: hands that touch are told apart in one of them
    and not in the other, and a wrist may be out of sight."""

    def __init__(self, config: DetectorConfig) -> None:
        self.palms = PalmDetector(config.palm_model_path, config.threads)
        self.landmarks = HandLandmarks(config.hand_model_path, config.threads)
        self._least = config.min_hand_confidence
        self._most = 2 * config.max_people
        self.reset()

    def reset(self) -> None:
        """Forget the hands: another video begins."""
        self._regions: list[Region] = []
        self._turn = 0

    def find(self, image_rgb: np.ndarray, bodies: list[Body]) -> list[tuple[int, str, DetectedHand]]:
        """(position in `bodies` or -1, side, hand) of everybody's hands."""
        wrists_px, sizes_px = wrists(bodies), sizes(bodies)
        hands = self._look(image_rgb, self._regions)
        for place in self._places(image_rgb, bodies, assign(hands, wrists_px, sizes_px)):
            hands += self._search(image_rgb, place, hands)
        owned = assign(hands, wrists_px, sizes_px)[: self._most]
        self._regions = [of_hand(hand.xy_px) for _, _, hand in owned]
        return owned

    def _look(self, image_rgb: np.ndarray, regions: list[Region]) -> list[DetectedHand]:
        seen = [self.landmarks.look(image_rgb, region) for region in regions]
        return without_duplicates([hand for hand in seen if hand.score >= self._least])

    def _search(self, image_rgb: np.ndarray, place: Place, known: list[DetectedHand]) -> list[DetectedHand]:
        """Hands in a part of the image that are not known yet."""
        x0, y0, x1, y1 = (int(edge) for edge in place)
        palms = self.palms.find(np.ascontiguousarray(image_rgb[y0:y1, x0:x1]), self._least)
        regions = [palm.region.moved(x0, y0) for palm in palms]
        new = [region for region in regions if not any(_shows(region, hand) for hand in known)]
        found = [self._centred(image_rgb, region) for region in new[: max(self._most - len(known), 0)]]
        return without_duplicates([hand for hand in found if hand.score >= self._least])

    def _centred(self, image_rgb: np.ndarray, region: Region) -> DetectedHand:
        """The hand of a palm's region; one that is nearly seen is looked at again, about its own joints."""
        hand = self.landmarks.look(image_rgb, region)
        nearly = NEARLY * self._least <= hand.score < self._least
        return self.landmarks.look(image_rgb, of_hand(hand.xy_px)) if nearly else hand

    def _places(
        self, image_rgb: np.ndarray, bodies: list[Body], owned: list[tuple[int, str, DetectedHand]]
    ) -> Iterator[Place]:
        """What is searched in this image: the next ones of all that could be."""
        height, width = image_rgb.shape[:2]
        have = {(person, side) for person, side, _ in owned}
        wrists_px, wanted = wrists(bodies), []
        for person, (body, size) in enumerate(zip(bodies, sizes(bodies), strict=True)):
            for side, wrist in zip(SIDES, wrists_px[person], strict=True):
                if np.isfinite(wrist).all() and (person, side) not in have:
                    wanted.append(_window(body, side, wrist, size, width, height))
        if not bodies or wanted or np.isnan(wrists_px).any():
            wanted.append((0, 0, width, height))
        wanted = [place for place in wanted if min(place[2] - place[0], place[3] - place[1]) >= SMALLEST_PX]
        for turn in range(min(SEARCHES, len(wanted))):
            yield wanted[(self._turn + turn) % len(wanted)]
        self._turn += SEARCHES


def wrists(bodies: list[Body]) -> np.ndarray:
    """(P, 2, 2): left and right wrist of each body, NaN where it does not show."""
    return np.array([[_joint(body, f"{side}_wrist") for side in SIDES] for body in bodies]).reshape(-1, 2, 2)


def sizes(bodies: list[Body]) -> np.ndarray:
    """(P,): length of the longest segment that each body shows, in pixels; 0 where it shows none."""
    ends = np.array([[[_joint(body, end) for end in pair] for pair in SEGMENTS] for body in bodies])
    lengths = np.linalg.norm(np.diff(ends.reshape(-1, len(SEGMENTS), 2, 2), axis=2)[:, :, 0], axis=-1)
    return np.nan_to_num(lengths).max(axis=1, initial=0.0)


def _joint(body: Body, name: str) -> np.ndarray:
    row = formats.get(body.format).index(name)
    return body.xy_px[row] if body.score[row] >= SHOWN else np.full(2, np.nan)


def _window(body: Body, side: str, wrist: np.ndarray, size: float, width: int, height: int) -> Place:
    """The square beyond a wrist, as the forearm points, as far as it is in the image."""
    elbow = _joint(body, f"{side}_elbow")
    way = np.nan_to_num(wrist - elbow)
    middle = wrist + AHEAD * size * way / max(float(np.linalg.norm(way)), 1.0)
    (x0, y0), (x1, y1) = middle - WINDOW * size / 2, middle + WINDOW * size / 2
    return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)


def _shows(region: Region, hand: DetectedHand) -> bool:
    """Whether this hand's middle lies in the middle half of the region."""
    return bool(np.linalg.norm(hand.xy_px.mean(axis=0) - region.middle_px) < region.side_px / 4)

"""`Movie`: frames to a file that browsers play."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.core.errors import EngineError

# In the order of preference, with the container of each. The wheels of OpenCV are built without H.264; VP8 plays in
# browsers too and is encoded six times as fast as their VP9. MPEG-4 part 2 is for players only.
CODECS = {"avc1": ".mp4", "VP80": ".webm", "mp4v": ".mp4"}


class Movie:
    """Opens on the first frame; a context manager.

    `codec` is the one of `codecs` in use; `path` ends as its container wants it, whatever was given.
    """

    def __init__(self, path: Path, rate_hz: float, codecs: Iterable[str] = tuple(CODECS)) -> None:
        self.path, self.codec, self._rate_hz, self._codecs = path, "", rate_hz, tuple(codecs)
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> "Movie":
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer:
            self._writer.release()

    def write(self, bgr: np.ndarray) -> None:
        """One frame, uint8 (H, W, 3), even width and height. Raises EngineError where OpenCV has no codec."""
        if self._writer is None:
            self._writer = self._opened(bgr.shape[1], bgr.shape[0])
        self._writer.write(bgr)

    def _opened(self, width: int, height: int) -> cv2.VideoWriter:
        with _quiet_ffmpeg():
            for codec in self._codecs:
                path, code = self.path.with_suffix(CODECS[codec]), cv2.VideoWriter_fourcc(*codec)
                writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, self._rate_hz, (width, height))
                if writer.isOpened():
                    self.path, self.codec = path, codec
                    return writer
        raise EngineError(
            f"{self.path}: OpenCV {cv2.__version__} can write none of {', '.join(self._codecs)}; "
            "install opencv-python-headless, or look at the images only"
        )


@contextmanager
def _quiet_ffmpeg() -> Iterator[None]:
    """A codec that is not there is no news; FFmpeg and OpenCV write it past Python, straight to the descriptor."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

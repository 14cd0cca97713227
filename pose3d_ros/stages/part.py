"""What all parts of the pipeline share, and the part that is not there."""

from typing import Any

from pose3d_ros.settings import PipelineConfig


class Part:
    """A part of the pipeline. It overrides the verbs that it has something to do in, beside its own `store`, `lift`."""

    def reconfigure(self, config: PipelineConfig) -> None:
        """Take other live parameters from the next frame on; nobody is lost."""

    def reset(self) -> None:
        """Forget everybody."""

    def close(self) -> None:
        """Free the device. The part cannot be used afterwards."""

    @property
    def description(self) -> str:
        """What it runs, for diagnostics; "" = no network."""
        return ""


class Absent(Part):
    """Stands where the settings name no weights: false, and nothing comes of it."""

    WHOM = ""

    def __bool__(self) -> bool:
        return False

    def store(self, *given: Any) -> list[str]:
        """Take nothing; nothing is odd."""
        return []

    def lift(self, *given: Any) -> tuple[list, list[str]]:
        """Return nothing, for no reason."""
        return [], []

    def look(self, frame: Any, given: list, *rest: Any) -> tuple[list, list[str]]:
        """Return what was given."""
        return given, []

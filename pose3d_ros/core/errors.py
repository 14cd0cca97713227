"""Every error this package raises on purpose. Each says what was expected, what came, and what to do."""


class Pose3DError(Exception):
    """Root of all errors of this package."""


class InputError(Pose3DError, ValueError):
    """Data handed in by the caller breaks a contract (shape, length, range, dtype)."""


class FormatError(Pose3DError, ValueError):
    """A keypoint format or skeleton is unknown, or cannot feed the one that is needed."""


class CameraError(Pose3DError, ValueError):
    """A camera calibration cannot be used (focal length 0, unknown distortion model)."""


class CheckpointError(Pose3DError):
    """Weights are missing, damaged, or do not fit the model they are loaded into."""


class ConfigError(Pose3DError, ValueError):
    """A configuration holds an unknown name or a value out of range."""


class EngineError(Pose3DError, RuntimeError):
    """A model could not be run by the chosen engine."""


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, or its type where it has none."""
    return (str(error).strip() or type(error).__name__).split("\n")[0][:200]

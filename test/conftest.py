"""What all tests share."""

from importlib.util import find_spec

# These layers need torch. A robot's package manager does not bring it, and `colcon test` must still test the rest.
NEED_TORCH = ["models", "engines", "synthesis", "pipeline", "evaluation", "training"]
HAS_TORCH = find_spec("torch") is not None

collect_ignore = [] if HAS_TORCH else [*NEED_TORCH, *(f"test_{name}.py" for name in NEED_TORCH)]


def pytest_report_header() -> str:
    """Says aloud what is left out."""
    return "torch: installed" if HAS_TORCH else f"torch: NOT installed, left out: {', '.join(NEED_TORCH)}"

"""Recorded hands."""

import numpy as np
import pytest

from test.control.people import recorded_hands


@pytest.fixture(scope="session")
def recorded() -> dict[str, np.ndarray]:
    return recorded_hands()

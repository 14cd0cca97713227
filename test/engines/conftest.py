"""What the tests of engines share."""

import pytest
from pose3d_testing.engines import CPU, Fake, make_program

from pose3d_ros.engines.backends.choice import Rung, backend
from pose3d_ros.engines.base import Program
from pose3d_ros.engines.cache import EngineCache


@pytest.fixture
def fake() -> type[Fake]:
    return type("Fake", (Fake,), {"made": []})


@pytest.fixture
def ladder_of(fake) -> tuple[Rung, ...]:
    """The fake above eager torch."""
    return Rung(fake, CPU), Rung(backend("torch"), CPU)


@pytest.fixture
def cache(tmp_path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def program() -> Program:
    return make_program()

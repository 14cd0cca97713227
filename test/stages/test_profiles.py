"""Bone lengths that somebody measured: files, and what the state makes of them."""

import numpy as np
import pytest

from pose3d_ros.core import formats
from pose3d_ros.core.errors import ConfigError
from pose3d_ros.core.types import Person3D
from pose3d_ros.estimation import bones
from pose3d_ros.settings import PeopleConfig, PipelineConfig
from pose3d_ros.stages import profiles
from pose3d_ros.stages.state import State

SKELETON = formats.get("h36m17")
TREE = bones.tree(SKELETON)


@pytest.fixture
def file(tmp_path, standing_m):
    """Anna has the bones of the standing person."""
    lengths = bones.lengths_m(np.array(standing_m)[None], TREE)[0]
    of_groups = np.array([lengths[TREE.group == group].mean() for group in range(len(TREE.names))])
    profiles.save(tmp_path / "people.yaml", "anna", SKELETON, of_groups, 0.01, 1.7)
    profiles.save(tmp_path / "people.yaml", "ben", SKELETON, 1.1 * of_groups, 0.01, 1.9)
    return str(tmp_path / "people.yaml")


def test_what_is_written_is_read_and_others_stay(file):
    found = profiles.load(file, SKELETON)
    assert set(found) == {"anna", "ben"}
    (anna, sigma), (ben, _) = found["anna"], found["ben"]
    np.testing.assert_allclose(ben - anna, np.log(1.1), atol=2e-3)
    assert np.isfinite(sigma).all()
    assert profiles.load("", SKELETON) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("people: {a: {bones_m: {tail: 0.4}}}", "no bone ends at tail"),
        ("people: {a: {bones_m: {knee: 42}}}", "knee: expected 0.02 to 1.0 m"),
        ("people: {a: {bones_m: {knee: 0.4}, sigma_m: 0}}", "sigma_m > 0"),
        ("people: {a: {knee: 0.4}}", "expected people:"),
        ("[", "cannot be read"),
        ("", "expected people:"),
    ],
)
def test_a_file_that_is_wrong_says_how(tmp_path, text, message):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        profiles.load(str(tmp_path / "p.yaml"), SKELETON)


def test_a_file_that_is_not_there():
    with pytest.raises(ConfigError, match="cannot be read"):
        profiles.load("nowhere.yaml", SKELETON)


def test_who_has_a_profile_is_as_large_as_it_says_and_others_are_not(file, standing_m):
    truth = np.array(standing_m) + np.array([0.3, 0, 4.0])
    lifted = 1.2 * truth  # too large, and so too far
    rays = np.tile((truth[:, :2] / truth[:, 2:])[None], (2, 1, 1))
    state = State(PipelineConfig(people=PeopleConfig(profiles=file)), SKELETON)
    people = [Person3D(id, i, "h36m17", lifted, np.full(17, 0.08), np.ones(17)) for i, id in enumerate(("anna", "eve"))]
    for i in range(30):
        anna, eve = state.lift(10**9 + i * 33_333_333, people, rays, np.full((2, 17), 0.9))
    np.testing.assert_allclose(anna.xyz_m, truth, atol=0.02)
    np.testing.assert_allclose(eve.xyz_m[0], lifted[0], atol=0.05)

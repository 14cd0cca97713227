from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.core.errors import ConfigError, InputError
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.bags.synthetic import SyntheticConfig, synthesize
from pose3d_ros.lab.bags.truth import load_truth

DATA = Path(__file__).parents[2] / "data"
MOTION = DATA / "motion_sample.npz"


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_the_same_seed_gives_the_same_bytes(tmp_path, storage):
    found = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        config = SyntheticConfig(
            seconds=0.5, width=64, height=48, noise=1, protocol="burst", lost=0.3, images=True, moving=True, seed=seed
        )
        synthesize(tmp_path / folder / "bag", MOTION, config, storage)
        found.append(contents(tmp_path / folder / "bag"))
    assert found[0] == found[1] != found[2]


def test_the_truth_projects_onto_exact_keypoints(tmp_path):
    scene = synthesize(tmp_path / "bag", MOTION, SyntheticConfig(seconds=1, moving=True, joint_frames=True))
    bag = Bag(tmp_path / "bag")
    truth, frames = load_truth("topic:/truth", bag), load_truth("tf:person_1/", bag)
    assert truth.stamps_ns == frames.stamps_ns == tuple(scene.stamps_ns)
    for entry in bag.inputs():
        person = truth.at(entry.keypoints.stamp_ns).people[0]
        pixels = entry.camera.project(person.xyz_m)
        np.testing.assert_allclose(pixels, entry.keypoints.people[0].xy_px, atol=1e-3)
        from_tf = frames.at(entry.keypoints.stamp_ns).people[0]
        np.testing.assert_allclose(from_tf.xyz_m, person.xyz_m, atol=1e-5)
    centre = np.array(scene.base[0].t), np.array(scene.base[-1].t)
    assert np.linalg.norm(centre[0] - centre[1]) > 0.1  # it drove


def test_noise_losses_and_occlusion_are_as_ordered(tmp_path):
    exact = synthesize(tmp_path / "exact", MOTION, SyntheticConfig())
    noisy = synthesize(tmp_path / "noisy", MOTION, SyntheticConfig(noise=1, protocol="random:8", lost=0.4, ids=False))
    assert np.mean(exact.score == 1) > 0.9
    assert 0.4 < np.mean(noisy.score == 0) < 0.6
    assert 0.2 < noisy.lost.mean() < 0.6
    both = (exact.score > 0) & (noisy.score > 0)
    off_px = np.linalg.norm(exact.xy_px - noisy.xy_px, axis=-1)[both]
    assert 0.3 < np.median(off_px) < 5
    inputs = list(Bag(tmp_path / "noisy").inputs())
    assert len(inputs) == len(exact.lost) - noisy.lost.sum()
    assert {person.id for entry in inputs for person in entry.keypoints.people} == {""}


def test_the_bundled_bag_is_what_the_generator_makes(tmp_path):
    """Numbers, not bytes: those depend on the version of rosbags."""
    synthesize(tmp_path / "bag", MOTION, SyntheticConfig(seconds=3, moving=True))
    made, bundled = Bag(tmp_path / "bag"), Bag(DATA / "bags" / "one_person")
    for mine, theirs in zip(made.inputs(), bundled.inputs(), strict=True):
        assert (mine.arrival_ns, mine.camera) == (theirs.arrival_ns, theirs.camera)
        np.testing.assert_allclose(mine.keypoints.people[0].xy_px, theirs.keypoints.people[0].xy_px, atol=1e-2)
    for mine, theirs in zip(made.skeletons("/truth").frames, bundled.skeletons("/truth").frames, strict=True):
        np.testing.assert_allclose(mine.people[0].xyz_m, theirs.people[0].xyz_m, atol=1e-4)


def test_in_the_bundled_pair_one_hides_the_other(tmp_path):
    bag = Bag(DATA / "bags" / "two_people")
    hidden = [float((person.score == 0).mean()) for e in bag.inputs() for person in e.keypoints.people]
    assert 0 < np.mean(hidden) < 0.5
    assert {len(frame.people) for frame in load_truth("topic:/truth", bag).frames} == {2}


def test_nothing_is_overwritten_unless_told_and_then_only_a_bag(tmp_path, capsys):
    command = ["synthesize", str(tmp_path / "bag"), "--motion", str(MOTION), "--seconds", "0.2", "--size", "64x48"]
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 0
    assert "6 frames at 30 Hz" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code == 2
    assert "--force" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main([*command, "--force"])
    assert end.value.code == 0
    (tmp_path / "bag" / "diary.txt").write_text("precious")
    with pytest.raises(InputError, match="not replaced"):
        synthesize(tmp_path / "bag", MOTION, force=True)
    assert (tmp_path / "bag" / "diary.txt").read_text() == "precious"


def test_wrong_input_is_named(tmp_path):
    with pytest.raises(InputError, match="no clip 'none'; it has A2/02_01"):
        synthesize(tmp_path / "bag", MOTION, SyntheticConfig(clip="none"))
    with pytest.raises(InputError, match="there is none"):
        synthesize(tmp_path / "bag", tmp_path / "none.npz")
    with pytest.raises(ConfigError, match="unknown protocol"):
        synthesize(tmp_path / "bag", MOTION, SyntheticConfig(protocol="none", seconds=1))
    assert not (tmp_path / "bag").exists()

"""Many bags: found, run apart from each other, resumed. Jobs here are trivial: they show what becomes of any job."""

import importlib
import sys
from types import ModuleType

import pytest

from pose3d_ros.core.errors import InputError, Pose3DError
from pose3d_ros.lab.evaluation.bags import batch

OPTIONS = batch.fingerprint({"weights": "a"})


JOB = """
import os

from pose3d_ros.core.errors import InputError


def count_bytes(bag, folder):
    if bag.name == "unreadable.mcap":
        raise InputError("this bag is empty")
    if bag.name == "fatal.mcap":
        os._exit(9)
    (folder / "size").write_text(str(bag.stat().st_size))
    with (folder / "runs").open("a") as file:
        file.write("x")
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch) -> ModuleType:
    """A module that other processes can import, with a job that fails for some bags, each in a way of its own."""
    (tmp_path / "jobs_of_many.py").write_text(JOB)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "jobs_of_many", raising=False)
    return importlib.import_module("jobs_of_many")


@pytest.fixture
def bags(tmp_path):
    folder = tmp_path / "bags"
    folder.mkdir()
    for name, size in (("a.mcap", 3), ("fatal.mcap", 1), ("unreadable.mcap", 0), ("z.mcap", 5)):
        (folder / name).write_bytes(bytes(size))
    return folder


def test_bags_are_found_in_folders_and_lists_each_once(tmp_path, bags):
    (bags / "deep" / "walk").mkdir(parents=True)
    (bags / "deep" / "walk" / "metadata.yaml").write_text("")
    (bags / "deep" / "walk" / "walk_0.mcap").write_text("")
    (bags / "deep" / "split").mkdir()
    for number in range(2):
        (bags / "deep" / "split" / f"split_{number}.db3").write_text("")
    (tmp_path / "empty").mkdir()
    names = [bag.name for bag in batch.find_bags([bags])]
    assert names == ["a.mcap", "fatal.mcap", "unreadable.mcap", "z.mcap", "split", "walk"]
    chosen = tmp_path / "chosen.txt"
    chosen.write_text("# the good ones\nbags/a.mcap\nbags/deep/walk  # twice\nbags/deep\n\n")
    assert [bag.name for bag in batch.find_bags([chosen])] == ["a.mcap", "walk", "split"]
    chosen.write_text("bags/b.mcap\n")
    with pytest.raises(InputError, match=r"chosen\.txt: there is no bags/b\.mcap"):
        batch.find_bags([chosen])
    with pytest.raises(InputError, match="no bags in"):
        batch.find_bags([tmp_path / "empty"])


def test_bags_of_one_name_get_folders_that_tell_them_apart(tmp_path):
    found = batch.tasks([tmp_path / "monday" / "walk", tmp_path / "friday" / "walk"], tmp_path / "out")
    assert [task.folder.name for task in found] == ["monday_walk", "friday_walk"]


def test_one_bag_that_fails_or_kills_its_process_costs_the_others_nothing_and_a_second_run_takes_up_the_rest(
    tmp_path, bags, jobs
):
    work = batch.tasks(batch.find_bags([bags]), tmp_path / "out")
    seen = []
    first = batch.run_all(work, jobs.count_bytes, OPTIONS, workers=2, on_done=seen.append)
    assert [outcome.task for outcome in first] == work
    assert len(seen) == 4
    good, fatal, unreadable, last = first
    assert (good.error, last.error) == ("", "")
    assert "code 9" in fatal.error
    assert unreadable.error == "this bag is empty"
    assert "InputError" in (unreadable.task.folder / batch.ERROR).read_text()
    assert (last.task.folder / "size").read_text() == "5"

    (bags / "z.mcap").write_bytes(bytes(6))  # changed: to be done again
    (bags / "fatal.mcap").unlink()
    second = batch.run_all([work[0], work[3]], jobs.count_bytes, OPTIONS)
    assert [outcome.reused for outcome in second] == [True, False]
    assert (work[0].folder / "runs").read_text() == "x"
    assert (work[3].folder / "size").read_text() == "6"
    assert not batch.is_complete(work[0], batch.fingerprint({"weights": "b"}))


def test_without_ray_it_says_what_to_install(tmp_path, bags, jobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Pose3DError, match=r"pose3d_ros\[ray\]"):
        batch.run_all(batch.tasks([bags / "a.mcap"], tmp_path / "out"), jobs.count_bytes, OPTIONS, ray_address="local")


def test_ray_does_the_same(tmp_path, bags, jobs):
    ray = pytest.importorskip("ray", reason="needs the extra `ray`")
    ray.cloudpickle.register_pickle_by_value(jobs)  # Ray's workers have a path of their own
    work = batch.tasks(batch.find_bags([bags]), tmp_path / "out")
    found = batch.run_all(work, jobs.count_bytes, OPTIONS, ray_address="local")
    assert [bool(outcome.error) for outcome in found] == [False, True, True, False]
    assert found[2].error == "this bag is empty"
    assert (work[3].folder / "size").read_text() == "5"
    again = batch.run_all([work[0]], jobs.count_bytes, OPTIONS, ray_address="local")
    assert again[0].reused

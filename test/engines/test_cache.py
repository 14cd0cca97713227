"""Engines on disk: whole or not at all, of this model and machine, unchanged, and one builder at a time."""

import errno
import fcntl
import json
import os
import shutil
from pathlib import Path
from threading import Event, Thread

import pytest
from pose3d_testing.engines import CPU, make_program

from pose3d_ros.core.errors import EngineError
from pose3d_ros.engines import cache as cache_module
from pose3d_ros.engines.backends.choice import Rung
from pose3d_ros.engines.base import NotBuiltError
from pose3d_ros.engines.builder import build
from pose3d_ros.engines.cache import META, VARIABLE, CacheError, EngineCache, identity


@pytest.fixture
def built(program, fake, cache) -> Path:
    return build(program, Rung(fake, CPU), cache)


def find(program, fake, cache) -> Path:
    return cache.find(identity(program, fake, CPU))


def test_what_was_built_is_found_and_not_built_again(program, fake, cache, built):
    assert find(program, fake, cache) == built
    fake.build_error = RuntimeError("built twice")
    assert build(program, Rung(fake, CPU), cache) == built
    meta = json.loads((built / META).read_text())
    assert meta["parity"] == {"xyz": 0.0, "mean": 0.0}
    assert [entry.fault for entry in cache.entries()] == [""]


def test_nothing_there(program, fake, cache):
    with pytest.raises(NotBuiltError, match=r"^not built$"):
        find(program, fake, cache)


def test_newer_weights_other_config_precision_and_versions_are_other_engines(program, fake, cache, built):
    for other in (make_program(scale=3.0), make_program(layers=2)):
        with pytest.raises(NotBuiltError, match=r"other (weights_sha256|config\.layers)"):
            find(other, fake, cache)
    fake.version = "2"
    with pytest.raises(NotBuiltError, match=r"the one there is of other versions\.fake"):
        find(program, fake, cache)


def test_the_gpu_is_part_of_the_key(program, fake, monkeypatch):
    fake.on_gpu = True
    card = {"gpu": "A", "compute_capability": "8.7", "driver": "540"}
    found = set()
    for change in ({}, {"gpu": "B"}, {"compute_capability": "8.6"}, {"driver": "550"}):
        monkeypatch.setattr(cache_module, "gpu", lambda _, change=change: card | change)
        found.add(EngineCache(Path()).path(identity(program, fake, CPU)))
    assert len(found) == 4


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "added", "linked", "no meta", "other meta"])
def test_damage_is_found_before_anything_is_loaded(program, fake, cache, built, damage, tmp_path):
    file, meta = built / "engine.bin", built / META
    fake.load_error = AssertionError("loaded")
    if damage == "truncated":
        file.write_bytes(b"eng")
    elif damage == "changed":
        file.write_bytes(b"enginE")
    elif damage == "missing":
        file.unlink()
    elif damage == "added":
        (built / "more.bin").write_bytes(b"x")
    elif damage == "linked":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif damage == "no meta":
        meta.write_text("{")
    else:
        meta.write_text(meta.read_text().replace('"affine"', '"other"'))
    with pytest.raises(CacheError, match="pose3d engine"):
        find(program, fake, cache)
    fake.load_error = None
    assert build(program, Rung(fake, CPU), cache) == built  # in its place
    assert find(program, fake, cache) == built


def test_an_engine_of_another_machine_copied_to_this_ones_name_is_refused(program, fake, cache, built):
    fake.version = "2"
    shutil.copytree(built, cache.path(identity(program, fake, CPU)))
    with pytest.raises(CacheError, match="belongs to something else: run `pose3d engine build`"):
        find(program, fake, cache)


def test_files_of_another_user_are_refused(program, fake, cache, built, monkeypatch):
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    else:
        os.chown(built / "engine.bin", 12345, 12345)
    with pytest.raises(CacheError, match="written by another user"):
        find(program, fake, cache)


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "no space left"), (errno.EROFS, "Read-only file system")])
def test_a_full_or_read_only_disk(program, fake, cache, number, words, monkeypatch):
    fake.build_error = OSError(number, os.strerror(number))
    with pytest.raises(CacheError, match=f"engine cache .*engines: {words}; set {VARIABLE} to a folder"):
        build(program, Rung(fake, CPU), cache)
    assert list(cache.entries()) == []
    assert list(cache.folder.glob(".*.part")) == []


@pytest.mark.parametrize(("free", "error"), [(1000, CacheError), (10**10, RuntimeError)])
def test_a_library_that_cannot_write(program, fake, cache, free, error, monkeypatch):
    fake.build_error = RuntimeError("PytorchStreamWriter failed writing file")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
    with pytest.raises(error):
        build(program, Rung(fake, CPU), cache)


def test_a_folder_that_cannot_be_made(program, fake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="Not a directory"):
        build(program, Rung(fake, CPU), EngineCache(tmp_path / "file" / "engines"))


def test_an_engine_that_differs_is_not_stored(program, fake, cache):
    fake.error = 0.0021
    with pytest.raises(EngineError, match=r"xyz differs from eager fp32 by 0\.0021, allowed are 0\.002: not used"):
        build(program, Rung(fake, CPU), cache)
    assert list(cache.entries()) == []
    assert fake.made[0].closed


def test_what_a_killed_builder_left_is_removed(program, fake, cache):
    path = cache.path(identity(program, fake, CPU))
    left = cache.folder / f".{path.name}.999999.part"
    left.mkdir(parents=True)
    (cache.folder / f".{path.name}.lock").write_text("")  # whose process is dead: the system holds no lock any more
    build(program, Rung(fake, CPU), cache)
    assert not left.exists()


def test_a_second_builder_waits_and_takes_what_the_first_built(program, fake, cache):
    path = cache.path(identity(program, fake, CPU))
    cache.folder.mkdir()
    done, waiting = Event(), Event()

    def second() -> None:
        waiting.set()
        build(program, Rung(fake, CPU), cache)
        done.set()

    with open(cache.folder / f".{path.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        assert not done.wait(0.2)
    assert done.wait(10)
    thread.join()
    assert len(fake.made) == 1


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert EngineCache.default().folder == tmp_path
    monkeypatch.setenv(VARIABLE, "")
    assert EngineCache.default() is None
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert EngineCache.default().folder == tmp_path / "pose3d_ros" / "engines"


def test_remove(cache, built):
    (entry,) = cache.entries()
    cache.remove(entry)
    assert not built.exists()

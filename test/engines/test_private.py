"""Engine files that somebody else could have written are not opened, and nothing is written through links."""

import fcntl
import os
import stat

import pytest
from pose3d_testing.engines import CPU

from pose3d_ros.engines import cache as cache_module
from pose3d_ros.engines.backends.choice import Rung
from pose3d_ros.engines.base import NotBuiltError
from pose3d_ros.engines.builder import build
from pose3d_ros.engines.cache import META, CacheError, EngineCache, identity

OTHER = 12345


@pytest.fixture
def built(program, fake, cache):
    return build(program, Rung(fake, CPU), cache)


@pytest.fixture
def refused(program, fake, cache):
    """refused(words): the engine is not loaded, and one line says why."""

    def check(words: str) -> None:
        fake.load_error = AssertionError("loaded")
        with pytest.raises(CacheError, match=words) as error:
            cache.find(identity(program, fake, CPU))
        assert "\n" not in str(error.value)

    return check


def test_what_is_built_is_the_users_alone(cache, built):
    for place in (cache.folder, built, *built.iterdir()):
        assert not place.stat().st_mode & 0o077, place


@pytest.mark.parametrize("mode", [0o777, 0o775])
@pytest.mark.parametrize("what", ["cache", "engine", "file", "meta"])
def test_what_others_can_write_to_is_refused(cache, built, refused, what, mode):
    place = {"cache": cache.folder, "engine": built, "file": built / "engine.bin", "meta": built / META}[what]
    place.chmod(mode)
    refused("can write to|can be written by others")


def test_a_folder_above_that_others_can_write_to(tmp_path, program, fake):
    open_to_all = tmp_path / "open"
    cache = EngineCache(open_to_all / "engines")
    build(program, Rung(fake, CPU), cache)
    open_to_all.chmod(0o777)
    with pytest.raises(CacheError, match=f"others can write to {open_to_all}: chmod go-w"):
        cache.find(identity(program, fake, CPU))
    with pytest.raises(CacheError, match="others can write"):
        build(program, Rung(fake, CPU), cache)
    open_to_all.chmod(0o1777)  # as /tmp: nobody can exchange what is another's
    cache.find(identity(program, fake, CPU))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["cache", "engine", "file", "meta"])
def test_what_belongs_to_another_user_is_refused(cache, built, refused, what):
    place = {"cache": cache.folder, "engine": built, "file": built / "engine.bin", "meta": built / META}[what]
    os.chown(place, OTHER, OTHER)
    refused("another user")


def test_links_are_refused_and_their_targets_live(cache, built, refused, program, fake, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    built.rename(elsewhere)
    built.symlink_to(elsewhere)
    refused("a link")
    fake.load_error = None
    assert build(program, Rung(fake, CPU), cache) == built  # in the link's place
    assert (elsewhere / META).is_file()
    assert not built.is_symlink()


def test_a_file_with_a_second_name_is_refused(built, refused, tmp_path):
    os.link(built / "engine.bin", tmp_path / "second")
    refused("has a second name")


def test_a_deep_or_large_description_is_refused(built, refused):
    (built / META).write_text("[" * 200_000)
    refused("meta.json cannot be read")
    (built / META).write_text(" " * (2 << 20))
    refused("meta.json is larger than")


def test_a_lock_is_never_a_way_to_another_file(program, fake, cache, tmp_path):
    path = cache.path(identity(program, fake, CPU))
    cache.folder.mkdir(0o700)
    canary = tmp_path / "canary"
    canary.write_text("alive")
    lock = cache.folder / f".{path.name}.lock"
    lock.symlink_to(canary)
    with pytest.raises(CacheError, match="engine cache"):
        build(program, Rung(fake, CPU), cache)
    assert canary.read_text() == "alive"
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(CacheError, match="another kind"):
        build(program, Rung(fake, CPU), cache)
    lock.unlink()
    lock.write_text("kept")
    lock.chmod(0o600)
    build(program, Rung(fake, CPU), cache)
    assert lock.read_text() == "kept"
    assert stat.S_ISREG(lock.lstat().st_mode)


def test_a_held_lock_is_not_waited_for_without_end(program, fake, cache, monkeypatch):
    monkeypatch.setattr(cache_module, "LOCK_WAIT_S", 0.1)
    path = cache.path(identity(program, fake, CPU))
    cache.folder.mkdir(0o700)
    with open(cache.folder / f".{path.name}.lock", "w") as lock:
        os.chmod(lock.name, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CacheError, match="held for 0 s by another builder"):
            build(program, Rung(fake, CPU), cache)


def test_a_missing_engine_says_so_whatever_the_folder(program, fake, tmp_path):
    with pytest.raises(NotBuiltError, match="not built"):
        EngineCache(tmp_path / "none").find(identity(program, fake, CPU))

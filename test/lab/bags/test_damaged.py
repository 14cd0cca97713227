"""Whatever happened to a bag: what can be used is used, and what was lost is counted and named."""

import re
import sqlite3

import numpy as np
import pytest

from pose3d_ros.lab.bags.reader import Bag

STEP_NS, START_NS = 33_333_333, 1_700_000_000_000_000_000
FRAMES = 40
HEADER_FRAME = b"\x07\x00\x00\x00camera\x00"  # a serialised frame_id: only messages hold it


def stamps(bag):
    return [entry.keypoints.stamp_ns for entry in bag.inputs()]


WHOLE = [START_NS + i * STEP_NS for i in range(FRAMES)]


def file_of(path):
    (file,) = [f for f in path.iterdir() if f.name != "metadata.yaml"]
    return file


@pytest.mark.parametrize("share", [0.999, 0.9, 0.6, 0.3, 0.02])
@pytest.mark.parametrize("compression", ["", "storage", "message"])
def test_a_cut_mcap_gives_what_came_before_the_cut(make_bag, compression, share):
    file = file_of(make_bag(frames=FRAMES, compression=compression))
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    bag = Bag(file)
    found = stamps(bag)
    assert found == WHOLE[: len(found)]
    assert any(reason.startswith("mcap: ") for reason in bag.skipped)
    if compression != "storage" and share in (0.3, 0.6, 0.9):
        assert len(found) > 0.5 * share * FRAMES - 5
    if share == 0.999:
        assert len(found) == FRAMES  # only the index is lost


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("share", [0.95, 0.6])
def test_a_cut_compressed_file_gives_its_beginning(make_bag, storage, share):
    file = file_of(make_bag(frames=FRAMES, compression="file", storage=storage))
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    try:
        bag = Bag(file)
    except ValueError as error:  # too little was left for the unpacker to give anything
        assert "cannot read" in str(error)  # noqa: PT017
        return
    found = stamps(bag)
    assert found == WHOLE[: len(found)]
    assert f"{file.name}: compressed file is cut off or damaged" in bag.skipped


def test_garbage_after_the_end_is_named_and_costs_nothing(make_bag):
    file = file_of(make_bag(frames=FRAMES))
    file.write_bytes(file.read_bytes() + bytes(range(256)) * 20)
    bag = Bag(file)
    assert stamps(bag) == WHOLE
    assert bag.skipped == {"mcap: bytes after the end": 1}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_garbage_inside_never_raises_and_is_counted(make_bag, storage, seed):
    file = file_of(make_bag(frames=FRAMES, storage=storage))
    data = bytearray(file.read_bytes())
    rng = np.random.default_rng(seed)
    places = [
        match.start() for match in re.finditer(HEADER_FRAME, data)
    ]  # past the definitions: they precede the first
    at = int(rng.integers(places[len(places) // 3], places[-1] - 3000))
    data[at : at + 3000] = rng.bytes(3000)
    file.write_bytes(data)
    bag = Bag(file)
    found = stamps(bag)
    list(bag.skeletons("/truth").frames)
    assert set(found) <= set(WHOLE) or storage == "sqlite3"
    assert bag.skipped


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize(("share", "count"), [(0.9, 1), (0.99, 5000), (0.6, 5000)])
def test_lost_bytes_never_raise_and_are_counted(make_bag, storage, share, count):
    file = file_of(make_bag(frames=FRAMES, storage=storage))
    data = bytearray(file.read_bytes())
    at = int(share * len(data))
    del data[at : at + count]
    file.write_bytes(data)
    bag = Bag(file)
    stamps(bag)
    assert bag.skipped


def test_a_broken_record_is_passed_over_where_the_index_knows_the_next_chunk(make_bag, tmp_path):
    """Two chunks: the header of the first is destroyed."""
    from pose3d_ros.lab.bags.mcap_file import CHUNK, RECORD, McapFile

    file = file_of(make_bag(frames=1500))  # more than one chunk
    chunks = McapFile(file)._chunks
    assert len(chunks) > 1
    data = bytearray(file.read_bytes())
    at = data.index(RECORD.pack(CHUNK, 0)[:1], 8)
    data[at : at + 9] = b"\xff" * 9
    file.write_bytes(data)
    bag = Bag(file)
    found = stamps(bag)
    assert found
    assert found[-1] == START_NS + 1499 * STEP_NS
    assert bag.skipped["mcap: cut off in the middle of a record"] == 1


@pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
def test_a_cut_database_gives_the_pages_that_are_there(make_bag, share):
    file = file_of(make_bag(frames=200, storage="sqlite3"))
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[: int(size * share)])
    bag = Bag(file)
    found = stamps(bag)
    assert found == sorted(found)
    assert len(found) > 200 * (share - 0.2)
    assert bag.skipped["sqlite3: damaged or missing pages"] >= 1


def test_a_database_whose_recorder_was_killed_is_read_with_its_log(make_bag, tmp_path):
    """What was not yet merged lies in the -wal file; nothing is written beside the bag."""
    file = file_of(make_bag(frames=5, storage="sqlite3"))
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("UPDATE messages SET timestamp = timestamp + 7")
    database.commit()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for part in file.parent.glob("*.db3*"):
        (crashed / part.name).write_bytes(part.read_bytes())
    database.close()
    before = sorted(crashed.iterdir())
    bag = Bag(crashed / file.name)
    assert bag.start_ns == START_NS + 7
    assert sorted(crashed.iterdir()) == before


def test_a_file_that_metadata_lists_may_be_missing(make_bag):
    path = make_bag(frames=3)
    file_of(path).rename(path / "other.mcap")
    bag = Bag(path)
    assert len(stamps(bag)) == 3
    assert bag.skipped == {"file bag.mcap of metadata.yaml is missing": 1}


def test_a_message_that_is_cut_short_is_counted(make_bag):
    file = file_of(make_bag(frames=5, storage="sqlite3"))
    database = sqlite3.connect(file)
    (topic,) = database.execute("SELECT id FROM topics WHERE name = '/keypoints'").fetchone()
    (first,) = database.execute("SELECT min(id) FROM messages WHERE topic_id = ?", (topic,)).fetchone()
    database.execute("UPDATE messages SET data = substr(data, 1, 60) WHERE id = ?", (first,))
    database.commit()
    database.close()
    bag = Bag(file)
    assert stamps(bag) == WHOLE[1:5]
    assert bag.skipped == {"/keypoints: message cannot be decoded": 1}

"""The page of a run: complete, self-contained, right about the numbers, and calm about runs that lack things."""

import json
import sys
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch")
pytest.importorskip("jinja2", reason="needs the extra `tools`: jinja2")

from pose3d_ros.core.errors import Pose3DError
from pose3d_ros.lab.bags.reader import Bag
from pose3d_ros.lab.evaluation.bags import batch
from pose3d_ros.lab.evaluation.bags.bag import evaluate_bag
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig
from pose3d_ros.lab.evaluation.bags.curves import Curve, save
from pose3d_ros.lab.evaluation.bags.summary import SUMMARY_CSV, SUMMARY_JSON
from pose3d_ros.lab.viewing import rerun_export
from pose3d_ros.lab.viewing.runs import charts, moments
from pose3d_ros.lab.viewing.runs.bags import PAGE, evaluate_bags
from pose3d_ros.lab.viewing.runs.page import cards, verdict, write_report

LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "image": "href"}


class Page(HTMLParser):
    """Text, and everything that a browser would load."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.loads, self.tags = "", [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name == LOADING.get(tag)]

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def run(make_bag):
    """What a robot recorded in 2 s, 100 mm off in the third frame's left wrist, as if that were the only error."""
    path = make_bag(frames=60)
    found = evaluate_bag(BagEvaluationConfig(bag=path, estimates="recorded", truth="topic:/skeletons"))
    wrist = found.skeleton.index("left_wrist")
    found.frames.relative_mm[2, wrist] = 100.0
    found.info["metrics"]["all"]["per_joint_mm"]["left_wrist"] = 1.7
    return found


def test_the_page_needs_nothing_but_itself_and_says_what_the_run_says(run, make_bag, tmp_path):
    bag = Bag(tmp_path / "bag")
    metrics = {"seen_mm": None, "hidden_mm": 20.0}
    points = tuple(
        {"severity": s, "metrics": {"mpjpe_mm": 10.0 * s, **metrics}, "quality": {"coverage": 1}} for s in (0, 1, 2)
    )
    save([Curve("burst", "groups hidden", "groups", "truth", points)], tmp_path / "out")
    run.info["bag"]["skipped"] = {"message <b>cut</b>": 3}
    written = write_report(run, tmp_path / "out", bag.image)
    page = Page(written)
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.loads)
    assert len(page.loads) == 2  # one bad moment, flat and in space
    assert "script" not in page.tags
    assert page.tags.count("svg") == 3
    for text in ("0.0 mm from the truth", "left wrist", "message <b>cut</b>", "Fault: burst", "errors against truth"):
        assert text in page.text
    for name in ("timeline", "joints", "curve_burst", "worst_1"):
        assert cv2.imread(str(tmp_path / "out" / f"{name}.png")) is not None


def test_without_truth_it_shows_doubts_instead_of_errors(run, make_bag, tmp_path):
    path = make_bag(frames=40, name="plain", images="")
    plain = evaluate_bag(BagEvaluationConfig(bag=path, estimates="recorded"))
    page = Page(write_report(plain, tmp_path / "out"))
    assert "no truth" in verdict(plain)
    assert "20 mm (median sigma)" in verdict(plain)
    assert "MPJPE" not in page.text
    assert "Most doubtful moments" in page.text
    assert any(card.label == "variation of bone lengths" and card.value == "0.0" for card in cards(plain))


def test_a_run_of_nobody_has_a_page_too(run, tmp_path):
    count = len(run.frames.track)
    nobody = {
        entry.name: getattr(run.frames, entry.name)[:0]
        for entry in fields(run.frames)
        if entry.name not in ("stamp_ns", "arrival_ns", "answered", "image_stamp_ns", "truth_stamp_ns", "detected")
        and len(getattr(run.frames, entry.name)) == count
    }
    page = Page(write_report(replace(run, frames=replace(run.frames, **nobody)), tmp_path / "out"))
    assert "Nobody was estimated" in page.text
    assert page.loads == []


def test_moments_shown_are_the_worst_and_apart(run):
    run.frames.relative_mm[:] = np.linspace(50, 1, len(run.frames.track))[:, None]
    run.frames.relative_mm[40] = 60.0
    assert moments.chosen(run, 4) == [40, 0]  # the others are within a second of these, or better than usual


def test_a_moment_shows_truth_in_its_own_colour_over_the_image(run, tmp_path):
    run.frames.truth_m[2, :, 0] += 0.3
    (shown,) = moments.worst(run, Bag(tmp_path / "bag").image, 1)
    flat = shown.image[: moments.HEIGHT - 30, : moments.LEFT_WIDTH].astype(int)
    assert (np.abs(flat - (255, 90, 225)).max(-1) < 8).sum() > 200
    assert (np.abs(flat - (0, 0, 172)).max(-1) < 8).sum() > 10_000  # the red image, a little darker
    assert shown.who == "anna"


def test_long_runs_are_drawn_as_means_with_their_spread():
    seconds = np.arange(4000) / 30
    values = np.where(np.arange(4000) % 2 == 0, 1.0, 3.0)
    values[100:200] = np.nan
    x, mean, low, high = charts._binned(seconds, values)
    assert len(x) == charts.BINS
    assert np.nanmax(mean) == np.nanmin(mean) == 2
    assert (np.nanmin(low), np.nanmax(high)) == (1, 3)
    assert np.isnan(mean[12])


def test_lines_go_on_over_lost_frames_but_not_over_an_absence():
    seconds = np.arange(60) / 30
    values = np.full(60, np.nan)
    values[:30:3] = 1.0  # two of three frames lost; then nobody for a second
    x, mean, _, _ = charts._binned(seconds, values)
    np.testing.assert_array_equal(mean[:10], 1.0)
    np.testing.assert_allclose(x[:10], np.arange(10) / 10)
    assert np.isnan(mean[10:]).all()


def test_many_bags_have_one_summary(make_bag, tmp_path, monkeypatch):
    here = lambda work, call, workers: ((task, call(task)) for task in work)  # noqa: E731 - no processes: quicker
    monkeypatch.setattr(batch, "_in_processes", here)
    bags = [make_bag(frames=10, name="first", images=""), make_bag(frames=30, name="second", images="")]
    (tmp_path / "third.mcap").write_bytes(b"no bag at all")
    config = BagEvaluationConfig(bag=Path(), estimates="recorded", truth="topic:/skeletons")
    seen = []
    report = lambda outcome, number, of: seen.append((outcome.task.folder.name, number, of))  # noqa: E731
    found = evaluate_bags(config, [*bags, tmp_path / "third.mcap"], tmp_path / "out", on_done=report)
    assert seen == [("first", 1, 3), ("second", 2, 3), ("third", 3, 3)]
    assert found["all"]["people"] == 40
    assert found["all"]["mpjpe_mm"] == 0
    assert found["all"]["failed"] == 1
    assert [row["status"] for row in found["bags"]] == ["done", "done", "failed"]
    assert json.loads((tmp_path / "out" / SUMMARY_JSON).read_text()) == found
    assert (tmp_path / "out" / SUMMARY_CSV).read_text().count("\n") == 4
    page = Page(tmp_path / "out" / PAGE)
    assert "third" in page.text
    assert "does not start like one" in page.text
    assert page.loads == []
    again = evaluate_bags(config, bags, tmp_path / "out")
    assert [row["status"] for row in again["bags"]] == ["complete", "complete"]
    other = replace(config, seed=2)
    assert len(batch.clashes(batch.tasks(bags, tmp_path / "out"), batch.fingerprint({"seed": other.seed}))) == 2


def test_rerun_export_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(Pose3DError, match=r"pose3d_ros\[rerun\]"):
        rerun_export.export((), None, tmp_path / "run.rrd")


def test_rerun_export_writes_every_moment(run, tmp_path):
    pytest.importorskip("rerun", reason="needs rerun-sdk")
    path = tmp_path / "run.rrd"
    rerun_export.export(moments.every(run, lambda _: None), moments.camera_of(run), path)
    found = path.read_bytes()
    assert found[:3] == b"RRF"
    for entity in (b"camera/people/1/joints", b"camera/truth/0/bones"):
        assert entity in found

"""A stored evaluation of one bag: what was run, per-frame results, timings. Read it with `load_run`.

A run is a folder of three files:

- `run.json`: everything that can be told in a few numbers (`RunResult.info`).
- `frames.npz`: `RunFrames`, the results of every frame.
- `timings.npz`: `Timings`. Only this file differs between two runs of the same bag, weights and options.
"""

import io
import json
import zipfile
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.core import files, formats
from pose3d_ros.core.errors import InputError
from pose3d_ros.core.skeleton import Skeleton

RUN_VERSION = 1
RUN_BYTES = 64 << 20
JSON, FRAMES, TIMINGS = "run.json", "frames.npz", "timings.npz"
# Curves, report and images beside a run; of another run they would be untrue
MADE_OF_A_RUN = ("curves.json", "report.html", "run.rrd", "timeline.png", "joints.png", "curve_*.png", "worst_*.png")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of the format: no clock time gets into compared files


@dataclass(frozen=True)
class RunFrames:
    """Results of F frames, with N estimated people and M true people in all of them together; J joints.

    RunFrames, by their stamps:
    - `stamp_ns` int64 (F,), `arrival_ns` int64 (F,): of the keypoints at the recorder; the estimate's where there are
      no keypoints.
    - `answered` bool (F,): an estimate was given, if only of nobody. False: the frame was lost (recorded runs), or
      taken away by a fault.
    - `image_stamp_ns` int64 (F,): stamp in the bag, before faults; ask `Bag.image` for this one.
    - `truth_stamp_ns` int64 (F,): of the paired frame of the truth, offset applied; -1 where there is none.
    - `detected` int32 (F,): bodies with a keypoint in the bag's input, before faults.

    Estimated people, N rows in the order of frames:
    - `frame` int32 (N,), `track` int64 (N,), `id` str (N,), `track_state` uint8 (N,) (`TrackState`).
    - `xyz_m` float32 (N, J, 3) in the camera frame, `sigma_m` float32 (N, J), `state` uint8 (N, J) (`JointState`;
      visible joints are those MEASURED).
    - `keypoint_px` float32 (N, J, 2): the person's keypoints of this frame in the joints of the skeleton, `score`
      float32 (N, J); NaN and 0 where missing, or where no detection fits.
    - `reprojection_px` float32 (N, J): distance from the projected joint to its keypoint; NaN where missing.
      `height_px` float32 (N,): longer side of the box around the projected skeleton.
    - `person` int32 (N,): row of the true person in `RunResult.people`; -1: nobody (a false person, or no truth).
    - `truth_m` float32 (N, J, 3): the paired truth, at the stamp of the estimate; NaN where there is none.
    - `error_mm` float32 (N, J): distance to the truth in the camera frame; `relative_mm`: the same after the roots
      were laid onto each other; NaN where there is no truth.

    True people, M rows in the order of frames (M = 0 without truth):
    - `truth_frame` int32 (M,), `truth_person` int32 (M,), `truth_row` int32 (M,): row of the estimate, -1 = missed.
    - `switched` bool (M,): its track is another one than when this person was last matched (IDSW of MOT).
    """

    stamp_ns: np.ndarray
    arrival_ns: np.ndarray
    answered: np.ndarray
    image_stamp_ns: np.ndarray
    truth_stamp_ns: np.ndarray
    detected: np.ndarray
    frame: np.ndarray
    track: np.ndarray
    id: np.ndarray
    track_state: np.ndarray
    xyz_m: np.ndarray
    sigma_m: np.ndarray
    state: np.ndarray
    keypoint_px: np.ndarray
    score: np.ndarray
    reprojection_px: np.ndarray
    height_px: np.ndarray
    person: np.ndarray
    truth_m: np.ndarray
    error_mm: np.ndarray
    relative_mm: np.ndarray
    truth_frame: np.ndarray
    truth_person: np.ndarray
    truth_row: np.ndarray
    switched: np.ndarray

    def __len__(self) -> int:
        return len(self.stamp_ns)

    @property
    def seconds(self) -> np.ndarray:
        """float64 (F,): time since the earliest stamp."""
        return (self.stamp_ns - self.stamp_ns.min()) / 1e9 if len(self) else np.zeros(0)


@dataclass(frozen=True)
class Timings:
    """Of F frames, as `RunFrames`; NaN where there is nothing to tell.

    - `push_ms` float32 (F, S): of `Pipeline.push`, stages as `stage`; the last one is "total". Reruns only.
    - `latency_ms` float32 (F,): arrival of the recorded estimate, minus arrival of its keypoints. Recorded runs and
      replay only.
    - `age_ms` float32 (F,): arrival of the estimate minus its stamp (a rerun: of the keypoints, plus `push_ms`); NaN
      also where that is over a minute: the stamps come from another clock than the recorder's.
    - `stage` str (S,).
    """

    push_ms: np.ndarray
    latency_ms: np.ndarray
    age_ms: np.ndarray
    stage: np.ndarray

    def summary(self) -> dict[str, dict[str, float] | None]:
        """{"push_ms", "latency_ms", "age_ms"}: {"p50", "p95", "p99"}; None where there is nothing."""
        total = self.push_ms[:, -1] if self.push_ms.shape[1] else np.zeros(0)
        return {
            "push_ms": percentiles(total),
            "latency_ms": percentiles(self.latency_ms),
            "age_ms": percentiles(self.age_ms),
        }


def percentiles(values: np.ndarray) -> dict[str, float] | None:
    """p50, p95, p99 of what is finite."""
    values = values[np.isfinite(values)]
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 95, 99)} if len(values) else None


@dataclass(frozen=True)
class RunResult:
    """One evaluated bag.

    `info`, as in run.json, JSON types only:
    - "version"; "mode": "direct", "recorded" or "replay"; "skeleton": name.
    - "bag": {"name", "sha256", "duration_s", "frames", "skipped": {reason: count}}; "camera": {"K", "D",
      "distortion_model", "width", "height"} of the first frame, or None.
    - "config": the options; "pipeline": all parameters by name; "weights": {"file", "sha256"} or None;
      "device", "threads", "cpu", "versions".
    - "truth": None, or {"source", "joints": the names compared, "left_out": joints that only one side has, "root":
      names of the joints whose mean is the root, "offset_ms", "offset": None or how it was estimated, "tolerance_ms"}.
    - "people": names of the true people, in the order of their first frame; "faults": specifications as given.
    - "metrics": None without truth, else {"all": M, "people": {name: M}, "segments": [{"start_s", "end_s", **M}]},
      where M holds the entries of `evaluation.metrics.Metrics` and of `evaluation.scoring.Detections`.
    - "quality": {"all": Q, "tracks": {number: Q}, "segments": [...]}: what needs no truth, where Q holds the entries of
      `evaluation.quality.Quality`.
    """

    info: dict[str, Any]
    frames: RunFrames
    timings: Timings
    folder: Path | None = None

    @cached_property
    def skeleton(self) -> Skeleton:
        """Joints of the estimates, and of all arrays over J."""
        return formats.get(self.info["skeleton"])

    @property
    def people(self) -> tuple[str, ...]:
        """Names of the true people; empty without truth."""
        return tuple(self.info["people"])

    @property
    def has_truth(self) -> bool:
        return self.info["truth"] is not None


def save_run(run: RunResult, folder: Path, force: bool = False) -> RunResult:
    """Write the three files. Raises InputError where the folder holds a run already, unless `force`: what was made of
    that one goes with it."""
    refuse_replacing(folder, force)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / JSON).exists():
        for old in [path for pattern in MADE_OF_A_RUN for path in folder.glob(pattern)]:
            old.unlink()
    (folder / JSON).write_text(json.dumps(run.info, indent=1) + "\n")
    _write_npz(folder / FRAMES, run.frames)
    _write_npz(folder / TIMINGS, run.timings)
    return RunResult(run.info, run.frames, run.timings, folder)


def refuse_replacing(folder: Path, force: bool) -> None:
    """Raises InputError where the folder holds a run already, unless `force`."""
    taken = [name for name in (JSON, FRAMES, TIMINGS) if (folder / name).exists()]
    if taken and not force:
        raise InputError(f"{folder}: already holds a run ({', '.join(taken)}); give --force to replace it")


def load_run(folder: Path) -> RunResult:
    """A run that `save_run` wrote. Raises InputError naming what is missing or damaged."""
    folder = Path(folder)
    if not (folder / JSON).is_file():
        raise InputError(f"{folder}: expected the folder of a run, it holds no {JSON}; make one: pose3d evaluate --bag")
    try:
        info = files.parse_json(files.read_text(folder / JSON, "run", RUN_BYTES), str(folder / JSON))
        version = info["version"]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder / JSON}: damaged, expected a run ({error!r}); evaluate the bag again") from None
    if version != RUN_VERSION:
        raise InputError(f"{folder}: expected a run of version {RUN_VERSION}, got {version}; evaluate the bag again")
    return RunResult(info, _read_npz(folder / FRAMES, RunFrames), _read_npz(folder / TIMINGS, Timings), folder)


def _write_npz(path: Path, arrays: RunFrames | Timings) -> None:
    """Compressed; the same bytes for the same arrays."""
    with zipfile.ZipFile(path, "w") as file:
        for entry in fields(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(getattr(arrays, entry.name)), allow_pickle=False)
            info = zipfile.ZipInfo(f"{entry.name}.npy", ZIP_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, buffer.getvalue(), compresslevel=3)


def _read_npz(path: Path, kind: type) -> Any:
    try:
        data = files.read_npz(path, "run")
        return kind(**{entry.name: data[entry.name] for entry in fields(kind)})
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: missing or damaged ({type(error).__name__}); evaluate the bag again") from None

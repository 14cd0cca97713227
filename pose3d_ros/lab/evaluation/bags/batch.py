"""Many bags: each in a process of its own, or on a Ray cluster; what is complete is not done again."""

import hashlib
import json
import multiprocessing
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

from pose3d_ros.core.errors import ConfigError, InputError, Pose3DError
from pose3d_ros.lab.evaluation.bags.run import JSON

MARK, ERROR = "task.json", "error.txt"
BAG_FILE = re.compile(r"(_\d+)?\.(mcap|db3)(\.zstd)?$")
Job = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Task:
    """A bag, the folder of its run, and a file beside the bag that decides about results too (its truth)."""

    bag: Path
    folder: Path
    beside: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a task: `error` is "" where it succeeded; `reused`: it was complete before."""

    task: Task
    error: str = ""
    reused: bool = False


def find_bags(given: Sequence[Path]) -> list[Path]:
    """Bags, folders of bags (at any depth) and lists (.txt: a path in each line, relative to the list; # for comments).

    Absolute paths, each once. A folder is one bag where it holds metadata.yaml, or nothing but bag files that differ in
    their numbers only. Raises InputError for what is absent, and where nothing is found.
    """
    found: dict[Path, None] = {}
    for path in given:
        if not path.exists():
            raise InputError(f"{path}: there is no such bag, folder or list")
        found.update(dict.fromkeys(_listed(path) if path.suffix == ".txt" else _inside(path.resolve())))
    if not found:
        raise InputError(f"no bags in {', '.join(map(str, given))}: expected rosbag2 folders, .mcap or .db3 files")
    return list(found)


def tasks(bags: Sequence[Path], out: Path) -> list[Task]:
    """A folder below `out` for each bag, of its name, with those of its parents where two would be the same."""
    depth = 1
    while len({_name(bag, depth) for bag in bags}) < len(bags):
        depth += 1
    return [Task(bag, out.resolve() / _name(bag, depth)) for bag in bags]


def fingerprint(options: dict[str, Any]) -> str:
    """Of everything that decides about results, JSON types."""
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def run_all(
    work: Sequence[Task],
    job: Job,
    options: str,
    workers: int = 1,
    ray_address: str = "",
    on_done: Callable[[Outcome], Any] = lambda _: None,
) -> list[Outcome]:
    """`job(bag, folder)` for each task; the outcomes in the order of the tasks.

    `job` can be pickled and writes its results into the folder. A job that fails, or takes its process down, costs the
    others nothing; its traceback is in the folder's error.txt. `options`: their `fingerprint`; a task that is complete
    with the same, and whose bag did not change, is skipped. `ray_address`: "" = processes of this machine, "local" = a
    Ray of its own, else a cluster as `ray.init` takes it, whose machines see the same files.
    """
    if workers < 1:
        raise ConfigError(f"workers: expected at least 1, got {workers}")
    outcomes: dict[Task, Outcome] = {}

    def done(outcome: Outcome) -> None:
        outcomes[outcome.task] = outcome
        on_done(outcome)

    waiting = []
    for task in work:
        if is_complete(task, options):
            done(Outcome(task, reused=True))
        else:
            waiting.append(task)
    call = _Call(job, options)
    for task, error in _on_ray(waiting, call, ray_address) if ray_address else _in_processes(waiting, call, workers):
        done(Outcome(task, error))
    return [outcomes[task] for task in work]


def is_complete(task: Task, options: str) -> bool:
    """Whether the folder holds the results of this bag with these options."""
    try:
        return json.loads((task.folder / MARK).read_text()) == _mark(task, options) | {"complete": True}
    except (OSError, ValueError):
        return False


def clashes(work: Sequence[Task], options: str) -> list[Task]:
    """Tasks whose folder holds a run that was not made by them: of a single evaluation, or with other options."""
    found = []
    for task in work:
        try:
            mine = json.loads((task.folder / MARK).read_text())["options"] == options
        except (OSError, ValueError, KeyError, TypeError):
            mine = False
        if (task.folder / JSON).exists() and not mine:
            found.append(task)
    return found


class _Call:
    """Runs one task wherever it is called. Returns why it failed, or ""."""

    def __init__(self, job: Job, options: str) -> None:
        self._job, self._options = job, options

    def __call__(self, task: Task) -> str:
        try:
            task.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            return f"{task.folder}: {error.strerror}"
        (task.folder / ERROR).unlink(missing_ok=True)
        mark = _mark(task, self._options)  # a bag that changes meanwhile is evaluated again next time
        (task.folder / MARK).write_text(json.dumps(mark | {"complete": False}) + "\n")
        try:
            self._job(task.bag, task.folder)
        except Exception as error:
            (task.folder / ERROR).write_text(traceback.format_exc())
            return str(error) if isinstance(error, Pose3DError) else f"{type(error).__name__}: {error}"
        (task.folder / MARK).write_text(json.dumps(mark | {"complete": True}) + "\n")
        return ""


def _mark(task: Task, options: str) -> dict[str, Any]:
    """What a task was done with. Sizes and times stand for the bag's bytes: hashing those would take longer than
    finding out that nothing is to be done."""
    files = sorted(path for path in (task.bag.rglob("*") if task.bag.is_dir() else [task.bag]) if path.is_file())
    if task.beside and task.beside.is_file():
        files.append(task.beside)
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return {"options": options, "bag": fingerprint({"files": facts})}


def _in_processes(work: Sequence[Task], call: _Call, workers: int) -> Iterator[tuple[Task, str]]:
    """A new process for each task: nothing that one bag does to its process is felt by the next."""
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    waiting, running = list(reversed(work)), {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                task = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(call, task, sender), daemon=True)
                process.start()
                sender.close()
                running[receiver] = process, task
            for receiver in connection.wait(list(running)):
                process, task = running.pop(receiver)
                yield task, _answer(receiver, process)
    finally:
        for process, _ in running.values():
            process.terminate()
            process.join()


def _child(call: _Call, task: Task, sender: connection.Connection) -> None:
    sender.send(call(task))


def _answer(receiver: connection.Connection, process: multiprocessing.Process) -> str:
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return f"its process ended with code {process.exitcode}: out of memory, or a crash"
    finally:
        receiver.close()
        process.join()


def _on_ray(work: Sequence[Task], call: _Call, address: str) -> Iterator[tuple[Task, str]]:
    """Ray decides where and when; one CPU a task."""
    try:
        import ray
    except ImportError:
        raise Pose3DError("--ray needs Ray: pip install 'pose3d_ros[ray]'") from None
    ray.init(None if address == "local" else address, log_to_driver=False, include_dashboard=False)
    try:
        remote = ray.remote(num_cpus=1, max_retries=1)(_remote)
        pending = {remote.remote(call, task): task for task in work}
        while pending:
            for reference in ray.wait(list(pending))[0]:
                task = pending.pop(reference)
                try:
                    yield task, ray.get(reference)
                except ray.exceptions.RayError as error:
                    yield task, f"Ray: {type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        ray.shutdown()


def _remote(call: _Call, task: Task) -> str:
    return call(task)


def _listed(path: Path) -> Iterator[Path]:
    for line in path.read_text().splitlines():
        name = line.split("#", 1)[0].strip()
        if name and not (path.parent / name).exists():
            raise InputError(f"{path}: there is no {name}")
        if name:
            yield from _inside((path.parent / name).resolve())


def _inside(path: Path) -> list[Path]:
    """The bag itself, or those below a folder."""
    if path.is_file() or (path / "metadata.yaml").exists():
        return [path]
    entries = sorted(path.iterdir())
    files = [entry for entry in entries if entry.is_file() and BAG_FILE.search(entry.name)]
    below = [bag for entry in entries if entry.is_dir() for bag in _inside(entry)]
    if not below and len({BAG_FILE.sub("", file.name) for file in files}) == 1:
        return [path]  # the parts of one recording
    return files + below


def _name(bag: Path, depth: int) -> str:
    return "_".join((*bag.parts[1:-1], BAG_FILE.sub("", bag.name))[-depth:])

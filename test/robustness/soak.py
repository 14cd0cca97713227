"""How long it holds: `make soak HOURS=2`, or `python test/robustness/soak.py --pushes 20000 --weights body_stream`.

`--hours`: a lifter node over DDS, hands and four people at 30 Hz, a hostile message every second, and a reader that
counts; `--cycles`: lifecycle cycles under traffic; `--pushes`: hostile frames straight into a pipeline. Each prints
JSON: memory and its slope (over the last two thirds), threads, files, losses, the longest push.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import hostile

from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import BodyConfig, HandConfig, PipelineConfig

RATE_HZ, PEOPLE = 30, 4
SAMPLE_S = 5.0


class Ledger:
    """Memory, threads and files of this process over a count."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.mb: list[float] = []
        self.threads: list[int] = []
        self.files: list[int] = []

    def note(self, at: float) -> None:
        """One sample."""
        status = Path("/proc/self/status").read_text().splitlines()
        value = {line.split(":")[0]: line.split()[1] for line in status if line.startswith(("VmRSS", "Threads"))}
        self.at.append(at)
        self.mb.append(int(value["VmRSS"]) / 1024)
        self.threads.append(int(value["Threads"]))
        self.files.append(len(os.listdir("/proc/self/fd")))

    def report(self, per: float, unit: str) -> dict:
        """First, last and slope of the memory per so many counts."""
        rest = len(self.at) // 3
        slope = np.polyfit(self.at[rest:], self.mb[rest:], 1)[0] if len(self.at) - rest > 2 else np.nan
        return {
            "mb_first": round(self.mb[0], 1), "mb_last": round(self.mb[-1], 1), "mb_largest": round(max(self.mb), 1),
            f"mb_per_{unit}": round(float(slope * per), 4),
            "threads": [self.threads[0], self.threads[-1]], "files": [self.files[0], self.files[-1]],
        }  # fmt: skip


def config(weights: str, hands: bool = True) -> PipelineConfig:
    """On the CPU, without hands if so."""
    return PipelineConfig(BodyConfig(weights, device="cpu"), hands=HandConfig() if hands else HandConfig(weights=""))


def pushes(count: int, weights: str, seed: int) -> dict:
    """Hostile frames into one pipeline; then good ones, which must come out within a second of frames."""
    pipeline, rng, ledger = Pipeline(config(weights)), np.random.default_rng(seed), Ledger()
    stamp_ns, longest_s, errors, faults, recovered = 10**9, 0.0, Counter(), Counter(), []
    for i in range(count):
        stamp_ns = hostile.next_stamp(rng, stamp_ns)
        begin = time.thread_time()
        try:
            with np.errstate(all="ignore"):
                faults.update(hostile.faults(pipeline.push(hostile.frame(rng, stamp_ns), hostile.CAMERA)))
        except Exception as error:
            errors[f"{type(error).__name__}: {error}"[:120]] += 1
        longest_s = max(longest_s, time.thread_time() - begin)
        if i % 1000 == 999:
            recovered.append(_good_again(pipeline, stamp_ns))
        if i % max(count // 60, 1) == 0:
            ledger.note(i)
    return {
        "pushes": count, "weights": weights, "seed": seed, "errors": dict(errors), "faults": dict(faults),
        "good_again_within_1_s": f"{sum(recovered)} of {len(recovered)}", "longest_push_cpu_s": round(longest_s, 3),
        **ledger.report(1000, "1000_pushes"),
    }  # fmt: skip


def _good_again(pipeline: Pipeline, stamp_ns: int) -> bool:
    """Whether somebody good is published within a second, after a stream that a clock started again."""
    for i in range(RATE_HZ):
        result = pipeline.push(hostile.good(i, 1, stamp_ns + (i + 400) * hostile.STEP_NS), hostile.CAMERA)
        if any(person.id == "good0" for person in result.people) and i > 3:
            return True
    return False


class Bench:
    """A real lifter node in this process, its camera and detector, and who reads it."""

    def __init__(self, weights: str) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node
        from rclpy.parameter import Parameter
        from sensor_msgs.msg import CameraInfo

        from pose3d_ros.msg import Skeleton2DArray, Skeleton3DArray
        from pose3d_ros.ros import conversions
        from pose3d_ros.ros.lifter_node import LifterNode

        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=1 + os.getpid() % 100)
        given = [Parameter("body.weights", value=weights), Parameter("body.device", value="cpu")]
        self.node = LifterNode(context=self.context, parameter_overrides=given)
        self.peer = Node("soak", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        for node in (self.node, self.peer):
            self.executor.add_node(node)
        self._convert, self.seen = conversions, 0
        self.info = self.peer.create_publisher(CameraInfo, "camera_info", 1)
        self.keypoints = self.peer.create_publisher(Skeleton2DArray, "keypoints", 100)
        self.peer.create_subscription(Skeleton3DArray, "skeletons", self._on_skeletons, 100)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def _on_skeletons(self, msg) -> None:
        self.seen += 1

    def up(self) -> None:
        """Configured, active, calibrated."""
        assert self.node.trigger_configure().name == "SUCCESS", self.node.last_error
        assert self.node.trigger_activate().name == "SUCCESS", self.node.last_error

    def send(self, frame) -> None:
        """One frame, with a calibration every second."""
        self.info.publish(self._convert.camera_to_msg(hostile.CAMERA, frame.stamp_ns, "camera"))
        self.keypoints.publish(self._convert.keypoints_to_msg(frame))


def hours(count: float, weights: str, seed: int) -> dict:
    """The node at 30 Hz. Lost: good frames that neither came out nor were told as stored without inference."""
    bench, ledger, rng = Bench(weights), Ledger(), np.random.default_rng(seed)
    bench.up()
    begin, sent, noted = time.monotonic(), 0, -SAMPLE_S
    while (now_s := time.monotonic() - begin) < 3600 * count:
        stamp_ns = time.time_ns()
        bench.send(hostile.good(sent, PEOPLE, stamp_ns))
        sent += 1
        if sent % RATE_HZ == 0:
            bench.send(hostile.frame(rng, stamp_ns + 1000))
            sent += 1
        if now_s - noted >= SAMPLE_S:
            ledger.note(now_s)
            noted = now_s
        time.sleep(max(0.0, begin + sent / RATE_HZ - time.monotonic()))
    time.sleep(1.0)
    counts = bench.node.health.counts
    lost = sent - counts["published"] - counts["coalesced"] - counts["dropped"]
    return {
        "hours": count, "weights": weights, "sent": sent, "published": counts["published"], "seen": bench.seen,
        "stored_without_inference": counts["coalesced"], "dropped": counts["dropped"], "lost": lost,
        **ledger.report(3600, "hour"),
    }  # fmt: skip


def cycles(count: int, weights: str) -> dict:
    """Deactivate, cleanup, configure, activate, under traffic."""
    bench, ledger = Bench(weights), Ledger()
    bench.up()
    for i in range(count):
        for k in range(3):
            bench.send(hostile.good(3 * i + k, PEOPLE, time.time_ns()))
        for name in ("deactivate", "cleanup", "configure", "activate"):
            assert getattr(bench.node, f"trigger_{name}")().name == "SUCCESS", bench.node.last_error
        if i % max(count // 60, 1) == 0:
            ledger.note(i)
    return {"cycles": count, "weights": weights, "seen": bench.seen, **ledger.report(1, "cycle")}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=0)
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--pushes", type=int, default=0)
    parser.add_argument("--weights", default="body_dtf27")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.pushes:
        print(json.dumps(pushes(given.pushes, given.weights, given.seed)), flush=True)
    if given.cycles:
        print(json.dumps(cycles(given.cycles, given.weights)), flush=True)
    if given.hours:
        print(json.dumps(hours(given.hours, given.weights, given.seed)), flush=True)
    sys.stdout.flush()
    os._exit(0)  # as the nodes do


if __name__ == "__main__":
    main()

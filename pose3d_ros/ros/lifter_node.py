"""`lifter_node`: 2D keypoints and camera_info in, metric skeletons and hands of several people out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from sensor_msgs.msg import CameraInfo
from std_srvs.srv import Trigger

from pose3d_ros.core import formats
from pose3d_ros.core.errors import CameraError
from pose3d_ros.core.memory import Tidy
from pose3d_ros.core.pose import CameraPose
from pose3d_ros.core.types import CLOCKS_AGREE_MS, Keypoints2D, Skeletons3D
from pose3d_ros.engines.backends.choice import refuse
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.msg import Skeleton2DArray
from pose3d_ros.pipeline import Pipeline, PipelineConfig
from pose3d_ros.ros import conversions, images, lifecycle, qos
from pose3d_ros.ros.calibration import Calibration
from pose3d_ros.ros.diagnostics import STALE, Diagnostics
from pose3d_ros.ros.frames import Frames
from pose3d_ros.ros.image_input import ImageInput
from pose3d_ros.ros.lifter_config import LifterConfig
from pose3d_ros.ros.outputs import Outputs
from pose3d_ros.ros.parameters import Parameters
from pose3d_ros.ros.watchdog import Watchdog
from pose3d_ros.ros.worker import STOP_S, Worker
from pose3d_ros.stages.prediction import predicted

NOTHING = "nothing: set refine.body, or refine.hands and hands.weights"
QUEUE = 100  # keypoint messages: more than any window holds, since a lost one is a hole in the window


class Job(NamedTuple):
    """One keypoint message on its way to the worker."""

    frame: Keypoints2D
    camera: Camera
    arrived_s: float
    age_in_ms: float
    image: Any = None  # its message, where one is looked at


class LifterNode(lifecycle.ManagedNode):
    """Callbacks only convert and store; the worker infers and publishes. Where `refine` names weights, keypoints wait
    for their image; without one the lifter's result goes out as it is. `make_pipeline` exists for tests."""

    def __init__(
        self, make_pipeline: Callable[[PipelineConfig], Pipeline] = Pipeline, name: str = "lifter",
        defaults: LifterConfig = LifterConfig(), **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(name, **kwargs)
        self._make_pipeline = make_pipeline
        self._pipeline = self._outputs = self._worker = self._jump = self._frames = None
        self._subscribed = []
        self._images: ImageInput | None = None
        self._calibration = Calibration()
        self._frame_id, self._last_stamp_ns, self._model = "", -1, ""
        self._settings = Parameters(self, defaults, lambda: self.state, self._reconfigure)
        self._diagnostics = Diagnostics(self, self.health, "keypoints", self._facts)
        self._tidy = Tidy()
        self._watchdog = Watchdog(self, lambda: self._worker, lambda: self.config.watchdog.limit_s, self._on_hang)
        self.create_service(Trigger, "~/reset", self._on_reset)

    @property
    def config(self) -> LifterConfig:
        return self._settings.config

    @property
    def image_topic(self) -> str:
        """Full name of the topic with the images, "" where none are looked at."""
        wanted = self.config.refine.body or self.config.refine.hands
        return images.topic(self, self.config.image.transport) if wanted else ""

    def acquire(self) -> None:
        self._frames = Frames(self, self.config.frames, lambda name, text: self._blame(name, text))
        self._load()
        self._outputs = Outputs(self, self.config, (self._pipeline.body_skeleton, formats.get(conversions.HAND)))

    def _load(self) -> None:
        self._pipeline = self._make_pipeline(self.config.pipeline())
        self._tell_model()

    def start(self) -> None:
        if not self._pipeline:  # it hung when the node was deactivated
            self._load()
        self.health.restart()
        self._calibration, self._last_stamp_ns = Calibration(), -1
        self._outputs.define()
        self._outputs.clear(self._frame_id)
        self._worker = Worker(self._work, self._failed)
        any_backward = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jump = self.get_clock().create_jump_callback(any_backward, post_callback=self._on_jump)
        self._subscribed.append(
            qos.subscribe(
                self, CameraInfo, "camera_info", self._on_camera_info, qos.LATEST, self._mismatch("camera_info")
            )
        )
        if self.image_topic:
            self._images = ImageInput(self, self.config.image, self._submit, self._blame)
        profile, mismatch = qos.reliable(QUEUE), self._mismatch("keypoints")
        self._subscribed.append(
            qos.subscribe(self, Skeleton2DArray, "keypoints", self._on_keypoints, profile, mismatch)
        )

    def _mismatch(self, topic: str) -> Callable[[str], None]:
        return lambda text: self._blame(f"QoS of {topic}", text, lasting=True)

    def stop(self) -> None:
        while self._subscribed:
            self.destroy_subscription(self._subscribed.pop())
        if self._images:
            self._images.close()
            self._images = None
        if self._jump:
            self._jump.unregister()
            self._jump = None
        if self._worker:
            self._leave_worker()
            if self._pipeline:
                self._pipeline.reset()
            self._outputs.clear(self._frame_id)

    def _leave_worker(self, timeout_s: float = STOP_S) -> None:
        """Ends the worker. One that does not end keeps the pipeline, and frees it should it ever come back."""
        worker, self._worker = self._worker, None
        pipeline = self._pipeline
        if not worker.stop(timeout_s, after=pipeline.close if pipeline else None):
            for name in pipeline.models.in_call if pipeline else ():
                refuse(name)
            self._pipeline = None

    def _on_hang(self, seconds: float) -> None:
        """A fresh worker loads everything again, without the engine that does not return."""
        self.get_logger().error(f"an inference has not returned for {seconds:.1f} s: loading again, on the next engine")
        self.health.count("hangs")
        self._leave_worker(timeout_s=0.0)
        self._worker = Worker(self._work, self._failed)
        self._worker.call(self._reload)
        self._diagnostics.updater.force_update()

    def _reload(self) -> None:
        """In the worker's thread; what is ready too late is nobody's."""
        worker = self._worker
        pipeline = self._make_pipeline(self.config.pipeline())
        if worker is self._worker and worker and worker.mine:
            self._pipeline = pipeline
            self._tell_model()
        else:
            pipeline.close()

    def release(self) -> None:
        if self._frames:
            self._frames.close()
            self._frames = None
        if self._outputs:
            self._outputs.close()
            self._outputs = None
        if self._pipeline:
            pipeline, self._pipeline = self._pipeline, None
            pipeline.close()

    def _on_camera_info(self, msg: CameraInfo) -> None:
        self.health.clear("QoS of camera_info")
        try:
            if self._calibration.update(msg, self.config.camera):
                camera = self._calibration.camera
                self.get_logger().info(f"calibration: {camera.width}x{camera.height}, f {camera.K[0, 0]:.1f} px")
                self.health.clear("camera")  # of the calibration before
            self.health.clear("camera_info")
        except Exception as error:
            self._failed(error, "camera_info")

    def _on_keypoints(self, msg: Skeleton2DArray) -> None:
        self.health.clear("QoS of keypoints")
        age_ms = self._age_ms(conversions.stamp_to_ns(msg.header.stamp))
        arrived_s = self.health.arrived(age_ms)
        try:
            frame, reasons = conversions.keypoints_from_msg(msg, self.config.tracking.max_people)
            for reason in reasons:
                self._blame("keypoints", reason)
            self._check_stamp(frame.stamp_ns)
            job = Job(frame, self._calibration.of(frame, self.config.camera), arrived_s, age_ms)
            self.health.clear("camera")
            if self._calibration.assumed:
                self._blame("assumed camera", "no usable camera_info: the field of view is assumed")
        except Exception as error:  # a message never stops the node
            self.health.count("dropped")
            self._failed(error)
            return
        if self._images:
            self._images.add(job.frame.stamp_ns, job)
        else:
            self._submit(job)

    def _submit(self, job: Job, image: Any = None) -> None:
        if self._worker:  # it is gone when this callback and a deactivation overlap
            self._worker.submit(job._replace(image=image))

    def _check_stamp(self, stamp_ns: int) -> None:
        if stamp_ns <= self._last_stamp_ns:
            back_s = (self._last_stamp_ns - stamp_ns) / conversions.NS_PER_S
            self._blame("stamps", f"stamps do not increase, the last one by -{back_s:.3f} s: is there one publisher?")
        self._last_stamp_ns = stamp_ns

    def _work(self, jobs: list[Job]) -> None:
        """Every frame enters the windows; only the newest is worth inferring. Runs in the worker's thread."""
        worker = self._worker
        if not self._pipeline:  # what hung could not be loaded again
            worker.call(self._reload)
            return
        *older, newest = jobs
        for job in older:
            self.health.count("coalesced")
            try:
                self._pipeline.observe(job.frame, job.camera, self._pose(job))
            except Exception as error:
                self._failed(error)
        if older:
            self._blame("late", f"inference is late: {len(older)} frames were stored without it")
        self._frame_id = newest.frame.frame_id
        result = self._infer(newest)
        if not (worker and worker.mine):
            return  # too late: another worker publishes, or nobody
        for reason in result.reasons:
            self._blame("people", reason, name=reason)
        result = self._timed(result)
        placed = self._frames.placed(result)
        if placed is not None:
            self._outputs.publish(result, newest.frame, newest.camera, placed)
        self.health.published(newest.arrived_s, len(result.people))
        self._outputs.publish_timings(result, newest.age_in_ms, self._age_ms(result.stamp_ns))
        self._tell_model()
        self._tidy()

    def _infer(self, job: Job) -> Skeletons3D:
        image = None
        if job.image is not None:
            try:
                image = images.to_rgb(job.image)
            except Exception as error:  # the lifter needs no image
                self._failed(error)
        return self._pipeline.push(job.frame, job.camera, image, self._pose(job))

    def _timed(self, result: Skeletons3D) -> Skeletons3D:
        """The result, marked where its image is too old, and carried on as configured."""
        age_s = (self.get_clock().now().nanoseconds - result.stamp_ns) / conversions.NS_PER_S
        limit_s, output = self.config.max_input_age_s, self.config.output
        judged = abs(age_s) < CLOCKS_AGREE_MS / 1e3
        if limit_s and judged and abs(age_s) > limit_s:
            what = "old: a delay, or clocks that differ" if age_s > 0 else "in the future: clocks that differ"
            self._blame(STALE, f"images are {abs(age_s):.1f} s {what} (limit: max_input_age_s, {limit_s:.1f} s)")
            result = replace(result, stale=True)
        ahead_s = output.predict_s
        if output.predict_to_now:
            ahead_s = float(np.clip(age_s, 0, output.predict_s)) if judged else 0.0
        return predicted(result, ahead_s)

    def _pose(self, job: Job) -> CameraPose | None:
        """Where the camera was; None where nothing is said of it, and for pipelines it is where it was before."""
        return self._frames.pose(job.frame.stamp_ns, job.frame.frame_id)

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._restart_windows()
        response.message = "windows and tracks cleared" if response.success else f"nothing to do while {self.state}"
        return response

    def _on_jump(self, jump: TimeJump) -> None:
        self.get_logger().warning(
            f"time jumped by {jump.delta.nanoseconds / conversions.NS_PER_S:.3f} s: starting again"
        )
        self._restart_windows()

    def _restart_windows(self) -> bool:
        worker, outputs = self._worker, self._outputs
        if self._images:
            self._images.restart()
        if worker:
            self._last_stamp_ns = -1
            worker.call(self._reset, discard=True)
            worker.call(lambda: outputs.clear(self._frame_id))
        return worker is not None

    def _reset(self) -> None:
        if self._pipeline:
            self._pipeline.reset()

    def _reconfigure(self, config: LifterConfig) -> None:
        """Applies live parameters, between two frames when active."""
        pipeline, outputs = self._pipeline, self._outputs
        if pipeline is None:
            return

        def apply() -> None:
            outputs.reconfigure(config)
            self._frames.config = config.frames
            pipeline.reconfigure(config.pipeline())

        self._worker.call(apply) if self._worker else apply()

    def _age_ms(self, stamp_ns: int) -> float:
        return conversions.age_ms(self.get_clock().now().nanoseconds, stamp_ns)

    def _failed(self, error: Exception, camera_key: str = "camera") -> None:
        """Report an error. Two conditions have two keys: `camera_key` is what a CameraError is reported under."""
        if not self.context.ok():
            return  # a signal came in the middle of a publication
        if isinstance(error, CameraError):
            topic = self.resolve_topic_name("camera_info")
            self._blame(camera_key, f"{topic} ({self.count_publishers(topic)} publishers): {error}")
        else:
            self._blame("error", f"{type(error).__name__}: {error}")

    def _tell_model(self) -> None:
        """Log what runs, and why nothing better does, whenever that changes."""
        model = self._facts()["model"]
        if model != self._model:
            self._model = model
            self.get_logger().info(f"model: {model}")

    def _facts(self) -> dict[str, str]:
        if not self._pipeline:
            return {"model": "not loaded"}
        facts = {"model": self._pipeline.description, "engines that failed": str(self._pipeline.models.falls)}
        looks_at = ", ".join(self._pipeline.looks_at) or NOTHING
        return facts | ({"images": self.image_topic, "looks at": looks_at} if self.image_topic else {})


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    lifecycle.run(LifterNode, args)

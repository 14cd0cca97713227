"""Networks, their specs and weights. torch starts here."""

from pose3d_ros.models.base import Model, torch_device, use_threads
from pose3d_ros.models.kinds import register
from pose3d_ros.models.lifter import Lifted, Lifter
from pose3d_ros.models.spec import ModelSpec, Spec

__all__ = ["Lifted", "Lifter", "Model", "ModelSpec", "Spec", "register", "torch_device", "use_threads"]

"""Networks, their specs and weights. torch starts here."""

from pose3d_ros.models.base import Model, torch_device, use_threads
from pose3d_ros.models.kinds import register
from pose3d_ros.models.lifter import Lifter, LifterOutput
from pose3d_ros.models.spec import ModelSpec, Spec

__all__ = ["Lifter", "LifterOutput", "Model", "ModelSpec", "Spec", "register", "torch_device", "use_threads"]

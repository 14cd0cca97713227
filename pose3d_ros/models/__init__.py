"""Networks, their specs and weights. torch starts here."""

from pose3d_ros.models.lifter import Lifter, LifterOutput, ModelSpec, torch_device, use_threads

__all__ = ["Lifter", "LifterOutput", "ModelSpec", "torch_device", "use_threads"]

"""Networks, their specs and weights. torch starts here."""

from pose3d_ros.models.lifter import Lifted, Lifter, ModelSpec, torch_device, use_threads

__all__ = ["Lifted", "Lifter", "ModelSpec", "torch_device", "use_threads"]

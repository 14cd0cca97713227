"""h36m17 and the base of the toes of both feet: what the body lifters with feet take in and give out.

The toe joints are where the toes begin (metatarsal heads), 10 to 15 cm from the ankle of an adult: neither the tip
of the toes nor the end of the shoe. The first 17 joints are those of h36m17 in their order.
"""

from pose3d_ros.core.formats.h36m17 import SKELETON as H36M17
from pose3d_ros.core.skeleton import Skeleton

SKELETON = Skeleton(
    name="body19",
    joints=(*H36M17.joints, "left_toe", "right_toe"),
    parents={**H36M17.parents, "left_toe": "left_ankle", "right_toe": "right_ankle"},
)

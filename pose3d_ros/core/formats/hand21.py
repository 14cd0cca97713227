"""One hand, 21 joints in MediaPipe / OpenPose order (wrist, then thumb to little finger, root to tip)."""

from itertools import pairwise

from pose3d_ros.core.skeleton import Skeleton

FINGERS = ("index", "middle", "ring", "little")
_CHAINS = (
    ("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
    *(tuple(f"{finger}_{part}" for part in ("mcp", "pip", "dip", "tip")) for finger in FINGERS),
)

SKELETON = Skeleton(
    name="hand21",
    joints=("wrist", *(joint for chain in _CHAINS for joint in chain)),
    parents={child: parent for chain in _CHAINS for parent, child in zip(("wrist", *chain), chain, strict=False)},
    extra_bones=tuple((f"{a}_mcp", f"{b}_mcp") for a, b in pairwise(FINGERS)),
)

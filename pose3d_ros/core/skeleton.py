"""`Skeleton`: joint names, tree and left/right pairs. Joints are addressed by name; indices stay in here."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pose3d_ros.core.errors import FormatError


@dataclass(frozen=True)
class Skeleton:
    """A named list of joints.

    `parents` maps a joint to its parent; a joint that is absent in it is a root. `extra_bones` are drawn but are no
    part of the tree (palm edges, face contour). Left/right pairs follow from the names `left_*` / `right_*`.
    """

    name: str
    joints: tuple[str, ...]
    parents: dict[str, str]
    extra_bones: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        known = set(self.joints)
        if len(known) != len(self.joints):
            raise FormatError(f"skeleton {self.name}: expected unique joint names, got {self.joints}")
        used = set(self.parents) | set(self.parents.values()) | {j for bone in self.extra_bones for j in bone}
        if used - known:
            raise FormatError(f"skeleton {self.name}: bones name joints that are not listed: {sorted(used - known)}")

    def __len__(self) -> int:
        return len(self.joints)

    def __hash__(self) -> int:
        return hash((self.name, self.joints))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {joint: i for i, joint in enumerate(self.joints)}

    def __contains__(self, joint: str) -> bool:
        return joint in self._index

    def index(self, joint: str) -> int:
        """Row of one joint. Raises FormatError naming the joint and the skeleton."""
        try:
            return self._index[joint]
        except KeyError:
            raise FormatError(f"skeleton {self.name} has no joint {joint!r}; it has {', '.join(self.joints)}") from None

    def indices(self, joints: "list[str] | tuple[str, ...]") -> np.ndarray:
        """Rows of several joints, int64 (len(joints),)."""
        return np.array([self.index(joint) for joint in joints], dtype=np.int64)

    @cached_property
    def parent_index(self) -> np.ndarray:
        """int64 (J,): row of each joint's parent, -1 for a root."""
        return np.array([self.index(self.parents[j]) if j in self.parents else -1 for j in self.joints], np.int64)

    @cached_property
    def bones(self) -> np.ndarray:
        """int64 (B, 2): (parent, child) rows to draw, the extra bones last."""
        pairs = [(self.parents[j], j) for j in self.joints if j in self.parents]
        return np.array([self.indices(pair) for pair in (*pairs, *self.extra_bones)], np.int64).reshape(-1, 2)

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(left joint, right joint) names."""
        return tuple(
            (j, "right_" + j[5:]) for j in self.joints if j.startswith("left_") and "right_" + j[5:] in self._index
        )

    @cached_property
    def mirror(self) -> np.ndarray:
        """int64 (J,): permutation that exchanges left and right; applied twice it is the identity."""
        order = np.arange(len(self.joints))
        for left, right in self.pairs:
            a, b = self._index[left], self._index[right]
            order[a], order[b] = b, a
        return order

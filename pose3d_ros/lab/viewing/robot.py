"""A robot's model as an image, on any machine: points of its surface, nearest last. No GL driver is needed.

MuJoCo reads the model and says where its parts are.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pose3d_ros.core.errors import ConfigError

POINTS = 150_000  # of a whole robot
RADIUS = 2  # of the square that is drawn of a point, in pixels
MARGIN = 2 * RADIUS + 1
LIGHT = np.array([-0.35, -0.75, -0.56])  # where it comes from, in the viewer's axes: x right, y down, z away
AMBIENT, DIFFUSE = 0.42, 0.58
BACKGROUND = (247, 246, 244)
TONES = ((232, 230, 226), (96, 92, 88))  # BGR of light and dark parts


class Surface(NamedTuple):
    """N points of all parts: `xyz_m` and `normal` (N, 3) in their part's frame, `geom` (N,), `bgr` (N, 3)."""

    xyz_m: np.ndarray
    normal: np.ndarray
    geom: np.ndarray
    bgr: np.ndarray


class RobotView:
    """Draws one robot. Raises ConfigError where MuJoCo is not installed or refuses the model.

    `names`: joints whose positions `draw` takes.
    """

    def __init__(self, path: Path, names: tuple[str, ...], points: int = POINTS) -> None:
        self._mujoco, self.model = _model(path)
        self._data = self._mujoco.MjData(self.model)
        joints = [self._mujoco.mj_name2id(self.model, self._mujoco.mjtObj.mjOBJ_JOINT, name) for name in names]
        self._columns = self.model.jnt_qposadr[joints]
        self._surface = _surface(self.model, points)
        starts = np.flatnonzero(np.diff(self._surface.geom, prepend=-1))  # points of one part lie together
        ends = [*starts[1:], len(self._surface.geom)]
        self._rows = [(self._surface.geom[a], slice(a, b)) for a, b in zip(starts, ends, strict=True)]

    def points(self, position_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points and normals (N, 3) in the axes of the model's world, base where the model has it."""
        self._data.qpos[:] = self.model.qpos0
        self._data.qpos[self._columns] = position_rad
        self._mujoco.mj_kinematics(self.model, self._data)
        xyz, normal = np.empty_like(self._surface.xyz_m), np.empty_like(self._surface.normal)
        for geom, rows in self._rows:
            turn = self._data.geom_xmat[geom].reshape(3, 3).T
            xyz[rows] = self._surface.xyz_m[rows] @ turn + self._data.geom_xpos[geom]
            normal[rows] = self._surface.normal[rows] @ turn
        return xyz, normal

    def draw(
        self, position_rad: np.ndarray, to_viewer: np.ndarray, centre_m: np.ndarray, px_per_m: float,
        size: tuple[int, int],
    ) -> np.ndarray:  # fmt: skip
        """uint8 (height, width, 3), BGR; without perspective.

        `to_viewer` (3, 3): from the model's world into x right, y down, z away. `centre_m` of the image, in the world.
        """
        xyz, normal = self.points(position_rad)
        xyz, normal = (xyz - centre_m) @ to_viewer.T, normal @ to_viewer.T
        return splat(xyz * px_per_m, normal, self._surface.bgr, size)


def splat(xyz_px: np.ndarray, normal: np.ndarray, bgr: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Squares at points (N, 3) about the middle of the image: what is nearest is seen."""
    width, height = size
    facing = (normal[:, 2] < 0.1) & (np.abs(xyz_px[:, :2]) < np.array(size) / 2 + RADIUS).all(1)
    xyz_px, normal, bgr = xyz_px[facing], normal[facing], bgr[facing]
    shade = AMBIENT + DIFFUSE * np.clip(normal @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    order = np.argsort(-xyz_px[:, 2])
    colour = np.clip(bgr * shade[:, None], 0, 255).astype(np.uint8)[order]
    # one margin around the image takes what sticks out of it
    at = np.rint(xyz_px[order, :2] + (width / 2 + MARGIN, height / 2 + MARGIN)).astype(np.int32)
    row = width + 2 * MARGIN
    image = np.empty(((height + 2 * MARGIN) * row, 3), np.uint8)
    image[:] = BACKGROUND
    step = np.arange(-RADIUS, RADIUS + 1)
    square = (step[:, None] * row + step).ravel()
    # of several values for one pixel numpy keeps the last
    image[(at[:, 1:] * row + at[:, :1] + square).ravel()] = np.repeat(colour, len(square), 0)
    return image.reshape(-1, row, 3)[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()


def _model(path: Path) -> tuple[Any, Any]:
    """The model without the parts whose meshes are not there."""
    try:
        import mujoco
    except ImportError as error:
        raise ConfigError(f"drawing robots needs MuJoCo ({error}): pip install 'pose3d_ros[control]'") from None
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        spec.compiler.balanceinertia, spec.compiler.discardvisual = True, False
        folder = path.parent / spec.meshdir
        missing = {mesh.name for mesh in spec.meshes if not (folder / mesh.file).is_file()}
        for geom in [geom for geom in spec.geoms if geom.meshname in missing]:
            spec.delete(geom)
        for mesh in [mesh for mesh in spec.meshes if mesh.name in missing]:
            spec.delete(mesh)
        return mujoco, spec.compile()
    except ValueError as error:
        raise ConfigError(f"MuJoCo refuses {path}: {error}") from None


def _surface(model: Any, count: int) -> Surface:
    """Points spread evenly over what is to be seen."""
    parts = [(geom, _triangles(model, geom)) for geom in _shown(model)]
    corners = np.concatenate([triangles for _, triangles in parts])
    geoms = np.repeat([geom for geom, _ in parts], [len(triangles) for _, triangles in parts])
    ends = np.cumsum(_areas(corners))
    # evenly along the summed area, and within each triangle by a sequence that leaves no holes (Roberts' R2)
    chosen = np.searchsorted(ends, (np.arange(count) + 0.5) / count * ends[-1])
    a, b = (np.arange(count)[:, None, None] * (0.7548776662466927, 0.5698402909980532) % 1).T.reshape(2, count, 1)
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    origin, first, second = np.moveaxis(corners[chosen], 1, 0)
    normal = np.cross(first - origin, second - origin)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    dark = model.geom_rgba[geoms[chosen], :3].mean(1) < 0.45
    xyz_m = origin + a * (first - origin) + b * (second - origin)
    return Surface(xyz_m, normal, geoms[chosen], np.where(dark[:, None], TONES[1], TONES[0]))


def _shown(model: Any) -> list[int]:
    """Of each body the parts that are only to be seen, else those that collide. No floor."""
    plane = 0  # mjtGeom.mjGEOM_PLANE
    geoms = [geom for geom in range(model.ngeom) if model.geom_type[geom] != plane and _area(model, geom) > 1e-7]
    seen = {int(model.geom_bodyid[geom]) for geom in geoms if not model.geom_contype[geom]}
    return [g for g in geoms if not model.geom_contype[g] or int(model.geom_bodyid[g]) not in seen]


def _area(model: Any, geom: int) -> float:
    return float(_areas(_triangles(model, geom)).sum())


def _areas(corners: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def _triangles(model: Any, geom: int) -> np.ndarray:
    """Corners (T, 3, 3) of a mesh; of any other part, those of a ball or box of its size."""
    sphere, capsule, _, cylinder, box, mesh = 2, 3, 4, 5, 6, 7  # mjtGeom
    kind, size = model.geom_type[geom], model.geom_size[geom]
    if kind == mesh:
        row = model.geom_dataid[geom]
        first, number = model.mesh_faceadr[row], model.mesh_facenum[row]
        start, vertices = model.mesh_vertadr[row], model.mesh_vertnum[row]
        return model.mesh_vert[start : start + vertices][model.mesh_face[first : first + number]].astype(np.float64)
    if kind == box:
        return _box() * size
    if kind == sphere:
        return _ball() * size[0]
    ball = _ball() * (size[0], size[0], size[0] if kind in (capsule, cylinder) else size[2])
    if kind == capsule:
        ball[..., 2] += np.sign(ball[..., 2]) * size[1]
    if kind == cylinder:
        ball[..., 2] = np.sign(ball[..., 2]) * size[1]
    return ball


def _box() -> np.ndarray:
    faces = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            corners = np.array([(a, b) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))], float)
            square = np.insert(corners if side > 0 else corners[::-1], axis, side, 1)
            square = square if axis != 1 else square[::-1]
            faces += [square[[0, 1, 2]], square[[0, 2, 3]]]
    return np.array(faces)


def _ball(rings: int = 8, slices: int = 16) -> np.ndarray:
    """Of radius 1, outside up."""
    polar = np.linspace(0, np.pi, rings + 1)[:, None]
    around = np.linspace(0, 2 * np.pi, slices + 1)
    x, y = np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around)
    grid = np.stack(np.broadcast_arrays(x, y, np.cos(polar)), -1)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    return np.concatenate([np.stack((a, b, c), -2).reshape(-1, 3, 3), np.stack((a, c, d), -2).reshape(-1, 3, 3)])

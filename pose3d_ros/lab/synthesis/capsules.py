"""Ray casting of capsules in batches: exact, in perspective, and quick on one CPU core.

Along an image's rays (x0 + s u, y0 + s v, 1) everything that decides about a hit is a polynomial in u and v, the same
few for every capsule: one small matrix product gives them for all pixels, and only a root and a quotient remain
(intersection after Inigo Quilez, "Capsule - intersection", iquilezles.org). Whole spheres at the ends close them.
"""

from typing import NamedTuple

import torch
from torch import Tensor

TILE_PX = 8  # height of the tiles of an image, at most, each with the capsules that are near it
CANDIDATES = 16  # of them at most, the ones in front; in tiles that are small enough hardly any more overlap
PIECE = 100_000  # pixels times capsules at a time: what stays in the caches
NEAREST_M = 0.05
NOTHING = 1e6  # depth where there is nothing


class Capsules(NamedTuple):
    """K capsules of each of B images, metres, camera frame: ends `a`, `b` (B, K, 3), `radius` (B, K), 0 = none."""

    a: Tensor
    b: Tensor
    radius: Tensor


class View(NamedTuple):
    """The rays of B images: the middle's `centre` (B, 2) as x/z, y/z, and `half` (B,), half of the height."""

    centre: Tensor
    half: Tensor

    def rays(self, height: int, width: int) -> Tensor:
        """(B, H, W, 3) through the pixels' centres, z = 1."""
        u, v = grid(height, width, self.half.device)
        uv = torch.stack((u, v), -1)
        xy = self.centre[:, None, None] + self.half[:, None, None, None] * uv
        return torch.cat((xy, torch.ones_like(xy[..., :1])), -1)

    def project(self, xyz: Tensor) -> Tensor:
        """(B, ..., 3) to u, v (B, ..., 2): v is -1..1 from the upper to the lower edge, u in the same unit."""
        between = (1,) * (xyz.ndim - 2)
        ray = xyz[..., :2] / xyz[..., 2:].clamp(min=NEAREST_M)
        return (ray - self.centre.reshape(-1, *between, 2)) / self.half.reshape(-1, *between, 1)


class Hits(NamedTuple):
    """Of B images, the nearest surface of every pixel and the second one: `depth` z in metres (B, 2, H, W), the
    capsule (`owner`), `place` 0..1 from its a to its b, `normal` (B, 2, H, W, 3)."""

    depth: Tensor
    owner: Tensor
    place: Tensor
    normal: Tensor


def grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """u, v (H, W) of the pixels' centres."""
    v = (torch.arange(height, device=device) + 0.5) * 2 / height - 1
    u = ((torch.arange(width, device=device) + 0.5) * 2 - width) / height
    return u[None].expand(height, width), v[:, None].expand(height, width)


def trace(capsules: Capsules, view: View, height: int, width: int) -> Hits:
    """The two nearest surfaces of every pixel. Raises ValueError for sizes that do not divide into `tiles`."""
    tiles = tiles_of(height, width)
    u, v = (_tiled(part, tiles) for part in grid(height, width, view.half.device))
    features = torch.stack((torch.ones_like(u), u, v, u * u, u * v, v * v), 1)
    image, number, chosen = _candidates(capsules, view, u, v)
    sides, ends = _polynomials(capsules, view)
    count = len(view.half)
    depth = torch.full((count, len(u), 2, u.shape[1]), NOTHING, device=u.device)
    owner = torch.zeros(depth.shape, dtype=torch.int64, device=u.device)
    step = max(1, PIECE // (chosen.shape[1] * u.shape[1]))
    for first in range(0, len(image), step):
        rows = slice(first, first + step)
        at, where, some = image[rows], number[rows], chosen[rows]
        of_side, of_end = ([part[at[:, None], some] for part in parts] for parts in (sides, ends))
        near, nearest = _nearest(of_side, of_end, features[where])
        depth[at, where] = near
        owner[at, where] = some.gather(1, nearest.flatten(1)).view_as(nearest)
    depth, owner = (_untiled(part.transpose(1, 2), tiles, height, width) for part in (depth, owner))
    return _surface(capsules, view.rays(height, width), depth, owner)


def tiles_of(height: int, width: int) -> int:
    """An image is cut into so many rows and as many columns of tiles. Raises ValueError."""
    least = max(1, -(-height // TILE_PX))
    for tiles in range(least, 2 * least + 1):
        if height % tiles == width % tiles == 0:
            return tiles
    raise ValueError(f"images of {width}x{height}: expected multiples of {least}, since they are cut into tiles")


def _tiled(image: Tensor, tiles: int) -> Tensor:
    """(H, W) to (tiles**2, pixels of a tile)."""
    parts = image.unflatten(1, (tiles, -1)).unflatten(0, (tiles, -1))
    return parts.transpose(1, 2).reshape(tiles**2, -1)


def _untiled(parts: Tensor, tiles: int, height: int, width: int) -> Tensor:
    """(B, 2, tiles**2, pixels of a tile) to (B, 2, H, W)."""
    rows = parts.reshape(*parts.shape[:2], tiles, tiles, height // tiles, width // tiles).transpose(3, 4)
    return rows.reshape(*parts.shape[:2], height, width)


def _candidates(capsules: Capsules, view: View, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Images and numbers (R,) of the tiles (pixels u, v) that something covers, and the capsules in front (R, M)."""
    depth = torch.minimum(capsules.a[..., 2], capsules.b[..., 2]) - capsules.radius
    radius = capsules.radius / (depth.clamp(min=NEAREST_M) * view.half[:, None])
    a, b = view.project(capsules.a)[:, None], view.project(capsules.b)[:, None]
    middle = torch.stack((u.mean(1), v.mean(1)), -1)[None, :, None]
    reach = ((u[0, 0] - u[0, -1]) ** 2 + (v[0, 0] - v[0, -1]) ** 2) ** 0.5 / 2
    axis, out = b - a, middle - a
    place = ((out * axis).sum(-1) / (axis**2).sum(-1).clamp(min=1e-9)).clamp(0, 1)
    apart = (out - place[..., None] * axis).norm(dim=-1) - 1.05 * radius[:, None]
    near = (apart < reach) & (capsules.radius[:, None] > 0)
    # of those the ones in front: depth is harmonic along a line in the image
    inverse_a, inverse_b = (1 / end[:, None, :, 2].clamp(min=NEAREST_M) for end in capsules[:2])
    front = 1 / torch.lerp(inverse_a, inverse_b, place) - capsules.radius[:, None]
    end_on = axis.norm(dim=-1) < radius[:, None]
    front = torch.where(near, torch.where(end_on, depth[:, None], front), NOTHING)
    found, chosen = front.topk(min(CANDIDATES, front.shape[-1]), largest=False)
    image, number = torch.where(found[..., 0] < NOTHING)
    return image, number, chosen[image, number]


def _polynomials(capsules: Capsules, view: View) -> tuple[list[Tensor], list[Tensor]]:
    """Coefficients (B, K, 6 or 3) of 1, u, v, uu, uv, vv for the sides, (B, K, 2, 6 or 3) for the spheres at the ends.

    A side is hit at depth -(lin_b + sqrt(root)) / quad_a, at across + depth * along of its squared length from a.
    """
    a, b, radius = (part.double() for part in capsules)
    axis = b - a
    length2 = (axis**2).sum(-1).clamp(min=1e-10)
    ray = torch.zeros(len(a), 3, 3, dtype=torch.float64, device=a.device)  # ray = ray[0] + u ray[1] + v ray[2]
    ray[:, 0, :2], ray[:, 0, 2] = view.centre, 1.0
    ray[:, 1, 0] = ray[:, 2, 1] = view.half
    rays = _square(ray)[:, None]

    def linear(vector: Tensor) -> Tensor:
        return torch.einsum("bkc,bfc->bkf", vector, ray)

    along, across = linear(axis), -(axis * a).sum(-1)  # axis . ray, and axis . (camera - a)
    quad_a = rays - _product(along, along) / length2[..., None]
    lin_b = -linear(a) - across[..., None] * along / length2[..., None]
    const = (a**2).sum(-1) - across**2 / length2 - radius**2
    root = _product(lin_b, lin_b) - quad_a * const[..., None]
    sides = [root, lin_b, quad_a, along, across[..., None], length2[..., None]]
    closing = torch.cat((a, b), 1)
    ball = (closing**2).sum(-1) - torch.cat((radius, radius), 1) ** 2
    toward = linear(closing)
    ends = [_product(toward, toward) - rays * ball[..., None], toward, rays.expand(-1, toward.shape[1], -1)]
    absent = (radius <= 0)[..., None]
    nowhere = torch.tensor((-1.0, 0, 0, 0, 0, 0), dtype=torch.float64, device=a.device)
    sides[0] = torch.where(absent, nowhere, root)
    ends = [torch.stack(part.chunk(2, 1), 2) for part in ends]  # (B, K, 2, .)
    ends[0] = torch.where(absent[..., None, :], nowhere, ends[0])
    return [part.float() for part in sides], [part.float() for part in ends]


def _product(p: Tensor, q: Tensor) -> Tensor:
    """(..., 6) of two linear polynomials (..., 3)."""
    (p0, p1, p2), (q0, q1, q2) = p.unbind(-1), q.unbind(-1)
    return torch.stack((p0 * q0, p0 * q1 + p1 * q0, p0 * q2 + p2 * q0, p1 * q1, p1 * q2 + p2 * q1, p2 * q2), -1)


def _square(ray: Tensor) -> Tensor:
    """(B, 6) of ray . ray."""
    parts = ray.permute(0, 2, 1)
    return _product(parts, parts).sum(1)


def _nearest(sides: list[Tensor], ends: list[Tensor], features: Tensor) -> tuple[Tensor, Tensor]:
    """Depths and capsules (R, 2, P) of the two nearest hits of R tiles with features (R, 6, P)."""
    root, lin_b, quad_a, along, across, length2 = sides
    linear = features[:, :3]
    discriminant = root @ features
    near = (discriminant.clamp(min=0).sqrt_().add_(lin_b @ linear)).neg_().div_(quad_a @ features)
    place = (along @ linear).mul_(near).add_(across)
    miss = (discriminant <= 0).logical_or_(place <= 0).logical_or_(place >= length2)
    near.masked_fill_(miss, NOTHING)
    root, toward, rays = (part.flatten(1, 2) for part in ends)
    discriminant = root @ features
    ball = (toward @ linear).sub_(discriminant.clamp(min=0).sqrt_()).div_(rays @ features)
    ball.masked_fill_(discriminant <= 0, NOTHING)
    near = torch.minimum(near, ball.unflatten(1, (-1, 2)).amin(2))
    first, owner = near.min(1)
    near.scatter_(1, owner[:, None], NOTHING)
    second, other = near.min(1)
    return torch.stack((first, second), 1), torch.stack((owner, other), 1)


def _surface(capsules: Capsules, rays: Tensor, depth: Tensor, owner: Tensor) -> Hits:
    count, _, height, width = depth.shape
    axis = capsules.b - capsules.a
    inverse = 1 / (axis**2).sum(-1, keepdim=True).clamp(min=1e-10)
    table = torch.cat((capsules.a, axis, capsules.radius[..., None].clamp(min=1e-4), inverse), -1)
    rows = owner.reshape(count, -1, 1).expand(-1, -1, 8)
    a, axis, radius, inverse = table.gather(1, rows).unflatten(1, (2, height, width)).split((3, 3, 1, 1), -1)
    out = rays[:, None] * depth[..., None] - a
    place = ((out * axis).sum(-1, keepdim=True) * inverse).clamp(0, 1)
    normal = (out - place * axis) / radius
    return Hits(depth, owner, place[..., 0], normal)

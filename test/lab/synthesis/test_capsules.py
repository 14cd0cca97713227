"""Ray casting against marching along the rays, and projection against the rays."""

import pytest
import torch

from pose3d_ros.lab.synthesis.capsules import NOTHING, Capsules, View, trace


@pytest.fixture
def scene():
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    a = 0.05 * normal(3, 12, 3) + torch.tensor([0.3, 0.1, 0.9])
    b = a + 0.03 * normal(3, 12, 3)
    radius = 0.004 + 0.01 * torch.rand(3, 12, generator=generator)
    radius[:, 0] = 0  # none
    return Capsules(a, b, radius), View(torch.tensor([[1 / 3, 1 / 9]]).expand(3, 2), torch.full((3,), 0.15))


def distance(points, capsules):
    a, axis = capsules.a[:, None, None], (capsules.b - capsules.a)[:, None, None]
    out = points[..., None, :] - a
    place = ((out * axis).sum(-1) / (axis**2).sum(-1)).clamp(0, 1)
    apart = (out - place[..., None] * axis).norm(dim=-1) - capsules.radius[:, None, None]
    return torch.where(capsules.radius[:, None, None] > 0, apart, 9.0).amin(-1)


def test_the_nearest_surface_is_where_marching_ends(scene):
    capsules, view = scene
    hits = trace(capsules, view, 48, 36)
    rays = view.rays(48, 36)
    depth = torch.full(rays.shape[:-1], 0.3)
    for _ in range(120):
        apart = distance(rays * depth[..., None], capsules)
        depth = depth + apart.clamp(min=0) / rays.norm(dim=-1)
    hit = (depth < 1.6) & (apart < 1e-4)
    assert 0.05 < hit.float().mean() < 0.9
    assert (hit == (hits.depth[:, 0] < NOTHING / 2)).float().mean() > 0.998
    error = (hits.depth[:, 0] - depth)[hit & (hits.depth[:, 0] < NOTHING / 2)].abs()
    assert error.quantile(0.99) < 1e-4
    assert (hits.depth[:, 1] >= hits.depth[:, 0]).all()
    torch.testing.assert_close(hits.normal[:, 0][hit].norm(dim=-1), torch.ones(int(hit.sum())), atol=2e-2, rtol=0)


def test_projection_meets_the_pixel_s_ray(scene):
    _, view = scene
    rays = view.rays(48, 36)
    uv = view.project(2.5 * rays[:, 10, 30])
    torch.testing.assert_close(uv[0], torch.tensor([(30.5 * 2 - 36) / 48, 10.5 * 2 / 48 - 1]), atol=1e-5, rtol=0)


def test_sizes_that_do_not_divide_are_refused(scene):
    with pytest.raises(ValueError, match="multiples of 6"):
        trace(*scene, 48, 35)

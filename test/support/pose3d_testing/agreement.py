"""What holds for windows of images of any subject, seen by a perfect detector."""

import torch

from pose3d_ros.lab.synthesis.image_windows import to_pixels


def assert_agreement(drawn, size):
    """Keypoints, truth and crop of `ImageWindows` say the same; `size`: the `RenderConfig`."""
    seen = drawn.score > 0
    assert seen.float().mean() > 0.99
    torch.testing.assert_close(drawn.xy_px[seen], to_pixels(drawn.uv, size)[seen], atol=0.02, rtol=0)
    assert drawn.uv.abs().max() < 1.5
    assert (drawn.xyz[:, :, 0] == 0).all()
    # the virtual camera looks at the crop's middle: a weak-perspective camera explains the image
    xy, target = drawn.xyz[..., :2].flatten(0, 1), drawn.uv.flatten(0, 1)
    a = torch.cat((xy, torch.ones_like(xy[..., :1])), -1)
    left_over = target - a @ torch.linalg.lstsq(a, target).solution
    assert left_over.norm(dim=-1).mean() < 0.06

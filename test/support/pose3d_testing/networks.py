"""Networks that stand for trained ones."""

import torch


class Known(torch.nn.Module):
    """A lifting network that says the same joints (J, 3) for everybody."""

    def __init__(self, xyz, log_sigma=-3.0):
        super().__init__()
        self.xyz = torch.nn.Parameter(torch.tensor(xyz, dtype=torch.float32), requires_grad=False)
        self.log_sigma = log_sigma

    def forward(self, x, frame=None):
        joints = self.xyz.expand(len(x), 1, -1, -1)
        return {"xyz": joints, "log_sigma": torch.full(joints.shape[:3], self.log_sigma)}

"""Training of a streaming lifter: whole sequences, in which every frame counts as the newest."""

from dataclasses import replace

from torch import nn

from pose3d_ros.lab.synthesis import windows
from pose3d_ros.lab.training.config import TrainConfig
from pose3d_ros.lab.training.trainer import Trainer
from pose3d_ros.models.streaming import StreamingDTF


class StreamTrainer(Trainer):
    """The loop on sequences. Short ones show more people for the same work; long ones come at the end, when all
    frames that a robot's stream remembers have a part in it."""

    assemble = staticmethod(windows.assemble_sequences)

    def window_at(self, windows_seen: int) -> windows.WindowConfig:
        config = self.config
        if config.short and windows_seen < (1 - config.decay) * config.windows:
            return replace(config.data, frames=config.short)
        return config.data

    @staticmethod
    def new_network(config: TrainConfig) -> nn.Module:
        return StreamingDTF(config.stream)

    @property
    def network(self) -> nn.Module:
        """The averaged weights; there is no batch norm in them."""
        return self.average.module

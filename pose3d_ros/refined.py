from pose3d_ros.pipeline import Pipeline
from pose3d_ros.settings import RefinedConfig


class RefinedPipeline(Pipeline):
    def __init__(self, config=None, *a, **k):
        super().__init__(config or RefinedConfig(), *a, **k)

"""Report on a bag: errors where it holds the truth, and what needs none (coverage, jitter, bone lengths).

    python examples/5_bag_report.py [BAG] [--truth topic:/truth]

Without a bag: two people whom a generator made, test/data/bags/two_people. The command is `pose3d evaluate`.
"""

import argparse
from pathlib import Path

from pose3d_ros import PipelineConfig
from pose3d_ros.lab.bags.types import TopicChoice
from pose3d_ros.lab.evaluation.bags.bag import evaluate_bag
from pose3d_ros.lab.evaluation.bags.config import BagEvaluationConfig

SAMPLE = Path(__file__).parents[1] / "test" / "data" / "bags" / "two_people"


def report(bag: Path, truth: str) -> dict:
    """Read, lift, compare. `truth`: "topic:/NAME" of the bag, or ""."""
    topics = TopicChoice(truth=truth.removeprefix("topic:")) if truth else TopicChoice()
    config = BagEvaluationConfig(bag=bag, truth=truth, topics=topics, pipeline=PipelineConfig())
    return evaluate_bag(config).info


def main() -> None:
    """Print the two parts of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", nargs="?", type=Path)
    parser.add_argument("--truth", default="")
    args = parser.parse_args()
    info = report(args.bag or SAMPLE, args.truth if args.bag else "topic:/truth")
    for part in ("metrics", "quality"):
        for name, value in (info[part] or {}).get("all", {}).items():
            print(f"{part}: {name} {value:.4g}" if isinstance(value, float) else f"{part}: {name} {value}")


if __name__ == "__main__":
    main()

"""What the method leaves open and needs no training to answer: guidance, threshold, rate, lookahead at test time.

Every study is {row: {protocol: metrics}} on the same cameras, noise and occlusions.
"""

from dataclasses import replace

from pose3d_ros.lab.evaluation.metrics import Metrics
from pose3d_ros.lab.evaluation.motion.motion import EvaluationConfig, candidate, evaluate
from pose3d_ros.lab.synthesis import detector
from pose3d_ros.lab.synthesis.motion import MotionSet
from pose3d_ros.models import Lifter

Study = dict[str, dict[str, Metrics]]
REACHES = (5, 10, 20, 40, 80)
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RATES_HZ = (10.0, 15.0, 30.0, 60.0)
LOOKAHEADS = (0, 1, 3, 8, 13)
# twice the standard noise and ten times its outliers; scores fall with the error
NOISY = replace(detector.STANDARD, noise_low=0.012, noise_high=0.012, outliers=0.05)


def guidance(lifter: Lifter, motion: MotionSet, config: EvaluationConfig) -> Study:
    """Other guidance than the weights were trained with."""
    own = lifter.spec.guidance
    variants = {
        "as trained": own,
        "confidence off": replace(own, confidence=False),
        "linear": replace(own, variant="linear"),
        "none": replace(own, variant="none"),
    }
    variants |= {f"f_past {reach}": replace(own, f_past=reach) for reach in REACHES if reach != own.f_past}
    variants |= {f"f_future {reach}": replace(own, f_future=reach) for reach in REACHES if reach != own.f_future}
    return evaluate(motion, [candidate(name, lifter, changed) for name, changed in variants.items()], config)


def threshold(lifter: Lifter, motion: MotionSet, config: EvaluationConfig) -> Study:
    """From which score on a keypoint of a noisy detector should count."""
    return {
        f"{low:g}": evaluate(motion, [candidate("", lifter)], replace(config, min_score=low), NOISY)[""]
        for low in THRESHOLDS
    }


def rate(lifter: Lifter, motion: MotionSet, config: EvaluationConfig) -> Study:
    """Cameras slower and faster than the model's rate."""
    return {f"{hz:g} Hz": evaluate(motion, [candidate("", lifter)], replace(config, rate_hz=hz))[""] for hz in RATES_HZ}


def lookahead(lifter: Lifter, motion: MotionSet, config: EvaluationConfig) -> Study:
    """The price of causality: the output so many slots late."""
    return {
        f"{slots} ({1e3 * slots / lifter.spec.rate_hz:.0f} ms)": evaluate(
            motion, [candidate("", lifter)], replace(config, lookahead=slots)
        )[""]
        for slots in LOOKAHEADS
        if slots < lifter.spec.frames
    }


STUDIES = {"guidance": guidance, "threshold": threshold, "rate": rate, "lookahead": lookahead}


def markdown(title: str, study: Study) -> str:
    """MPJPE, PA-MPJPE (mm) and acceleration error (m/s²) of every row and protocol as a table."""
    protocols = list(next(iter(study.values())))
    lines = [
        f"| {title} | " + " | ".join(protocols) + " |",
        "|---|" + "---|" * len(protocols),
    ]
    for row, found in study.items():
        cells = [
            "–" if found[p].mpjpe_mm is None
            else f"{found[p].mpjpe_mm:.1f} / {found[p].pa_mpjpe_mm:.1f} / {(found[p].accel_error_mm_s2 or 0) / 1e3:.1f}"
            for p in protocols
        ]  # fmt: skip
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"

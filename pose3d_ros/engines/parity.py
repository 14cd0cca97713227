"""The gate before an engine may run: example inputs through it, against eager fp32."""

import numpy as np

from pose3d_ros.core.errors import EngineError
from pose3d_ros.engines.base import Engine, Program

ROWS = (1, 3)  # alone, and a number that no bucket holds


def differences(engine: Engine, program: Program) -> dict[str, float]:
    """Largest absolute difference of each output over the program's examples; infinite where it is not finite."""
    worst = dict.fromkeys(program.outputs, 0.0)
    for rows in ROWS:
        batch = program.example(rows)
        wanted, got = program.reference(batch), engine(batch)
        for name in program.outputs:
            same = got[name].shape == wanted[name].shape and np.isfinite(got[name]).all()
            worst[name] = max(worst[name], float(np.abs(got[name] - wanted[name]).max()) if same else np.inf)
    return worst


def check(engine: Engine, program: Program) -> dict[str, float]:
    """`differences` where all are within the program's limits. Raises EngineError naming the one that is not."""
    found = differences(engine, program)
    for name, limit in program.limits.items():
        if not found[name] <= limit:
            raise EngineError(f"{name} differs from eager fp32 by {found[name]:.2g}, allowed are {limit:.2g}: not used")
    return found

"""`pose3d doctor`: one page about this machine, to read and to paste into an issue."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pose3d_ros.cli.diagnosis import engines, robot, software
from pose3d_ros.cli.diagnosis.page import Check, Line, guarded


def command(
    json_path: Annotated[Path | None, typer.Option("--json", help="write the findings to this file")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit code 1 where a line has a hint")] = False,
) -> None:
    """What works here, what is missing, and what to do about it. Changes and builds nothing."""
    page = look()
    for section, lines in page.items():
        print(f"{section}")
        for line in lines:
            print(f"  {line.mark:<4} {line.name}: {line.text}")
            if line.hint:
                print(f"         -> {line.hint}")
    hints = sum(line.mark == "hint" for lines in page.values() for line in lines)
    print(f"{hints} hint(s); `-`: optional, not here")
    if json_path is not None:
        from pose3d_ros.cli.tables import write_json

        found = {name: [asdict(line) | {"mark": line.mark} for line in lines] for name, lines in page.items()}
        write_json(json_path, found)
    raise typer.Exit(1 if strict and hints else 0)


def look() -> dict[str, list[Line]]:
    """All sections."""
    clock = robot.clocks()
    sections: dict[str, tuple[Check, ...]] = {
        "Package": (software.package,),
        "Parts": (software.parts,),
        "Weights": (software.weights,),
        "Models of the 2D detector": (software.models,),
        "GPU": (engines.gpu,),
        "Backends, best first": (engines.backends,),
        "ROS": (robot.ros, robot.network),
        "Machine": (robot.processor, clock),
    }
    return {name: [line for check in checks for line in guarded(check)] for name, checks in sections.items()}

"""Code that may crash, hang or print, in a child interpreter: what it found comes back line by line as JSON."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

TIMEOUT_S = 90.0

# The results have a pipe of their own: a broken library may print whatever it likes
_IMPORTS = """
import importlib, importlib.metadata, json, os, sys
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.modules["openvino_telemetry"] = None  # openvino would report its use to its maker on import
def tell(name, state, text=""):
    print(json.dumps({"name": name, "state": state, "text": text}), file=out, flush=True)
def version(name, module):
    for distribution in (name, name.replace("_", "-")):
        try:
            return importlib.metadata.version(distribution)
        except Exception:
            pass
    return str(getattr(module, "__version__", "") or "")
for name in sys.argv[1:]:
    tell(name, "crashed")
    try:
        tell(name, "ok", version(name, importlib.import_module(name)))
    except ModuleNotFoundError as error:
        absent = error.name and (name + ".").startswith(error.name + ".")
        tell(name, "absent" if absent else "broken", str(error))
    except BaseException as error:
        tell(name, "broken", f"{type(error).__name__}: {error}".strip().split("\\n")[0][:200])
"""


def imports(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """name -> (ok, absent, broken or crashed; its version, or why). A module that takes the interpreter with it is
    named, and the others are tried in a new one."""
    found: dict[str, tuple[str, str]] = {}
    while left := [name for name in names if name not in found]:
        lines, why = run(_IMPORTS, left)
        found |= {line["name"]: (line["state"], line["text"] or "") for line in lines}
        crashed = [name for name, (state, _) in found.items() if state == "crashed"]
        for name in crashed:
            found[name] = ("broken", why or "ends the interpreter")
        if not lines:
            found |= dict.fromkeys(left, ("broken", why or "Python does not start"))
    return found


def run(code: str, arguments: Sequence[str] = (), timeout_s: float | None = None) -> tuple[list[Any], str]:
    """What the code printed, one JSON value a line, and why it ended early, if it did."""
    timeout_s = timeout_s or TIMEOUT_S
    command = [sys.executable, "-c", code, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
        output, why = done.stdout, _ended(done)
    except subprocess.TimeoutExpired as error:
        output, why = (error.stdout or b"").decode(errors="replace"), f"no answer in {timeout_s:.0f} s"
    return [value for line in output.splitlines() for value in _values(line)], why


def _ended(done: subprocess.CompletedProcess) -> str:
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    last = done.stderr.strip().split("\n")[-1][:200]
    return f"exit code {done.returncode} ({last})" if done.returncode else ""


def _values(line: str) -> list[Any]:
    try:
        return [json.loads(line)]
    except ValueError:
        return []

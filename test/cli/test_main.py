"""The command line: quick help, one line for what the user can mend."""

import subprocess
import sys
from pathlib import Path

import pytest

from pose3d_ros.cli.main import COMMANDS, _spelled_out, main


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "pose3d_ros.cli.main", *arguments], capture_output=True, text=True)


def test_help_names_the_commands_and_loads_no_torch():
    code = (
        "import sys; from pose3d_ros.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: print(end.code, {'torch', 'numpy', 'rclpy'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert COMMANDS["evaluate"] in result.stdout
    assert result.stdout.splitlines()[-1] == "0 set()"


def test_an_unknown_command_is_refused():
    result = run("nonsense")
    assert result.returncode == 2
    assert "nonsense" in result.stderr


def test_an_error_of_the_package_is_one_line_on_stderr(capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "--motion", str(tmp_path / "none.npz"), "--weights", "body_dtf27", "--baseline", "none"])
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "none.npz: expected a file" in printed.err
    assert "Traceback" not in printed.err


def test_evaluate_without_a_file_says_what_is_missing(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate"])
    assert "--motion FILE" in capsys.readouterr().err


def test_a_file_of_the_system_that_fails_is_one_line_too(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    motion = Path(__file__).parents[1] / "data" / "motion_sample.npz"
    with pytest.raises(SystemExit) as end:
        main(["synthesize", str(tmp_path / "file" / "bag"), "--motion", str(motion), "--seconds", "1"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "file: cannot be read or written: File exists" in error


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("evaluate motion a.npz --seed 2", "evaluate --motion a.npz --seed 2"),
        ("evaluate bag a b --fault rate:2", "evaluate --bag a --bag b --fault rate:2"),
        ("evaluate --bag a", "evaluate --bag a"),
        ("view bag", "view bag"),
        ("evaluate motion --help", "evaluate --help"),
    ],
)
def test_what_is_evaluated_is_a_word_or_an_option(given, meant):
    assert _spelled_out(given.split()) == meant.split()

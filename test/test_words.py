"""The words of this package are those of the field: what a robotics engineer reads once and understands."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".md", ".rst", ".yaml", ".msg", ".json", ".html"}
BANNED = {
    "picture": "image",
    "pictures": "images",
    "anew": "again",
    "learnt": "learned",
    "standin": "shim",
    "standins": "shims",
    "contestant": "candidate",
    "contestants": "candidates",
}
FILES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    if Path(name).suffix in SUFFIXES and name != "test/test_words.py"
]


def banned_in(text: str) -> list[str]:
    """Each banned word of `text`, with what to say in its place."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    return sorted(f"{word}: say {BANNED[word]}" for word in words & BANNED.keys())


def test_no_banned_word():
    if not FILES:
        pytest.skip("needs the git checkout: the list of files is taken from there")
    found = {
        str(path.relative_to(ROOT)): banned_in(path.read_text(errors="replace")) for path in FILES if path.exists()
    }
    assert {name: words for name, words in found.items() if words} == {}


def test_a_banned_word_is_found():
    assert banned_in("def show_picture(image): ...") == ["picture: say image"]

"""What to do where nothing was named to test, or something that is no target: what may be tested here.

Files are read, and nothing is executed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lawful.properties.harness.plan import SHIPPED
from lawful.properties.harness.words import TECHNIQUES, counted

if TYPE_CHECKING:
    from lawful.properties.harness.understanding.candidates import Candidate

_MOST_FILES = 2000
"""That are read: a folder may be anything."""
_MOST_SHOWN = 8
SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "build", "dist", ".tox", "site-packages"}
"""Folders in which nobody's own code is."""


def why_no_target(target: str) -> str | None:
    """What is wrong with the file or folder that a target names, and what to do; None where nothing is."""
    text = target.replace("::", ":")
    place = text.rpartition(":")[0] or text
    if text.partition(".")[0] in SHIPPED and ":" not in text:
        return None
    path = Path(place)
    if path.is_dir():
        found = candidates_in(path)
        named = f", or name one:{_listed(found)}" if found else ""
        return f"{place} is a folder: `lawful scan {place}` tests every candidate in it{named}"
    if path.is_file() and path.suffix not in (".py", ".ipynb"):
        return (
            f"{place} is not a Python file: expected file.py:Name, package.module:Name or the name of a "
            f"library{_here(path.parent)}"
        )
    return None


def offered(folder: Path = Path()) -> str | None:
    """What may be tested in a folder, and how; None where nothing looks like it."""
    found = candidates_in(folder)
    if not found:
        return None
    places = counted(len(found), "candidate", "candidates")
    return f"{places} here:{_listed(found)}\nlawful check {found[0].target} tests the first"


def _here(folder: Path) -> str:
    found = candidates_in(folder)
    return f"; in this folder there are:{_listed(found)}" if found else ""


def candidates_in(folder: Path) -> list[Candidate]:
    """What looks like a technique in the Python files of a folder, without its tests."""
    # its package imports torch, which a target that is one has no need to wait for
    from lawful.properties.harness.understanding.candidates import candidates

    found: list[Candidate] = []
    for file in _files(folder):
        try:
            found += candidates(file)
        except (SyntaxError, ValueError, OSError, RecursionError):
            continue
    return found


def _files(folder: Path) -> Iterable[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        own = [
            name
            for name in sorted(names)
            if name.endswith((".py", ".ipynb")) and not name.startswith("test_")
        ]
        found += [Path(place) / name for name in own]
        if len(found) >= _MOST_FILES:
            break
    return found[:_MOST_FILES]


def _listed(found: list[Candidate]) -> str:
    lines = [
        f"\n  {each.path}:{each.name}  (line {each.line}, {TECHNIQUES[each.technique]})"
        for each in found[:_MOST_SHOWN]
    ]
    left = len(found) - len(lines)
    return "".join(lines) + (f"\n  and {left} more: lawful scan --list ." if left else "")

"""What an implementation is called everywhere: by its file and its name there, in whichever way it was named.

Known failures, ``diff``, ``merge``, ``replay`` and the page know an implementation by this.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lawful.properties.harness.plan import SHIPPED


@dataclass(frozen=True)
class Identity:
    """``file``: absolute; empty for what is shipped, or has no file. ``name``: as after the colon."""

    file: str
    name: str

    def shown(self, folder: str) -> str:
        """As on the command line, in this folder: ``losses.py:Smooth``."""
        if not self.file:
            return self.name
        inside = Path(self.file).is_relative_to(folder)
        return f"{os.path.relpath(self.file, folder) if inside else self.file}:{self.name}"

    def place(self, folder: str) -> str:
        """file:line of the definition, as an editor opens it; empty where no such line is found."""
        if not self.file.endswith(".py") or (line := line_of(Path(self.file), self.name)) is None:
            return ""
        inside = Path(self.file).is_relative_to(folder)
        return f"{os.path.relpath(self.file, folder) if inside else self.file}:{line}"


def line_of(path: Path, name: str) -> int | None:
    """The line on which ``Name`` or ``Class.method`` is defined, or given a value, in a file."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8", errors="replace")).body
    except (OSError, SyntaxError, ValueError):
        return None
    line = None
    for part in name.split("."):
        found = [node for node in body if part in _given(node)]
        if not found:
            return None
        line, body = found[-1].lineno, getattr(found[-1], "body", [])
    return line


def _given(node: ast.stmt) -> list[str]:
    """The names to which a statement gives a meaning."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def named(target: str, folder: str) -> Identity:
    """The identity that a text of the command line names, in this folder. Nothing of it is imported."""
    text = target.replace("::", ":")
    place, _, name = text.rpartition(":")
    if text.partition(".")[0] in SHIPPED and not place:
        return Identity("", text)
    if place.endswith((".py", ".ipynb")):
        return Identity(str((Path(folder) / place).resolve()), name)
    return Identity(_file_of_module(place, folder), name) if place else Identity("", text)


def _file_of_module(module: str, folder: str) -> str:
    inside = Path(folder, *module.split("."))
    for file in (inside.with_suffix(".py"), inside / "__init__.py"):
        if file.is_file():
            return str(file.resolve())
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded:
        return str(Path(loaded).resolve())
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        spec = None
    return str(Path(spec.origin).resolve()) if spec and spec.origin else module


def import_root(module: str) -> str | None:
    """The folder from which a module of the user's is imported by its name; None for what is installed."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or module.partition(".")[0] in ("lawful", "__main__"):
        return None
    path = Path(file).resolve()
    if any(part.endswith(("site-packages", "dist-packages")) for part in path.parts):
        return None
    above = module.count(".") + (path.name == "__init__.py")
    return str(path.parents[above])


def defined(value: Any) -> Identity | None:
    """Where a class or a function is defined; None for what says nothing of it."""
    name, module = getattr(value, "__qualname__", None), getattr(value, "__module__", None)
    if name is None or module is None or "<locals>" in name:
        return None
    try:
        file = inspect.getsourcefile(value)
    except TypeError:
        file = None
    file = file or getattr(sys.modules.get(module), "__file__", None)
    return Identity(str(Path(file).resolve()) if file else module, name)

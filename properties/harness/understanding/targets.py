"""From what the user names to subjects: a shipped adapter, ``package.module:Name`` or ``file.py:Name``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from lawful.impl import native, notebook, thirdparty
from lawful.impl.contracts import TECHNIQUES, Adapter
from lawful.properties.harness.understanding import understand_target
from lawful.properties.registry import did_you_mean
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import NotUnderstood, Subject, first_line, silence


class UsageError(Exception):
    """What was asked for cannot be: names the argument, its value, and what was expected."""


@dataclass
class Found:
    """The subjects behind some targets, and what was left out and why."""

    subjects: list[Subject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def shipped() -> list[str]:
    return ["native", "notebook", *thirdparty.LIBRARIES]


def find(target: str, technique: str | None = None) -> Found:
    """Raises UsageError where nothing is there, NotUnderstood where we cannot call what is."""
    if technique is not None and technique not in TECHNIQUES:
        raise UsageError(did_you_mean("technique", technique, list(TECHNIQUES)))
    if ":" not in target:
        return _shipped(target, technique)
    place, _, name = target.rpartition(":")
    module = _module_of_file(Path(place)) if place.endswith(".py") else _module(place)
    value: Any = module
    for part in name.split("."):
        known = [n for n in vars(value) if not n.startswith("_")]
        if part not in vars(value) and not hasattr(value, part):
            raise UsageError(did_you_mean(f"name in {place}", part, known))
        value = getattr(value, part)
    if not isinstance(value, Adapter) and not callable(value):
        raise UsageError(
            f"{target} is {value!r}, a {type(value).__name__}: expected a class, a function or an "
            "adapter of lawful.impl.contracts"
        )
    with silence():
        return Found([understand_target(value, name, module.__name__, technique)])


def _shipped(target: str, technique: str | None) -> Found:
    library, _, chosen = target.partition(".")
    if library not in shipped():
        if target.endswith(".py") or "/" in target:
            raise UsageError(f"{target}: say what in the file to check, as in {target}:Name")
        raise UsageError(
            did_you_mean("shipped adapter", target, shipped())
            + f"; there are {', '.join(shipped())}; or name package.module:Name or file.py:Name"
        )
    ours = {"native": native.adapters, "notebook": notebook.adapters}
    adapters = ours[library]() if library in ours else thirdparty.adapters(library)
    wanted = chosen or technique
    adapters = tuple(a for a in adapters if wanted is None or a.technique == wanted)
    if not adapters:
        raise UsageError(f"{target}: the shipped adapter has no {wanted}")
    absent = [a for a in adapters if not a.installed()]
    if absent:
        return Found(notes=[f"{library}: not installed, so not asked"])
    found = Found()
    for adapter in adapters:
        try:
            with silence():
                found.subjects.append(understand(adapter))
        except ImportError as error:
            found.notes.append(f"{library}: does not import here: {first_line(error)}")
    return found


def _module(place: str) -> ModuleType:
    if Path(place).exists():
        raise UsageError(f"{place} is not a Python file: expected file.py:Name")
    sys.path.insert(0, "")
    try:
        with silence():
            return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and place.startswith(error.name):
            raise UsageError(f"no module {place!r} can be imported from here") from error
        raise UsageError(f"{place} does not import: {first_line(error)}") from error
    except SystemExit as error:
        raise UsageError(f"{place} does not import: it called sys.exit({error.code!r})") from error
    except Exception as error:
        raise UsageError(f"{place} does not import: {first_line(error)}") from error


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    sys.modules.setdefault(path.stem, module)
    try:
        with silence():
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UsageError(f"{path} is not Python: line {error.lineno}: {error.msg}") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{path} does not import: {first_line(error)}") from error
    except SystemExit as error:
        raise UsageError(f"{path} does not import: it called sys.exit({error.code!r})") from error
    except Exception as error:
        raise UsageError(f"{path} does not import: {first_line(error)}") from error
    return module


__all__ = ["Found", "NotUnderstood", "UsageError", "find", "shipped"]

"""From what the user names to subjects: a shipped adapter, ``package.module:Name``, ``file.py:Name``, a path
of dots such as ``torch.nn.CrossEntropyLoss``, or a file with one candidate in it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from lawful.impl import native, notebook, thirdparty
from lawful.impl.contracts import TECHNIQUES, Adapter
from lawful.properties.harness.identity import Identity, defined, named
from lawful.properties.harness.plan import SHIPPED
from lawful.properties.harness.understanding import understand_target
from lawful.properties.harness.understanding.candidates import Candidate, candidates, technique_of_name
from lawful.properties.harness.understanding.extract import Clashes, taken_out, works_at_import
from lawful.properties.harness.understanding.imports import Imports
from lawful.properties.harness.understanding.notebooks import NOTEBOOK, source_of
from lawful.properties.harness.understanding.source import text_of
from lawful.properties.harness.understanding.trials import RaisesOnEveryCall
from lawful.properties.registry import did_you_mean, no_name
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood, first_line
from lawful.properties.subjects.subject import Subject, silence


class UsageError(Exception):
    """What was asked for cannot be: names the argument, its value, and what was expected."""


@dataclass(frozen=True)
class Raising:
    """Code that ends in an error of its own on every call: a finding without a case."""

    name: str
    technique: str
    message: str
    found_as: str
    lines: tuple[str, ...] = ()
    """Of a program that calls it in the plainest form."""
    fails_with: str = ""
    """The type of the exception with which it ends."""
    folders: tuple[str, ...] = ()
    """Where its imports are found."""


@dataclass
class Found:
    """The subjects behind some targets, and what was left out and why."""

    subjects: list[Subject] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raising: list[Raising] = field(default_factory=list)


@dataclass
class Definition:
    """A value, the module in which it stands, and its name there."""

    value: Any
    name: str
    module: ModuleType
    path: Path | None = None
    owner: Any = None
    """The class of which it is a method."""
    carried: str = ""
    """Source that defines it, where it was taken out of its file."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Names that it refers to, and that could not be taken along, with why."""


def find(target: str, technique: str | None = None, unknown: bool = False) -> Found:
    """``unknown``: a file that does more than define things when it is imported is never imported.

    Raises UsageError where nothing is there, NotUnderstood where we cannot call what is.
    """
    if technique is not None and technique not in TECHNIQUES:
        raise UsageError(did_you_mean("technique", technique, list(TECHNIQUES)))
    text = target.replace("::", ":")
    library, _, chosen = text.partition(".")
    if library in SHIPPED and (not chosen or chosen in TECHNIQUES):
        return _shipped(text, technique)
    notes: list[str] = []
    with Imports() as imports:
        meant = imported_or_alone(target, notes, unknown)
        found = understood(meant, target, technique)
        known = (named(f"{place_of(target)}:{meant.name}", os.getcwd()), defined(meant.value))
    folders, identities = tuple(imports.path), tuple(filter(None, known))
    own = [
        replace(subject, imports=imports, folders=folders, identities=identities)
        for subject in found.subjects
    ]
    raising = [replace(each, folders=folders) for each in found.raising]
    return Found(own, [*found.notes, *notes], raising)


def understood(found: Definition, target: str, technique: str | None) -> Found:
    """How a definition is called, or that it raises on every call. Raises NotUnderstood."""
    if not isinstance(found.value, Adapter) and not callable(found.value):
        raise UsageError(
            f"{target} is {found.value!r}, a {type(found.value).__name__}: expected a class, a function or "
            f"an adapter of lawful.impl.contracts{_in_it(found.path)}"
        )
    try:
        with silence():
            subject = _understood(found, found.name, found.value, found.owner, technique)
    except RaisesOnEveryCall as error:
        return Found(raising=[raising_of(error, found.name, target)])
    except NotUnderstood as error:
        if not inspect.isclass(found.value):
            raise
        return _by_its_method(found, target, technique, error)
    return Found([replace(subject, found_as=target)])


def raising_of(error: RaisesOnEveryCall, name: str, found_as: str, folders: tuple[str, ...] = ()) -> Raising:
    return Raising(name, error.technique, str(error), found_as, error.lines, error.fails_with, folders)


def place_of(target: str) -> str:
    """The file or the module that a target names."""
    text = target.replace("::", ":")
    if text.endswith((".py", NOTEBOOK)):
        return text
    return text.rpartition(":")[0] or _split_dotted(text)[0]


def _understood(found: Definition, name: str, value: Any, owner: Any, technique: str | None) -> Subject:
    return understand_target(
        value,
        name,
        found.module.__name__,
        technique,
        owner,
        carried=found.carried,
        left_out=found.left_out,
    )


_MOST_METHODS = 12


def _by_its_method(found: Definition, target: str, technique: str | None, why: NotUnderstood) -> Found:
    """A class of which one method is understood: that one. Raises NotUnderstood with those that are."""
    methods = [n for n, m in vars(found.value).items() if n[0] != "_" and inspect.isfunction(m)]
    fitting: dict[str, Subject] = {}
    raising: dict[str, RaisesOnEveryCall] = {}
    for method in methods[:_MOST_METHODS]:
        name = f"{found.name}.{method}"
        try:
            with silence():
                value = getattr(found.value, method)
                fitting[name] = _understood(found, name, value, found.value, technique)
        except RaisesOnEveryCall as error:
            raising[name] = error
        except NotUnderstood:
            continue
    inner = {
        name for name in fitting for other in fitting if other != name and _calls(found.value, other, name)
    }
    if len(fitting) - len(inner) == 1:  # what another one calls is a part of it
        fitting = {name: subject for name, subject in fitting.items() if name not in inner}
    if len(fitting) == 1:
        return Found([replace(subject, found_as=target) for subject in fitting.values()])
    if not fitting and len(raising) == 1:
        [(name, raised)] = raising.items()
        if _is_its_own(name, raised):
            return Found(raising=[raising_of(raised, name, target)])
    if not fitting:
        raise why
    place = target.replace("::", ":").rpartition(":")[0]
    lines = [f"{place}:{name}  ({subject.technique})" for name, subject in fitting.items()]
    raise NotUnderstood("\n  ".join([f"{found.name} itself is none; of its methods these are:", *lines]))


def _is_its_own(name: str, error: RaisesOnEveryCall) -> bool:
    """Whether a method is named after its technique, and does not just miss what another one sets."""
    named = technique_of_name(name) == error.technique
    return named and error.fails_with != "AttributeError" and "NoneType" not in str(error)


def _calls(cls: type, method: str, other: str) -> bool:
    """Whether a method of a class calls another one; both as ``Class.method``."""
    text = text_of(getattr(cls, method.rpartition(".")[2]))
    return re.search(rf"\bself\.{other.rpartition('.')[2]}\(", text) is not None


def definition(target: str) -> Definition:
    """What a target names, imported. Raises UsageError."""
    place, name = _split(target)
    path = Path(place) if place.endswith(".py") else None
    if path is not None:
        _must_parse(path)
    return member(_module_of_file(path) if path else _module(place), name, place, path)


def _split(target: str) -> tuple[str, str]:
    """The file or module that a target names, and what in it. Raises UsageError."""
    named = target.replace("::", ":")
    place, _, name = named.rpartition(":")
    if named.endswith((".py", NOTEBOOK)) or (not place and "/" in named):  # C:\losses.py has a colon, no name
        return named, _only_candidate(Path(named))
    return (place, name) if place else _split_dotted(named)


def _must_parse(path: Path) -> None:
    """Raises UsageError where a file is not there, or is not Python."""
    try:
        ast.parse(source_of(path))
    except SyntaxError as error:
        where = f": syntax error at line {error.lineno}" if error.lineno else " is not Python"
        raise UsageError(f"{path}{where}: {error.msg}") from error
    except OSError as error:
        raise UsageError(f"no file {path}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no Python: {error}") from error


def imported_or_alone(target: str, notes: list[str], unknown: bool = False) -> Definition:
    """Where a file does not import here, or does more than define then: its definition, taken out of it.

    ``unknown``: such a file is not imported even where that fails. Raises UsageError.
    """
    place, name = _split(target)
    path = Path(place)
    if path.suffix not in (".py", NOTEBOOK):
        return definition(target)
    _must_parse(path)
    works: UsageError | None = None
    if works_at_import(path):
        why = UsageError("its file does more than define when it is imported")
        try:
            return alone(path, name, why, notes)
        except UsageError as error:
            if unknown or path.suffix == NOTEBOOK:
                raise
            works = error
    try:
        return definition(f"{place}:{name}")
    except UsageError as error:
        if error.__cause__ is None:
            raise
        if works is None:
            return alone(path, name, error, notes)
        raise UsageError(f"{error}; {works}") from error


def alone(path: Path, name: str, why: Exception, notes: list[str]) -> Definition:
    """``name`` taken out of its file with what it refers to. Raises UsageError."""
    said = (str(why).strip().splitlines() or [type(why).__name__])[0]
    try:
        taken = taken_out(path, name)
        module = taken.module()
    except ValueError:
        no_such = no_name(name, str(path), _defined_in(path)) + _in_it(path)
        raise UsageError(f"{said}; {no_such}") from why
    except Clashes as error:
        raise UsageError(f"{said}; alone: {error}") from error
    except (Exception, SystemExit) as error:
        raise UsageError(f"{said}; alone: {first_line(error)}") from error
    notes.append(f"taken out of its file and tried alone: {said}")
    found = member(module, name, str(path), path)
    return replace(found, carried=taken.source, left_out=taken.left_out)


def member(module: ModuleType, name: str, place: str, path: Path | None) -> Definition:
    """``Name`` or ``Class.method`` of a module. Raises UsageError with a did-you-mean."""
    value: Any = module
    owner: Any = None
    for part in name.split("."):
        known = [n for n in vars(value) if not n.startswith("_")]
        if part not in vars(value) and not hasattr(value, part):
            raise UsageError(no_name(part, place, known) + _in_it(path))
        owner, value = value if inspect.isclass(value) else None, getattr(value, part)
    return Definition(value, name, module, path, owner if inspect.isroutine(value) else None)


def _only_candidate(path: Path) -> str:
    """Of a file without a name: the one that looks like a technique. Raises UsageError otherwise."""
    _must_parse(path)
    found = _candidates(path)
    if len(found) == 1:
        return found[0].name
    raise UsageError(f"{path}: say what in the file to check, as in {path}:Name{_in_it(path)}")


def _candidates(path: Path) -> list[Candidate]:
    try:
        return candidates(path)
    except (SyntaxError, ValueError, OSError):
        return []


def _in_it(path: Path | None) -> str:
    """The candidates of a file, or else all that it defines, as the end of an error."""
    found = _candidates(path) if path else []
    if path is None or found:
        return "".join(f"\n  {each.path}:{each.name}  (line {each.line}, {each.technique})" for each in found)
    defined = _defined_in(path)
    return f"\n  nothing in it looks like a technique; it defines {', '.join(defined)}" if defined else ""


def _defined_in(path: Path) -> list[str]:
    """The functions and classes of a file, as far as it is Python."""
    try:
        tree = ast.parse(source_of(path))
    except (SyntaxError, ValueError, OSError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def _split_dotted(named: str) -> tuple[str, str]:
    """``torch.nn.CrossEntropyLoss`` as module and name: the longest prefix that is a module."""
    parts = named.split(".")
    for count in range(len(parts) - 1, 0, -1):
        place = ".".join(parts[:count])
        try:
            with silence():
                there = importlib.util.find_spec(place) is not None
        except (ImportError, ValueError, AttributeError):
            there = False
        if there:
            return place, ".".join(parts[count:])
    raise UsageError(
        f"{did_you_mean('shipped adapter', named, list(SHIPPED))}; expected file.py:Name, "
        "package.module:Name, or a library such as timm"
    )


def _shipped(target: str, technique: str | None) -> Found:
    library, _, chosen = target.partition(".")
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
                subject = replace(understand(adapter), found_as=target)
                found.subjects.append(replace(subject, identities=(Identity("", adapter.name),)))
        except ImportError as error:
            found.notes.append(f"{library}: does not import here: {first_line(error)}")
    return found


def _module(place: str) -> ModuleType:
    if Path(place).exists():
        raise UsageError(f"{place} is not a Python file: expected file.py:Name")
    sys.path.insert(0, "")
    library = place.split(".")[0]
    if library in ("torchvision", "timm", "fastai", "lightning"):
        thirdparty.make_torchvision_importable()
    try:
        return _imported(place, place)
    except ModuleNotFoundError as error:
        if error.name and place.startswith(error.name):
            raise UsageError(f"no module {place!r} can be imported from here") from error
        raise UsageError(f"{place} does not import: {first_line(error)}") from error


def _imported(module: str, place: str) -> ModuleType:
    """Raises ModuleNotFoundError as it is, and UsageError for any other end of an import."""
    try:
        with silence():
            return importlib.import_module(module)
    except ModuleNotFoundError:
        raise
    except SyntaxError as error:
        raise UsageError(f"{place} is not Python: line {error.lineno}: {error.msg}") from error
    except SystemExit as error:
        raise UsageError(f"{place} does not import: it called sys.exit({error.code!r})") from error
    except Exception as error:
        raise UsageError(f"{place} does not import: {first_line(error)}") from error


def _module_of_file(path: Path) -> ModuleType:
    """A file of a package is imported by its dotted name, so that its relative imports are found."""
    if not path.is_file():
        raise UsageError(f"no file {path}")
    thirdparty.make_torchvision_importable()
    for folder in reversed(import_folders(path)):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    try:
        return _imported(dotted_name(path), str(path)) if in_package(path) else _of_lone_file(path)
    except ModuleNotFoundError as error:
        raise UsageError(f"{path} does not import: {first_line(error)}") from error


def _of_lone_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    try:
        with silence():
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UsageError(f"{path} is not Python: line {error.lineno}: {error.msg}") from error
    except SystemExit as error:
        raise UsageError(f"{path} does not import: it called sys.exit({error.code!r})") from error
    except ModuleNotFoundError:
        raise
    except Exception as error:
        raise UsageError(f"{path} does not import: {first_line(error)}") from error
    return module


def in_package(path: Path) -> bool:
    """Whether its folder is a package that can be named in an import."""
    return (path.parent / "__init__.py").is_file() and all(
        part.isidentifier() for part in dotted_name(path).split(".")
    )


def dotted_name(path: Path) -> str:
    """The name by which a file of a package is imported."""
    path = path.resolve()
    names, folder = [] if path.stem == "__init__" else [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names)


def import_folders(path: Path) -> list[Path]:
    """Where the imports of a file may be found: beside it, beside its package, at the root, in ``src``."""
    path = path.resolve()
    folder = path.parent
    found = [] if in_package(path) else [folder]
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    found.append(folder)
    marks = ("pyproject.toml", "setup.py", "setup.cfg", ".git", "requirements.txt")
    root = next((f for f in (folder, *folder.parents) if any((f / mark).exists() for mark in marks)), None)
    if root is not None:
        found += [root, *([root / "src"] if (root / "src").is_dir() else [])]
    return list(dict.fromkeys(found))


__all__ = ["Found", "NotUnderstood", "Raising", "UsageError", "find"]

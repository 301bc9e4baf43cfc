"""A definition taken out of its file with what it refers to there, for files that do not import, or that do
more than define when they are imported.

What the repository's own files define is taken along, what is installed is imported, and what is neither is
left out, by name: the definition may not need it to be called. Lines keep their numbers.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from lawful.properties.harness.understanding.notebooks import source_of
from lawful.properties.subjects.failures import first_line
from lawful.properties.subjects.subject import silence

_USUAL = {
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
    "np": "import numpy as np",
    "math": "import math",
    "random": "import random",
    "types": "import types",
}
"""Imports that a snippet takes for granted."""
_FOLDERS_ABOVE = 5
"""So far up a repository's root is looked for."""
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Clashes(Exception):
    """Two files define what is needed under one name."""


@dataclass
class TakenOut:
    """Statements of one or more files, in the order in which they are run."""

    path: Path
    name: str
    statements: list[tuple[Path, ast.stmt]]
    bound: dict[str, str]
    """Names that the files give a value, by imports that fail here too, with the statement that does."""
    ran: list[ast.stmt] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Names that are missed, with why."""

    @property
    def source(self) -> str:
        """Of what ran: it stands alone."""
        body = ast.Module(body=self.ran, type_ignores=[])
        return f"from __future__ import annotations\n{ast.unparse(body)}"

    def module(self) -> ModuleType:
        """Runs them, statement by statement. What fails beside the definition itself is left out.

        Raises the error of a definition that fails.
        """
        module = ModuleType(f"{self.path.stem}_alone")
        module.__file__ = str(self.path)
        sys.modules[module.__name__] = module
        used = {name for _, node in self.statements for name in _used(node)}
        for path, node in self.statements:
            if isinstance(node, _DEFINITIONS):
                # a registry that is not there registers nothing, and is not needed to be called
                there = {*vars(module), *vars(builtins)}
                node.decorator_list = [each for each in node.decorator_list if _root(each) in there]
            try:
                with silence():
                    exec(_compiled(path, node), vars(module))
            except (Exception, SystemExit) as error:
                if self.name in _names(node):
                    raise
                self.left_out |= dict.fromkeys(_names(node), first_line(error))
                continue
            self.ran.append(node)
        there = {*vars(module), *vars(builtins)}
        missed = sorted(name for name in used - there if name in self.bound and name not in self.left_out)
        for name in filter(self._only_tells, tuple(missed)):
            for node in ast.parse(f"from unittest.mock import Mock\n{name} = Mock()").body:
                exec(_compiled(self.path, node), vars(module))
                self.ran.append(node)
            missed.remove(name)
        self.left_out |= {name: self.bound[name] for name in missed}
        return module

    def _only_tells(self, name: str) -> bool:
        """Whether all that is done with it is to call its methods, and nothing with what they give: a logger
        that is not installed is not needed."""
        walked = [each for _, node in self.statements for each in ast.walk(node)]
        told = [
            _root(each.value.func)
            for each in walked
            if isinstance(each, ast.Expr)
            and isinstance(each.value, ast.Call)
            and isinstance(each.value.func, ast.Attribute)
        ]
        uses = [each for each in walked if isinstance(each, ast.Name) and each.id == name]
        return len(uses) == told.count(name) > 0


def taken_out(path: Path, name: str) -> TakenOut:
    """``Name`` (or the class of ``Class.method``) with all that it refers to: of its file, and of the
    repository's other files that it imports from.

    Raises ValueError where the file defines no such name, SyntaxError where it is not Python, Clashes where
    two files give one name a meaning.
    """
    root = name.split(".")[0]
    files = _Files()
    if root not in files.defined(path):
        raise ValueError(f"{path} defines no {root}")
    statements = files.needed(path.resolve(), {root})
    there = {*vars(builtins), *(name for _, node in statements for name in _names(node))}
    missed = {name for _, node in statements for name in _used(node)} - there
    usual = [(path, ast.parse(line).body[0]) for name, line in _USUAL.items() if name in missed]
    return TakenOut(path, root, [*usual, *statements], files.bound())


class _Files:
    """The files that were read, and what of them was taken."""

    def __init__(self) -> None:
        self._trees: dict[Path, ast.Module] = {}
        self._taken: dict[str, tuple[Path, str]] = {}
        self._known: set[tuple[Path, str]] = set()

    def tree(self, path: Path) -> ast.Module:
        path = path.resolve()
        if path not in self._trees:
            tree = ast.parse(source_of(path))
            self._trees[path] = ast.Module(body=list(_of_its_main(tree)), type_ignores=[])
        return self._trees[path]

    def defined(self, path: Path) -> dict[str, ast.stmt]:
        return {name: node for node in self.tree(path).body for name in _names(node)}

    def bound(self) -> dict[str, str]:
        return {name: said for tree in self._trees.values() for name, said in _bound(tree)}

    def needed(self, path: Path, wanted: set[str]) -> list[tuple[Path, ast.stmt]]:
        """The statements of a file that define what is wanted, what they refer to before them."""
        defined = self.defined(path)
        found = [name for name in wanted if name in defined and (path, name) not in self._known]
        self._known |= {(path, name) for name in found}
        seen, elsewhere = set(found), wanted - set(defined)
        while found:
            names = _used(defined[found.pop()])
            elsewhere |= names - set(defined)
            for used in sorted(names):
                if used in defined and (path, used) not in self._known:
                    self._known.add((path, used))
                    seen.add(used)
                    found.append(used)
        statements: list[tuple[Path, ast.stmt]] = []
        parsers = {name for name in seen if _is_parser(defined[name])}
        for node in self.tree(path).body:
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and elsewhere:
                file = _file_of(path, node.module, node.level)
                statements += self.needed(file, elsewhere) if file else []
            elif isinstance(node, ast.Expr) and parsers & _used(node):
                statements.append((path, node))  # an argument of a parser
            elif isinstance(node, ast.Import | ast.ImportFrom) and _names(node) & seen:
                statements += self._imported(path, node, seen)
            elif _names(node) & seen:
                self._take(path, node)
                statements.append((path, _without_arguments(node)))
        return statements

    def _take(self, path: Path, node: ast.stmt) -> None:
        text = ast.unparse(node)
        for name in _names(node):
            place, other = self._taken.setdefault(name, (path, text))
            if place != path and other != text:
                raise Clashes(f"{name} is defined in {place} and, otherwise, in {path}")

    def _imported(
        self, path: Path, node: ast.Import | ast.ImportFrom, seen: set[str]
    ) -> Iterator[tuple[Path, ast.stmt]]:
        """An import as it stands where what it brings is installed; what the repository's files define is
        taken out of them."""
        level, module = (node.level, node.module) if isinstance(node, ast.ImportFrom) else (0, None)
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            if name not in seen or module == "__future__":
                continue
            whole = f"{module}.{alias.name}" if module else alias.name
            file = _file_of(path, module, level) if isinstance(node, ast.ImportFrom) else None
            if file and (there := self.needed(file, {alias.name})):
                yield from there
                yield from _named(path, node, f"{name} = {alias.name}" if name != alias.name else "")
            elif file := _file_of(path, whole if not level or module else alias.name, level):
                yield from self._as_namespace(path, node, name, file)
            elif not level and _brings(module, alias.name):
                bare = ast.ImportFrom(module, [alias], 0) if module else ast.Import([alias])
                yield path, ast.copy_location(bare, node)

    def _as_namespace(
        self, path: Path, node: ast.stmt, name: str, file: Path
    ) -> Iterator[tuple[Path, ast.stmt]]:
        """A module of the repository as a namespace of what is read of it."""
        read = {
            each.attr
            for each in ast.walk(self.tree(path))
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == name
        }
        there = sorted(read & set(self.defined(file)))
        yield from self.needed(file, set(there))
        inside = ", ".join(f"{each}={each}" for each in there)
        yield from _named(path, node, f"{name} = types.SimpleNamespace({inside})")


def _of_its_main(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module; in place of what it does as a script, what it assigns and parses there."""
    for node in tree.body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            yield from (each for each in node.body if isinstance(each, ast.Assign | ast.Expr))
        else:
            yield node


def _named(path: Path, node: ast.stmt, line: str) -> Iterator[tuple[Path, ast.stmt]]:
    """A statement of ours, in the place of an import."""
    for statement in ast.parse(line).body:
        yield path, ast.fix_missing_locations(ast.copy_location(statement, node))


def _file_of(path: Path, module: str | None, level: int) -> Path | None:
    """The file of the repository that a module's name means, seen from another file."""
    inside = (module or "").replace(".", "/")
    above = list(path.parents)
    folders = above[level - 1 : level] if level else above[:_FOLDERS_ABOVE]
    if not level and inside.split("/")[0] in sys.stdlib_module_names:
        return None
    for folder in (each for each in folders if each.name not in ("site-packages", "dist-packages")):
        places = (
            [folder / f"{inside}.py", folder / inside / "__init__.py"] if inside else [folder / "__init__.py"]
        )
        found = next((place for place in places if place.is_file()), None)
        if found is not None:
            return found
    return None


def _compiled(path: Path, node: ast.stmt) -> Any:
    body = ast.fix_missing_locations(ast.Module(body=[node], type_ignores=[]))
    return compile(body, str(path), "exec", __future__.annotations.compiler_flag, dont_inherit=True)


_HARMLESS = re.compile(
    r"(filterwarnings|simplefilter|\w*seed\w*|basicConfig|append|insert|extend|use|set\w*|update|register\w*|"
    r"print|getLogger|disable\w*|enable\w*|script|compile)$"
)
"""What is called, and done at once."""


def works_at_import(path: Path) -> bool:
    """Whether the file does more than define when it is imported: parse arguments, load, train."""
    tree = ast.parse(source_of(path))
    return path.suffix != ".py" or any(map(_works, tree.body))


def _works(node: ast.stmt) -> bool:
    if isinstance(node, ast.For | ast.While | ast.With | ast.Raise):
        return True
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if not isinstance(value, ast.Call):
        return False
    text = ast.unparse(value.func)
    if isinstance(node, ast.Expr):
        return not _HARMLESS.search(text)
    return re.search(r"(parse_args|load|read_\w+|ArgumentParser|open|download)$", text) is not None


def _is_parser(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and ast.unparse(value.func).endswith("ArgumentParser")


def _without_arguments(node: ast.stmt) -> ast.stmt:
    """``parse_args()`` reads our own command line: it is given an empty one."""
    for each in ast.walk(node) if isinstance(node, ast.Assign) else ():
        parses = isinstance(each, ast.Call) and ast.unparse(each.func).endswith("parse_args")
        if parses and isinstance(each, ast.Call) and not each.args:
            each.args = [ast.copy_location(ast.List([], ast.Load()), each)]
    return node


def _names(node: ast.stmt) -> set[str]:
    """The names that a statement of a module gives a value."""
    if isinstance(node, _DEFINITIONS):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        return _stored(node.targets)
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    if isinstance(node, ast.If | ast.Try):
        handlers = [inner for each in getattr(node, "handlers", ()) for inner in each.body]
        return {name for inner in (*node.body, *node.orelse, *handlers) for name in _names(inner)}
    return set()


def _bound(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names that a module gives a value, in loops and blocks too, and the first line of what does."""
    for node in tree.body:
        names = _stored([node]) if isinstance(node, ast.For | ast.While | ast.With) else _names(node)
        said = ast.unparse(node).splitlines()[0]
        yield from ((name, f"line {node.lineno}: {said}") for name in names)


def _stored(nodes: Iterable[ast.AST]) -> set[str]:
    names = (each for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name))
    return {each.id for each in names if isinstance(each.ctx, ast.Store)}


def _used(node: ast.stmt) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _root(node: ast.expr) -> str:
    return next((each.id for each in ast.walk(node) if isinstance(each, ast.Name)), "")


def _brings(module: str | None, name: str) -> bool:
    """Whether an import works here, and brings what it names."""
    try:
        with silence():
            found = importlib.import_module(module or name)
            return module is None or hasattr(found, name) or bool(importlib.import_module(f"{module}.{name}"))
    except (Exception, SystemExit):
        return False

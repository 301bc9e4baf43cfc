"""Code of ours, and an adapter's, as source that stands alone: what a program shows is what ran, told once.

A function is shown as it is written, after the imports, constants and helpers that it uses.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

_PLAIN = (int, float, str, bool, tuple, list, dict, type(None))
_RECORDS = ("Swept", "Trained")
"""Of ``contracts``: in a program, a named tuple has the same fields."""
_INLINED = ("lawful.properties.", "lawful.reference.", "lawful.impl.arrays")
"""Modules whose functions are shown, and not imported."""
FUTURE = "from __future__ import annotations"


class Definitions:
    """Lines that define functions, classes and values, each once, and what they refer to before them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._seen: set[int] = set()

    def add(self, name: str, value: Any) -> None:
        """Raises TypeError for what has no source that stands alone: a closure, a lambda."""
        if id(value) in self._seen:
            return
        found = _defining(name, value, getattr(value, "__module__", None) or "", self._seen)
        if found is None:
            raise TypeError(f"{name} is {value!r}, which has no source that stands alone")
        self.lines += [line for line in dict.fromkeys(found) if line not in self.lines]


def standing_alone(function: Callable[..., Any]) -> str | None:
    """Source that defines the function anew; None where that cannot be: a closure, a lambda, no source."""
    lines = _defined(function, set())
    return None if lines is None else "\n".join([FUTURE, *lines])


def in_one_line(function: Callable[..., Any]) -> str | None:
    """What a function of one expression gives, for people; None where it takes more than that."""
    tree = _tree(function)
    if tree is None or not isinstance(tree, ast.FunctionDef) or not isinstance(tree.body[-1], ast.Return):
        return None
    value = tree.body[-1].value
    value = value.body if isinstance(value, ast.Lambda) else value
    return ast.unparse(value) if isinstance(value, ast.Call) else None


def _defined(value: Any, seen: set[int]) -> list[str] | None:
    """Lines that define a function or a class, what it refers to before it."""
    value = inspect.unwrap(value) if inspect.isfunction(value) else value
    tree = _tree(value)
    if tree is None or getattr(value, "__closure__", None) or value.__name__ == "<lambda>":
        return None
    seen.add(id(value))
    names = vars(sys.modules[value.__module__]) if value.__module__ in sys.modules else value.__globals__
    lines: list[str] = []
    own = {*vars(builtins), *_bound(tree)}
    for name in dict.fromkeys(_names(tree)):
        if name in own or name not in names or id(names[name]) in seen:
            continue
        found = _defining(name, names[name], value.__module__, seen)
        if found is None:
            return None
        lines += found
    return [*lines, ast.unparse(_Plain().visit(tree))]


class _Plain(ast.NodeTransformer):
    """Without docstrings, and without annotations but for the fields of a record."""

    def _body(self, node: Any) -> Any:
        self.generic_visit(node)
        body = [
            each
            for each in node.body
            if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        ]
        node.body = body or [ast.Pass()]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.returns = None
        for each in ast.walk(node.args):
            if isinstance(each, ast.arg):
                each.annotation = None
        return _Assigned().visit(self._body(node))

    visit_ClassDef = _body


class _Assigned(ast.NodeTransformer):
    """Within a function, without the annotations of its own names."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else node


def _tree(value: Any) -> ast.FunctionDef | ast.ClassDef | None:
    if not inspect.isfunction(value) and not inspect.isclass(value):
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None
    if not isinstance(tree, ast.FunctionDef | ast.ClassDef):
        return None
    if "fault" in vars(value):  # a record of the catalogue stands above it, and is none of its code
        tree.decorator_list = []
    return tree


def _names(tree: ast.AST) -> Iterator[str]:
    """Those that are read when it runs: an annotation is not."""
    for name, field in ast.iter_fields(tree):
        if name in ("annotation", "returns"):
            continue
        for each in field if isinstance(field, list) else [field]:
            if isinstance(each, ast.AST):
                yield from _names(each)
    if isinstance(tree, ast.Name):
        yield tree.id


def _bound(tree: ast.AST) -> Iterator[str]:
    """Names that it gives a value itself: by an import, a definition, a parameter or an assignment."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in each.names)
        elif isinstance(each, ast.FunctionDef | ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.arg):
            yield each.arg
        elif isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id


def _defining(name: str, value: Any, module: str, seen: set[int]) -> list[str] | None:
    """Lines that give a name its value."""
    if isinstance(value, ModuleType):
        return [f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"]
    if isinstance(value, _PLAIN) or repr(value).startswith("torch."):  # a dtype
        return [f"{name} = {value!r}"]
    home, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if home is None or qualified is None or "." in qualified:
        return None
    if home.startswith("lawful.impl.contracts") and qualified in _RECORDS:
        fields = list(value.__dataclass_fields__)
        made = f"namedtuple({qualified!r}, {' '.join(fields)!r}, defaults=[None] * {len(fields)})"
        return ["from collections import namedtuple", f"{name} = {made}"]
    if home == module or home.startswith(_INLINED):
        found = _defined(value, seen)
        return found if found is None or qualified == name else [*found, f"{name} = {qualified}"]
    return [f"from {home} import {qualified}" + (f" as {name}" if qualified != name else "")]

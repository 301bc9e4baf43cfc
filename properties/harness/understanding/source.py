"""What the source of a definition says: read, and not run."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import sysconfig
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from lawful.impl import native

MISSING: Any = inspect.Parameter.empty


def text_of(target: Any) -> str:
    """The source of a definition, of a class with what it inherits, of a scripted one as TorchScript tells
    it; nothing where there is none."""
    while isinstance(target, functools.partial):
        target = target.func
    if isinstance(code := getattr(target, "code", None), str):
        return code
    if inspect.isroutine(target):
        return _source_of(target)
    cls = target if inspect.isclass(target) else type(target)
    return "\n".join(_source_of(base) for base in cls.__mro__ if base.__module__.split(".")[0] not in _BASES)


_BASES = ("builtins", "torch", "abc", "typing")
"""Modules whose classes say nothing of those that inherit from them."""


def _source_of(value: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        return ""


def called_in(target: Any, tree: ast.AST) -> list[Any]:
    """The functions and classes that a definition names, and that no library brings."""
    module = vars(sys.modules.get(getattr(target, "__module__", None) or "", ModuleType("")))
    names = dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    found = [module[name] for name in names if name in module and module[name] is not target]
    return [
        each
        for each in found
        if (inspect.isfunction(each) or inspect.isclass(each))
        and not is_library(file_of(each, each.__module__))
    ]


def is_library(file: str) -> bool:
    """Whether a file is of Python, of torch, of what is installed beside it, or ours."""
    return not file or any(each in file for each in _LIBRARIES)


_LIBRARIES = (
    "site-packages",
    sysconfig.get_paths()["stdlib"],
    *(str(Path(inspect.getfile(each)).parent) for each in (torch, native)),
)


def file_of(target: Any, module: str) -> str:
    for value in (target, type(target)):
        try:
            return inspect.getfile(inspect.unwrap(value) if callable(value) else value)
        except (OSError, TypeError):
            continue
    return getattr(sys.modules.get(module), "__file__", None) or ""


def parsed(text: str) -> ast.Module:
    """Its tree: empty for what is no statement by itself, a lambda in a call say."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def keys_of(tree: ast.AST, name: str) -> dict[str, Any]:
    """The keys that are read of a dict of this name, with their defaults: MISSING where there is none."""
    return {chain[0]: default for chain, default in chains(tree, name) if len(chain) == 1}


def calls_with(tree: ast.AST, spread: str) -> Iterator[ast.Call]:
    """The calls that are handed ``**spread``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(
            keyword.arg is None and isinstance(keyword.value, ast.Name) and keyword.value.id == spread
            for keyword in node.keywords
        ):
            yield node


def chains(tree: ast.AST, name: str) -> list[tuple[tuple[str, ...], Any]]:
    """What is read of a name, or of the attribute of ``self`` that it is kept in: the steps, as ``.mixup``
    for an attribute and ``alpha`` for a key, and the default of the last one, MISSING where there is none."""
    names = {name, *(attribute for attribute, kept in kept_as(tree).items() if kept == name)}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    ends = [node for node in ast.walk(tree) if id(node) not in called]
    inner = {id(_holder(node)) for node in ends}
    found: dict[tuple[str, ...], Any] = {}
    for node in ends:
        steps = _steps(node, names) if id(node) not in inner else ()
        if steps:
            found.setdefault(steps, _default(node))
    longer = {steps[:length] for steps in found for length in range(1, len(steps))}
    return sorted((each for each in found.items() if each[0] not in longer), key=lambda each: each[0])


def _holder(node: ast.AST | None) -> ast.expr | None:
    """What an attribute, a key or a ``get`` is read of."""
    if isinstance(node, ast.Attribute | ast.Subscript):
        return node.value
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in ("get", "pop") and _key(node, 0):
            return function.value
        if isinstance(function, ast.Name) and function.id == "getattr" and _key(node, 1):
            return node.args[0]
    return None


def _key(node: ast.Call, place: int) -> str | None:
    given = node.args[place] if len(node.args) > place else None
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None


def _steps(node: ast.AST, names: set[str]) -> tuple[str, ...]:
    """Empty where it does not begin at one of the names."""
    steps: list[str] = []
    while (holder := _holder(node)) is not None:
        if isinstance(node, ast.Attribute):
            of_self = isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in names
            if of_self:
                return tuple(reversed(steps))
            steps.append(f".{node.attr}")
        elif isinstance(node, ast.Call):
            by_name = isinstance(node.func, ast.Name)
            key = _key(node, 1 if by_name else 0) or ""
            steps.append(f".{key}" if by_name else key)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if not isinstance(node.slice.value, str):
                return ()
            steps.append(node.slice.value)
        else:
            return ()
        node = holder
    return tuple(reversed(steps)) if isinstance(node, ast.Name) and node.id in names else ()


def _default(node: ast.AST) -> Any:
    if not isinstance(node, ast.Call):
        return MISSING
    place = 2 if isinstance(node.func, ast.Name) else 1
    if len(node.args) <= place:
        return None if isinstance(node.func, ast.Attribute) and node.func.attr == "get" else MISSING
    try:
        return ast.literal_eval(node.args[place])
    except ValueError:
        return None


def imports_nothing(file: str) -> bool:
    """Whether a file has no import at all: a part that was cut out of another one."""
    try:
        tree = parsed(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
    return bool(tree.body) and not any(isinstance(n, ast.Import | ast.ImportFrom) for n in ast.walk(tree))


def is_only_told(tree: ast.AST, name: str) -> bool:
    """Whether all that is done with it are calls of its methods whose result nobody reads: a logger."""
    names = {name, *(attribute for attribute, kept in kept_as(tree).items() if kept == name)}
    told = {
        id(node.value.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr not in _ACTS
    }
    kept = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and all(getattr(each, "attr", "") in names for each in node.targets)
    }
    used = [
        id(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr in names and isinstance(node.ctx, ast.Load))
    ]
    return any(each in told for each in used) and all(each in told or each in kept for each in used)


_ACTS = ("step", "zero_grad", "backward", "train", "eval", "update", "load_state_dict")
"""Methods of an optimizer, a scheduler, a scaler or a model."""


def kept_as(tree: ast.AST) -> Mapping[str, str]:
    """By attribute of ``self``, the one name that it is set to: ``self.alpha = float(alpha)`` is alpha."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
            for target, value in pairs:
                names = _names(value)
                if isinstance(target, ast.Attribute) and len(names) == 1:
                    found[target.attr] = names[0]
    return found


def _names(node: ast.AST) -> list[str]:
    """The variables in an expression, but for what is called."""
    called = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name) and id(each) not in called]
    return list(dict.fromkeys(each.id for each in names if each.id not in ("self", "torch", "np", "math")))


def arguments_of_beta(tree: ast.AST) -> list[tuple[str, str]]:
    """The names of both parameters, for each draw from a Beta law: those of ``self`` as they were passed."""
    kept = kept_as(tree)
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if re.search(r"beta(variate)?$", called, re.IGNORECASE):
            both = [_parameter(argument, kept) for argument in node.args[:2]]
            if all(both):
                found.append((both[0], both[1]))
    return found


def _parameter(node: ast.expr, kept: Mapping[str, str]) -> str:
    attributes = [each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)]
    known = [kept[name] for name in attributes if name in kept]
    names = known or _names(node)
    return names[0] if len(names) == 1 else ""


def words_of_keys(tree: ast.AST, *, read: bool = False) -> list[str]:
    """The keys that are read or asked for anywhere in it, and the words that its parameters are by default.

    ``read``: those alone that it does not go without.
    """
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            if isinstance(node.ctx, ast.Load):
                found.append(node.slice.value)
        elif read:
            continue
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found.append(_key(node, 0))
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            found.append(getattr(node.left, "value", None))
        elif isinstance(node, ast.arguments):
            defaults = [*node.defaults, *node.kw_defaults]
            found += [each.value for each in defaults if isinstance(each, ast.Constant)]
        elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple | ast.List):
            found += [each.value for each in node.iter.elts if isinstance(each, ast.Constant)]
    return list(dict.fromkeys(each for each in found if isinstance(each, str)))


def names_cuda(text: str) -> bool:
    return re.search(r"\bcuda\b", text) is not None


def type_of_cuda(text: str) -> str:
    """A type of CUDA's tensors that the source asks for, which no stand-in has; else nothing."""
    found = re.search(r"\bcuda\.\w*Tensor\b", text)
    return f"torch.{found.group()}" if found else ""

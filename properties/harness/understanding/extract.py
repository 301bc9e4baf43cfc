"""A definition taken out of its file with what it refers to there, for files that do not import.

Imports of what is not installed are left out; what the definition itself does not need is not missed.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from pathlib import Path

from lawful.properties.subjects.subject import silence


def taken_out(path: Path, name: str) -> str:
    """Source of ``Name`` (or the class of ``Class.method``) with all that it refers to: of its file, and of
    the repository's other files that it imports from.

    Raises ValueError where the file defines no such name, SyntaxError where it is not Python.
    """
    root = name.split(".")[0]
    if root not in _defined(ast.parse(path.read_text(encoding="utf-8", errors="replace"))):
        raise ValueError(f"{path} defines no {root}")
    nodes = _with_all_it_needs(path.resolve(), {root}, set())
    there = set(vars(builtins))
    kept = []
    for node in nodes:
        # a value that what is not installed would make is not there, and may not be needed to be called
        if not isinstance(node, ast.Assign | ast.AnnAssign) or _used(node) - _names(node) <= there:
            kept.append(node)
            there |= _names(node)
    nodes = kept
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            # a registry that is not there registers nothing, and is not needed to be called
            node.decorator_list = [each for each in node.decorator_list if _root(each) in there]
    source = ast.unparse(ast.Module(body=nodes, type_ignores=[]))
    missed = set().union(*(_used(node) for node in nodes)) - set().union(*(_names(node) for node in nodes))
    usual = [line for name, line in _USUAL.items() if name in missed]
    return "\n".join(["from __future__ import annotations", *usual, source])


_USUAL = {
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "import torch.nn.functional as F",
    "np": "import numpy as np",
    "math": "import math",
    "random": "import random",
}
"""Imports that a snippet takes for granted."""


def _with_all_it_needs(path: Path, wanted: set[str], known: set[tuple[Path, str]]) -> list[ast.stmt]:
    """The statements of a file that define what is wanted, what they refer to before them."""
    tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    defined = _defined(tree)
    found = [name for name in wanted if name in defined and (path, name) not in known]
    known |= {(path, name) for name in found}
    seen, elsewhere = set(found), wanted - set(defined)
    while found:
        names = _used(defined[found.pop()])
        elsewhere |= names - set(defined)
        for used in sorted(names):
            if used in defined and (path, used) not in known:
                known.add((path, used))
                seen.add(used)
                found.append(used)
    nodes: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and elsewhere:
            file = _file_of(path, node)
            nodes += _with_all_it_needs(file, elsewhere, known) if file else []
        if not _names(node) & seen:
            continue
        importable = _importable(node)
        if importable is not None:
            nodes.append(importable)
        elif isinstance(node, ast.ImportFrom):
            nodes += _of_another_file(path, node, seen, known)
    return nodes


def _of_another_file(
    path: Path, node: ast.ImportFrom, wanted: set[str], known: set[tuple[Path, str]]
) -> list[ast.stmt]:
    """What an import brings that cannot be imported, taken out of the file that it stands in."""
    file = _file_of(path, node)
    aliases = [alias for alias in node.names if (alias.asname or alias.name) in wanted]
    if file is None or not aliases:
        return []
    try:
        nodes = _with_all_it_needs(file, {alias.name for alias in aliases}, known)
    except (SyntaxError, OSError):
        return []
    renamed = [f"{alias.asname} = {alias.name}" for alias in aliases if alias.asname]
    return nodes + ast.parse("\n".join(renamed)).body


def _file_of(path: Path, node: ast.ImportFrom) -> Path | None:
    """The file of the repository that ``from x import y`` names."""
    inside = (node.module or "").replace(".", "/")
    above = list(path.parents)
    folders = above[node.level - 1 : node.level] if node.level else above[:_FOLDERS_ABOVE]
    for folder in folders:
        for place in (folder / f"{inside}.py", folder / inside / "__init__.py"):
            if inside and place.is_file():
                return place
        if not inside:
            siblings = [folder / f"{alias.name}.py" for alias in node.names]
            if (folder / "__init__.py").is_file() and not any(each.is_file() for each in siblings):
                return folder / "__init__.py"
    return None


_FOLDERS_ABOVE = 5
"""So far up a repository's root is looked for."""


def works_at_import(path: Path) -> bool:
    """Whether the file does more than define when it is imported: parse arguments, load, train."""
    tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    return any(isinstance(node, ast.For | ast.While | ast.With) or _is_call(node) for node in tree.body)


def _is_call(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    if not isinstance(value, ast.Call):
        return False
    text = ast.unparse(value.func)
    return isinstance(node, ast.Expr) or text.endswith(("parse_args", "load", "read_csv", "ArgumentParser"))


def _defined(tree: ast.Module) -> dict[str, ast.stmt]:
    return {name: node for node in tree.body for name in _names(node)}


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.Assign):
        stored = (each for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name))
        return {each.id for each in stored if isinstance(each.ctx, ast.Store)}
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return {node.target.id}
    if isinstance(node, ast.If | ast.Try):
        return {name for inner in node.body for name in _names(inner)}
    return set()


def _used(node: ast.stmt) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _root(node: ast.expr) -> str:
    return next((each.id for each in ast.walk(node) if isinstance(each, ast.Name)), "")


def _importable(node: ast.stmt) -> ast.stmt | None:
    """The statement, without what is not installed; None where nothing is left."""
    if isinstance(node, ast.ImportFrom):
        named = any(alias.name == "annotations" for alias in node.names)
        return node if not node.level and not named and _imports(node.module or "") else None
    if isinstance(node, ast.Import):
        left = [alias for alias in node.names if _imports(alias.name)]
        return ast.Import(names=left) if left else None
    return node


def _imports(module: str) -> bool:
    try:
        with silence():
            importlib.import_module(module)
    except (Exception, SystemExit):
        return False
    return True

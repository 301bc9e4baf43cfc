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
    """Source of ``Name`` (or the class of ``Class.method``) with the rest of the file that it refers to.

    Raises ValueError where the file defines no such name, SyntaxError where it is not Python.
    """
    tree = ast.parse(path.read_text(errors="replace"))
    defined = _defined(tree)
    root = name.split(".")[0]
    if root not in defined:
        raise ValueError(f"{path} defines no {root}")
    wanted, seen = [root], {root}
    while wanted:
        for used in _used(defined[wanted.pop()]):
            if used in defined and used not in seen:
                seen.add(used)
                wanted.append(used)
    kept = [node for node in tree.body if _names(node) & seen]
    importable = [found for node in kept if (found := _importable(node)) is not None]
    there = {name for node in importable for name in _names(node)} | set(vars(builtins))
    for node in importable:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            # a registry that is not there registers nothing, and is not needed to be called
            node.decorator_list = [each for each in node.decorator_list if _root(each) in there]
    source = ast.unparse(ast.Module(body=importable, type_ignores=[]))
    return f"from __future__ import annotations\n{source}"


def works_at_import(path: Path) -> bool:
    """Whether the file does more than define when it is imported: parse arguments, load, train."""
    tree = ast.parse(path.read_text(errors="replace"))
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
        return {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
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

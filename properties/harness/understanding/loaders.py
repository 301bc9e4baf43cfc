"""A loader as the code reads it: one of several in a dict, or of batches that are dicts."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from lawful.properties.harness.understanding import helpers, source
from lawful.properties.harness.understanding.names import INPUTS, is_target
from lawful.properties.harness.understanding.signature import Callee

LOADERS = ("loader", "train_loader", "val_loader", "mix_loader")


def as_read(callee: Callee, given: Mapping[str, str]) -> dict[str, str]:
    """Source for each parameter, where loaders are what the code reads them as."""
    tree = source.parsed(callee.near)
    read = _keys(tree)
    labels = _of_a_batch({name: keys for name, keys in read.items() if name not in callee.everything})
    return {
        name: _source(text, read.get(name, []), labels) if text in LOADERS else text
        for name, text in given.items()
    }


def with_helper(text: str) -> str:
    """The source of an adapter with what it needs for batches that are dicts."""
    return f"{helpers.source_of(helpers.Dicts)}\n{text}" if "Dicts(" in text else text


def _source(loader: str, phases: list[str], labels: tuple[str, str] | None) -> str:
    def one(text: str) -> str:
        return f'Dicts({text}, "{labels[0]}", "{labels[1]}")' if labels else text

    if not phases:
        return one(loader)
    validates = "val_loader" if loader == "train_loader" else loader
    named = (
        f'"{phase}": {one(validates if re.search("val|test|eval|dev", phase.lower()) else loader)}'
        for phase in phases
    )
    return f"{{{', '.join(named)}}}"


def _keys(tree: ast.AST) -> dict[str, list[str]]:
    """By the name of a variable, the words that it is subscripted with."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and isinstance(node.ctx, ast.Load)
        ):
            keys = found.setdefault(node.value.id, [])
            if node.slice.value not in keys:
                keys.append(node.slice.value)
    return found


def _of_a_batch(read: Mapping[str, list[str]]) -> tuple[str, str] | None:
    """The keys of inputs and labels, of a variable that has both."""
    for keys in read.values():
        images = [key for key in keys if key.lower() in INPUTS]
        labels = [key for key in keys if is_target(key)]
        if len(images) == len(labels) == 1 and len(keys) == 2:
            return images[0], labels[0]
    return None

"""An adapter's source for a target: the one that was inferred, or a draft, which runs but for one line."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re

from lawful.impl.contracts import TECHNIQUES, Adapter
from lawful.properties.harness.understanding.candidates import technique_of_source
from lawful.properties.harness.understanding.signature import callee_of
from lawful.properties.harness.understanding.source import text_of
from lawful.properties.harness.understanding.targets import Definition, imported_or_alone, understood
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject

_LEFT_OUT = {"name", "build", "imports", "called_as", "shown_as", "library", "deviations", "loss"}
MARK = "  # <- the line to write"
_CONTRACTS = {
    "label_smoothing": (
        "LabelSmoothing",
        "epsilon, **features",
        "def loss(logits, target):",
        "return {call}",
        "a tensor () or (N,), of logits (N, K) and target (N,)",
    ),
    "mixup": (
        "Mixup",
        "alpha, num_classes, **features",
        "def mix(inputs, target):",
        "return {call}",
        "mixed inputs (N, ...), and soft targets (N, K) or (target_a, target_b, lam)",
    ),
    "lr_finder": (
        "LRFinder",
        "model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter",
        "",
        "return contracts.Swept(*{call})",
        "rates and losses",
    ),
    "training": (
        "Training",
        "model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs",
        "",
        "return contracts.Trained({call})",
        "train_loss, val_loss and accuracy of each epoch, or None",
    ),
}
"""By technique: the contract, what ``build`` takes, the function that it gives, its line, what that gives."""


def adapted(target: str, technique: str | None) -> tuple[str, bool]:
    """The source, and whether it is a draft. Raises UsageError, or NotUnderstood where it raises always."""
    found = imported_or_alone(target, [])
    try:
        subjects = understood(found, target, technique)
    except NotUnderstood as error:
        return draft_source(found, technique, error), True
    if subjects.raising:
        raise NotUnderstood(subjects.raising[0].message)
    return adapter_source(subjects.subjects[0]), False


def adapter_source(subject: Subject) -> str:
    """A module with ``adapter``: complete, and asked the same as what was inferred."""
    adapter = subject.adapter
    kind = type(adapter).__name__
    convention = ", ".join(f"{k}={v}" for k, v in subject.conventions.items())
    above, _, body = adapter.imports.rpartition("\ndef build(")
    doc = [
        f"How lawful calls {adapter.name}: {adapter.shown_as or adapter.called_as}",
        "",
        f"Conventions that were detected: {convention or 'none'}.",
    ]
    lines = [f"def build({body.rstrip()}", *_made(kind, adapter)]
    return _module(doc, above, lines)


def draft_source(found: Definition, technique: str | None, why: NotUnderstood) -> str:
    """What was found of code that is not understood, as an adapter of which one line is to be written."""
    text = text_of(found.value)
    chosen = technique or technique_of_source(found.name, text) or why.technique or TECHNIQUES[0]
    kind, parameters, inner, line, gives = _CONTRACTS[chosen]
    root = found.name.split(".")[0]
    brings = found.carried or f"from {found.module.__name__} import {root}"
    try:
        callee = callee_of(found.value, found.name, found.module.__name__, found.owner)
        module = importlib.import_module(f"{__package__}.{chosen}")
        takes, call = f"({', '.join(callee.everything)})", module.plainly(callee)
    except NotUnderstood:
        takes, call = "nothing that can be read", [f"{found.name}()"]
    said = str(why).split("\nWrite an adapter")[0].splitlines()
    deep = "    " * (2 if inner else 1)
    lines = [
        f"def build({parameters}):",
        "    # What was tried, and what came of it:",
        *[f"    #   {each.strip()}" for each in said if each.strip()],
        f"    # It takes {takes}.",
        *([f"    {inner}"] if inner else []),
        *[f"{deep}{each}" for each in call[:-1]],
        f"{deep}# It has to give {gives}.",
        f"{deep}{line.format(call=call[-1])}{MARK}",
        *([f"    return {inner.split('(')[0].split()[1]}"] if inner else []),
        "",
        "",
        f'adapter = contracts.{kind}("{found.name}", build)',
    ]
    doc = [f"A draft: how should {found.name} be called, as {chosen}? The line to write is marked."]
    return _module(doc, brings, lines)


def _module(doc: list[str], above: str, lines: list[str]) -> str:
    """A docstring, the imports of what stands above and ours, its definitions, and the lines."""
    tree = ast.parse(above)
    kept = above.splitlines()
    texts = [
        (isinstance(node, ast.Import | ast.ImportFrom), "\n".join(kept[_first(node) - 1 : node.end_lineno]))
        for node in tree.body
    ]
    own = [text for is_import, text in texts if is_import]
    helpers = [text for is_import, text in texts if not is_import]
    body = "\n".join([*helpers, *lines])
    usual = {"torch": "import torch", "np": "import numpy as np", "types": "import types"}
    own += [line for name, line in usual.items() if re.search(rf"\b{name}\.", body)]
    parts = [f'"""{doc[0]}', *doc[1:], '"""'] if len(doc) > 1 else [f'"""{doc[0]}"""']
    own.append("from lawful.impl import contracts")  # and no name of it, which the code may have too
    parts += ["", *_sorted_imports(own)]
    for helper in helpers:
        parts += ["", "", helper] if helper.startswith(("def ", "class ", "@")) else ["", helper]
    return "\n".join([*parts, "", "", *lines, ""])


def _first(node: ast.stmt) -> int:
    """The line on which it begins: of what is decorated, its first decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _made(kind: str, adapter: Adapter) -> list[str]:
    return [
        "",
        "",
        f"adapter = contracts.{kind}(",
        f'    "{adapter.name}",',
        "    build,",
        *_arguments(adapter),
        ")",
    ]


def _arguments(adapter: Adapter) -> list[str]:
    """The fields that differ from their defaults, as source."""
    lines = []
    for each in dataclasses.fields(adapter):
        value = getattr(adapter, each.name)
        default = each.default
        if each.default_factory is not dataclasses.MISSING:
            default = each.default_factory()
        if each.name in _LEFT_OUT or value == default:
            continue
        shown = f"frozenset({sorted(value)!r})" if isinstance(value, frozenset) else repr(value)
        lines.append(f"    {each.name}={shown},".replace("'", '"'))
    return lines


def _sorted_imports(lines: list[str]) -> list[str]:
    future = sorted({line for line in lines if line.startswith("from __future__")})
    plain = sorted({line for line in lines if line.startswith("import ")})
    named = sorted({line for line in lines if line.startswith("from ")} - set(future))
    return [*future, *([""] if future else []), *plain, *([""] if plain and named else []), *named]

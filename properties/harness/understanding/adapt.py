"""Writes down how code was understood, as an adapter that a person reads and changes."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from lawful.impl.contracts import TECHNIQUES, Adapter
from lawful.properties.harness.understanding.candidates import technique_of_name
from lawful.properties.harness.understanding.signature import Callee, callee_of
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject

_LEFT_OUT = {"name", "build", "imports", "called_as", "shown_as", "library", "deviations", "loss"}


def adapter_source(subject: Subject) -> str:
    """A module with ``adapter``: complete, and asked the same as what was inferred."""
    adapter = subject.adapter
    kind = type(adapter).__name__
    convention = ", ".join(f"{k}={v}" for k, v in subject.conventions.items())
    imports, _, body = adapter.imports.partition("\ndef build(")
    above = imports.splitlines()
    own = ["import torch", *above, f"from lawful.impl.contracts import {kind}"]
    helpers = [line for line in above if not line.startswith(("import ", "from "))]
    lines = [
        f'"""How lawful calls {adapter.name}: {adapter.shown_as or adapter.called_as}',
        "",
        f"Conventions that were detected: {convention or 'none'}.",
        '"""',
        "",
        *_sorted_imports(own),
        "",
        "",
        *([*helpers, "", ""] if helpers else []),
        f"def build({body.rstrip()}",
        "",
        "",
        f"adapter = {kind}(",
        f'    "{adapter.name}",',
        "    build,",
        *_arguments(adapter),
        ")",
        "",
    ]
    text = "\n".join(lines)
    return text if re.search(r"\btorch\.", text) else text.replace("import torch\n", "", 1)


def draft_source(target: Any, name: str, module: str, technique: str | None, why: NotUnderstood) -> str:
    """What was found of code that is not understood, as an adapter to finish."""
    chosen = technique or technique_of_name(name) or TECHNIQUES[0]
    try:
        callee: Callee | None = callee_of(target, name, module)
    except NotUnderstood:
        callee = None
    found = [f"#   found: ({', '.join({**callee.built, **callee.called})})"] if callee else []
    said = [f"#   {line.strip()}" for line in str(why).split("\nWrite an adapter")[0].splitlines()]
    contract = {
        "label_smoothing": (
            "LabelSmoothing",
            "epsilon, **features",
            "loss(logits (N, K), target (N,)) -> tensor",
        ),
        "mixup": (
            "Mixup",
            "alpha, num_classes, **features",
            "mix(inputs (N, ...), target (N,)) -> mixed, soft (N, K) or (target_a, target_b, lam)",
        ),
        "lr_finder": (
            "LRFinder",
            "model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter",
            "what has lrs and losses, and perhaps suggest and reset",
        ),
        "training": (
            "Training",
            "model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs",
            "what has train_loss, val_loss and accuracy, or None for each",
        ),
    }
    kind, parameters, gives = contract[chosen]
    return "\n".join(
        [
            f'"""A draft: how should {name} be called, as {chosen}?"""',
            "",
            f"from {module} import {name.split('.')[0]}",
            f"from lawful.impl.contracts import {kind}",
            "",
            "",
            f"def build({parameters}):",
            "    # What was tried, and what came of it:",
            *[f"    {line}" for line in [*said, *found]],
            f"    # To give: {gives}",
            f"    raise NotImplementedError({f'say how to call {name}'!r})",
            "",
            "",
            f"adapter = {kind}({name!r}, build)",
            "",
        ]
    )


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
    plain = sorted({line for line in lines if line.startswith("import ")})
    named = sorted({line for line in lines if line.startswith("from ")})
    return [*plain, "", *named]

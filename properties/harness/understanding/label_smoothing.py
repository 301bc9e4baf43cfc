"""A class with an epsilon, or a function (logits, target, epsilon), as a label-smoothed loss."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lawful.impl.contracts import LabelSmoothing
from lawful.properties.harness.understanding.signature import (
    EPSILON,
    NUM_CLASSES,
    TARGETS,
    call_parameters,
    first,
    leading_required,
    parameters_of,
    required,
)
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import NotUnderstood, Subject

OPTIONS = {
    "reduction": ("reduction",),
    "weight": ("weight", "weights", "class_weight", "class_weights"),
    "ignore_index": ("ignore_index", "padding_idx"),
}

ADAPTER = """\
    from lawful.impl.contracts import LabelSmoothing
    from {module} import {name}
    def build(epsilon, **features):
        return {name}(epsilon, **features)        # a callable: loss(logits, target)
    adapter = LabelSmoothing("{name}", build)
"""


def infer(target: Any, name: str, module: str) -> Subject:
    parameters = parameters_of(target)
    epsilon = first(EPSILON, parameters)
    if epsilon is None:
        raise NotUnderstood(
            f"looked for a parameter named {' | '.join(EPSILON)}, found ({', '.join(parameters)})"
        )
    options = {feature: first(names, parameters) for feature, names in OPTIONS.items()}
    classes = first(NUM_CLASSES, parameters)
    positional = leading_required(parameters)
    takes_batch = (
        not inspect.isclass(target) and len([p for p in positional if p not in (epsilon, classes)]) >= 2
    )
    call_names = positional if takes_batch else call_parameters(target)
    swapped = bool(call_names) and call_names[0] in TARGETS
    filled = {epsilon, classes, *options.values(), *(call_names[:2] if takes_batch else ())}
    missing = [p for p in required(parameters) if p not in filled]
    if missing:
        raise NotUnderstood(f"found {epsilon}, but not what to give for ({', '.join(missing)})")

    def keywords(value: float, features: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {options.get(feature) or feature: given for feature, given in features.items()}
        return {epsilon: value, **renamed}

    def build(value: float, **features: Any) -> Callable[[Any, Any], Any]:
        arguments = keywords(value, features)
        if takes_batch or classes:

            def loss(logits: Any, labels: Any) -> Any:
                more = {classes: logits.shape[1]} if classes else {}
                pair = (labels, logits) if swapped else (logits, labels)
                if takes_batch:
                    return target(*pair, **arguments, **more)
                return target(**arguments, **more)(*pair)

            return loss
        built: Callable[[Any, Any], Any] = target(**arguments)
        return (lambda logits, labels: built(labels, logits)) if swapped else built

    pair = "{target}, {logits}" if swapped else "{logits}, {target}"
    options_text = f"{epsilon}={{epsilon}}{{features}}" + (
        f", {classes}={{logits}}.shape[1]" if classes else ""
    )
    called_as = f"{name}({pair}, {options_text})" if takes_batch else f"{name}({options_text})({pair})"
    adapter = LabelSmoothing(
        name,
        build,
        features=frozenset(feature for feature, given in options.items() if given),
        imports=f"from {module} import {name}",
        called_as=called_as,
        feature_names={f: given for f, given in options.items() if given},
    )
    failures = []
    for reduction in ("mean", "none", "sum"):
        try:
            return understand(replace(adapter, default_reduction=reduction))
        except NotUnderstood as error:
            failures.append(str(error))
    called = called_as.format(logits="logits", target="target", epsilon="epsilon", features="")
    raise NotUnderstood(f"called as {called}\n  " + "\n  ".join(dict.fromkeys(failures)))

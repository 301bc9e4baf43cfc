"""How to call code that has no adapter: read from its signature, settled by a trial call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lawful.impl.contracts import Adapter, LabelSmoothing
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import NotUnderstood, Subject

EPSILON = ("epsilon", "eps", "smoothing", "label_smoothing", "smooth_factor", "alpha")
NUM_CLASSES = ("num_classes", "classes", "n_classes", "size")
OPTIONS = {
    "reduction": ("reduction",),
    "weight": ("weight", "weights", "class_weight", "class_weights"),
    "ignore_index": ("ignore_index", "padding_idx"),
}
TARGETS = ("target", "targets", "label", "labels", "y", "y_true", "truth", "gt")

_LABEL_SMOOTHING_ADAPTER = """\
    from lawful.impl.contracts import LabelSmoothing
    from {module} import {name}
    def build(epsilon, **features):
        return {name}(epsilon, **features)        # a callable: loss(logits, target)
    adapter = LabelSmoothing("{name}", build)
"""


def understand_target(target: Any, name: str, module: str, technique: str | None = None) -> Subject:
    """The subject for a class, a function or an adapter. Raises NotUnderstood with what to write."""
    if isinstance(target, Adapter):
        return understand(target)
    wanted = [technique] if technique else list(_INFERENCES)
    failures = []
    for candidate in wanted:
        if candidate not in _INFERENCES:
            failures.append(f"{candidate}: cannot be inferred, an adapter is needed")
            continue
        try:
            return _INFERENCES[candidate](target, name, module)
        except NotUnderstood as error:
            failures.append(f"{candidate}: {error}")
    advice = _LABEL_SMOOTHING_ADAPTER.format(name=name, module=module)
    raise NotUnderstood(
        "\n".join(failures) + f"\nWrite an adapter, say adapter.py, and check adapter.py:adapter:\n\n{advice}"
    )


def _label_smoothing(target: Any, name: str, module: str) -> Subject:
    parameters = _parameters(target)
    epsilon = _first(EPSILON, parameters)
    if epsilon is None:
        raise NotUnderstood(
            f"looked for a parameter named {' | '.join(EPSILON)}, found ({', '.join(parameters)})"
        )
    options = {feature: _first(names, parameters) for feature, names in OPTIONS.items()}
    classes = _first(NUM_CLASSES, parameters)
    positional = _leading_required(parameters)
    takes_batch = (
        not inspect.isclass(target) and len([p for p in positional if p not in (epsilon, classes)]) >= 2
    )
    call_names = positional if takes_batch else _call_parameters(target)
    swapped = bool(call_names) and call_names[0] in TARGETS
    filled = {epsilon, classes, *options.values(), *(call_names[:2] if takes_batch else ())}
    missing = [p for p in _required(parameters) if p not in filled]
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


_INFERENCES: Mapping[str, Callable[[Any, str, str], Subject]] = {"label_smoothing": _label_smoothing}


def _parameters(target: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError) as error:
        raise NotUnderstood(f"it has no signature to read: {error}") from error


def _call_parameters(target: Any) -> list[str]:
    """Of what a class's instances are called with; ``nn.Module`` hides it in ``forward``."""
    method = getattr(target, "forward", None) or getattr(target, "__call__", None)  # noqa: B004
    if not inspect.isclass(target) or not inspect.isfunction(method):
        return []
    return list(inspect.signature(method).parameters)[1:]


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in variadic
    ]


def _leading_required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    return [
        name for name in _required(parameters) if parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
    ]


def _first(names: tuple[str, ...], parameters: Mapping[str, inspect.Parameter]) -> str | None:
    return next((name for name in names if name in parameters), None)

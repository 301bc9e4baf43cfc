"""What a signature says: parameters by the names that people use for them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lawful.properties.subjects.subject import NotUnderstood

EPSILON = ("epsilon", "eps", "smoothing", "label_smoothing", "smooth_factor", "alpha")
NUM_CLASSES = ("num_classes", "classes", "n_classes", "size")
TARGETS = ("target", "targets", "label", "labels", "y", "y_true", "truth", "gt")
ALPHA = ("alpha", "mixup_alpha", "beta", "a")


def parameters_of(target: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError) as error:
        raise NotUnderstood(f"it has no signature to read: {error}") from error


def call_parameters(target: Any) -> list[str]:
    """Of what a class's instances are called with; ``nn.Module`` hides it in ``forward``."""
    method = getattr(target, "forward", None) or getattr(target, "__call__", None)  # noqa: B004
    if not inspect.isclass(target) or not inspect.isfunction(method):
        return []
    return list(inspect.signature(method).parameters)[1:]


def required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in variadic
    ]


def leading_required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    return [
        name for name in required(parameters) if parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
    ]


def first(names: tuple[str, ...], parameters: Mapping[str, Any]) -> str | None:
    return next((name for name in names if name in parameters), None)

"""A class with an alpha, or a function (inputs, target, alpha), as a mixup."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from lawful.impl.contracts import Mixup
from lawful.properties.harness.understanding.signature import (
    ALPHA,
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

ADAPTER = """\
    from lawful.impl.contracts import Mixup
    from {module} import {name}
    def build(alpha, num_classes, **features):
        return {name}(alpha, **features)          # a callable: mix(inputs, target)
    adapter = Mixup("{name}", build)
"""


def infer(target: Any, name: str, module: str) -> Subject:
    parameters = parameters_of(target)
    alpha = first(ALPHA, parameters)
    if alpha is None:
        raise NotUnderstood(
            f"looked for a parameter named {' | '.join(ALPHA)}, found ({', '.join(parameters)})"
        )
    classes, generator = first(NUM_CLASSES, parameters), first(("generator",), parameters)
    positional = [p for p in leading_required(parameters) if p not in (alpha, classes)]
    takes_batch = not inspect.isclass(target) and len(positional) >= 2
    call_names = positional[:2] if takes_batch else call_parameters(target)
    swapped = bool(call_names) and call_names[0] in TARGETS
    filled = {alpha, classes, generator, *(call_names if takes_batch else ())}
    missing = [p for p in required(parameters) if p not in filled]
    if missing:
        raise NotUnderstood(f"found {alpha}, but not what to give for ({', '.join(missing)})")

    def build(value: float, num_classes: int, **features: Any) -> Callable[[Any, Any], Any]:
        arguments = {alpha: value, **features} | ({classes: num_classes} if classes else {})
        if takes_batch:

            def mix(inputs: Any, labels: Any) -> Any:
                pair = (labels, inputs) if swapped else (inputs, labels)
                devices = {"use_cuda": inputs.is_cuda, "device": inputs.device}
                more = {key: given for key, given in devices.items() if key in parameters}
                return target(*pair, **arguments, **more)

            return mix
        built: Callable[[Any, Any], Any] = target(**arguments)
        return (lambda inputs, labels: built(labels, inputs)) if swapped else built

    pair = "{target}, {inputs}" if swapped else "{inputs}, {target}"
    options = f"{alpha}={{alpha}}" + (f", {classes}={{num_classes}}" if classes else "") + "{features}"
    if "use_cuda" in parameters and takes_batch:
        options += ", use_cuda=False"
    called_as = f"{name}({pair}, {options})" if takes_batch else f"{name}({options})({pair})"
    features = {"num_classes"} if classes else set()
    if generator:
        features.add("generator")
    adapter = Mixup(
        name,
        build,
        features=frozenset(features),
        imports=f"from {module} import {name}",
        called_as=called_as,
    )
    try:
        return understand(adapter)
    except NotUnderstood as error:
        called = called_as.format(
            inputs="inputs", target="target", alpha="alpha", num_classes="num_classes", features=""
        )
        raise NotUnderstood(f"called as {called}\n  {error}") from error

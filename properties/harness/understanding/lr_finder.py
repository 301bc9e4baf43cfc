"""A function of a model, an optimizer, a criterion and a loader, in any order, as an LR finder."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lawful.impl.contracts import LRFinder, Swept
from lawful.properties.harness.understanding.signature import first, parameters_of, required
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import NotUnderstood, Subject

PARTS = {
    "model": ("model", "net", "network", "module"),
    "optimizer": ("optimizer", "optim", "opt"),
    "criterion": ("criterion", "loss_fn", "loss_func", "loss_function", "loss"),
    "loader": ("loader", "train_loader", "dataloader", "data_loader", "train_dataloader", "train_dl", "dl"),
}
RANGE = {
    "start_lr": ("start_lr", "init_value", "min_lr", "init_lr", "lr_min", "start"),
    "end_lr": ("end_lr", "final_value", "max_lr", "final_lr", "lr_max", "end"),
    "num_iter": ("num_iter", "num_training", "num_steps", "num_it", "n_iter", "steps"),
}
OPTIONS = {"divergence": ("divergence",), "smoothing": ("smoothing",)}
RATES = ("lrs", "lr", "learning_rates", "log_lrs", "rates")
LOSSES = ("losses", "loss", "loss_history")

ADAPTER = """\
    from lawful.impl.contracts import LRFinder, Swept
    from {module} import {name}
    def build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter):
        lrs, losses = {name}(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
        return Swept(lrs, losses)
    adapter = LRFinder("{name}", build)
"""


def infer(target: Any, name: str, module: str) -> Subject:
    if inspect.isclass(target):
        raise NotUnderstood("it is a class: a function is looked for")
    parameters = parameters_of(target)
    parts = {part: first(names, parameters) for part, names in PARTS.items()}
    absent = [part for part, found in parts.items() if found is None]
    if absent:
        looked = "; ".join(" | ".join(PARTS[part]) for part in absent)
        raise NotUnderstood(f"looked for parameters named {looked}, found ({', '.join(parameters)})")
    span = {part: first(names, parameters) for part, names in RANGE.items()}
    missing_ends = [part for part in ("start_lr", "end_lr") if span[part] is None]
    if missing_ends:
        looked = "; ".join(" | ".join(RANGE[part]) for part in missing_ends)
        raise NotUnderstood(f"looked for parameters named {looked}, found ({', '.join(parameters)})")
    options = {feature: first(names, parameters) for feature, names in OPTIONS.items()}
    filled = {*parts.values(), *span.values(), *options.values()}
    missing = [p for p in required(parameters) if p not in filled]
    if missing:
        raise NotUnderstood(f"found {', '.join(PARTS)}, but not what to give for ({', '.join(missing)})")

    def build(model: Any, optimizer: Any, criterion: Any, loader: Any, **given: Any) -> Swept:
        values = {"model": model, "optimizer": optimizer, "criterion": criterion, "loader": loader, **given}
        names = {**parts, **span, **{option: option for option in options}}
        return _swept(target(**{names[part] or part: value for part, value in values.items() if names[part]}))

    text = [f"{found}={{{part}}}" for part, found in (*parts.items(), *span.items()) if found]
    adapter = LRFinder(
        name,
        build,
        features=frozenset(option for option, found in options.items() if found),
        imports=(
            f"from {module} import {name}\n"
            "import types\n"
            "def swept(result):\n"
            "    if isinstance(result, dict):\n"
            f"        named = ({RATES}, {LOSSES})\n"
            "        result = [next(result[n] for n in names if n in result) for names in named]\n"
            "    if isinstance(result, (tuple, list)):\n"
            "        return types.SimpleNamespace(lrs=result[0], losses=result[1])\n"
            "    return result"
        ),
        called_as=f"swept({name}({', '.join(text)}{{features}}))",
    )
    try:
        return understand(adapter)
    except NotUnderstood as error:
        raise NotUnderstood(f"called as {name}({', '.join(p for p in filled if p)})\n  {error}") from error


def _swept(result: Any) -> Swept:
    """Two sequences, a dict or an object."""
    if isinstance(result, tuple | list) and len(result) == 2:
        return Swept(*result)
    values: Mapping[str, Any] = result if isinstance(result, Mapping) else _Attributes(result)
    lrs, losses = first(RATES, values), first(LOSSES, values)
    if lrs is None or losses is None:
        raise TypeError(
            f"it gave a {type(result).__name__}, expected (lrs, losses), or {' | '.join(RATES)} and "
            f"{' | '.join(LOSSES)} as keys or attributes"
        )
    return Swept(values[lrs], values[losses])


class _Attributes(dict[str, Any]):
    def __init__(self, holder: Any) -> None:
        super().__init__({name: getattr(holder, name) for name in (*RATES, *LOSSES) if hasattr(holder, name)})

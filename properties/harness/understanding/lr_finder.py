"""A learning-rate range test, in the forms in which people write it.

The sweep itself is seen at the optimizer and the losses are scripted, so what a result or an object holds is
told by its numbers: rates are what was used (or its logarithm), losses are what the script said.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from lawful.impl.contracts import LRFinder
from lawful.properties import probes
from lawful.properties.harness.understanding.forms import Trials, arguments, executed, parts
from lawful.properties.harness.understanding.signature import OFF, Callee, first, parameters_of, required
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject, silence

PARTS = {
    "model": ("model", "net", "network", "module", "learner", "classifier"),
    "optimizer": ("optimizer", "optim", "opt", "optimiser"),
    "criterion": (
        "criterion",
        "loss_fn",
        "loss_func",
        "loss_function",
        "loss",
        "lossfn",
        "loss_fun",
        "crit",
        "cost",
        "objective",
    ),
    "loader": (
        "loader",
        "train_loader",
        "trainloader",
        "trn_loader",
        "data_loader",
        "dataloader",
        "train_dataloader",
        "train_dl",
        "trn_dl",
        "dl",
        "train_iter",
        "training_loader",
        "train_data",
        "trainloader",
        "data",
    ),
}
RANGE = {
    "start_lr": (
        "start_lr",
        "lr_start",
        "init_value",
        "initial_value",
        "init_lr",
        "initial_lr",
        "min_lr",
        "lr_min",
        "lr_low",
        "lr_init",
        "start",
        "low",
        "start_val",
        "begin_lr",
        "base_lr",
        "lower",
        "lower_lr",
    ),
    "end_lr": (
        "end_lr",
        "lr_end",
        "final_value",
        "final_val",
        "final_lr",
        "lr_final",
        "max_lr",
        "lr_max",
        "lr_high",
        "stop_lr",
        "end",
        "high",
        "end_val",
        "upper",
        "upper_lr",
    ),
    "num_iter": (
        "num_iter",
        "num_iters",
        "n_iter",
        "n_iters",
        "num_training",
        "num_steps",
        "n_steps",
        "num_it",
        "steps",
        "iterations",
        "max_iter",
        "num_batches",
        "num_step",
        "total_steps",
        "number_of_steps",
        "max_steps",
        "num_lrs",
    ),
}
_VALIDATION = r"(^|_)(val\w*|test|eval|dev)_?(loader|dataloader|dl|data|iter)$"
"""Another loader that has to be given: the same one will do."""
EPOCHS = ("epochs", "num_epochs", "n_epochs", "epoch")
CLASSES_OF = (
    "optimizer_class",
    "optimizer_cls",
    "optim_class",
    "optim_cls",
    "opt_cls",
    "optimizer_type",
    "opt_fn",
)
RUNS = ("range_test", "find_lr", "lr_find", "find", "run", "fit", "test", "search", "__call__")
SUGGESTS = (
    "suggestion",
    "lr_suggestion",
    "suggest",
    "suggest_lr",
    "get_suggestion",
    "get_best_lr",
    "best_lr",
)
OPTIONS = {"divergence": ("divergence",), "smoothing": ("smoothing",)}

ADAPTER = """\
    from lawful.impl.contracts import LRFinder, Swept
    from {module} import {name}
    def build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter):
        lrs, losses = {name}(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
        return Swept(lrs, losses)
    adapter = LRFinder("{name}", build)
"""
_LOSSES = [2.0 - i / 16 for i in range(12)]
_STEPS = (12, 40, 120)
"""Of a trial: some want more than others."""


@dataclass(frozen=True)
class Roles:
    """Which parameter is what; ``run`` is the method of a class that runs the test."""

    parts: Mapping[str, str | None]
    span: Mapping[str, str | None]
    run: str
    globals: tuple[str, ...] = ()
    """Parts that the function takes from its module."""
    optimizer_class: str | None = None


@dataclass(frozen=True)
class Reading:
    """Source of the records in what came back; empty where there are none."""

    lrs: str = ""
    losses: str = ""
    logarithms: bool = False
    suggestion: str = ""
    steps: str = "asked"
    least_steps: int = 1


def infer(callee: Callee) -> Subject:
    callee, roles = _roles(callee)
    trials = Trials(callee)
    for variant in _variants(roles):
        for steps in _STEPS:
            with trials.of(f"{_called(callee, variant)}, {steps} steps"):
                reading = _tried(callee, variant, steps)
                least = steps if steps > _STEPS[0] else 1
                return understand(_adapter(callee, variant, replace(reading, least_steps=least)))
    raise trials.none_fits(f"called as {_called(callee, roles)} on a scripted loss, no sweep was seen")


def _roles(callee: Callee) -> tuple[Callee, Roles]:
    run = ""
    if callee.kind == "class":
        name = callee.method or next(
            (n for n in (*RUNS, "attach") if inspect.isfunction(getattr(callee.target, n, None))), ""
        )
        if not name:
            raise NotUnderstood(f"it is a class: looked for a method named {' | '.join(RUNS)}")
        method = inspect.signature(getattr(callee.target, name))
        callee, run = replace(callee, called=dict(list(method.parameters.items())[1:])), name
    elif callee.kind == "function":
        callee = replace(callee, called=parameters_of(callee.target) if not callee.method else callee.called)
    everything = {**callee.built, **callee.called}
    found = {part: first(names, everything) for part, names in PARTS.items()}
    if found["loader"] is None:
        found["loader"] = next((n for n in everything if re.search("loader|_dl$|batches", n.lower())), None)
    optimizer_class = first(CLASSES_OF, everything)
    span = {part: first(names, everything) for part, names in RANGE.items()}
    from_module: tuple[str, ...] = ()
    code = getattr(callee.target, "__code__", None)
    if code is not None:
        from_module = tuple(
            name
            for part, known in PARTS.items()
            if found[part] is None
            for name in known
            if name in code.co_names and not hasattr(callee.target.__globals__.get(name), "__path__")
        )
    attached = run == "attach" and {"trainer", "to_save"} <= set(callee.called)
    if attached:
        found = dict.fromkeys(PARTS, "trainer")
    absent = [
        part
        for part in ("model", "loader")
        if found[part] is None and not any(n in from_module for n in PARTS[part])
    ]
    if absent:
        looked = "; ".join(" | ".join(PARTS[part][:6]) for part in absent)
        raise NotUnderstood(f"looked for parameters named {looked}, found ({', '.join(everything)})")
    if span["end_lr"] is None:
        looked = " | ".join(RANGE["end_lr"][:6])
        raise NotUnderstood(f"looked for a parameter named {looked}, found ({', '.join(everything)})")
    filled = {*found.values(), *span.values(), optimizer_class, *OPTIONS, *EPOCHS, "device", *OFF, "to_save"}
    filled |= {n for n in everything if re.search(_VALIDATION, n.lower())}
    missing = [n for n in required(everything) if n not in filled and n.lower() not in filled]
    if missing:
        raise NotUnderstood(f"found {', '.join(PARTS)}, but not what to give for ({', '.join(missing)})")
    return callee, Roles(found, span, run, from_module, optimizer_class)


def _variants(roles: Roles) -> Iterator[Roles]:
    yield roles
    optimizer = roles.parts["optimizer"]
    if optimizer and not roles.optimizer_class:
        yield replace(roles, parts={**roles.parts, "optimizer": None}, optimizer_class=optimizer)


def _source(callee: Callee, roles: Roles, reading: Reading | None) -> str:
    """``build(model, optimizer, criterion, loader, ...)``, as it stands in an adapter."""
    everything = {**callee.built, **callee.called}
    named = {name: part for part, name in (*roles.parts.items(), *roles.span.items()) if name}
    if roles.optimizer_class:
        named[roles.optimizer_class] = "type(optimizer)"
    for name, parameter in everything.items():
        needed = parameter.default is inspect.Parameter.empty
        if name.lower() == "device":
            named[name] = "next(model.parameters()).device"
        elif needed and re.search(_VALIDATION, name.lower()) and name not in named:
            named[name] = "loader"
        elif name.lower() in OFF and (needed or parameter.default is True):
            named[name] = "False"
        elif name.lower() in EPOCHS and (needed or roles.span["num_iter"] is None):
            named[name] = "1"
        elif name.lower() in ("step_mode", "mode") and parameter.default == "linear":
            named[name] = '"exp"'
    lines = ["def build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter, **features):"]
    if roles.globals:
        given = ", ".join(f"{n}={part}" for part, known in PARTS.items() for n in known if n in roles.globals)
        lines.append(f"    {callee.name}.__globals__.update({given})")
    ours = roles.span["start_lr"] is None  # the first rate is the optimizer's
    if ours:
        lines += [
            '    before = [group["lr"] for group in optimizer.param_groups]',
            "    for group in optimizer.param_groups:",
            '        group["lr"] = start_lr',
            "    def put_back():  # what it leaves as we gave it",
            "        for group, lr in zip(optimizer.param_groups, before):",
            '            group["lr"] = lr if group["lr"] == start_lr else group["lr"]',
        ]
    built = {n: v for n, v in named.items() if n in callee.built}
    called = {n: v for n, v in named.items() if n in callee.called}
    spread = ", **features" if any(first(names, everything) for names in OPTIONS.values()) else ""
    if roles.run == "attach":
        span = arguments({name: part for part, name in roles.span.items() if name})
        lines += [
            "    from ignite.engine import create_supervised_trainer",
            "    trainer = create_supervised_trainer(model, optimizer, criterion)",
            f"    finder = {callee.root}()",
            '    saved = {"model": model, "optimizer": optimizer}',
            f"    with finder.attach(trainer, saved, {span}) as attached:",
            "        attached.run(loader)",
            "    rows = finder.get_results().items()",
            "    first = lambda each: each[0] if isinstance(each, list) else each  # of the first group",
            "    result = {name: [first(each) for each in row] for name, row in rows}",
        ]
    elif callee.kind == "class":
        lines.append(f"    finder = {callee.root}({arguments(built)})")
        method = "" if roles.run == "__call__" else f".{roles.run}"
        lines.append(f"    result = finder{method}({arguments(called)}{spread})")
    else:
        lines.append(f"    result = {callee.name}({arguments(called)}{spread})")
    if reading is None:
        lines.append(f"    return result, {'finder' if callee.kind == 'class' else 'None'}")
        return "\n".join(lines)
    records = []
    if reading.lrs:
        rates = f"[float(lr) for lr in {reading.lrs}]"
        records.append(
            f"lrs={rates.replace('float(lr)', '10 ** float(lr)') if reading.logarithms else rates}"
        )
    if reading.losses:
        records.append(f"losses=[float(loss) for loss in {reading.losses}]")
    method = _suggests(callee)
    if method and not reading.suggestion:
        records.append(f"suggest=finder.{method}")
    if reading.suggestion:
        records.append(f"suggest=lambda: float({reading.suggestion})")
    resets = callee.kind == "class" and inspect.isfunction(getattr(callee.target, "reset", None))
    if resets:
        records.append("reset=lambda: (finder.reset(), put_back())" if ours else "reset=finder.reset")
    elif ours:
        lines.append("    put_back()")
    lines.append(f"    return types.SimpleNamespace({', '.join(records)})")
    return "\n".join(lines)


def _tried(callee: Callee, roles: Roles, steps: int) -> Reading:
    build = executed(_source(callee, roles, None), callee)["build"]
    losses = [*_LOSSES, *_LOSSES[-1:] * (steps - len(_LOSSES))]
    script, model, optimizer, loader = probes.scripted(losses, batches=steps + 3)
    with probes.seeded(0), silence(), probes.watched(script):
        given = (model, optimizer, script.criterion, loader)
        result, holder = build(*given, start_lr=1e-5, end_lr=1.0, num_iter=steps)
    used = np.asarray([rates[0] for rates, _, _ in script.steps])
    if len(used) < 3:
        raise NotUnderstood(f"{len(used)} optimizer steps were seen, expected about {steps}")
    if used[-1] <= used[0]:
        raise NotUnderstood(f"the rates went from {used[0]:.3g} to {used[-1]:.3g}, expected rising ones")
    reading = _read(result, holder, used, losses)
    return replace(reading, steps="asked" if roles.span["num_iter"] else "loader")


def _read(result: Any, holder: Any, used: Any, losses: list[float]) -> Reading:
    found = [("result" + path, value) for path, value in parts(result)]
    if holder is not None:
        kept = SimpleNamespace(**{n: v for n, v in vars(holder).items() if not n.startswith("__")})
        found += [("finder" + path, value) for path, value in parts(kept)]
    rows = [(path, row) for path, value in found if (row := _numbers(value)) is not None]
    rates = [(_decades_off(np.log10(row), used), path, False) for path, row in rows if row.min() > 0]
    rates += [(_decades_off(row, used), path, True) for path, row in rows]
    rates.sort(key=lambda each: each[0])
    lrs, logarithms = (rates[0][1], rates[0][2]) if rates and rates[0][0] < 1 else ("", False)
    others = [(_off(row, np.asarray(losses)), path) for path, row in rows if path != lrs]
    others.sort(key=lambda each: each[0])
    suggestion = ""
    if isinstance(result, float | np.floating) or (not rows and np.ndim(result) == 0 and _is_number(result)):
        # a number that is no rate of the sweep suggests none: the least loss, a count
        suggestion = "result" if used.min() * 0.99 <= float(result) <= used.max() * 1.01 else ""
    if not lrs or not others:
        return Reading(suggestion=suggestion)
    return Reading(lrs, others[0][1], logarithms, suggestion)


def _numbers(value: Any) -> Any:
    """A sequence of 2 numbers or more as an array."""
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return None
    try:
        row = np.asarray([float(item) for item in value])
    except (TypeError, ValueError):
        return None
    return row if len(row) >= 2 else None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return value is not None and not isinstance(value, bool)


def _decades_off(logarithms: Any, used: Any) -> float:
    """How far logarithms are, in mean decades, from the best run of the rates used."""
    right = np.log10(used)
    count = min(len(logarithms), len(right))
    if count < 2 or not np.isfinite(logarithms).all():
        return np.inf
    runs = (right[i : i + count] for i in range(len(right) - count + 1))
    return float(min(np.mean(np.abs(logarithms[:count] - run)) for run in runs))


def _off(row: Any, right: Any) -> float:
    """How far a row is, in mean relative error, from the best run of ``right`` of its length."""
    count = min(len(row), len(right))
    if count < 2 or not np.isfinite(row).all():
        return np.inf
    row = row[:count]
    runs = (right[i : i + count] for i in range(len(right) - count + 1))
    return float(min(np.mean(np.abs(row - run) / (np.abs(run) + 1e-12)) for run in runs))


def _adapter(callee: Callee, roles: Roles, reading: Reading) -> LRFinder:
    source = _source(callee, roles, reading)
    everything = {**callee.built, **callee.called}
    features = {option for option, names in OPTIONS.items() if first(names, everything)}
    features |= {"history"} if reading.lrs else set()
    features |= {"suggestion"} if reading.suggestion or _suggests(callee) else set()
    names = executed(f"import types\n{source}", callee)
    return LRFinder(
        callee.name,
        names["build"],
        features=frozenset(features),
        documented={"steps": "loader"} if reading.steps == "loader" else {},
        imports=f"import types\n{callee.imports}\n{source}",
        called_as=(
            "build({model}, {optimizer}, {criterion}, {loader}, start_lr={start_lr}, end_lr={end_lr}, "
            "num_iter={num_iter}{features})"
        ),
        shown_as=_called(callee, roles, reading),
        linear=_says_linear(callee),
        least_steps=reading.least_steps,
    )


def _suggests(callee: Callee) -> str:
    """A method of its class that gives a suggestion, to be called without arguments."""
    for name in SUGGESTS if callee.kind == "class" else ():
        method = getattr(callee.target, name, None)
        if inspect.isfunction(method) and len(required(inspect.signature(method).parameters)) == 1:
            return name
    return ""


def _says_linear(callee: Callee) -> bool:
    """Whether its name, its documentation or its code speaks of a linear schedule, and of no other."""
    try:
        text = inspect.getsource(callee.target)
    except (OSError, TypeError):
        text = getattr(callee.target, "__doc__", None) or ""
    words = text.lower() + callee.name.lower()
    return bool(re.search(r"linear(?!\()|linspace", words)) and not re.search(
        r"exponential|geometric|logspace", words
    )


def _called(callee: Callee, roles: Roles, reading: Reading | None = None) -> str:
    """In one line, for people."""
    given = [part for part, name in itertools.chain(roles.parts.items(), roles.span.items()) if name]
    if roles.optimizer_class:
        given.append(f"{roles.optimizer_class}=SGD")
    of_class = [p for p in given if (roles.parts.get(p) or roles.span.get(p)) in callee.built]
    of_call = [p for p in given if p not in of_class]
    if callee.kind == "class":
        run = "" if roles.run == "__call__" else f".{roles.run}"
        of_call = ["trainer", *roles.span] if roles.run == "attach" else of_call
        text = f"{callee.root}({', '.join(of_class)}){run}({', '.join(of_call)})"
    else:
        text = f"{callee.name}({', '.join(given)})"
    if roles.globals:
        text += f" with {', '.join(roles.globals)} in its module"
    if reading is None:
        return text
    shown = {"lrs": reading.lrs, "losses": reading.losses, "suggestion": reading.suggestion}
    read = [f"{name} = {source}" for name, source in shown.items() if source]
    return f"{text} -> {', '.join(read) if read else 'no history: steps and rates are seen at the optimizer'}"

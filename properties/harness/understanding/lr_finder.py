"""A learning-rate range test, in the forms in which people write it.

The sweep itself is seen at the optimizer and the losses are scripted, so what a result or an object holds is
told by its numbers: see ``curves``.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lawful.impl.contracts import LRFinder
from lawful.properties import probes
from lawful.properties.harness.understanding import curves
from lawful.properties.harness.understanding.candidates import technique_of_name
from lawful.properties.harness.understanding.curves import SUGGESTS, Curve
from lawful.properties.harness.understanding.filling import (
    ANYWHERE,
    Rule,
    configured,
    filled,
    guesses,
    left_alone,
)
from lawful.properties.harness.understanding.forms import ORDINARY_MODEL, executed, imports, indented
from lawful.properties.harness.understanding.loaders import (
    as_read,
    loggers,
    takes_a_data_set,
    takes_the_cross_entropy,
    with_helper,
)
from lawful.properties.harness.understanding.names import (
    CLASSES_OF,
    EPOCHS,
    PARTS,
    RANGE,
    RANGE_LIKE,
    RUNS,
    VALIDATION_LIKE,
    first,
    like,
)
from lawful.properties.harness.understanding.signature import Callee, called_of, parameters_of, required
from lawful.properties.harness.understanding.trials import Trials
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject, silence

BATCH_SIZES = ("batch_size", "bs", "batchsize")
RULES = (
    *ANYWHERE,
    # another loader that has to be given: the same one will do
    Rule(VALIDATION_LIKE, "loader"),
    Rule(r"(lr_)?sched(uler)?|to_save", "None"),
    Rule(r"accum\w*|grad\w*_accum\w*", "1", "number"),
    Rule("|".join(BATCH_SIZES), "loader.batch_size"),
    Rule(r"(num_|n_)?workers", "0"),
    # one sweep: the mean of several is another measurement
    Rule(r"(num_|n_)?(repeats?|repetitions?|sweeps|rounds|trials)", "1", "number"),
)
MEANING = {
    r"iter|steps|batches": "num_iter",
    r"end|final|max|high|stop": "end_lr",
    r"start|init|min|low|begin|^lr$|learning_rate": "start_lr",
    r"device": "next(model.parameters()).device",
    r"epoch": "1",
}
"""Of a configuration's names."""
OPTIONS = {name: (name,) for name in ("divergence", "smoothing", "val_loader")}

ADAPTER = """\
    from lawful.impl import contracts
    from {module} import {root}
    def build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter):
        lrs, losses = {name}(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
        return contracts.Swept(lrs, losses)
    adapter = contracts.LRFinder("{name}", build)
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
    guessed: Mapping[str, str] = field(default_factory=dict)
    """For what has to be given, and no rule knows."""


@dataclass(frozen=True)
class Reading:
    """What the sweep was like, and source of the records in what came back."""

    curve: Curve = field(default_factory=Curve)
    asked: bool = True
    """Whether it takes as many steps as it is told, and not as the loader has batches."""
    least_steps: int = 1
    geometric: bool = True


def infer(callee: Callee) -> Subject:
    callee, roles = _roles(callee)
    trials = Trials(callee)
    for variant in _variants(callee, roles):
        for steps in _STEPS:
            form = f"{_told(callee, variant)}, {steps} steps"
            shown = functools.partial(_called_once, callee, variant)
            with trials.of(form, guessed=bool(variant.guessed), shown=shown):
                reading = _tried(callee, variant, steps)
                least = steps if steps > _STEPS[0] else 1
                subject = understand(_adapter(callee, variant, replace(reading, least_steps=least)))
                return replace(subject, certain=_is_certain(callee, variant, reading))
    raise trials.none_fits(
        f"called as {_told(callee, roles)} on a scripted loss, no sweep was seen", _missing(callee, roles)
    )


def _is_certain(callee: Callee, roles: Roles, reading: Reading) -> bool:
    """A training loop may let its rates rise too: what has no end to be given is known by its name, or by
    rates that rise by the same factor."""
    named = technique_of_name(callee.name) == "lr_finder"
    return _has_end(callee, roles) or named or reading.geometric


def _has_end(callee: Callee, roles: Roles) -> bool:
    return "end_lr" in " ".join(_named(callee, roles).values())


def _roles(callee: Callee) -> tuple[Callee, Roles]:
    """By the names of the parameters. Raises NotUnderstood where there is no model or no loader to pass."""
    run = ""
    if callee.kind == "class":
        run = callee.method or next(
            (n for n in (*RUNS, "attach") if inspect.isfunction(getattr(callee.target, n, None))), ""
        )
        if not run:
            raise NotUnderstood(f"it is a class: looked for a method named {' | '.join(RUNS)}")
        callee = replace(callee, called=called_of(getattr(callee.target, run)))
    elif callee.kind == "function" and not callee.method:
        callee = replace(callee, called=parameters_of(callee.target))
    everything = callee.everything
    found = {part: first(names, everything) for part, names in PARTS.items()}
    if found["optimizer"] is None and not first(CLASSES_OF, everything):
        found["optimizer"] = like("optim", everything, lambda name: name in found.values())
    if found["loader"] is None:
        found["loader"] = next(
            (
                n
                for n in everything
                if re.search("loader|_(dl|ld)$|batches|data_?set|train_?set|(^|_)ds$", n.lower())
            ),
            None,
        )
    span = {part: first(names, everything) for part, names in RANGE.items()}
    free = {n: p for n, p in everything.items() if n not in found.values() and n not in span.values()}
    span |= {p: like(pattern, free, lambda _: False) for p, pattern in RANGE_LIKE.items() if span[p] is None}
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
    if run == "attach" and {"trainer", "to_save"} <= set(callee.called):
        found = dict.fromkeys(PARTS, "trainer")
    absent = [
        part
        for part in ("model", "loader")
        if found[part] is None and not any(n in from_module for n in PARTS[part])
    ]
    if absent:
        looked = "; ".join(" | ".join(PARTS[part][:6]) for part in absent)
        raise NotUnderstood(f"looked for parameters named {looked}, found ({', '.join(everything)})")
    return callee, Roles(found, span, run, from_module, first(CLASSES_OF, everything))


def _variants(callee: Callee, roles: Roles) -> Iterator[Roles]:
    """Beside what the names say: an optimizer that is a class; what has to be given, and is not known."""
    found = [roles]
    optimizer = roles.parts["optimizer"]
    if optimizer and not roles.optimizer_class:
        found.append(replace(roles, parts={**roles.parts, "optimizer": None}, optimizer_class=optimizer))
    for each in found:
        for given in guesses(_missing(callee, each), callee.everything):
            yield replace(each, guessed=given)


def _missing(callee: Callee, roles: Roles) -> list[str]:
    """What has to be given, and is not known."""
    known = {*_named(callee, roles), *OPTIONS}
    return [name for name in required(callee.everything) if name not in known]


def _named(callee: Callee, roles: Roles) -> dict[str, str]:
    """Source for every parameter."""
    named = {name: part for part, name in (*roles.parts.items(), *roles.span.items()) if name}
    if roles.optimizer_class:
        named[roles.optimizer_class] = "type(optimizer)"
    ruled = filled(callee.everything, RULES, inputs="next(model.parameters())", target="")
    more = ruled | configured(callee, MEANING) | dict(roles.guessed)
    for name, parameter in callee.everything.items():
        needed = parameter.default is inspect.Parameter.empty
        if name.lower() in EPOCHS and (needed or roles.span["num_iter"] is None):
            more[name] = "1"
        elif name.lower() in ("step_mode", "mode", "schedule") and parameter.default == "linear":
            more[name] = '"exp"'
    more = loggers(callee) | more
    if takes_a_data_set(callee, roles.parts["loader"] or ""):
        more |= {name: "loader.batch_size" for name in callee.everything if name.lower() in BATCH_SIZES}
    given = named | {name: text for name, text in more.items() if name not in named}
    return as_read(callee, given, "criterion")


def plainly(callee: Callee) -> list[str]:
    """The plainest call, as source: what it needs before, and an expression. Raises NotUnderstood."""
    callee, roles = _roles(callee)
    *before, last = (line.strip() for line in _ran(callee, roles))
    return [*before, last.removeprefix("result = ")]


def _source(callee: Callee, roles: Roles, reading: Reading | None) -> str:
    """``build(model, optimizer, criterion, loader, ...)``, as it stands in an adapter."""
    ours = roles.span["start_lr"] is None  # the first rate is the optimizer's
    lines = ["def build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter, **features):"]
    if ours:
        lines += _STARTED
    ran = _ran(callee, roles)
    if _has_its_own_loss(callee, roles):
        ran = ["    with CrossEntropyIs(criterion):", *indented(ran)]
    lines += _with_globals(callee, roles, ran) if roles.globals else ran
    if reading is None:
        lines.append(f"    return result, {'finder' if callee.kind == 'class' else 'None'}")
        return with_helper("\n".join(lines))
    records = reading.curve.records()
    if method := _suggests(callee):
        records.setdefault("suggest", f"finder.{method}")
    if callee.kind == "class" and inspect.isfunction(getattr(callee.target, "reset", None)):
        records["reset"] = "lambda: (finder.reset(), put_back())" if ours else "finder.reset"
    elif ours:
        lines.append("    put_back()")
    given = ", ".join(f"{name}={source}" for name, source in records.items())
    return with_helper("\n".join([*lines, f"    return types.SimpleNamespace({given})"]))


def _has_its_own_loss(callee: Callee, roles: Roles) -> bool:
    """Whether it takes PyTorch's cross-entropy: given no loss, or as a function beside the one given."""
    given = " ".join(_named(callee, roles).values())
    found = "criterion" in given or any(name in roles.globals for name in PARTS["criterion"])
    return roles.run != "attach" and takes_the_cross_entropy(callee, is_given_another=found)


_STARTED = [
    '    before = [group["lr"] for group in optimizer.param_groups]',
    "    for group in optimizer.param_groups:",
    '        group["lr"] = start_lr',
    "    def put_back():  # what it leaves as we gave it",
    "        for group, lr in zip(optimizer.param_groups, before):",
    '            group["lr"] = lr if group["lr"] == start_lr else group["lr"]',
]
_ATTACHED = """\
    from ignite.engine import create_supervised_trainer
    trainer = create_supervised_trainer(model, optimizer, criterion)
    finder = {finder}()
    saved = {{"model": model, "optimizer": optimizer}}
    with finder.attach(trainer, saved, {span}) as attached:
        attached.run(loader)
    rows = finder.get_results().items()
    first = lambda each: each[0] if isinstance(each, list) else each  # of the first group
    result = {{name: [first(each) for each in row] for name, row in rows}}"""


def _ran(callee: Callee, roles: Roles) -> list[str]:
    """Lines that run the test, and keep its ``result``."""
    named = _named(callee, roles)
    if roles.run == "attach":
        span = ", ".join(f"{name}={part}" for part, name in roles.span.items() if name)
        return _ATTACHED.format(finder=callee.root, span=span).splitlines()
    takes_options = any(first(names, callee.everything) for names in OPTIONS.values())
    built = [f"{name}={given}" for name, given in named.items() if name in callee.built]
    called = [f"{name}={given}" for name, given in named.items() if name in callee.called]
    inside = ", ".join([*called, *(["**features"] if takes_options else [])])
    if callee.kind != "class":
        return [f"    result = {callee.name}({inside})"]
    method = "" if roles.run == "__call__" else f".{roles.run}"
    return [f"    finder = {callee.root}({', '.join(built)})", f"    result = finder{method}({inside})"]


def _with_globals(callee: Callee, roles: Roles, ran: list[str]) -> list[str]:
    """The module has these names while it runs, and what it had before afterwards."""
    given = ", ".join(f"{n}={part}" for part, known in PARTS.items() for n in known if n in roles.globals)
    return [
        f"    names = {callee.name}.__globals__",
        f"    had = {{name: names[name] for name in {roles.globals!r} if name in names}}",
        f"    names.update({given})",
        "    try:",
        *indented(ran),
        "    finally:",
        f"        for name in {roles.globals!r}:",
        "            names.pop(name, None)",
        "        names.update(had)",
    ]


def _called_once(callee: Callee, roles: Roles) -> str:
    """Source of an ordinary call, with all that it needs but torch."""
    call = (
        "build(model, optimizer, torch.nn.CrossEntropyLoss(), loader, start_lr=1e-5, end_lr=1.0, num_iter=12)"
    )
    return "\n".join([imports(callee, _source(callee, roles, None)), *ORDINARY_MODEL, call])


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
    longer = [*losses, *losses[-1:] * (len(used) - len(losses))]
    ratios = used[1:] / used[:-1]
    return Reading(
        curves.read(result, holder, used, longer),
        asked="num_iter" in " ".join(_named(callee, roles).values()),
        geometric=bool(ratios.min() > 1.01 and np.allclose(ratios, ratios[0], rtol=1e-3)),
    )


def _adapter(callee: Callee, roles: Roles, reading: Reading) -> LRFinder:
    text = _source(callee, roles, reading)
    features = {option for option, names in OPTIONS.items() if first(names, callee.everything)}
    if "Batches(" in text:  # the other loader would have to be read so too
        features -= {"val_loader"}
    features |= {"history"} if reading.curve.lrs else set()
    features |= {"suggestion"} if reading.curve.suggestion or _suggests(callee) else set()
    has_start = "start_lr" in " ".join(_named(callee, roles).values())
    declines = {}
    if not _has_end(callee, roles):
        declines["range"] = "its range is its own" if not has_start else "its end is its own"
    if "loader.dataset" in text:
        declines["given_loader"] = "it makes its own loader"
    return LRFinder(
        callee.name,
        executed(text, callee)["build"],
        features=frozenset(features),
        documented={} if reading.asked else {"steps": "loader"},
        declines=declines,
        imports=imports(callee, text),
        called_as=(
            "build({model}, {optimizer}, {criterion}, {loader}, start_lr={start_lr}, end_lr={end_lr}, "
            "num_iter={num_iter}{features})"
        ),
        shown_as=_told(callee, roles, reading),
        linear=_says_linear(callee),
        least_steps=reading.least_steps,
        promises_optimizer=_says_of_the_optimizer(callee),
    )


def _suggests(callee: Callee) -> str:
    """A method of its class that gives a suggestion, to be called without arguments."""
    for name in SUGGESTS if callee.kind == "class" else ():
        method = getattr(callee.target, name, None)
        if inspect.isfunction(method) and not required(called_of(method)):
            return name
    return ""


def _says_of_the_optimizer(callee: Callee) -> bool:
    """Whether a sentence of its documentation, or of its reset's, says that the optimizer is put back."""
    reset = getattr(callee.target, "reset", None)
    words = f"{callee.documentation} {getattr(reset, '__doc__', None) or ''}".lower()
    back = r"(restor|reset|revert|put(s|ting)? back|initial state|as (it|they) (was|were))"
    return re.search(rf"{back}[^.]*optimi|optimi[^.]*{back}", words) is not None


def _says_linear(callee: Callee) -> bool:
    """Whether its name, its documentation or its code speaks of a linear schedule, and of no other."""
    words = (callee.text or callee.documentation).lower() + callee.name.lower()
    return bool(re.search(r"linear(?!\()|linspace", words)) and not re.search(
        r"exponential|geometric|logspace", words
    )


def _told(callee: Callee, roles: Roles, reading: Reading | None = None) -> str:
    """In one line, for people."""
    named = _named(callee, roles)
    ours = {*roles.parts.values(), *roles.span.values()}
    given = {
        name: source if name in ours else f"{name}={source.replace('type(optimizer)', 'SGD')}"
        for name, source in named.items()
        if not source.endswith(".device")
    }
    called = [text for name, text in given.items() if name in callee.called]
    if callee.kind == "class":
        built = [text for name, text in given.items() if name in callee.built and name not in callee.called]
        run = "" if roles.run == "__call__" else f".{roles.run}"
        called = ["trainer", *roles.span] if roles.run == "attach" else called
        text = f"{callee.root}({', '.join(built)}){run}({', '.join(called)})"
    else:
        text = f"{callee.name}({', '.join(called)})"
    if roles.globals:
        text += f" with {', '.join(roles.globals)} in its module"
    if _has_its_own_loss(callee, roles):
        text += " with criterion in place of its cross-entropy"
    text += left_alone(callee, [*named, *OPTIONS])
    return text if reading is None else f"{text} -> {reading.curve.told()}"

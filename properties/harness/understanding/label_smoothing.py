"""A loss with smoothed labels, in the forms in which people write it.

A form is told from another by values: unnormalised logits tell code that wants logits from code that wants
log-probabilities; what agrees with the reference under some convention is understood. Where nothing agrees,
the code is wrong in a form that fits, and its laws will say so.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lawful.impl.contracts import LabelSmoothing
from lawful.properties import probes
from lawful.properties.harness.understanding.forms import Trials, apart, arguments, executed, indented, parts
from lawful.properties.harness.understanding.signature import (
    TARGETS,
    Callee,
    classes_of,
    configured,
    epsilon_of,
    extras,
    first,
    is_switch,
    positional,
    required,
    switch_of,
)
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject, silence
from lawful.reference import label_smoothing as reference

OPTIONS = {
    "reduction": ("reduction",),
    "weight": ("weight", "weights", "class_weight", "class_weights"),
    "ignore_index": (
        "ignore_index",
        "trg_pad_idx",
        "tgt_pad_idx",
        "ignore_label",
        "ignore_id",
        "pad_token_id",
        "pad",
        "ignore_idx",
        "padding_idx",
        "pad_idx",
        "pad_index",
        "pad_id",
        "padding_index",
    ),
}
LOGITS = {
    "logits": "{z}",
    "log-probabilities": "{z}.log_softmax(1)",
    "probabilities": "{z}.softmax(1)",
    "a tuple of outputs": "({z},)",
    "a dict of outputs": '{{"logits": {z}}}',
}
"""What the code is given, plainest first."""
TARGET = {
    "classes": "{y}",
    "one-hot rows": "({y} if {y}.is_floating_point() else "
    "torch.nn.functional.one_hot({y}, {z}.shape[1])).to({z}.dtype)",
}
LAYOUT = ("samples", "sequence", "padded", "padded sequence")
"""(N, K); one sequence of N steps, (1, N, K); (N, K + 1), class 0 being a padding that never occurs."""

ADAPTER = """\
    from lawful.impl.contracts import LabelSmoothing
    from {module} import {name}
    def build(epsilon, **features):
        return {name}(epsilon, **features)        # a callable: loss(logits, target)
    adapter = LabelSmoothing("{name}", build)
"""


@dataclass(frozen=True)
class Roles:
    """Which parameter is what. ``pair``: logits and target, in the order of the call."""

    epsilon: str | None
    switch: str | None
    classes: str | None
    options: Mapping[str, str | None]
    pair: tuple[str, str]
    swapped: bool
    helper: bool = False
    """A function that only smooths targets: its result is q."""
    keeps: bool = True
    """Whether a mask says what counts, or what does not."""


@dataclass(frozen=True)
class Form:
    """One way to call it, and which part of the result is the loss."""

    logits: str
    target: str
    layout: str
    read: str = ""

    def __str__(self) -> str:
        layout = ", as one sequence" if self.layout.endswith("sequence") else ""
        layout += ", with a padding class" if self.layout.startswith("padded") else ""
        return f"{self.logits} and {self.target}{layout}"


def infer(callee: Callee) -> Subject:
    roles = _roles(callee)
    trials = Trials(callee)
    fitting: list[tuple[float, int, Form, str, float | None, Roles]] = []
    for variant in _variants(callee, roles):
        for form in _forms(callee, variant):
            with trials.of(form):
                for read, reduction, fixed, error in _tried(callee, variant, form):
                    one = (error, len(fitting), replace(form, read=read), reduction, fixed, variant)
                    fitting.append(one)
            if fitting and min(fitting)[0] < _AGREES:
                break
        if fitting and min(fitting)[0] < _AGREES:
            break
    if not fitting:
        raise trials.none_fits(
            f"called as {_called(callee, roles)} with two to five classes, it gave no loss"
        )
    agrees = min(fitting)[0] < _AGREES
    alike = [min(fitting)] if agrees else _invariant(callee, fitting, trials)
    _, _, form, reduction, fixed, roles = alike[0]
    if roles.epsilon is None and fixed is None:
        raise NotUnderstood(
            "no parameter is an epsilon (label_smoothing, smoothing, eps, ...), and its values show none"
        )
    subject = understand(_adapter(callee, roles, form, reduction, None if roles.epsilon else fixed))
    others = dict.fromkeys(str(each[2]) for each in alike[1:])
    return replace(subject, certain=agrees, also_called=tuple(name for name in others if name != str(form)))


_MEANING = {
    r"smooth|eps": "epsilon",
    r"class|label|vocab": "logits.shape[1]",
    r"reduction": '"mean"',
    r"ignore|pad": "-100",
    r"device": "logits.device",
}
"""Of a configuration's names."""
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_AGREES = 1e-3
"""Relative error at which a value is the reference's."""


def _roles(callee: Callee) -> Roles:
    everything = {**callee.built, **callee.called}
    epsilon = epsilon_of(everything)
    switch = None if epsilon else switch_of(everything)
    classes = classes_of(everything)
    if classes and everything[classes].default is None and callee.kind == "function":
        classes = None
    options = {feature: first(names, everything) for feature, names in OPTIONS.items()}
    taken = {epsilon, switch, *options.values()}
    epsilon = epsilon or next((n for n, v in configured(callee, _MEANING).items() if "epsilon" in v), None)
    taken |= {epsilon, *configured(callee, _MEANING)}
    options_alone = {inspect.Parameter.KEYWORD_ONLY, *_VARIADIC}
    free = [
        n
        for n, parameter in callee.called.items()
        if n not in taken and not is_switch(parameter) and parameter.kind not in options_alone
    ]
    batch = [n for n in positional(callee.called) if n not in (*taken, classes)]
    if callee.kind == "function" and len(batch) < 2 and classes in positional(callee.called):
        labelled = [n for n in batch if _is_target(n)]
        if len(batch) == 1 and labelled:
            return Roles(epsilon, switch, classes, options, (labelled[0], labelled[0]), False, helper=True)
    if len(batch) < 2:
        batch = [n for n in free if n not in (classes,)]
    if len(batch) >= 2:
        swapped = _is_target(batch[0]) and not _is_target(batch[1])
        return Roles(epsilon, switch, classes, options, (batch[0], batch[1]), swapped)
    if callee.kind == "function" and not batch:  # a factory: what it gives is called
        return Roles(epsilon, switch, classes, options, ("", ""), False)
    if callee.kind == "function" and len(batch) == 1 and _is_target(batch[0]):
        return Roles(epsilon, switch, classes, options, (batch[0], batch[0]), False, helper=True)
    if callee.kind in ("class", "object"):
        return Roles(epsilon, switch, classes, options, ("", ""), False)
    raise NotUnderstood(f"looked for logits and a target to pass, found ({', '.join(everything)})")


def _variants(callee: Callee, roles: Roles) -> Iterator[Roles]:
    """Beside what the names say: a mask of what does not count; what only looks like a number of classes."""
    everything = {**callee.built, **callee.called}
    masks = [name for name in required(everything) if name.lower().endswith("mask")]
    inverted = any(re.search("pad|ignore", name.lower()) for name in masks)
    yield replace(roles, keeps=not inverted)
    if masks:
        yield replace(roles, keeps=inverted)
    if roles.classes and roles.classes not in required(everything):
        yield replace(roles, classes=None)


def _is_target(name: str) -> bool:
    lower = name.lower()
    return lower in TARGETS or any(word in lower for word in ("target", "label", "true", "gold", "truth"))


def _forms(callee: Callee, roles: Roles) -> Iterator[Form]:
    if roles.helper:
        for target in TARGET:
            yield Form("logits", target, "samples")
        return
    pads = roles.options["ignore_index"]
    needs_padding = pads is not None and pads in required({**callee.built, **callee.called})
    layouts = ("padded", "samples", "sequence", "padded sequence") if needs_padding else LAYOUT[:2]
    kinds = list(itertools.product(LOGITS, TARGET, layouts))
    kinds.sort(
        key=lambda kind: list(LOGITS).index(kind[0]) + list(TARGET).index(kind[1]) + layouts.index(kind[2])
    )
    if pads is not None and not needs_padding:
        kinds += itertools.product(LOGITS, TARGET, LAYOUT[2:])
    for logits, target, layout in kinds:
        if layout == "samples" or not logits.startswith("a "):
            yield Form(logits, target, layout)


def _source(callee: Callee, roles: Roles, form: Form) -> str:
    """``build(epsilon, **features)``, as it stands in an adapter."""
    z, y = "logits", "target"
    before: list[str] = []
    if form.layout.startswith("padded"):
        before.append(
            "padding = torch.full_like(logits[:, :1], -1e4)  # a class of its own, that never occurs"
        )
        before.append("logits, target = torch.cat([padding, logits], 1), target + 1")
    passed = LOGITS[form.logits].format(z=z)
    labels = TARGET[form.target].format(z=z, y=y)
    if form.layout.endswith("sequence"):
        passed, labels = f"({passed})[None]", f"({labels})[None]"
    named: dict[str, str] = {}
    everything = {**callee.built, **callee.called}
    if roles.epsilon:
        named[roles.epsilon] = "epsilon"
    if roles.switch:
        named[roles.switch] = "True"
    if roles.classes:
        named[roles.classes] = f"{z}.shape[1]"
    pads = roles.options["ignore_index"]
    if form.layout.startswith("padded") and pads:
        named[pads] = "0"
    elif pads and (pads in required(everything) or _is_class(everything[pads].default)):
        named[pads] = "-100"
    for name in ("weight", "reduction"):
        option = roles.options[name]
        unset = option is not None and everything[option].default is None and name == "reduction"
        if option and (unset or option in required(everything)):
            named[option] = "None" if name == "weight" else "'mean'"
    offered = _offered(callee, roles, form)
    by_keyword = [feature for feature in offered if feature in roles.options]
    renamed = {name: roles.options[name] for name in by_keyword if roles.options[name] != name}
    settings = configured(callee, _MEANING)
    named |= {name: source for name, source in settings.items() if name in named}
    more = extras(everything, inputs=z, target=y, keeps=roles.keeps) | settings
    if form.layout.endswith("sequence"):
        more = {name: "-1" if value == "1" else value for name, value in more.items()}
    named |= {name: value for name, value in more.items() if name not in named and name not in roles.pair}
    taken = {*named, *roles.pair, *[option for option in roles.options.values() if option]}
    missing = [name for name in required(everything) if name not in taken]
    if missing and roles.pair != ("", ""):
        raise NotUnderstood(f"found what it is, but not what to give for ({', '.join(missing)})")
    features = "**features" if by_keyword or not roles.helper else ""
    lines = ["def build(epsilon, **features):"]
    loss, criterion = apart(callee.root, "loss", "criterion")
    if renamed:
        lines += [f"    names = {renamed!r}"]
        lines += ["    features = {names.get(name, name): value for name, value in features.items()}"]
    # what has to be given, or an ignored value that ordinary targets have: unless a feature says otherwise
    given = {roles.options[name]: None for name in by_keyword if roles.options[name] in named}
    defaults = [f'"{name}": {named.pop(name)}' for name in given if name is not None]
    if defaults:
        lines += [f"    features = {{{', '.join(defaults)}, **features}}"]
    pair = [labels, passed] if roles.swapped else [passed, labels]
    built = {n: v for n, v in named.items() if n in callee.built}
    called = {n: v for n, v in named.items() if n in _called_with(callee)}
    call: str
    build_early = not any("logits" in v or "target" in v for v in built.values())
    spread = ", ".join(filter(None, [arguments(built), features])) if callee.kind == "class" else ""
    if callee.kind == "class":
        made = f"{callee.name.split('.')[0]}({spread})"
        method = f".{callee.method}" if callee.method else ""
        if build_early:
            lines.append(f"    {criterion} = {made}")
            made = criterion
        if issubclass(callee.target, torch.nn.Module) and not callee.method:
            # torch 2.4 to 2.10 compile no call of Module.to
            made = f"({made} if torch.compiler.is_compiling() else {made}.to(logits.device))"
        call = f"{made}{method}({', '.join(filter(None, [*pair, arguments(called)]))})"
    elif callee.kind == "object":
        moved = ".to(logits.device)" if isinstance(callee.target, torch.nn.Module) else ""
        call = f"{callee.name}{moved}({', '.join(filter(None, [*pair, arguments(called)]))})"
    elif roles.helper:
        label = TARGET[form.target].format(z=z, y=y)
        inside = ", ".join(filter(None, [f"{roles.pair[0]}={label}", arguments(called), features]))
        call = f"{callee.name}({inside})"
    elif roles.pair == ("", ""):
        made = f"{callee.name}({', '.join(filter(None, [arguments(called), features]))})"
        if "logits" not in made:
            lines.append(f"    {criterion} = {made}")
            made = criterion
        call = f"{made}({', '.join(pair)})"
    else:
        names = list(callee.called)
        in_order = {names.index(roles.pair[0]), names.index(roles.pair[1])} == {0, 1}
        two = ", ".join(pair) if in_order else f"{roles.pair[0]}={pair[0]}, {roles.pair[1]}={pair[1]}"
        call = f"{callee.name}({', '.join(filter(None, [two, arguments(called), features]))})"
    lines.append(f"    def {loss}(logits, target):")
    lines += indented(before, 2)
    if roles.helper:
        lines.append(f"        q = {call}")
        lines.append("        return -(q * logits.log_softmax(1)).sum(1).mean()")
    else:
        lines.append(f"        result = {call}")
        lines.append(f"        return result{form.read}")
    lines.append(f"    return {loss}")
    return "\n".join(lines)


def _called_with(callee: Callee) -> list[str]:
    """The parameters of the call, but for those that the constructor has been given already."""
    return [n for n in callee.called if n not in callee.built or n in required(callee.called)]


def _is_class(value: Any) -> bool:
    """Whether an ignored value is a class that ordinary targets have."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _offered(callee: Callee, roles: Roles, form: Form) -> list[str]:
    """The features that its signature offers, in this form: of a class, what its constructor takes."""
    offering = callee.built if callee.kind == "class" else callee.called
    found = [feature for feature, option in roles.options.items() if option in offering]
    if _limits(callee, roles.options["reduction"]):
        found.remove("reduction")
    if form.layout.startswith("padded"):
        return [feature for feature in found if feature == "reduction"]
    if form.target != "classes" or form.layout.endswith("sequence"):
        rows = ["soft_targets"] if form.target != "classes" and form.layout == "samples" else []
        return [feature for feature in found if feature in ("reduction", "weight")] + rows
    return found


def _tried(callee: Callee, roles: Roles, form: Form) -> list[tuple[str, str, float | None, float]]:
    """By part of the result: how it is read, the reduction, a fixed epsilon, and the relative error."""
    build: Callable[..., Any] = executed(_source(callee, roles, form), callee)["build"]
    epsilons = (0.1, 0.3) if roles.epsilon else (0.1,)
    results = []
    for (logits, target), epsilon in itertools.product(_PROBES, epsilons):
        z, y = torch.tensor(logits), torch.tensor(target)
        with silence(), probes.seeded(0):
            results.append((logits, target, epsilon, dict(parts(build(epsilon)(z, y)))))
        with silence(), probes.seeded(0):
            # what is no function of the logits is no loss: a lambda, a flag
            other = dict(parts(build(epsilon)(z.flip(1) * 0.5, y)))
        moves = {path for path, value in results[-1][3].items() if not _same(value, other.get(path))}
    found = []
    for path in moves:
        values = [(z, y, e, _loss_like(shown.get(path), len(y))) for z, y, e, shown in results]
        if any(value is None for *_, value in values):
            continue
        read, per_sample = _reading(path, [v for *_, v in values], [len(y) for _, y, _, _ in values])
        if read is None:
            continue
        arrays = [(z, y, e, np.asarray(v, float).reshape(-1)) for z, y, e, v in values]
        fixed = None if roles.epsilon else _fixed(arrays, per_sample, callee)
        for reduction in ("none",) if per_sample else ("mean", "sum"):
            error = _error(arrays, reduction, fixed)
            found.append((read, reduction, fixed, error))
    if not found:
        seen = ", ".join(f"{path or 'the result'}: {_described(v)}" for path, v in results[0][3].items())
        raise NotUnderstood(f"gave {seen}; expected a floating tensor, scalar or (N,)")
    best = min(found, key=lambda each: each[3])
    named = [each for each in found if "loss" in each[0]]
    return [best if best[3] < _AGREES or not named else named[0]]


_SPREADS = ("uniform", "others", "normalised")
_PROBES = (
    ([[1.5, -0.5, 0.25], [0.5, 2.0, -1.0]], [0, 2]),
    ([[0.5, 3.0, -1.0, 0.25, 1.0], [2.0, -0.5, 0.0, 1.0, -3.0], [0.0, 1.0, 1.5, -2.0, 0.5]], [3, 0, 1]),
)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(value, other)
    return not isinstance(value, torch.Tensor)


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return type(value).__name__


def _loss_like(value: Any, size: int) -> Any:
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return None
    if value.numel() not in (1, size):
        return None
    return value.detach().to(torch.float64).numpy()


def _reading(path: str, values: list[Any], sizes: list[int]) -> tuple[str | None, bool]:
    """Source that picks and shapes the loss, and whether it is one a sample."""
    if all(value.size == 1 for value in values):
        return path + ("" if values[0].ndim == 0 else ".reshape(())"), False
    if all(value.size == size for value, size in zip(values, sizes, strict=True)):
        return path + ("" if values[0].ndim == 1 else ".reshape(-1)"), True
    return None, False


def _error(values: list[Any], reduction: Any, fixed: float | None) -> float:
    """The smallest relative error over the conventions, the same one for all values."""
    errors = []
    for off_target, offset in itertools.product(_SPREADS, ("cross_entropy", "kl")):
        off = []
        for logits, target, epsilon, value in values:
            e = fixed if fixed is not None else epsilon
            options: Any = {"off_target": off_target, "offset": offset, "reduction": reduction}
            right = np.atleast_1d(reference.smoothed_loss(logits, target, e, **options))
            off.append(np.max(np.abs(value - right) / (1 + np.abs(right))))
        errors.append(max(off))
    worst = float(np.min(errors))
    return worst if np.isfinite(worst) else 1e9


def _fixed(values: list[Any], per_sample: bool, callee: Callee) -> float | None:
    """An epsilon that nobody passes, read off the values: the loss is affine in it."""
    for off_target in ("uniform", "others"):
        for reduction in ("none",) if per_sample else ("mean", "sum"):
            found = []
            for logits, target, _, value in values:
                options: Any = {"off_target": off_target, "reduction": reduction}
                ends = [
                    np.atleast_1d(reference.smoothed_loss(logits, target, e, **options)) for e in (0.0, 1.0)
                ]
                found += list((value - ends[0]) / (ends[1] - ends[0]))
            if np.ptp(found) < 1e-4 and -1e-6 <= np.mean(found) <= 1:
                return float(np.round(np.clip(np.mean(found), 0, 1), 5))
    for name in ("label_smoothing", "smoothing", "epsilon", "eps", "smooth"):
        known = getattr(callee.target, name, None)
        if isinstance(known, float) and 0 < known < 1:
            return known
    return None


def _invariant(callee: Callee, fitting: list[Any], trials: Trials) -> list[Any]:
    """Where no value agrees: the forms in which it behaves as a cross-entropy of a softmax would.

    Of logits it does not see a constant that is added to all; of log-probabilities it is affine. Raises
    NotUnderstood where neither is so: what it is then, it is none.
    """
    behaves = {"logits": _is_shift_invariant, "log-probabilities": _is_affine}
    behaves |= dict.fromkeys(("a tuple of outputs", "a dict of outputs"), _is_shift_invariant)
    for logits, behaviour in behaves.items():
        found = [each for each in fitting if each[2].logits == logits and behaviour(callee, each[5], each[2])]
        if found:
            return found
    raise trials.none_fits(
        f"called as {_called(callee, fitting[0][5])}, it is no cross-entropy of a softmax in any form: it "
        "sees a constant that is added to every logit, and is not affine in log-probabilities"
    )


def _is_shift_invariant(callee: Callee, roles: Roles, form: Form) -> bool:
    z = torch.tensor(_PROBES[1][0], dtype=torch.float64)
    values = _values(callee, roles, form, [z, z + 2])
    return values is not None and torch.allclose(values[0], values[1], rtol=1e-4)


def _is_affine(callee: Callee, roles: Roles, form: Form) -> bool:
    a = torch.tensor(_PROBES[1][0], dtype=torch.float64)
    b = a.flip(1) * 0.5
    values = _values(callee, roles, replace(form, logits="logits"), [a, b, (a + b) / 2])
    return values is not None and torch.allclose((values[0] + values[1]) / 2, values[2], rtol=1e-4)


def _values(callee: Callee, roles: Roles, form: Form, logits: list[Any]) -> list[Any] | None:
    build = executed(_source(callee, roles, form), callee)["build"]
    target = torch.tensor(_PROBES[1][1])
    try:
        with silence():
            return [build(0.1)(z, target).detach().double() for z in logits]
    except (Exception, SystemExit):
        return None


def _adapter(callee: Callee, roles: Roles, form: Form, reduction: str, fixed: float | None) -> LabelSmoothing:
    source = _source(callee, roles, form)
    everything = {**callee.built, **callee.called}
    ignoring = roles.options["ignore_index"]
    default = everything[ignoring].default if ignoring else None
    declines = {}
    if form.layout.endswith("sequence") or form.target != "classes" or roles.helper:
        declines["dense"] = f"it takes {form}"
    if _says_flat(callee):
        declines["dense"] = "its documentation says (N, K)"
    return LabelSmoothing(
        callee.name,
        executed(source, callee)["build"],
        features=frozenset(_offered(callee, roles, form)),
        imports=("import types\n" if "types." in source else "") + f"{callee.imports}\n{source}",
        called_as="build({epsilon}{features})({logits}, {target})",
        shown_as=_called(callee, roles, form, fixed),
        declines=declines,
        default_reduction=reduction,
        ignored=default if isinstance(default, int) and not isinstance(default, bool) else None,
        fixed_epsilon=fixed,
    )


def _documentation(callee: Callee) -> str:
    texts = [getattr(callee.target, "__doc__", None) or ""]
    for name in ("forward", "__call__", callee.method):
        texts.append(getattr(getattr(callee.target, name, None), "__doc__", None) or "")
    return " ".join(texts).lower()


def _limits(callee: Callee, option: str | None) -> bool:
    """Whether its docstrings say that an option counts in some modes alone, or not at all."""
    words = r"(only (supported|used|applied|valid)|not (supported|used|implemented)|is ignored|unused)"
    return (
        option is not None
        and re.search(rf"\b{option}\b[^.]{{0,60}}{words}", _documentation(callee)) is not None
    )


def _says_flat(callee: Callee) -> bool:
    """Whether its docstrings give (N, K) for the logits, and no further dimension."""
    text = _documentation(callee).replace(" ", "")
    flat = ("(n,c)", "(n,k)", "[n,c]", "(batch_size,num_classes)", "(b,c)", "[b,c]", "(n,num_classes)")
    return any(shape in text for shape in flat) and "(n,c,d" not in text and "(n,c,h" not in text


def _called(callee: Callee, roles: Roles, form: Form | None = None, fixed: float | None = None) -> str:
    """In one line, for people."""
    z, y = "logits", "target"
    if form is not None:
        shown = {"log-probabilities": "log_softmax(logits)", "probabilities": "softmax(logits)"}
        z = shown.get(form.logits, LOGITS[form.logits].format(z=z))
        y = "target" if form.target == "classes" else "one_hot(target)"
        if form.layout.endswith("sequence"):
            z, y = f"{z}[None]", f"{y}[None]"
        if form.layout.startswith("padded"):
            z, y = f"pad({z})", f"{y} + 1"
    options = {}
    if roles.epsilon:
        options[roles.epsilon] = "epsilon"
    if roles.switch:
        options[roles.switch] = "True"
    if roles.classes:
        options[roles.classes] = "logits.shape[1]"
    pads = roles.options["ignore_index"]
    if pads and form is not None and form.layout.startswith("padded"):
        options[pads] = "0"
    options |= {n: str(roles.keeps) for n in required(callee.called) if n.lower().endswith("mask")}
    options |= configured(callee, _MEANING)
    built = arguments({n: v for n, v in options.items() if n in callee.built})
    called = arguments({n: v for n, v in options.items() if n in _called_with(callee)})
    pair = [y, z] if roles.swapped else [z, y]
    method = f".{callee.method}" if callee.method else ""
    suffix = "" if form is None else form.read
    note = f"  (epsilon {fixed:g}, read off its values)" if fixed is not None else ""
    if roles.helper:
        return f"-({callee.name}({', '.join(filter(None, [y, called]))}) * log_softmax(logits)).sum(1).mean()"
    if callee.kind == "class":
        call = ", ".join(filter(None, [*pair, called]))
        return f"{callee.name.split('.')[0]}({built}){method}({call}){suffix}{note}"
    if roles.pair == ("", "") and callee.kind == "function":
        return f"{callee.name}({called})({', '.join(pair)}){suffix}{note}"
    return f"{callee.name}({', '.join(filter(None, [*pair, called]))}){suffix}{note}"

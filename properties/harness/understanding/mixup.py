"""A mixup, in the forms in which people write it.

An identity batch tells the parts of a result by what they hold: row i of the mixed inputs shows lambda_i and
the partner of i, so labels, partner's labels, indices and lambda are told apart whatever their order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from lawful.impl.contracts import Mixup
from lawful.properties import probes
from lawful.properties.harness.understanding.forms import Trials, apart, arguments, executed, parts
from lawful.properties.harness.understanding.signature import (
    ALPHA,
    LAMBDA,
    MODE,
    PROBABILITY,
    TARGETS,
    Callee,
    classes_of,
    configured,
    extras,
    first,
    like,
    positional,
    required,
)
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject, silence

BATCHES = {
    "two arguments": "",
    "one tuple": "({x}, {y})",
    "a list of both": "[{x}, {y}]",
    "inputs alone": "{x}",
    "a list of samples": "list(zip({x}, {y}.tolist() if {y}.ndim == 1 else {y}))",
    "a dict": '{{"image": {x}, "label": {y}}}',
    "a dict of plurals": '{{"images": {x}, "labels": {y}}}',
    "a dict of inputs": '{{"inputs": {x}, "targets": {y}}}',
    "a dict of input": '{{"input": {x}, "target": {y}}}',
    "a dict of x": '{{"x": {x}, "y": {y}}}',
}
"""How the batch is handed over, plainest first; ``{x}`` and ``{y}`` are its parts."""
TARGET = {
    "classes": "target",
    "one-hot rows": "target if target.ndim == 2 else "
    "torch.nn.functional.one_hot(target, num_classes).to(torch.get_default_dtype())",
}
ARRAYS = ("torch", "numpy")
_MEANING = {
    r"alpha|beta": "alpha",
    r"class|label": "num_classes",
    r"prob": "1.0",
    r"device": "inputs.device",
}
"""Of a configuration's names."""
_SIZE, _CLASSES, _CALLS = 6, 9, 8
_NOTHING_MIXED = f"nothing was mixed in {_CALLS} calls; is another parameter in the way?"

ADAPTER = """\
    from lawful.impl.contracts import Mixup
    from {module} import {name}
    def build(alpha, num_classes, **features):
        return {name}(alpha, **features)          # a callable: mix(inputs, target)
    adapter = Mixup("{name}", build)
"""


@dataclass(frozen=True)
class Roles:
    """Which parameter is what. ``batch``: those that take it, in order."""

    alpha: str | None
    classes: str | None
    lam: str | None
    probability: str | None
    mode: str | None
    generator: str | None
    batch: tuple[str, ...]
    """Inputs and target; one that is the batch; or four, of two batches."""
    order: tuple[str, ...]
    """For each of ``batch``: x, y, x2 or y2; or "batch"."""


@dataclass(frozen=True)
class Form:
    batch: str
    target: str
    arrays: str
    mode: str = ""

    def __str__(self) -> str:
        arrays = " of NumPy arrays" if self.arrays == "numpy" else ""
        mode = f", {self.mode}" if self.mode else ""
        return f"the batch as {self.batch}{arrays}, the target as {self.target}{mode}"


@dataclass(frozen=True)
class Reading:
    """Source of the parts of the result: the mixed inputs, and soft targets or a triple."""

    mixed: str
    soft: str = ""
    own: str = ""
    other: str = ""
    lam: str = ""
    samples: bool = False
    """Whether the result is a list of samples, as the batch was."""
    right: bool = False
    """Whether the parts agree with what the identity batch shows."""


def infer(callee: Callee) -> Subject:
    trials = Trials(callee)
    found: list[tuple[Roles, Form, Reading]] = []
    for roles in _variants(_roles(callee)):
        for form, rank in itertools.product(_forms(callee, roles), (4, 2, 3)):
            if not any((whose, fitted) == (roles, form) for whose, fitted, _ in found):
                with trials.of(form):
                    found.append((roles, form, _tried(callee, roles, form, rank)))
            if found and found[-1][2].right:
                break
        if found and found[-1][2].right:
            break
    if not found:
        if _NOTHING_MIXED in trials.said:
            raise NotUnderstood(_NOTHING_MIXED)
        raise trials.none_fits(
            f"called as {_called(callee, _roles(callee))}, it gave no mixed inputs and targets"
        )
    roles, form, reading = next((each for each in found if each[2].right), found[0])
    others = dict.fromkeys(str(each) for _, each, _ in found if str(each) != str(form))
    subject = understand(_adapter(callee, roles, form, reading))
    return replace(subject, certain=reading.right, also_called=() if reading.right else tuple(others))


def _variants(roles: Roles) -> Iterator[Roles]:
    """What is called lambda may be the parameter of its law: where it does not weigh what it is given."""
    yield roles
    if roles.lam:
        yield replace(roles, alpha=roles.lam, lam=None)


def _roles(callee: Callee) -> Roles:
    everything = {**callee.built, **callee.called}
    numbers = {n: p for n, p in everything.items() if not isinstance(p.default, bool | str)}
    alpha = first(ALPHA, numbers) or like("alpha", numbers, lambda name: "cut" in name.lower())
    lam = None if alpha else first(LAMBDA, {n: p for n, p in callee.called.items()})
    classes = classes_of(everything)
    probability = first(PROBABILITY, everything) or like(r"prob(ability)?$", everything, lambda _: False)
    mode = first(MODE, everything)
    generator = first(("generator", "rng"), everything)
    taken = {alpha, lam, classes, probability, mode, generator}
    more = extras(everything, inputs="inputs", target="target") | configured(callee, _MEANING)
    if not alpha:
        alpha = next(
            (name for name, source in more.items() if "=alpha" in source or ": alpha" in source), None
        )
        taken.add(alpha)
        lam = None if alpha else lam
    batch = [n for n in positional(callee.called) if n not in taken and n not in more]
    left_out = [n for n, p in callee.called.items() if n not in (*taken, *batch) and p.default is None]
    if not batch:
        batch = left_out[:2]
    elif len(batch) == 1 and not _is_target(batch[0]) and left_out and _is_target(left_out[0]):
        batch.append(left_out[0])  # labels that need not be given
    if callee.kind == "function" and not batch and not callee.called:
        raise NotUnderstood("it takes no batch")
    if not batch and alpha is None:
        raise NotUnderstood(f"looked for inputs and a target, found ({', '.join(everything)})")
    order = _order(batch)
    if callee.kind == "class" and any(n for n in required(callee.built) if n not in taken and n not in more):
        missing = [n for n in required(callee.built) if n not in taken and n not in more]
        raise NotUnderstood(f"found what it is, but not what to give for ({', '.join(missing)})")
    if len(batch) > len(order):
        raise NotUnderstood(f"found what it is, but not what to give for ({', '.join(batch[len(order) :])})")
    return Roles(alpha, classes, lam, probability, mode, generator, tuple(batch[: len(order)]), order)


def _order(batch: list[str]) -> tuple[str, ...]:
    if len(batch) >= 4:
        kinds = ["y" if _is_target(name) else "x" for name in batch[:4]]
        return ("x", "y", "x2", "y2") if kinds[:2] == ["x", "y"] else ("x", "x2", "y", "y2")
    if len(batch) >= 2:
        return ("y", "x") if _is_target(batch[0]) and not _is_target(batch[1]) else ("x", "y")
    return ("batch",) if batch else ("x", "y")


def _is_target(name: str) -> bool:
    lower = name.lower().rstrip("0123456789_abij")
    words = ("target", "label", "lbl", "gt")
    return lower in TARGETS or lower == "y" or name.lower()[0] == "y" or any(w in name.lower() for w in words)


def _forms(callee: Callee, roles: Roles) -> Iterator[Form]:
    batches = ["two arguments"] if roles.order != ("batch",) else list(BATCHES)[1:]
    modes = ["", f'{roles.mode}="mixup"'] if roles.mode else [""]
    if roles.mode and roles.mode in required({**callee.built, **callee.called}):
        modes = modes[1:]
    for mode, arrays, batch, target in itertools.product(modes, ARRAYS, batches, TARGET):
        if arrays == "numpy" and batch.startswith("a dict of"):
            continue
        yield Form(batch, target, arrays, mode)


def _source(callee: Callee, roles: Roles, form: Form, reading: Reading | None) -> str:
    """``build(alpha, num_classes, **features)``, as it stands in an adapter."""
    everything = {**callee.built, **callee.called}
    named: dict[str, str] = {}
    if roles.alpha:
        named[roles.alpha] = "alpha"
    if roles.classes:
        named[roles.classes] = "num_classes"
    if roles.probability:
        named[roles.probability] = "1.0"
    if form.mode:
        named[roles.mode or ""] = '"mixup"'
    if roles.lam:
        named[roles.lam] = "lam"
    settings = configured(callee, _MEANING)
    named |= {name: source for name, source in settings.items() if name in named}
    more = extras(everything, inputs="inputs", target="target") | settings
    named |= {n: v for n, v in more.items() if n not in named and n not in roles.batch}
    numpy = form.arrays == "numpy"
    lines = ["def build(alpha, num_classes, **features):"]
    mix, mixer = apart(callee.root, "mix", "mixer")
    late = any("inputs" in value or "target" in value for n, value in named.items() if n in callee.built)
    built = arguments({n: v for n, v in named.items() if n in callee.built})
    offered = ", ".join(filter(None, [built, "**features" if roles.generator in callee.built else ""]))
    maker = f"{callee.root}({offered})"
    method = f".{callee.method}" if callee.method else ""
    if callee.kind == "class":
        if not late:
            lines.append(f"    {mixer} = {maker}")
            maker = mixer
        callee_text = f"{maker}{method}"
    else:
        callee_text = callee.name
    lines.append(f"    def {mix}(inputs, target):")
    body = [f"y = {TARGET[form.target]}"] if form.target != "classes" else ["y = target"]
    values = {"x": "inputs", "y": "y"}
    if "x2" in roles.order:
        body += ["order = torch.randperm(len(inputs))"]
        values |= {"x2": "inputs[order]", "y2": "y[order]"}
    if roles.lam:
        body.append("lam = float(np.random.beta(alpha, alpha)) if alpha > 0 else 1.0")
    if numpy:
        values = {key: f"{value}.numpy()" for key, value in values.items()}
    if roles.order == ("batch",):
        values["batch"] = BATCHES[form.batch].format(x=values["x"], y=values["y"])
        if numpy:
            values["batch"] = values["batch"].replace(
                ".ndim == 1 else y.numpy()", ".ndim == 1 else y.numpy()"
            )
    pairs = dict(zip(roles.batch, (values[part] for part in roles.order), strict=False))
    options = {n: v for n, v in named.items() if n in callee.called and n not in pairs}
    leading = list(callee.called)[: len(pairs)] == list(pairs)
    spread = "**features" if roles.generator and roles.generator in callee.called else ""
    if not pairs:
        given = [values["x"], values["y"]]
    elif leading:
        given = list(pairs.values())
    else:
        given = [f"{name}={value}" for name, value in pairs.items()]
    call = f"{callee_text}({', '.join(filter(None, [*given, arguments(options), spread]))})"
    body.append(f"result = {call}")
    if reading is not None and reading.samples:
        stack = "torch.stack([torch.as_tensor(each) for each in part])"
        body.append(f"result = [{stack} for part in zip(*result)]")
    if reading is None:
        body.append("return result")
    else:
        wrap = "torch.as_tensor({})" if numpy else "{}"
        mixed = wrap.format(f"result{reading.mixed}")
        if reading.soft:
            body.append(f"return {mixed}, {wrap.format(f'result{reading.soft}')}")
        else:
            lam = "lam" if reading.lam == "lam" else f"result{reading.lam}"
            own = reading.own if reading.own.startswith("y") else f"result{reading.own}"
            other = reading.other if reading.other.startswith("y") else f"result{reading.other}"
            triple = ", ".join([wrap.format(own), wrap.format(other), lam])
            body.append(f"return {mixed}, ({triple})")
    lines += [f"        {line}" for line in body]
    lines.append(f"    return {mix}")
    return "\n".join(lines)


def _tried(callee: Callee, roles: Roles, form: Form, rank: int) -> Reading:
    build = executed(_source(callee, roles, form, None), callee)["build"]
    rows = torch.eye(_SIZE)
    shape = (_SIZE, *([3] if rank > 2 else []), *([1] * max(0, rank - 3)), _SIZE)
    x = rows.reshape(_SIZE, *[1] * (rank - 2), _SIZE).expand(shape).contiguous()
    y = torch.arange(_SIZE).flip(0) + 2  # no partner's label is its index
    shown: list[dict[str, Any]] = []
    given: list[float] = []
    with silence():
        for seed in range(_CALLS):
            if roles.lam:  # the first that is drawn, with which it is called
                with probes.seeded(seed):
                    torch.randperm(_SIZE)
                    given.append(float(np.random.beta(1.0, 1.0)))
            with probes.seeded(seed):
                result = build(1.0, _CLASSES)(x.clone(), y.clone())
            samples = _is_list_of_samples(result)
            if samples:
                result = [np.stack([_array(each) for each in part]) for part in zip(*result, strict=True)]
            shown.append({path: _array(value) for path, value in parts(result)})
    return replace(_read(shown, x.numpy(), y.numpy(), roles, given), samples=samples)


def _is_list_of_samples(result: Any) -> bool:
    """One (inputs, target) for each sample."""
    return (
        isinstance(result, list)
        and len(result) == _SIZE
        and all(isinstance(each, tuple | list) and len(each) == 2 for each in result)
        and all(_array(part) is not None for each in result for part in each)
    )


def _read(shown: list[dict[str, Any]], x: Any, y: Any, roles: Roles, given: list[float]) -> Reading:
    paths = [p for p in shown[0] if all(s.get(p) is not None for s in shown)]
    mixtures = [p for p in paths if all(_floats(s[p]) and s[p].shape == x.shape for s in shown)]
    if not mixtures:
        came = ", ".join(f"{p or 'the result'}: {_form(shown[0][p])}" for p in shown[0])
        raise NotUnderstood(f"gave {came or 'nothing'}, expected mixed inputs {x.shape} and targets")
    changed = [p for p in mixtures if any(not np.array_equal(s[p], x) for s in shown)]
    softs = [p for p in paths if all(_floats(s[p]) and s[p].shape == (_SIZE, _CLASSES) for s in shown)]
    softs = [p for p in softs if p not in mixtures]
    labels = [p for p in paths if all(_labels(s[p]) is not None for s in shown)]
    lams = [p for p in paths if all(_is_lam(s[p]) for s in shown)]
    if not changed:
        if softs or labels or lams:
            raise NotUnderstood(_NOTHING_MIXED)
        raise NotUnderstood("gave back inputs alone")
    mixed = changed[0]
    weights = [_rows(s[mixed]) for s in shown]
    own = [np.diag(w) for w in weights]
    partner = [probes.partners(w) for w in weights]
    seen = [(p != np.arange(_SIZE)) & (w > 1e-3) for p, w in zip(partner, own, strict=True)]
    if roles.lam and not all(
        np.allclose(w[k], lam, atol=1e-3) or np.allclose(w[k], 1 - lam, atol=1e-3)
        for w, k, lam in zip(own, seen, given, strict=True)
    ):
        raise NotUnderstood(f"{roles.lam} is not the weight of what it mixes")
    onehot = np.eye(_CLASSES)[y]
    for path in softs:
        right = [
            w[:, None] * onehot + (1 - w[:, None]) * onehot[p] for w, p in zip(own, partner, strict=True)
        ]
        if all(np.allclose(s[path], r, atol=1e-3) for s, r in zip(shown, right, strict=True)):
            return Reading(mixed, soft=path, right=True)
    mine = [p for p in labels if all(np.array_equal(_labels(s[p]), y) for s in shown)]
    theirs = [
        p
        for p in labels
        if all(
            np.array_equal(_labels(s[p])[k], y[j][k]) for s, j, k in zip(shown, partner, seen, strict=True)
        )
    ]
    has_lam = roles.lam is not None
    if theirs and lams and not mine and not any(_floats(s[p]) for s in shown for p in theirs):
        mine = ["y"]  # the samples' own are the caller's
    if "y2" in roles.order and not (mine and theirs) and not softs:
        mine, theirs = mine or ["y"], theirs or ["y[order]"]
    if not (softs or mine or theirs):
        index = [
            p
            for p in paths
            if all(_is_index(s[p], j, k) for s, j, k in zip(shown, partner, seen, strict=True))
        ]
        if index:  # it mixes inputs, and says with what: the labels are the caller's to pair
            mine, theirs = ["y"], [f"y[result{index[0]}]"]
    # the first of two labels is the one that lambda weighs: their order is part of what is judged
    turned = [1 - weight for weight in own]
    for firsts, seconds, shares in ((mine, theirs, own), (theirs, mine, turned)):
        share = [p for p in lams if _is_share(p, shown, shares, seen)]
        if firsts and seconds and (share or has_lam):
            first_label, second_label = firsts[0], seconds[0]
            stand = {first_label, second_label} <= set(paths)
            if not stand or paths.index(first_label) <= paths.index(second_label):
                return Reading(
                    mixed, own=first_label, other=second_label, lam=(share or ["lam"])[0], right=True
                )
    # what is left fits in shape and type: the values are for the laws to judge
    if softs and len(softs) == 1 and not lams:
        return Reading(mixed, soft=softs[0])
    if len(labels) >= 2 and (lams or has_lam):
        return Reading(mixed, own=labels[0], other=labels[1], lam=lams[0] if lams else "lam")
    if softs:
        return Reading(mixed, soft=softs[0])
    if mine == ["y"] and theirs and lams:
        return Reading(mixed, own=theirs[0], other="y", lam=lams[0])
    seen_parts = ", ".join(f"{p or 'the result'}: {_form(shown[0][p])}" for p in shown[0])
    raise NotUnderstood(f"gave {seen_parts}: inputs that are mixed, and no targets that go with them")


def _is_share(path: str, shown: list[dict[str, Any]], weights: list[Any], seen: list[Any]) -> bool:
    """Whether this part is the share of the first label, in every row that shows one."""
    for each, weight, rows in zip(shown, weights, seen, strict=True):
        lam = np.broadcast_to(each[path].reshape(-1), _SIZE)
        if not np.allclose(lam[rows], weight[rows], atol=1e-3):
            return False
    return True


def _array(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, bool | str) or value is None:
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return array if np.issubdtype(array.dtype, np.number) else None


def _is_index(array: Any, partner: Any, seen: Any) -> bool:
    """Whether a part holds each sample's partner, in every row that shows one."""
    whole = array.shape == (_SIZE,) and np.issubdtype(array.dtype, np.integer)
    return bool(whole and np.array_equal(array[seen], partner[seen]))


def _floats(array: Any) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def _labels(array: Any) -> Any:
    """Class numbers of (N,) labels, or of one-hot rows; None where it is neither."""
    if array.shape == (_SIZE,) and np.array_equal(array, np.round(array)) and array.max(initial=0) > 1:
        return array.astype(int)
    if array.shape == (_SIZE, _CLASSES) and np.all((array == 0) | (array == 1)):
        return array.argmax(axis=1) if np.all(array.sum(axis=1) == 1) else None
    return None


def _is_lam(array: Any) -> bool:
    few = array.size in (1, _SIZE) and array.ndim <= 5
    return bool(few and _floats(array) and np.all((array >= -1e-6) & (array <= 1 + 1e-6))) or (
        array.ndim == 0 and array in (0, 1)
    )


def _rows(mixed: Any) -> Any:
    """(N, N): the first channel."""
    return mixed if mixed.ndim == 2 else mixed[:, 0].reshape(_SIZE, _SIZE)


def _form(array: Any) -> str:
    return "nothing we know" if array is None else f"{array.dtype} {tuple(array.shape)}"


def _adapter(callee: Callee, roles: Roles, form: Form, reading: Reading) -> Mixup:
    source = _source(callee, roles, form, reading)
    declines = {"devices": "it takes NumPy arrays"} if form.arrays == "numpy" else {}
    features = {
        name for name, found in (("num_classes", roles.classes), ("generator", roles.generator)) if found
    }
    if form.target != "classes" and reading.soft:
        features |= {"soft_targets"}
    numpy = "import numpy as np\n" if "np." in source else ""
    numpy += "import types\n" if "types." in source else ""
    return Mixup(
        callee.name,
        executed(source, callee)["build"],
        features=frozenset(features),
        feature_names={"generator": roles.generator} if roles.generator else {},
        imports=f"{numpy}{callee.imports}\n{source}",
        called_as="build({alpha}, {num_classes}{features})({inputs}, {target})",
        shown_as=_called(callee, roles, form, reading),
        declines=declines,
        takes_alpha=roles.alpha is not None,
        alpha_known=roles.alpha is not None or roles.lam is not None,
    )


def _called(callee: Callee, roles: Roles, form: Form | None = None, reading: Reading | None = None) -> str:
    """In one line, for people."""
    values: Mapping[str, str] = {"x": "inputs", "y": "target", "x2": "inputs[order]", "y2": "target[order]"}
    if form is not None and form.target != "classes":
        values = {**values, "y": "one_hot(target)", "y2": "one_hot(target)[order]"}
    if form is not None and form.arrays == "numpy":
        values = {key: f"{value}.numpy()" for key, value in values.items()}
    batch = [values.get(part, "batch") for part in roles.order]
    if roles.order == ("batch",):
        shown = BATCHES[form.batch] if form is not None else "{x}, {y}"
        batch = ["zip(inputs, target)" if "zip" in shown else shown.format(x=values["x"], y=values["y"])]
    options = {}
    if roles.alpha:
        options[roles.alpha] = "alpha"
    if roles.classes:
        options[roles.classes] = "num_classes"
    if roles.lam:
        options[roles.lam] = "lam"
    if roles.probability:
        options[roles.probability] = "1.0"
    options |= configured(callee, _MEANING)
    built = arguments({n: v for n, v in options.items() if n in callee.built})
    called = arguments({n: v for n, v in options.items() if n in callee.called})
    mode = form.mode if form is not None and form.mode else ""
    call = ", ".join(filter(None, [*batch, called, mode]))
    method = f".{callee.method}" if callee.method else ""
    head = f"{callee.root}({built}){method}" if callee.kind == "class" else callee.name
    if reading is None:
        return f"{head}({call})"
    names = [("mixed", reading.mixed), ("soft", reading.soft), ("target_a", reading.own)]
    names += [("target_b", reading.other), ("lam", reading.lam)]
    parts_read = ", ".join(
        f"{name} = {path if path == 'lam' or path.startswith('y') else 'result' + path}"
        for name, path in names
        if path
    )
    return f"{head}({call}) -> {parts_read}"

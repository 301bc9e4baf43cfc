"""A mixup, in the forms in which people write it: how it is called, and with what of a batch.

What comes back is told by what it holds: see ``mixtures``.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lawful.properties import probes
from lawful.properties.harness.understanding import mixtures, source
from lawful.properties.harness.understanding.candidates import another_technique
from lawful.properties.harness.understanding.filling import (
    configured,
    filled,
    guesses,
    is_flag,
)
from lawful.properties.harness.understanding.forms import executed, imports, parts
from lawful.properties.harness.understanding.mixtures import (
    CLASSES,
    DRAWS_BOTH,
    NOTHING_MIXED,
    SIZE,
    Reading,
    Shown,
)
from lawful.properties.harness.understanding.mixup_forms import (
    BATCHES,
    HALVES,
    LAMBDAS,
    MEANING,
    NEUTRAL,
    ONE_BY_ONE,
    TARGET,
    Form,
    Roles,
    adapter_of,
    arguments_of,
    call_of,
    ruled,
    source_of_build,
    takes_the_model,
    told,
    values_of,
)
from lawful.properties.harness.understanding.names import (
    ALPHA,
    INDEX,
    INPUTS,
    LAMBDA,
    MODE,
    PROBABILITY,
    SECOND,
    classes_of,
    first,
    is_target,
    like,
)
from lawful.properties.harness.understanding.signature import Callee, is_number, positional, required
from lawful.properties.harness.understanding.trials import AnotherTechnique, Trials
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject, silence

KEYS = (("image", "label"), ("images", "labels"), ("inputs", "targets"), ("input", "target"), ("x", "y"))
"""Of a dict, where the code names none."""
ARRAYS = ("torch", "numpy")
ADAPTER = """\
    from lawful.impl import contracts
    from {module} import {root}
    def build(alpha, num_classes, **features):
        return {name}(alpha, **features)          # a callable: mix(inputs, target)
    adapter = contracts.Mixup("{name}", build)
"""


def infer(callee: Callee) -> Subject:
    trials = Trials(callee)
    found = _found(callee, _variants(callee, _roles(callee)), trials)
    if DRAWS_BOTH in trials.said and not any(reading.right for _, _, reading in found):
        raise NotUnderstood(DRAWS_BOTH)
    if not found:
        found = _with_another_gate(callee, trials)
    if not found and NOTHING_MIXED in trials.said:
        found = _turned_round(callee, trials)
    if not found:
        if other := another_technique(callee.name, "mixup"):
            raise AnotherTechnique(
                f"no call of it is a mixup, and it is named after another technique: {other}"
            )
        if NOTHING_MIXED in trials.said:
            raise NotUnderstood(NOTHING_MIXED)
        raise trials.none_fits(
            f"called as {told(callee, _roles(callee))}, it gave no mixed inputs and targets",
            _missing(callee, _roles(callee)),
        )
    roles, form, reading = max(found, key=lambda each: each[2].rank)  # of several, the first
    if not reading.right:
        _must_be_mixup(callee, roles, reading, trials)
    subject = understand(adapter_of(callee, roles, form, reading))
    if reading.right:
        return subject
    alike = dict.fromkeys(str(each) for _, each, read in found if read.rank == reading.rank and each != form)
    return replace(subject, certain=False, also_called=tuple(alike)[:_MOST_ALIKE])


_MOST_ALIKE = 2
"""Of forms that fit as well, so many are told."""
Found = list[tuple[Roles, Form, Reading]]


def _found(callee: Callee, variants: Iterator[Roles], trials: Trials) -> Found:
    """The forms that fit, up to the first whose parts agree with what an identity batch shows."""
    found: Found = []
    for roles in variants:
        for form, rank in itertools.product(_forms(callee, roles), (4, 2, 3)):
            if any((whose, fitted) == (roles, form) for whose, fitted, _ in found):
                continue
            shown = functools.partial(_called_once, callee, roles, form, rank)
            with trials.of(form, guessed=bool(roles.guessed), shown=shown):
                found.append((roles, form, _tried(callee, roles, form, rank)))
                if found[-1][2].right:
                    return found
    return found


def _with_another_gate(callee: Callee, trials: Trials) -> Found:
    """Where a probability that we took for another technique's is the one with which it mixes at all, or is
    that of this one."""
    neutral = filled(callee.everything, NEUTRAL)
    gates = [name for name in neutral if re.search(r"(^|_)(p|prob|probability)$", name.lower())]
    variants = (
        replace(each, gates={name: "1.0"}) for each in _variants(callee, _roles(callee)) for name in gates
    )
    return _found(callee, variants, trials)


def _turned_round(callee: Callee, trials: Trials) -> Found:
    """Where nothing is mixed with probability 1, and something with probability 0: read so, asked at 1."""
    roles = _roles(callee)
    if roles.probability is None:
        return []
    found = _found(callee, _variants(callee, replace(roles, applied="0.0")), trials)
    return [(replace(each, applied="1.0"), form, replace(r, right=False)) for each, form, r in found]


def _must_be_mixup(callee: Callee, roles: Roles, reading: Reading, trials: Trials) -> None:
    """Raises NotUnderstood where what does not agree may be another technique, or our guess."""
    other = another_technique(callee.name, "mixup")
    if other and not filled(callee.everything, NEUTRAL):
        raise AnotherTechnique(f"its parts are no mixup's, and it is named after another technique: {other}")
    if callee.near and not _SAYS.search(callee.near + callee.name):
        raise AnotherTechnique("its parts are no mixup's, and none of its lines mixes, draws or shuffles")
    if reading.soft == "result[0]" != reading.mixed:
        raise trials.none_fits(f"called as {told(callee, roles)}, its second result is no mixture of inputs")
    if unknown := [name for name in roles.guessed if not is_flag(callee.everything[name])]:
        raise trials.none_fits(f"called as {told(callee, roles)}, it is no mixup", unknown)


_SAYS = re.compile(r"mix|beta|dirichlet|uniform|perm|shuffl|roll|flip|blend|interpol", re.IGNORECASE)
"""What the lines of a mixup have at least one of."""


def _variants(callee: Callee, roles: Roles) -> Iterator[Roles]:
    """Beside what the names say: what is called lambda may be the parameter of its law, where it does not
    weigh what it is given; two batches may be of inputs alone; and what has to be given, and is not known,
    is guessed."""
    found = [roles]
    if roles.lam:
        drawn = source.arguments_of_beta(source.parsed(callee.near))
        named = any(roles.lam in both for both in drawn) or (not drawn and _bounds(roles.lam) is None)
        found.append(replace(roles, alpha=roles.lam if named else None, lam=None))
    if roles.classes and roles.classes not in required(callee.everything):
        found.append(replace(roles, classes=None))  # it may only look like a number of classes
    if roles.order == ("xy", "xy2"):
        found.append(replace(roles, order=("x", "x2")))
    for each in found:
        for given in guesses(_missing(callee, each), callee.everything):
            yield replace(each, guessed=given)


def _bounds(name: str) -> re.Match[str] | None:
    """Whether a name says that lambda is no more, or no less, than this."""
    return re.search(r"(^|_)(max|min|low|high|upper|lower)(_|$)", name.lower())


def _roles(callee: Callee) -> Roles:
    """By the names of the parameters. Raises NotUnderstood where there is no batch to pass."""
    everything = callee.everything
    known = ruled(callee)
    settings = configured(callee, MEANING)
    held = _held(callee)
    free = {n: p for n, p in everything.items() if n not in known and n not in settings}
    alpha, second = _parameters_of_beta(callee, free)
    handed = {n: p for n, p in callee.called.items() if n in free}
    lam = None if alpha else first(LAMBDA, handed) or like(r"(^|_)lam(bda)?s?(_|$)", handed, lambda _: False)
    if not alpha:
        alpha = next((name for name, given in settings.items() if re.search(r"[=:] ?alpha", given)), None)
        lam = None if alpha else lam
    probability = first(PROBABILITY, free) or like(r"prob(ability)?$", free, lambda _: False)
    mode = first(MODE, free)
    generator = first(("generator", "rng"), free)
    index = first(INDEX, {n: p for n, p in free.items() if n in required(everything)})
    needed = required(everything)
    classes = classes_of(
        {
            n: p
            for n, p in free.items()
            # a letter, or a size, that need not be given may be anything
            if n not in (alpha, second, lam, index) and ((len(n) > 1 and n != "size") or n in needed)
        }
    )
    taken = {alpha, second, lam, classes, probability, mode, generator, index}
    batch = [name for name in positional(callee.called) if name in free and name not in taken]
    left_out = [
        name
        for name, parameter in callee.called.items()
        if name in free and name not in (*taken, *batch) and parameter.default is None
    ]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in callee.called.values())
    rest = next((name for name, p in callee.called.items() if p.kind is p.VAR_POSITIONAL), "")
    if len(batch) == 1 and rest and is_target(rest):
        batch = []  # (x, *y): both by position
    if not batch and not takes_any:
        batch = left_out[:2]
    elif len(batch) == 1 and not is_target(batch[0]) and left_out and is_target(left_out[0]):
        batch.append(left_out[0])  # labels that need not be given
    elif len(batch) == 1 and left_out and re.fullmatch(_OUTPUTS, left_out[0].lower()):
        batch.append(left_out[0])
    if held:
        parts = ("x", "y") if len(held) == 2 else ("batch",)
        return Roles(alpha, second, classes, lam, index, probability, mode, generator, (), parts, held=held)
    if callee.kind == "function" and not batch and not callee.called:
        raise NotUnderstood("it takes no batch")
    if not batch and alpha is None and not takes_any:
        raise NotUnderstood(f"looked for inputs and a target, found ({', '.join(everything)})")
    order = _order(batch, lam)
    return Roles(
        alpha, second, classes, lam, index, probability, mode, generator, tuple(batch[: len(order)]), order
    )


_OUTPUTS = r"(y|out|outs|outputs?|masks?)(_batch)?"
"""What goes with inputs, and need not be given."""


def _held(callee: Callee) -> tuple[str, ...]:
    """The parameters of a constructor that takes all inputs and labels, where calls without arguments give a
    generator of batches; or that which takes a data set, of which it makes another; else empty."""
    if callee.kind == "class" and not callee.called and hasattr(callee.target, "__getitem__"):
        return tuple(name for name in callee.built if re.fullmatch(_A_DATA_SET, name.lower()))[:1]
    draws = getattr(callee.target, callee.method or "__call__", None)
    if callee.kind != "class" or callee.called or not inspect.isgeneratorfunction(draws):
        return ()
    names = required(callee.built)
    inputs = [name for name in names if not is_target(name)]
    labels = [name for name in names if is_target(name)]
    return (inputs[0], labels[0]) if inputs and labels else ()


_A_DATA_SET = r"((base|train|original|orig|source|wrapped)_?)?(dataset|data_set|data|ds)"


def _parameters_of_beta(
    callee: Callee, free: Mapping[str, inspect.Parameter]
) -> tuple[str | None, str | None]:
    """Alpha and, where there is one, the second parameter of its law: as they are drawn from, or by name."""
    numbers = {n: p for n, p in free.items() if not isinstance(p.default, bool | str)}
    alpha = first(ALPHA, numbers) or like("alpha", numbers, lambda _: False)
    drawn = source.arguments_of_beta(source.parsed(callee.near))
    for one, other in drawn:
        if one != other and {one, other} <= set(numbers) and alpha in (one, other, None):
            return one, other
    if drawn:
        return alpha, None
    beside = {n: p for n, p in numbers.items() if n != alpha and (is_number(p) or n.lower()[:4] == "beta")}
    return alpha, first(SECOND, beside) if alpha else None


def _order(batch: list[str], lam: str | None) -> tuple[str, ...]:
    """What each of these parameters takes, by how many there are and which are named after labels."""
    kinds = ["y" if is_target(name) else "x" for name in batch]
    if len(batch) >= 4:
        return ("x", "y", "x2", "y2") if kinds[:2] == ["x", "y"] else ("x", "x2", "y", "y2")
    if len(batch) >= 2:
        stems = {re.sub(r"[_\d]*(\d|one|two|a|b|i|j|first|second)$", "", name.lower()) for name in batch[:2]}
        if kinds[:2] == ["x", "x"] and len(stems) == 1 and batch[0] != batch[1] and "" not in stems:
            return ("x", "x2") if lam else ("xy", "xy2")
        return ("y", "x") if kinds[:2] == ["y", "x"] else ("x", "y")
    return ("batch",) if batch else ("x", "y")


def _missing(callee: Callee, roles: Roles) -> list[str]:
    """What has to be given, and is not known."""
    given = {*arguments_of(callee, roles, ""), *roles.batch, *roles.held, roles.mode}
    batch = positional(callee.called) if not roles.batch else []
    return [name for name in required(callee.everything) if name not in given and name not in batch]


def _forms(callee: Callee, roles: Roles) -> Iterator[Form]:
    """Plainest first: tensors before arrays, classes before rows, two arguments before one that is both."""
    if roles.is_a_data_set:
        yield from (Form("a list of samples", "classes", numbers=numbers) for numbers in (True, False))
        yield Form("a list of samples", "one-hot rows")
        return
    if roles.held:
        for arrays, target in itertools.product(reversed(ARRAYS), reversed(list(TARGET))):
            yield Form("two arguments", target, arrays, halves="one after the other")
        return
    modes = ["", f'{roles.mode}="mixup"'] if roles.mode else [""]
    if roles.mode and roles.mode in required(callee.everything):
        modes = modes[1:]
    lambdas = list(LAMBDAS) if roles.lam else ["a number"]
    targets = list(TARGET)[:1] if _says_classes(callee) else list(TARGET)
    for mode, arrays, target, batch, lam in itertools.product(
        modes, ARRAYS, targets, _batches(callee, roles), lambdas
    ):
        if arrays == "torch" or not batch.keys:
            yield replace(batch, target=target, arrays=arrays, mode=mode, lam=lam)
    if roles.lam and roles.order in (("batch",), ("x", "x2")):
        for halves, lam in itertools.product(HALVES, lambdas):
            yield Form("inputs alone", "one-hot rows", lam=lam, halves=halves, again=True)
    elif roles.order == ("x", "y"):
        for halves, target in itertools.product(list(HALVES)[1:], targets):
            yield Form("two arguments", target, halves=halves)
        if not _says_classes(callee):
            yield Form("two arguments", ONE_BY_ONE)


def _batches(callee: Callee, roles: Roles) -> Iterator[Form]:
    """The ways to hand the batch over; a dict's keys are those that the code reads."""
    if roles.order != ("batch",):
        yield Form("two arguments", "classes")
        return
    for batch in BATCHES:
        if batch == "a list of samples":
            yield from (Form(batch, "classes", numbers=numbers) for numbers in (True, False))
        elif "dict" in batch:
            yield from (Form(batch, "classes", keys=keys) for keys in _keys(callee))
        else:
            yield Form(batch, "classes")


def _keys(callee: Callee) -> list[tuple[str, ...]]:
    tree = source.parsed(callee.near)
    words = source.words_of_keys(tree)
    labels = [word for word in words if word and is_target(word)]
    images = [word for word in words if word.lower() in INPUTS]
    if not labels or not images:
        return list(KEYS)
    others = [word for word in source.words_of_keys(tree, read=True) if word not in (*labels, *images)]
    return [(image, label, *others) for image in images for label in labels][:4]


def _says_classes(callee: Callee) -> bool:
    """Whether it says that targets are numbers of classes, (N,): rows of them are no question then."""
    said = callee.documentation + " ".join(str(each.annotation) for each in callee.called.values())
    words = r"class (index|indices|ids?|numbers?)|LongTensor|int64|integer labels|labels? of shape \(\w+,?\)"
    return re.search(words, said) is not None


def plainly(callee: Callee) -> list[str]:
    """The plainest call, as source: what it needs before, and an expression. Raises NotUnderstood."""
    roles, form = _roles(callee), Form("one tuple", "classes")
    values = {name: re.sub(r"\by\b", "target", given) for name, given in values_of(roles, form).items()}
    call = call_of(callee, roles, form, "", values)
    text = call.told(call.batch)
    draws = [f"lam = {LAMBDAS[form.lam]}"] if roles.lam else []
    orders = ["order = torch.randperm(len(inputs))"] if re.search(r"\border\b", text) else []
    return [*orders, *draws, text]


def _called_once(callee: Callee, roles: Roles, form: Form, rank: int) -> str:
    """Source of an ordinary call, with all that it needs but torch."""
    text = imports(callee, source_of_build(callee, roles, form, None))
    labels = f"torch.arange({SIZE})" + (".eq(0).float()" if form.target == ONE_BY_ONE else "")
    return f"{text}\nbuild(1.0, {CLASSES})(torch.ones({_shape(rank)}), {labels})"


def _shape(rank: int) -> tuple[int, ...]:
    """Of the images of a trial."""
    return (SIZE, *([3] if rank > 2 else []), *([1] * max(0, rank - 3)), SIZE)


def _tried(callee: Callee, roles: Roles, form: Form, rank: int) -> Reading:
    build = executed(source_of_build(callee, roles, form, None), callee)["build"]
    shape = _shape(rank)
    x = torch.eye(SIZE).reshape(SIZE, *[1] * (rank - 2), SIZE).expand(shape).contiguous()
    y = torch.arange(SIZE).flip(0) + 2  # no partner's label is its index
    one_by_one = form.target == ONE_BY_ONE
    samples = False
    calls: list[Mapping[str, Any]] = []
    with silence():
        for seed in range(mixtures.CALLS):
            asked = [(y == label).to(x.dtype) for label in range(CLASSES)] if one_by_one else [y]
            seen = []
            for labels in asked:
                with probes.seeded(seed):
                    given = build(1.0, CLASSES)(x.clone(), labels)
                samples = _is_list_of_samples(given["result"])
                if samples:
                    given["result"] = [
                        np.stack([mixtures.array_of(each) for each in part])
                        for part in zip(*given["result"], strict=True)
                    ]
                seen.append(_arrays(given))
                if form.arrays == "torch" and _gives_arrays(given["result"]):
                    raise NotUnderstood("of tensors, it gives NumPy arrays")
            calls.append(_by_class(seen) if one_by_one else seen[0])
            if seed == 0 and not Shown(calls, x.numpy(), y.numpy()).mixtures:
                break  # no more calls will give any
    shown = Shown(calls, x.numpy(), y.numpy())
    if takes_the_model(callee) and not all(mixtures.is_of_two(call) for call in calls):
        raise NotUnderstood("its loss is no cross-entropy of two labels for each sample")
    alone = form.batch == "inputs alone" or roles.index is not None or roles.order == ("x", "x2")
    return replace(mixtures.read(shown, weighs=roles.lam or "", pairs=alone), samples=samples)


def _gives_arrays(result: Any) -> bool:
    held = [value for _, value in parts(result, "result")]
    return any(isinstance(each, np.ndarray) and each.ndim > 1 for each in held) and not any(
        isinstance(each, torch.Tensor) for each in held
    )


def _arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    """By the source that picks it, each array of what came back and of what was passed."""
    return {
        path: mixtures.array_of(value) for name, held in given.items() for path, value in parts(held, name)
    }


def _by_class(seen: list[dict[str, Any]]) -> dict[str, Any]:
    """Calls with the labels of one class after the other as one: what is a float a sample is a row."""
    first_call = seen[0]
    found = {}
    for path, array in first_call.items():
        columns: list[Any] = [each.get(path) for each in seen]
        is_label = array is not None and array.shape == (SIZE,) and mixtures.is_float(array)
        differs = is_label and any(not np.array_equal(array, other) for other in columns)
        found[path] = np.stack(columns, 1) if differs else array
    return found


def _is_list_of_samples(result: Any) -> bool:
    """One (inputs, target) for each sample."""
    return (
        isinstance(result, list)
        and len(result) == SIZE
        and all(isinstance(each, tuple | list) and len(each) == 2 for each in result)
        and all(mixtures.array_of(part) is not None for each in result for part in each)
    )

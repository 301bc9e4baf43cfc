"""A loss with smoothed labels, in the forms in which people write it.

A form is told from another by values: unnormalised logits tell code that wants logits from code that wants
log-probabilities; what agrees with the reference under some convention is understood, and so is the parameter
that is epsilon, whatever its name. Where nothing agrees, the code is wrong in a form that fits, and its laws
will say so.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from lawful.properties.harness.understanding import losses
from lawful.properties.harness.understanding.candidates import another_technique
from lawful.properties.harness.understanding.filling import (
    configured,
    filled,
    guesses,
    is_flag,
)
from lawful.properties.harness.understanding.loss_forms import (
    LOGITS,
    MEANING,
    NEUTRAL,
    OPTIONS,
    TARGET,
    WEIGHTS,
    Form,
    Roles,
    adapter_of,
    arguments_of,
    build_of,
    call_of,
    called_once,
    features_of,
    ruled,
    seen_of,
    told,
)
from lawful.properties.harness.understanding.losses import AGREES, Seen
from lawful.properties.harness.understanding.names import (
    classes_of,
    epsilon_of,
    first,
    is_target,
    is_tiny,
    like,
    switch_of,
)
from lawful.properties.harness.understanding.signature import (
    VARIADIC,
    Callee,
    is_number,
    is_switch,
    positional,
    required,
)
from lawful.properties.harness.understanding.trials import AnotherTechnique, Trials
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject, silence

ADAPTER = """\
    from lawful.impl import contracts
    from {module} import {root}
    def build(epsilon, **features):
        return {name}(epsilon, **features)        # a callable: loss(logits, target)
    adapter = contracts.LabelSmoothing("{name}", build)
"""


def infer(callee: Callee) -> Subject:
    trials = Trials(callee)
    named = _roles(callee)
    best = _best(callee, _by_name(callee, named), trials)
    if best is None or best.error >= AGREES or best.roles.epsilon is None:
        by_effect = _best(callee, _by_effect(callee, named), trials, _MOST_BY_EFFECT)
        best = _or_by_effect(best, by_effect, callee)
    if best is None:
        raise trials.none_fits(
            f"called as {told(callee, named)} with two to five classes, it gave no loss",
            _missing(callee, named),
        )
    agrees = best.error < AGREES
    alike = [best] if agrees else _fitting_alike(callee, best, trials)
    best = alike[0]
    if best.roles.epsilon is None and best.seen.fixed is None:
        raise NotUnderstood(
            "no parameter is an epsilon (label_smoothing, smoothing, eps, ...), none acts as one, and its "
            "values show none"
        )
    roles, weights = best.roles, _weights(callee, best.roles, best.form)
    if weights is None:
        roles = replace(roles, options={**roles.options, "weight": None})
    form = replace(best.form, weights=weights or best.form.weights)
    subject = understand(adapter_of(callee, roles, form, best.seen))
    others = dict.fromkeys(
        str(each.form)
        for each in alike[1:]
        if each.form.layout not in ("image", "sentence") and each.form.target in list(TARGET)[:2]
    )
    return replace(subject, certain=agrees, also_called=tuple(name for name in others if name != str(form)))


@dataclass(frozen=True)
class Fitting:
    """A form that fits, and how far its values are from the reference's."""

    roles: Roles
    form: Form
    seen: Seen
    alike: tuple[Fitting, ...] = ()
    """All that fit beside it, itself among them."""

    @property
    def error(self) -> float:
        return self.seen.error


_MOST_BY_EFFECT = 10
"""Forms, of the plainest, that are tried with what nobody said to be an epsilon, or what is guessed."""


def _best(
    callee: Callee, variants: Iterator[Roles], trials: Trials, most: int | None = None
) -> Fitting | None:
    """The first form whose values agree with the reference's; else the one that is nearest."""
    found: list[Fitting] = []
    for roles in variants:
        few = _MOST_BY_EFFECT if roles.guessed else most
        for form in itertools.islice(_forms(callee, roles), few):
            shown = functools.partial(called_once, callee, roles, form)
            with trials.of(form, guessed=bool(roles.guessed), shown=shown):
                seen = seen_of(callee, roles, form)
                found.append(Fitting(roles, replace(form, read=seen.read, helper=seen.helper), seen))
                if seen.error < AGREES:
                    return found[-1]
    if not found:
        return None
    return replace(min(found, key=lambda each: each.error), alike=tuple(found))


def _or_by_effect(named: Fitting | None, found: Fitting | None, callee: Callee) -> Fitting | None:
    """What goes by its name, unless only what goes by its effect agrees, or there is no name for it: a number
    that acts as an epsilon is one, and no epsilon is fixed beside it."""
    if found is None or found.error < AGREES:
        return found or named
    if named is not None and named.roles.epsilon:
        return named
    acting = [
        each for each in found.alike if losses.is_plain_at_zero(build_of(callee, each.roles, each.form))
    ]
    return min(acting, key=lambda each: each.error, default=named)


def _fitting_alike(callee: Callee, best: Fitting, trials: Trials) -> list[Fitting]:
    """Where no value agrees: the forms in which it behaves as a cross-entropy of a softmax would.

    Of logits it does not see a constant that is added to all; of log-probabilities it is affine. Raises
    NotUnderstood where neither is so, or where it is called after another loss.
    """
    other = another_technique(callee.name, "label_smoothing")
    if other and not filled(callee.everything, NEUTRAL):
        raise AnotherTechnique(
            f"its values are no smoothed cross-entropy's, and it is named after another loss: {other}"
        )
    if unknown := [name for name in best.roles.guessed or () if not is_flag(callee.everything[name])]:
        raise trials.none_fits(
            f"called as {told(callee, best.roles)}, it is no smoothed cross-entropy", unknown
        )
    same = best.roles.epsilon, best.roles.share
    fitting = [each for each in best.alike or (best,) if (each.roles.epsilon, each.roles.share) == same]
    for logits in ("logits", "log-probabilities", "a tuple of outputs", "a dict of outputs"):
        found = [each for each in fitting if each.form.logits == logits and _behaves(callee, each)]
        if found:
            found.sort(key=lambda each: each.error > _ABSURD)
            if _pads_with_0(callee) and _is_undefined_of_class_0(callee, found[0]):
                raise trials.none_fits(
                    "class 0 is its padding and has a share of the smoothing: no call leaves it out"
                )
            return found
    raise trials.none_fits(
        f"called as {told(callee, best.roles)}, it is no cross-entropy of a softmax in any form: it "
        "sees a constant that is added to every logit, and is not affine in log-probabilities"
    )


def _is_undefined_of_class_0(callee: Callee, each: Fitting) -> bool:
    """Whether a batch of the first class alone has no loss."""
    loss = build_of(callee, each.roles, each.form)(0.1)
    with contextlib.suppress(Exception), silence():
        return bool(torch.isnan(torch.as_tensor(loss(torch.zeros(2, 3), torch.zeros(2).long()))).any())
    return False


_ABSURD = 10.0
"""A relative error that is nobody's mistake: a share of smoothing for the class of a padding, say."""


def _behaves(callee: Callee, each: Fitting) -> bool:
    if each.seen.by_class:
        return losses.is_plain_at_zero(build_of(callee, each.roles, each.form))
    if each.form.logits == "log-probabilities":
        return losses.is_affine(build_of(callee, each.roles, replace(each.form, logits="logits")))
    return losses.ignores_a_shift(build_of(callee, each.roles, each.form))


def _roles(callee: Callee) -> Roles:
    """By the names of the parameters. Raises NotUnderstood where there is nothing to pass a batch to."""
    everything = callee.everything
    settings = configured(callee, MEANING)
    epsilon = epsilon_of(everything)
    switch = None if epsilon else switch_of(everything)
    epsilon = epsilon or next((name for name, given in settings.items() if "epsilon" in given), None)
    classes = classes_of(everything)
    if classes and everything[classes].default is None and callee.kind == "function":
        classes = None
    options = {feature: first(names, everything) for feature, names in OPTIONS.items()}
    options["ignore_index"] = options["ignore_index"] or like(_IGNORED, everything, lambda _: False)
    taken = {epsilon, switch, *options.values(), *settings, *ruled(callee, "ones")}
    free = [name for name in positional(callee.called) if name not in taken]
    batch = [name for name in free if name != classes]
    alone = len(batch) == 1 and (callee.kind == "function" or callee.method) and is_target(batch[0])
    if alone and classes is None:
        counts = (n for n, each in callee.called.items() if n not in (*taken, *batch) and _is_a_count(each))
        classes = next(counts, None)
    roles = Roles(epsilon, "epsilon", switch, classes, options, tuple(batch[:2]))
    if alone:
        return roles  # smooths targets alone
    if len(batch) < 2:
        options_alone = {inspect.Parameter.KEYWORD_ONLY, *VARIADIC}
        batch = [
            name
            for name, parameter in callee.called.items()
            if name not in (*taken, classes)
            and not is_switch(parameter)
            and parameter.kind not in options_alone
        ]
    if len(batch) >= 2:
        return replace(roles, pair=tuple(batch[:2]), swapped=is_target(batch[0]) and not is_target(batch[1]))
    if callee.kind == "function" and batch:
        raise NotUnderstood(f"looked for logits and a target to pass, found ({', '.join(everything)})")
    return replace(roles, pair=())  # what it gives is called, or what it is called with has no names


_IGNORED = r"^(\w+_)?(ignored?|pad(ding)?)(_?(token|label|class|target|value|id|idx|index))*$"
"""Of the name of what is ignored, where it is none of those that are usual."""


def _is_a_count(parameter: inspect.Parameter) -> bool:
    """Whether its default is a whole number from 2 on, as of classes."""
    default = parameter.default
    return isinstance(default, int) and default > 1


def _by_name(callee: Callee, roles: Roles) -> Iterator[Roles]:
    """Beside what the names say: a mask of what does not count; what only looks like a number of classes."""
    masks = [name for name in required(callee.everything) if name.lower().endswith("mask")]
    inverted = any(re.search("pad|ignore", name.lower()) for name in masks)
    keeps = ("zeros", "ones") if inverted else ("ones", "zeros")
    found = [replace(roles, keeps=each) for each in keeps[: 2 if masks else 1]]
    if roles.classes and roles.classes not in required(callee.everything):
        found.append(replace(roles, classes=None))
    for each in found:
        missing = _missing(callee, each)
        if not missing:
            yield each
        elif each.epsilon or each.switch:
            yield from (replace(each, guessed=given) for given in guesses(missing, callee.everything))


def _by_effect(callee: Callee, roles: Roles) -> Iterator[Roles]:
    """Whatever could be epsilon, or what is left of it, by its kind: a number, or what has to be given."""
    missing = _missing(callee, roles)
    known = {*roles.pair, roles.classes, *roles.options.values(), *ruled(callee, "ones"), roles.epsilon}
    numbers = [
        name
        for name, parameter in callee.everything.items()
        if name not in known
        and is_number(parameter)
        and not is_tiny(parameter.default)
        and 0 <= parameter.default <= 1
    ]
    for name in dict.fromkeys([*missing, *numbers]):
        others = [each for each in missing if each != name]
        for share, given in itertools.product(("epsilon", "1 - epsilon"), guesses(others, callee.everything)):
            yield replace(roles, epsilon=name, share=share, switch=None, guessed=given or None)
    shares = [next((n for n in numbers if re.search(word, n.lower())), None) for word in _SHARES]
    if all(shares):
        yield replace(roles, epsilon=shares[0], share="1 - epsilon", share_of_others=shares[1])
    if roles.swapped or len(roles.pair) < 2 or any(map(is_target, roles.pair)):
        return
    yield replace(roles, swapped=True)  # the names did not say which is which


_SHARES = (r"pos|on_value", r"neg|off_value")
"""Of the names of two numbers: the shares of the target and of each other class."""


def _missing(callee: Callee, roles: Roles) -> list[str]:
    """What has to be given, and is not known."""
    given = {*arguments_of(callee, roles, Form("logits", "classes", "samples")), *roles.pair}
    given |= {name for name in roles.options.values() if name}
    batch = set(positional(callee.called)) if not roles.pair and callee.kind != "function" else set()
    return [name for name in required(callee.everything) if name not in given and name not in batch]


def _forms(callee: Callee, roles: Roles) -> Iterator[Form]:
    """Plainest first: a tuple, a dict, another layout, one at a time before two together."""
    if len(roles.pair) == 1:
        yield from (Form("logits", target, "samples") for target in list(TARGET)[:2])
        return
    pads = roles.options["ignore_index"]
    needs_padding = pads in required(callee.everything) if pads is not None else _pads_with_0(callee)
    layouts = ["samples", "sequence", "image", "sentence"]
    if needs_padding:
        layouts = ["padded", "samples", "sequence", "image", "sentence", "padded sequence"]
    kinds = list(itertools.product(LOGITS, TARGET, layouts))
    steps = (list(LOGITS), list(TARGET), layouts)
    kinds.sort(key=lambda kind: sum(names.index(name) for names, name in zip(steps, kind, strict=True)))
    if pads is not None and not needs_padding:
        kinds += itertools.product(LOGITS, TARGET, ("padded", "padded sequence"))
    for logits, target, layout in kinds:
        wrapped = logits.startswith("a ") and layout != "samples"
        if not wrapped and (target in list(TARGET)[:2] or layout in _WITH_A_CHANNEL):
            yield Form(logits, target, layout)


_WITH_A_CHANNEL = ("samples", "padded", "image")
"""Layouts in which the classes may have a dimension of their own: (N, 1)."""


def _pads_with_0(callee: Callee) -> bool:
    """Whether its lines say that class 0 is padding."""
    words = r"\.(ne|eq)\(\s*0\s*\)|ignore_index\s*=\s*0\b|(target|label|gold|trg|tgt)\w*\s*[!=]=\s*0\b"
    return re.search(words, callee.near) is not None


def plainly(callee: Callee) -> list[str]:
    """The plainest call, as source: what it needs before, and an expression. Raises NotUnderstood."""
    roles, form = _roles(callee), Form("logits", "classes", "samples")
    call = call_of(callee, roles, form, arguments_of(callee, roles, form), "")
    return [call.told(call.batch)]


def _weights(callee: Callee, roles: Roles, form: Form) -> str | None:
    """As what class weights are taken: the first kind with which there is a loss. None where what is called
    weight weighs no classes: samples, or the whole."""
    if "weight" not in features_of(callee, roles, form):
        return "a tensor"
    build = build_of(callee, roles, form)
    for weights in WEIGHTS:
        kind = build_of(callee, roles, replace(form, weights=weights))
        if losses.takes(kind, weight=torch.tensor([1.0, 2.0, 4.0])):
            return weights
    others = (torch.tensor([1.0, 2.0]), 2.0)  # of two samples
    return None if any(losses.takes(build, weight=each) for each in others) else "a tensor"

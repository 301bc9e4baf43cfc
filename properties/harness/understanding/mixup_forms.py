"""The forms of a mixup, as data, and each as the source that builds, calls and reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lawful.impl.contracts import Mixup
from lawful.properties.harness.understanding import helpers, source
from lawful.properties.harness.understanding.call import Call
from lawful.properties.harness.understanding.filling import (
    ANYWHERE,
    Rule,
    configured,
    filled,
    left_alone,
)
from lawful.properties.harness.understanding.forms import apart, executed, imports
from lawful.properties.harness.understanding.mixtures import Reading
from lawful.properties.harness.understanding.names import PARTS, first, is_target
from lawful.properties.harness.understanding.signature import Callee, required

NEUTRAL = (
    Rule(r"(use_|with_|do_)?(cut_?mix|cut_?out|noise)", "False", "on"),
    Rule(r".*cut_?mix.*|.*cut_?out.*|.*noise.*|.*eras(e|ing).*", "0.0", "number"),
    Rule(r"(switch|cut)_?(prob|p|probability)", "0.0", "number"),
    Rule(r".*smooth.*", "0.0", "number"),
)
"""What would turn it into another augmentation, and does not at these values."""
RULES = (
    *NEUTRAL,
    *ANYWHERE,
    Rule(r".*masks?", "torch.ones_like({target}, dtype=torch.bool)"),
    Rule(r"training|is_training|train", "True", "off"),
    Rule(r"batch_size|bs", "len({inputs})"),
    Rule(r"dim|axis|batch_dim", "0"),
    Rule(r"rng|random_state", "np.random.default_rng(np.random.randint(2**31))"),
    Rule(r"temperature|temp|tau|t", "1.0"),
)
DRAWING = (
    Rule(r"batch_?size|bs", "len(inputs)", "always"),
    Rule(r"(do_|is_|use_)?shuffle", "False", "always"),
)
"""Of a generator of batches: two of the size are the first one's samples and their partners."""
WITH_A_MODEL = (
    Rule("|".join(PARTS["model"]), "seen"),
    Rule("|".join(PARTS["criterion"]), "torch.nn.CrossEntropyLoss()"),
    Rule("|".join(PARTS["optimizer"]), "torch.optim.SGD(seen.parameters(), lr=0.0)"),
)
"""Of a function that mixes, calls the model and gives the loss."""
MEANING = {
    r"cut_?mix|smooth|noise": "0.0",
    r"alpha|beta": "alpha",
    r"class|label": "num_classes",
    r"mix_?num|num_?mix|times|repeat": "1",
    r"prob": "1.0",
    r"enable|active|^(use|apply|do)(_mix)?": "True",
    r"device": "inputs.device",
}
"""Of a configuration's names."""
SAMPLER = "torch.distributions.Beta(float(alpha), float(alpha))"
"""In place of alpha, where what draws lambda is passed."""
SAMPLES = "for number, (image, label) in enumerate(zip({x}, {labels}))"
BATCHES = {
    "one tuple": "({x}, {y})",
    "a list of both": "[{x}, {y}]",
    "inputs alone": "{x}",
    "a list of samples": f"[(image, label) {SAMPLES}]",
    "a dict": '{{"{image}": {x}, "{label}": {y}{more}}}',
    "a list of dicts": f'[{{{{"{{image}}": image, "{{label}}": label{{numbers}}}}}} {SAMPLES}]',
}
"""How the batch is handed over, plainest first."""
TOLD = {
    "a list of samples": "zip({x}, {y})",
    "a list of dicts": '[{{"{image}": ..., "{label}": ...{names}}}, ...] of {x}, {y}',
}
"""Those that are too long for a line, for people."""
ROWS = (
    "target if target.ndim == 2 else "
    "torch.nn.functional.one_hot(target, num_classes).to(torch.get_default_dtype())"
)
TARGET = {"classes": "target", "one-hot rows": ROWS}
ONE_BY_ONE = "0 and 1, one class after the other"
LAMBDAS = {
    "a number": "float(np.random.beta(alpha, alpha)) if alpha > 0 else 1.0",
    "a tensor": "torch.distributions.Beta(alpha, alpha).sample((len(inputs),)).to(inputs)",
    "an array": "np.random.beta(alpha, alpha, len(inputs))",
}
"""As what lambda is given, where it is."""
HALVES = {
    "": ("{both}", "{both}"),
    "alternating": (
        "torch.stack([{both}, {both}[order]], 1).flatten(0, 1)",
        "interleaved({both}, {both}[order])",
    ),
    "one after the other": ("torch.cat([{both}, {both}[order]])", "cat({both}, {both}[order])"),
}
"""How two batches are handed over as one, of which half comes back: source, and how it is told."""


_HELPERS = (helpers.one_class_at_a_time, helpers.stacked, helpers.Recorded)


@dataclass(frozen=True)
class Roles:
    """Which parameter is what. ``batch``: those that take it, in order."""

    alpha: str | None
    second: str | None
    """Beta's other parameter."""
    classes: str | None
    lam: str | None
    index: str | None
    probability: str | None
    mode: str | None
    generator: str | None
    batch: tuple[str, ...]
    """Inputs and target; one that is the batch; or four, of two batches."""
    order: tuple[str, ...]
    """For each of ``batch``: x, y, x2 or y2; xy or xy2 for a tuple of both; or "batch"."""
    applied: str = "1.0"
    """The probability that is passed."""
    gates: Mapping[str, str] = field(default_factory=dict)
    """For a probability of another technique that is the one with which it mixes at all."""
    guessed: Mapping[str, str] = field(default_factory=dict)
    """For what has to be given, and no rule knows."""
    held: tuple[str, ...] = ()
    """Of a constructor that takes all data, from which batches are drawn: inputs and labels; or the data set
    whose samples are mixed with others as they are read."""

    @property
    def is_a_data_set(self) -> bool:
        return len(self.held) == 1


@dataclass(frozen=True)
class Form:
    batch: str
    target: str
    arrays: str = "torch"
    mode: str = ""
    lam: str = "a number"
    halves: str = ""
    keys: tuple[str, ...] = ()
    """Of a dict: of the inputs, of the labels, and others that the code reads."""
    numbers: bool = True
    """Whether labels of a list of samples are Python's numbers."""
    again: bool = False
    """Whether it is called a second time, for the targets."""

    def __str__(self) -> str:
        arrays = " of NumPy arrays" if self.arrays == "numpy" else ""
        mode = f", {self.mode}" if self.mode else ""
        again = ", and called again for the target" if self.again else ""
        halves = f", two of them {self.halves}" if self.halves else ""
        keys = f" of {' and '.join(self.keys)}" if self.keys else ""
        return f"the batch as {self.batch}{keys}{arrays}{halves}, the target as {self.target}{again}{mode}"


def ruled(callee: Callee) -> dict[str, str]:
    rules = (*RULES, *WITH_A_MODEL) if takes_the_model(callee) else RULES
    return filled(callee.everything, rules, inputs="inputs", target="target")


def takes_the_model(callee: Callee) -> bool:
    """Whether it says that it mixes, and calls the model itself."""
    needed = dict.fromkeys(required(callee.called))
    return first(PARTS["model"], needed) is not None and "mix" in (callee.name + callee.near).lower()


def arguments_of(callee: Callee, roles: Roles, mode: str) -> dict[str, str]:
    """Source for every parameter but the batch's."""
    pairs = {
        roles.alpha: SAMPLER if re.search("sampler|dist", roles.alpha or "") else "alpha",
        roles.second: "alpha",
        roles.classes: "num_classes",
        roles.probability: roles.applied,
        roles.lam: "lam",
        roles.index: "order",
    }
    named = {name: given for name, given in pairs.items() if name}
    if mode and roles.mode:
        named[roles.mode] = '"mixup"'
    settings = configured(callee, MEANING)
    named |= {name: given for name, given in settings.items() if name in named}
    more = ruled(callee) | settings | dict(roles.gates) | dict(roles.guessed)
    more |= {name: given for name, given in _more_labels(callee, roles).items() if name not in more}
    if roles.held:
        named |= filled(callee.built, DRAWING)
    return named | {n: given for n, given in more.items() if n not in named and n not in roles.batch}


def _more_labels(callee: Callee, roles: Roles) -> dict[str, str]:
    """Labels of another task, beside those of one batch: the same ones."""
    asked = (name for name in required(callee.called) if name not in roles.batch and is_target(name))
    return dict.fromkeys(asked, "y") if "y" in roles.order and "y2" not in roles.order else {}


def values_of(roles: Roles, form: Form, *, shown: bool = False) -> dict[str, str]:
    """Source of what the parts of a batch are, by their names in ``Roles.order``."""
    y = ("one_hot(target)" if form.target == "one-hot rows" else "target") if shown else "y"
    values = {"x": "inputs", "y": y}
    if form.halves:
        values = {n: HALVES[form.halves][shown].format(both=value) for n, value in values.items()}
    else:
        values |= {"x2": "inputs[order]", "y2": f"{y}[order]"}
    if form.arrays == "numpy":
        values = {name: f"{value}.numpy()" for name, value in values.items()}
    if "xy2" in roles.order:
        values |= {"xy": f"({values['x']}, {values['y']})", "xy2": f"({values['x2']}, {values['y2']})"}
    if roles.order == ("batch",):
        values["batch"] = _handed_over(form, values["x"], values["y"], shown)
    return values


def _handed_over(form: Form, x: str, y: str, shown: bool) -> str:
    template = TOLD.get(form.batch, BATCHES[form.batch]) if shown else BATCHES[form.batch]
    labels = f"({y}.tolist() if {y}.ndim == 1 else {y})" if form.numbers else y
    image, label, *others = form.keys or ("", "")
    given = {
        "image": image,
        "label": label,
        "more": "".join(f', "{name}": torch.arange(len(inputs))' for name in others),
        "numbers": "".join(f', "{name}": number' for name in others),
        "names": "".join(f', "{name}": ...' for name in others),
    }
    return template.format(x=x, y=y, labels=labels, **given)


def call_of(callee: Callee, roles: Roles, form: Form, mixer: str, values: Mapping[str, str]) -> Call:
    named = arguments_of(callee, roles, form.mode)
    if form.halves and roles.lam:
        named[roles.lam] = "both"
    names = roles.held or roles.batch or ("", "")
    batch = tuple(zip(names, (values[part] for part in roles.order), strict=True))
    if roles.held:
        named = {**dict(batch), **named}
        batch = ()
    return Call(
        callee,
        batch,
        named,
        ("inputs", "target", "lam", "order", "both"),
        spreads=roles.generator is not None,
        keeps=mixer,
    )


def source_of_build(callee: Callee, roles: Roles, form: Form, reading: Reading | None) -> str:
    """``build(alpha, num_classes, **features)``, as it stands in an adapter; of a trial, it gives all that it
    knows by name."""
    mix, mixer = apart(callee.root, "mix", "mixer")
    values = values_of(roles, form)
    built, called = call_of(callee, roles, form, mixer, values).lines()
    body = [f"y = {TARGET.get(form.target, 'target')}"]
    orders = form.halves or roles.index or {"x2", "xy2"} & set(roles.order)
    if orders:
        body.append("order = torch.randperm(len(inputs))")
    if roles.lam:
        body.append(f"lam = {LAMBDAS[form.lam]}")
    if roles.lam and form.halves:
        turned = "torch.stack([{0}, 1 - {0}], 1).flatten()" if form.halves == "alternating" else "{0}"
        body.append(f"both = {turned.format('lam')}" if form.lam == "a tensor" else "both = lam")
    if takes_the_model(callee):
        body.append("seen = Recorded(num_classes)")
    if roles.is_a_data_set:
        body.append(f"samples = {called.removesuffix('()')}")
        called = "stacked([samples[i] for i in range(len(inputs))])"
    elif roles.held:
        called = f"next({called})"
    body.append(f"result = {called}")
    if takes_the_model(callee):
        body.append("result = seen.mixture(result)")
    if form.again:
        others = {**values, "batch": values["y"], "x": values["y"], "x2": values.get("y2", "")}
        body.append(f"targets = {call_of(callee, roles, form, mixer, others).lines()[1]}")
    if reading is not None and reading.samples:
        body.append("result = stacked(result)")
    known = {"y": True, "order": orders, "y[order]": orders, "lam": roles.lam, "targets": form.again}
    if reading is None:
        kept = "".join(f', "{name}": {name}' for name, there in known.items() if there)
        body.append(f'return {{"result": result{kept}}}')
    else:
        body.append(f"return {_given_back(form, reading)}")
    lines = ["def build(alpha, num_classes, **features):", *built, f"    def {mix}(inputs, target):"]
    if reading is not None and form.target == ONE_BY_ONE:
        inner = [f"            {line}" for line in body]
        lines += ["        def mixed(inputs, target):", *inner]
        body = ["return one_class_at_a_time(mixed, inputs, target, num_classes)"]
    text = "\n".join([*lines, *(f"        {line}" for line in body), f"    return {mix}"])
    return helpers.beside(text, _HELPERS)


def _given_back(form: Form, reading: Reading) -> str:
    """Source of mixed inputs and target, in the contract's form."""

    def tensor(text: str) -> str:
        return f"torch.as_tensor({text})" if form.arrays == "numpy" else text

    if reading.soft:
        return f"{tensor(reading.mixed)}, {tensor(reading.soft)}"
    return f"{tensor(reading.mixed)}, ({tensor(reading.own)}, {tensor(reading.other)}, {reading.lam})"


def adapter_of(callee: Callee, roles: Roles, form: Form, reading: Reading) -> Mixup:
    text = source_of_build(callee, roles, form, reading)
    declines = {"devices": "it takes NumPy arrays"} if form.arrays == "numpy" else {}
    if form.batch in TOLD:
        declines["lengths"] = "the adapter gives each sample its label, and leaves out what is without one"
    if wanted := source.type_of_cuda(callee.near):
        declines["twin"] = f"it asks for {wanted}"
    features = {
        name for name, found in (("num_classes", roles.classes), ("generator", roles.generator)) if found
    }
    if form.target == "one-hot rows" and reading.soft:
        features |= {"soft_targets"}
    return Mixup(
        callee.name,
        executed(text, callee)["build"],
        features=frozenset(features),
        feature_names={"generator": roles.generator} if roles.generator else {},
        imports=imports(callee, text),
        called_as="build({alpha}, {num_classes}{features})({inputs}, {target})",
        shown_as=told(callee, roles, form, reading),
        declines=declines,
        takes_alpha=roles.alpha is not None,
        alpha_known=roles.alpha is not None or roles.lam is not None,
    )


def told(callee: Callee, roles: Roles, form: Form | None = None, reading: Reading | None = None) -> str:
    """In one line, for people."""
    chosen = form or Form("one tuple", "classes")
    values = values_of(roles, chosen, shown=True)
    if form is None and roles.order == ("batch",):
        values["batch"] = "{inputs, target}"
    call = call_of(callee, roles, chosen, "", values)
    text = call.told(call.batch)
    if roles.is_a_data_set:
        text = f"{text.removesuffix('()')}[:]"
    elif roles.held:
        text = f"next({text})"
    text += left_alone(callee, call.named)
    return text if reading is None else f"{text} -> {reading.told()}"

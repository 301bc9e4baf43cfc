"""The forms of a loss with smoothed labels, as data; each as the source that builds, calls and reads it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lawful.impl.contracts import LabelSmoothing
from lawful.properties.harness.understanding import losses, source
from lawful.properties.harness.understanding.call import Call
from lawful.properties.harness.understanding.filling import (
    ANYWHERE,
    Rule,
    configured,
    filled,
    left_alone,
)
from lawful.properties.harness.understanding.forms import apart, executed, imports, indented
from lawful.properties.harness.understanding.losses import Seen
from lawful.properties.harness.understanding.signature import Callee, required
from lawful.properties.strategies import CLASS_COUNTS

OPTIONS = {
    "reduction": ("reduction",),
    "weight": ("weight", "weights", "class_weight", "class_weights"),
    "ignore_index": (
        "ignore_index",
        "trg_pad_idx",
        "tgt_pad_idx",
        "ignore_label",
        "ignore_id",
        "lb_ignore",
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
WEIGHTS = {"a tensor": "", "an array": ".detach().cpu().numpy()", "a list": ".tolist()"}
"""As what class weights are given: the first that is taken."""
NEUTRAL = (
    Rule(r"temperature|temp|tau", "1.0", "number"),
    Rule(r"(focal_|focusing_)?gamma|focusing(_param\w*)?", "0.0", "number"),
    Rule(r"margin|poly_?(eps|epsilon|eps1)|(entropy|confidence)_(penalty|weight)", "0.0", "number"),
    Rule(r"(loss_|logit_)?scale|loss_weight", "1.0", "number"),
)
"""What would turn it into another loss, and does not at these values."""
RULES = (
    *ANYWHERE,
    Rule(r"from_logits|logits_input|with_logits|use_logits", "True", "always"),
    Rule(r"dim|axis|class_dim", "{axis}", "always"),
    Rule(r".*masks?", "torch.{keeps}_like({target}, dtype=torch.bool)"),
    Rule(r"(cls|bos|sos|sep|unk|mask)_?(token_?)?(id|idx|index)", "-100"),
    Rule(r"training|is_training|train", "True", "off"),
    Rule(r"(ignore|mask|skip|exclude)_?pad(ding)?s?", "True", "off"),
    Rule(r"batch_size|bs", "len({inputs})"),
    Rule(r"t", "1.0"),
    *NEUTRAL,
)
MEANING = {
    r"smooth|eps": "epsilon",
    r"class|label|vocab": "logits.shape[1]",
    r"reduction": '"mean"',
    r"ignore|pad": "-100",
    r"device": "logits.device",
}
"""Of a configuration's names."""
LOGITS = {
    "logits": ("{z}", "{z}"),
    "log-probabilities": ("{z}.log_softmax(1)", "log_softmax({z})"),
    "probabilities": ("{z}.softmax(1)", "softmax({z})"),
    "a tuple of outputs": ("({z},)", "({z},)"),
    "a dict of outputs": ('{{"logits": {z}}}', '{{"logits": {z}}}'),
}
"""What the code is given, plainest first: source, and how it is told."""
ONE_HOT = (
    "({y} if {y}.is_floating_point() else "
    "torch.nn.functional.one_hot({y}, {z}.shape[1]).movedim(-1, 1)).to({z}.dtype)"
)
TARGET = {
    "classes": ("{y}", "{y}"),
    "one-hot rows": (ONE_HOT, "one_hot({y})"),
    "classes in a channel": ("{y}[:, None]", "{y}[:, None]"),
}


@dataclass(frozen=True)
class Layout:
    """How samples (N, K) are laid out: lines before the call, and what is done to what is passed."""

    words: str = ""
    before: tuple[str, ...] = ()
    passed: str = "{}"
    told: str = "{}"
    told_target: str = "{}"
    axis: str = "1"
    per_sample: str = ".reshape(-1)"
    """What makes one value a sample of a result."""


_PADDING = (
    "padding = logits.detach().nan_to_num(0.0, 0.0, 0.0).amin(1, keepdim=True) - 1e4",
    "logits, target = torch.cat([padding, logits], 1), target + 1  # a class that never occurs",
)
_IMAGE = (
    "shape = logits.shape[:1] + logits.shape[2:]",
    "while logits.ndim < 4:  # an image of one pixel",
    "    logits, target = logits[..., None], target[..., None]",
)
LAYOUT = {
    "samples": Layout(),
    "sequence": Layout(", as one sequence", (), "({})[None]", "{}[None]", "{}[None]", "-1"),
    "image": Layout(
        ", as images", _IMAGE, told="image({})", told_target="image({})", per_sample=".reshape(shape)"
    ),
    "sentence": Layout(", as one sentence", (), "({}).movedim(0, -1)[None]", "{}.T[None]", "{}[None]"),
    "padded": Layout(", with a padding class", _PADDING, told="pad({})", told_target="{} + 1"),
    "padded sequence": Layout(
        ", as one sequence, with a padding class",
        _PADDING,
        "({})[None]",
        "pad({}[None])",
        "{}[None] + 1",
        "-1",
    ),
}
"""(N, K); one sequence of N steps, (1, N, K); images (N, K, 1, 1); one sentence of N words, (1, K, N);
(N, K + 1), class 0 never occurring."""


@dataclass(frozen=True)
class Roles:
    """Which parameter is what. ``pair``: logits and target, in the order of the call."""

    epsilon: str | None
    share: str
    """What it is given: epsilon, or what is left of it."""
    switch: str | None
    classes: str | None
    options: Mapping[str, str | None]
    pair: tuple[str, ...]
    """Logits and target, or the target alone; empty where the names are not known."""
    swapped: bool = False
    keeps: str = "ones"
    """Whether a mask says what counts, or what does not (``zeros``)."""
    guessed: Mapping[str, str] | None = None
    """For what has to be given, and no rule knows."""
    share_of_others: str | None = None
    """Where the target's share is passed, as what is left of epsilon, and that of each other class too."""


@dataclass(frozen=True)
class Form:
    """One way to call it, and which part of the result is the loss, or the smoothed targets."""

    logits: str
    target: str
    layout: str
    read: str = ""
    helper: bool = False
    """Whether it smooths targets alone: what it gives is q."""
    weights: str = "a tensor"

    def __str__(self) -> str:
        return f"{self.logits} and {self.target}{LAYOUT[self.layout].words}"


def ruled(callee: Callee, keeps: str, target: str = "target", axis: str = "1") -> dict[str, str]:
    return filled(callee.everything, RULES, inputs="logits", target=target, keeps=keeps, axis=axis)


def arguments_of(callee: Callee, roles: Roles, form: Form) -> dict[str, str]:
    """Source for every parameter but the batch's."""
    everything = callee.everything
    pads = roles.options["ignore_index"]
    named: dict[str, str] = {}
    if roles.epsilon:
        named[roles.epsilon] = roles.share
    if roles.share_of_others:
        named[roles.share_of_others] = "epsilon / (logits.shape[1] - 1)"
    if roles.switch:
        named[roles.switch] = "True"
    if roles.classes:
        named[roles.classes] = "logits.shape[1]"
    if form.layout.startswith("padded") and pads:
        named[pads] = "0"
    elif pads and (pads in required(everything) or _is_class(everything[pads].default)):
        named[pads] = "-100"
    for feature, usual in (("weight", "None"), ("reduction", "'mean'")):
        option = roles.options[feature]
        unset = option is not None and everything[option].default is None and feature == "reduction"
        if option and (unset or option in required(everything)):
            named[option] = usual
    settings = configured(callee, MEANING)
    named |= {name: given for name, given in settings.items() if name in named}
    layout = LAYOUT[form.layout]
    labels = layout.passed.format("target") if form.target == "classes" else "target"
    more = ruled(callee, roles.keeps, labels, layout.axis) | settings | dict(roles.guessed or {})
    return named | {n: given for n, given in more.items() if n not in named and n not in roles.pair}


def call_of(callee: Callee, roles: Roles, form: Form, named: Mapping[str, str], criterion: str) -> Call:
    moved = callee.kind != "function" and not callee.method and _is_module(callee)
    return Call(
        callee,
        batch_of(roles, form, shown=False),
        named,
        ("logits", "target"),
        spreads=bool(features_of(callee, roles, form) or len(roles.pair) != 1),
        factory=callee.kind == "function" and not roles.pair,
        keeps=criterion,
        # torch 2.4 to 2.10 compile no call of Module.to
        moved="({} if torch.compiler.is_compiling() else {}.to(logits.device))" if moved else "",
    )


def _is_module(callee: Callee) -> bool:
    target = callee.target if inspect.isclass(callee.target) else type(callee.target)
    return issubclass(target, torch.nn.Module)


def batch_of(roles: Roles, form: Form, *, shown: bool) -> tuple[tuple[str, str], ...]:
    """Logits and target in the order of the call, as source or as it is told."""
    layout = LAYOUT[form.layout]
    wraps = (layout.told, layout.told_target) if shown else (layout.passed, layout.passed)
    z = wraps[0].format(LOGITS[form.logits][shown].format(z="logits"))
    y = wraps[1].format(TARGET[form.target][shown].format(z="logits", y="target"))
    if len(roles.pair) == 1:
        return ((roles.pair[0], y),)
    given = (y, z) if roles.swapped else (z, y)
    return tuple(zip(roles.pair or ("", ""), given, strict=True))


def source_of_build(callee: Callee, roles: Roles, form: Form) -> str:
    """``build(epsilon, **features)``, as it stands in an adapter."""
    loss, criterion = apart(callee.root, "loss", "criterion")
    named = arguments_of(callee, roles, form)
    offered = [feature for feature in features_of(callee, roles, form) if feature in roles.options]
    lines = ["def build(epsilon, **features):"]
    if form.weights != "a tensor" and "weight" in offered:
        lines += [
            f"    if features.get('weight') is not None:  # it takes {form.weights}",
            f"        features = {{**features, 'weight': features['weight']{WEIGHTS[form.weights]}}}",
        ]
    renamed = {name: roles.options[name] for name in offered if roles.options[name] != name}
    if renamed:
        lines += [f"    names = {renamed!r}"]
        lines += ["    features = {names.get(name, name): value for name, value in features.items()}"]
    # what has to be given, or an ignored value that ordinary targets have: unless a feature says otherwise
    given = [option for name in offered if (option := roles.options[name]) in named and option]
    defaults = [f'"{name}": {named.pop(name)}' for name in dict.fromkeys(given)]
    if defaults:
        lines += [f"    features = {{{', '.join(defaults)}, **features}}"]
    built, called = call_of(callee, roles, form, named, criterion).lines()
    lines += [*built, f"    def {loss}(logits, target):", *indented(LAYOUT[form.layout].before, 2)]
    if form.helper:
        lines.append(f"        q = {called}{form.read}")
        lines.append("        return -(q * logits.log_softmax(1)).sum(1).mean()")
    else:
        lines += [f"        result = {called}", f"        return result{form.read}"]
    text = "\n".join([*lines, f"    return {loss}"])
    # what it takes no options for is refused, and not swallowed
    return text if "features" in text.partition("\n")[2] else text.replace(", **features", "", 1)


def called_once(callee: Callee, roles: Roles, form: Form) -> str:
    """Source of an ordinary call, with all that it needs but torch."""
    text = imports(callee, source_of_build(callee, roles, form))
    return f"{text}\n{losses.ONE_CALL}"


def build_of(callee: Callee, roles: Roles, form: Form) -> Any:
    return executed(source_of_build(callee, roles, form), callee)["build"]


def seen_of(callee: Callee, roles: Roles, form: Form) -> Seen:
    """What comes back, and what it is. Raises NotUnderstood where it is no loss."""
    known = next((getattr(callee.target, n) for n in losses.KEPT if _is_epsilon(callee.target, n)), None)
    varies = roles.epsilon is not None
    per_sample = LAYOUT[form.layout].per_sample
    return losses.seen(build_of(callee, roles, form), varies=varies, kept=known, per_sample=per_sample)


def _is_epsilon(target: Any, name: str) -> bool:
    value = getattr(target, name, None)
    return isinstance(value, float) and 0 < value < 1


def _is_class(value: Any) -> bool:
    """Whether an ignored value is a class that ordinary targets have: 255 is none."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= max(CLASS_COUNTS)


def features_of(callee: Callee, roles: Roles, form: Form) -> list[str]:
    """The features that its signature offers, in this form: of a class, what its constructor takes."""
    offering = callee.built if callee.kind == "class" else callee.called
    found = [feature for feature, option in roles.options.items() if option in offering]
    if "reduction" in found and _limits(callee, roles.options["reduction"]):
        found.remove("reduction")
    if form.helper:  # what is made of its targets is ours
        found = []
    if form.layout.startswith("padded"):
        return [feature for feature in found if feature == "reduction"]
    if form.target == "one-hot rows" or form.layout in ("sequence", "sentence"):
        rows = form.target == "one-hot rows" and form.layout == "samples" and not _decodes(callee, roles)
        return [each for each in found if each in ("reduction", "weight")] + ["soft_targets"] * rows
    return found


def adapter_of(callee: Callee, roles: Roles, form: Form, seen: Seen) -> LabelSmoothing:
    text = source_of_build(callee, roles, form)
    ignoring = roles.options["ignore_index"]
    default = callee.everything[ignoring].default if ignoring else None
    declines = {}
    one = "sequence" in form.layout or form.layout == "sentence"
    if one or form.target == "one-hot rows" or form.helper:
        declines["dense"] = f"it takes {form}"
    if _says_flat(callee):
        declines["dense"] = declines["sequences"] = "its documentation says (N, K)"
    elif roles.classes:
        declines["sequences"] = "the adapter counts the classes in dimension 1"
    if wanted := source.type_of_cuda(callee.near):
        declines["twin"] = f"it asks for {wanted}"
    fixed = None if roles.epsilon else seen.fixed
    return LabelSmoothing(
        callee.name,
        build_of(callee, roles, form),
        features=frozenset(features_of(callee, roles, form)),
        imports=imports(callee, text),
        called_as="build({epsilon}{features})({logits}, {target})",
        shown_as=told(callee, roles, form, fixed),
        declines=declines,
        default_reduction=seen.reduction,
        ignored=default if isinstance(default, int) and not isinstance(default, bool) else None,
        fixed_epsilon=fixed,
    )


def _decodes(callee: Callee, roles: Roles) -> bool:
    """Whether its lines look for the largest of a row of the target, and nothing says soft: it is for one-hot
    rows."""
    target = re.escape(roles.pair[0 if roles.swapped or len(roles.pair) == 1 else 1]) if roles.pair else ""
    found = rf"(arg)?max\(\s*{target}\b|\b{target}\.(arg)?max\("
    says_soft = re.search(r"soft_?(label|target)|probabilit", callee.near.lower())
    return bool(target) and re.search(found, callee.near) is not None and says_soft is None


def _limits(callee: Callee, option: str | None) -> bool:
    """Whether its docstrings say that an option counts in some modes alone, or not at all."""
    words = r"(only (supported|used|applied|valid)|not (supported|used|implemented)|is ignored|unused)"
    text = callee.documentation.lower()
    return option is not None and re.search(rf"\b{option}\b[^.]{{0,60}}{words}", text) is not None


def _says_flat(callee: Callee) -> bool:
    """Whether its docstrings give (N, K) for the logits, and no further dimension."""
    text = callee.documentation.lower().replace(" ", "")
    flat = ("(n,c)", "(n,k)", "[n,c]", "(batch_size,num_classes)", "(b,c)", "[b,c]", "(n,num_classes)")
    return any(shape in text for shape in flat) and "(n,c,d" not in text and "(n,c,h" not in text


def told(callee: Callee, roles: Roles, form: Form | None = None, fixed: float | None = None) -> str:
    """In one line, for people."""
    named = arguments_of(callee, roles, form or Form("logits", "classes", "samples"))
    offered = {option for option in roles.options.values() if option and named.get(option) != "0"}
    shown = {name: _shortly(given) for name, given in named.items() if name not in offered}
    form = form or Form("logits", "classes", "samples")
    text = call_of(callee, roles, form, shown, "").told(batch_of(roles, form, shown=True))
    if form.helper:
        return f"-({text}{form.read} * log_softmax(logits)).sum(1).mean()"
    note = f"  (epsilon {fixed:g}, read off its values)" if fixed is not None else ""
    return f"{text}{form.read}{note}{left_alone(callee, [*named, *offered])}"


def _shortly(given: str) -> str:
    """A mask of ones is True."""
    mask = re.fullmatch(r"torch\.(ones|zeros)_like\(.*\)", given)
    return str(mask[1] == "ones") if mask else given

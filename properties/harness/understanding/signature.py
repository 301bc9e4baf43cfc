"""What a signature says: parameters by the names that people use for them."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lawful.properties.subjects.failures import NotUnderstood

EPSILON = (
    "label_smoothing",
    "label_smooth",
    "smoothing",
    "smooth_factor",
    "smoothing_factor",
    "smooth_eps",
    "epsilon",
    "eps",
    "lb_smooth",
    "ls_eps",
    "alpha",
    "e",
)
NUM_CLASSES = (
    "num_classes",
    "n_classes",
    "num_class",
    "n_class",
    "nb_classes",
    "class_num",
    "class_nums",
    "classes",
    "tgt_vocab_size",
    "vocab_size",
    "output_size",
    "num_labels",
    "n_labels",
    "n_dim",
    "nclass",
    "c",
    "k",
    "size",
)
TARGETS = (
    "target",
    "targets",
    "label",
    "labels",
    "y",
    "y_true",
    "true",
    "truth",
    "gt",
    "gold",
    "tgt",
    "lbl",
    "y_batch",
    "batch_y",
    "targ",
    "ground_truth",
)
ALPHA = ("alpha", "mixup_alpha", "mix_alpha", "mixup", "beta", "a", "alfa", "beta_param", "concentration")
PROBABILITY = ("p", "prob", "prob_apply", "mixup_prob", "probability", "mix_prob", "apply_prob", "p_mixup")
MODE = ("mode", "method", "aug", "mix_mode", "mix_type", "kind", "strategy")
LAMBDA = (
    "lam",
    "lmbda",
    "lambd",
    "lamda",
    "lambda_",
    "lmb",
    "lam_value",
    "mix_ratio",
    "ratio",
    "weight_lam",
    "gamma",
)
OFF = ("use_cuda", "use_gpu", "cuda", "gpu", "is_cuda", "plot", "verbose", "show", "show_plot", "debug")
"""Switches that we set to False: no GPU is asked for, and nothing is drawn."""

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Callee:
    """Somebody's class, function, method, partial or object, and how its parameters are named."""

    target: Any
    name: str
    """As it is imported: ``SmoothCE``, ``mixup_data``, ``Trainer.mix``."""
    module: str
    kind: str
    """``class``: built, then called. ``function``: called with a batch. ``object``: called as it is."""
    built: Mapping[str, inspect.Parameter]
    """Parameters of the constructor, of a class or of a method's class."""
    called: Mapping[str, inspect.Parameter]
    """Parameters of the call."""
    method: str = ""

    @property
    def root(self) -> str:
        """The name to import: of a method's class."""
        return self.name.split(".")[0]

    @property
    def imports(self) -> str:
        return f"from {self.module} import {self.root}"

    @property
    def value(self) -> Any:
        """What ``root`` names."""
        return self.target


def callee_of(target: Any, name: str, module: str, owner: Any = None) -> Callee:
    """Raises NotUnderstood where there is no signature to read."""
    if inspect.isclass(target):
        call = _call_of(target)
        return Callee(target, name, module, "class", _constructor(target), _without_self(call))
    if owner is not None and inspect.isclass(owner):
        static = isinstance(inspect.getattr_static(owner, target.__name__, None), staticmethod | classmethod)
        parameters = dict(inspect.signature(target).parameters)
        if static:
            return Callee(owner, name, module, "function", {}, parameters, target.__name__)
        own = dict(list(parameters.items())[1:])
        return Callee(owner, name, module, "class", _constructor(owner), own, target.__name__)
    if inspect.isroutine(target) or isinstance(target, functools.partial):
        return Callee(target, name, module, "function", {}, parameters_of(target))
    call = getattr(type(target), "forward", None) or type(target).__call__
    return Callee(target, name, module, "object", {}, _without_self(call))


def parameters_of(target: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError) as error:
        raise NotUnderstood(f"it has no signature to read: {error}") from error


def _constructor(cls: type) -> Mapping[str, inspect.Parameter]:
    """Also those that ``*args, **kwargs`` hand on to a base class."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        method = base.__dict__.get("__init__")
        if base in (object,) or base.__module__.startswith("torch.nn.modules.module"):
            break
        if method is None or not callable(method):
            continue
        try:
            own = dict(list(inspect.signature(method).parameters.items())[1:])
        except (TypeError, ValueError):
            break
        hands_on = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in own.values())
        found |= {n: p for n, p in own.items() if n not in found and p.kind not in _VARIADIC}
        if not hands_on:
            break
    return found or parameters_of(cls)


def _call_of(cls: type) -> Any:
    """What its instances are called with; ``nn.Module`` hides it in ``forward``."""
    return getattr(cls, "forward", None) or getattr(cls, "__call__", None)  # noqa: B004


def _without_self(method: Any) -> Mapping[str, inspect.Parameter]:
    if not inspect.isfunction(method):
        return {}
    return dict(list(inspect.signature(method).parameters.items())[1:])


def required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC
    ]


def positional(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Required, and not by keyword alone."""
    return [
        name for name in required(parameters) if parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
    ]


def first(names: tuple[str, ...], parameters: Mapping[str, Any]) -> str | None:
    """The parameter with the first of these names, whatever its case."""
    lower = {name.lower(): name for name in parameters}
    return next((lower[name] for name in names if name in lower), None)


def like(
    pattern: str, parameters: Mapping[str, inspect.Parameter], unless: Callable[[str], bool]
) -> str | None:
    """The first parameter whose name has this pattern in it."""
    found = (name for name in parameters if re.search(pattern, name.lower()) and not unless(name))
    return next(found, None)


def classes_of(parameters: Mapping[str, Any]) -> str | None:
    """The parameter that is the number of classes: a known name, then any that reads like one."""
    pattern = (
        r"(^|_)(n|nb|num|number)(_of)?_?(class|label|categor)|vocab\w*_?(size|len)|(class|label)(es|s)?_?num"
    )
    return first(NUM_CLASSES, parameters) or next(
        (n for n in parameters if re.search(pattern, n.lower())), None
    )


def is_switch(parameter: inspect.Parameter) -> bool:
    """A bool by default: no number."""
    return isinstance(parameter.default, bool)


def epsilon_of(parameters: Mapping[str, inspect.Parameter]) -> str | None:
    """The parameter that is epsilon: the most specific name wins, then any with ``smooth`` in it.

    A switch is no epsilon, nor is a default below 1e-3, which keeps a logarithm from 0.
    """

    def no_epsilon(name: str) -> bool:
        default = parameters[name].default
        tiny = isinstance(default, float) and 0 < default < 1e-3
        return is_switch(parameters[name]) or tiny or isinstance(default, str)

    for name in EPSILON[:4]:
        found = first((name,), parameters)
        if found and not no_epsilon(found):
            return found
    found = like(r"smooth", parameters, no_epsilon)
    if found:
        return found
    return next((f for name in EPSILON if (f := first((name,), parameters)) and not no_epsilon(f)), None)


def switch_of(parameters: Mapping[str, inspect.Parameter]) -> str | None:
    """A parameter such as ``smoothing=True`` that switches smoothing on."""
    return next((n for n, p in parameters.items() if "smooth" in n.lower() and is_switch(p)), None)


def extras(
    parameters: Mapping[str, inspect.Parameter], *, inputs: str, target: str, keeps: bool = True
) -> dict[str, str]:
    """What is given for parameters that are no option of ours, as source. ``inputs``, ``target``: names.

    ``keeps``: whether a mask says what counts, or what does not.
    """
    found: dict[str, str] = {}
    for name, parameter in parameters.items():
        lower = name.lower()
        needed = parameter.default is inspect.Parameter.empty
        if lower in OFF and (needed or parameter.default is True):
            found[name] = "False"
        elif lower in ("device", "dev"):
            found[name] = f"{inputs}.device"
        elif lower in ("from_logits", "logits_input", "with_logits", "use_logits"):
            found[name] = "True"
        elif lower in ("dim", "axis", "class_dim"):
            found[name] = "1"
        elif lower.endswith("mask") and needed:
            found[name] = f"torch.{'ones' if keeps else 'zeros'}_like({target}, dtype=torch.bool)"
        elif lower in ("training", "is_training", "train") and (needed or parameter.default is False):
            found[name] = "True"
        elif lower in ("batch_size", "bs") and needed:
            found[name] = f"len({inputs})"
        elif lower in ("temperature", "tau", "t") and needed:
            found[name] = "1.0"
    return found


CONFIGS = ("config", "cfg", "conf", "args", "opt", "opts", "options", "hparams", "hps", "flags", "settings")
"""A parameter that holds options as attributes, or by keys."""


def configured(callee: Callee, meaning: Mapping[str, str]) -> dict[str, str]:
    """Source of a stand-in for each required parameter of ``CONFIGS``, with what the code reads of it.

    ``meaning``: by pattern of the last name, the source of its value; what means nothing we know is None.
    """
    everything = {**callee.built, **callee.called}
    found = {}
    for name in required(everything):
        if name.lower() in CONFIGS and (read := _reads(callee.target, name)):
            found[name] = _stand_in(read, meaning)
    return found


def _reads(target: Any, name: str) -> list[tuple[str, ...]]:
    """The chains of attributes or keys, such as ``.mixup.alpha``, that a definition reads of a name."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(target)))
    except (OSError, TypeError, SyntaxError):
        return []
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Subscript)}
    chains = (_chain(node, name) for node in ast.walk(tree) if id(node) not in inner)
    return sorted({chain for chain in chains if chain})


def _chain(node: ast.AST, name: str) -> tuple[str, ...]:
    """``.a`` for an attribute, ``a`` for a key; empty where it does not begin at the name."""
    steps: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute):
            if node.attr == name and isinstance(node.value, ast.Name) and node.value.id == "self":
                return tuple(reversed(steps))
            steps.append(f".{node.attr}")
        elif isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            steps.append(node.slice.value)
        else:
            return ()
        node = node.value
    return tuple(reversed(steps)) if isinstance(node, ast.Name) and node.id == name else ()


def _stand_in(chains: Iterable[tuple[str, ...]], meaning: Mapping[str, str]) -> str:
    below: dict[str, list[tuple[str, ...]]] = {}
    for step, *rest in chains:
        below.setdefault(step, []).append(tuple(rest))

    def value(step: str) -> str:
        rests = [rest for rest in below[step] if rest]
        if rests:
            return _stand_in(rests, meaning)
        name = step.removeprefix(".").lower()
        return next((source for pattern, source in meaning.items() if re.search(pattern, name)), "None")

    if all(step.startswith(".") for step in below):
        inside = ", ".join(f"{step[1:]}={value(step)}" for step in below)
        return f"types.SimpleNamespace({inside})"
    return "{" + ", ".join(f'"{step.removeprefix(".")}": {value(step)}' for step in below) + "}"

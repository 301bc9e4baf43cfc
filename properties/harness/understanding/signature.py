"""What is called, and with which parameters: of a class, a function, a method, an object, a scripted one."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from lawful.impl.shown import FUTURE, standing_alone
from lawful.properties.harness.understanding import source
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import NO_SOURCE

_Parameters = Mapping[str, inspect.Parameter]
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Callee:
    """Somebody's class, function, method, partial or object, and how its parameters are named."""

    target: Any
    name: str
    """As it is imported: ``SmoothCE``, ``mixup_data``, ``Trainer.mix``."""
    module: str
    kind: str
    """``class``: built, then called. ``function``: called with a batch. ``object``: called as it is."""
    built: _Parameters
    """Parameters of the constructor, of a class or of a method's class."""
    called: _Parameters
    """Parameters of the call."""
    method: str = ""
    carried: str = ""
    """Source that defines it, where it was taken out of its file: nothing can be imported then."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Names that it refers to, and that could not be taken along, with why."""

    @property
    def root(self) -> str:
        """The name to import: of a method's class."""
        return self.name.split(".")[0]

    @property
    def imports(self) -> str:
        """Source that brings the root, or a comment where only the object that was given has it."""
        if self.carried:
            return self.carried
        if self._can_be_imported():
            return f"from {self.module} import {self.root}"
        alone = standing_alone(self.target) if inspect.isfunction(self.target) else None
        if alone is not None and self.target.__name__ == self.root:
            return alone.removeprefix(f"{FUTURE}\n")
        return f"# {self.root}: the {type(self.target).__name__} that was given, {NO_SOURCE}: put it here"

    def _can_be_imported(self) -> bool:
        """Whether another process finds the same thing under this name: not what a session or a call made."""
        module = sys.modules.get(self.module)
        if module is None:
            return True
        if self.module == "__main__":
            return False
        found = vars(module).get(self.root)
        # a function's decorator, and a class that is loaded again, leave another object of the same name
        same = inspect.isclass(found) or inspect.isfunction(found)
        return found is self.target or "." in self.name or (same and type(found) is type(self.target))

    @property
    def value(self) -> Any:
        """What ``root`` names."""
        return self.target

    @property
    def everything(self) -> _Parameters:
        """The parameters of the constructor and of the call."""
        return {**self.built, **self.called}

    @functools.cached_property
    def text(self) -> str:
        """Its source, or nothing where there is none."""
        return source.text_of(self.target)

    @functools.cached_property
    def tree(self) -> ast.Module:
        """Its source, parsed: empty where there is none."""
        return source.parsed(self.text)

    @functools.cached_property
    def near(self) -> str:
        """Its source, and that of what it calls in its module."""
        return "\n".join([self.text, *map(source.text_of, source.called_in(self.target, self.tree))])

    @functools.cached_property
    def file(self) -> str:
        """The file in which it stands, or nothing."""
        return source.file_of(self.target, self.module)

    @property
    def documentation(self) -> str:
        """Its docstrings, those of its call among them."""
        members = (getattr(self.target, name, None) for name in ("forward", "__call__", self.method))
        return " ".join(getattr(each, "__doc__", None) or "" for each in (self.target, *members))


def defined_as(target: Any) -> tuple[str, str]:
    """The name of a definition and its module, as it is imported."""
    if isinstance(target, torch.jit.ScriptFunction):
        module, _, name = target.qualified_name.removeprefix("__torch__.").rpartition(".")
        return name, module
    return getattr(target, "__name__", type(target).__name__), getattr(target, "__module__", "mine")


def callee_of(
    target: Any,
    name: str,
    module: str,
    owner: Any = None,
    carried: str = "",
    left_out: Mapping[str, str] | None = None,
) -> Callee:
    """Raises NotUnderstood where there is no signature to read."""
    found = _callee_of(target, name, module, owner)
    return replace(found, carried=carried, left_out=left_out or {})


def _callee_of(target: Any, name: str, module: str, owner: Any) -> Callee:
    if inspect.isclass(target):
        return Callee(target, name, module, "class", _constructor(target), called_of(_call_of(target)))
    if owner is not None and inspect.isclass(owner):
        held = inspect.getattr_static(owner, target.__name__, None)
        if isinstance(held, staticmethod | classmethod) or _is_called_on_its_class(held):
            return Callee(owner, name, module, "function", {}, parameters_of(target), target.__name__)
        return Callee(owner, name, module, "class", _constructor(owner), called_of(target), target.__name__)
    if inspect.isroutine(target) or isinstance(target, functools.partial | torch.jit.ScriptFunction):
        return Callee(target, name, module, "function", {}, parameters_of(target))
    call = getattr(type(target), "forward", None) or type(target).__call__
    scripted: Any = target
    if isinstance(target, torch.jit.ScriptModule):
        return Callee(target, name, module, "object", {}, _scripted(scripted.forward.schema, 1))
    return Callee(target, name, module, "object", {}, called_of(call))


def _is_called_on_its_class(held: Any) -> bool:
    """Whether a function of a class has inputs where ``self`` would be: it works on the class alone."""
    names = list(inspect.signature(held).parameters) if inspect.isfunction(held) else []
    return names[:1] in (["x"], ["inputs"], ["images"], ["data"], ["batch"], ["logits"], ["criterion"])


def parameters_of(target: Any) -> _Parameters:
    """Those of a signature, or of the schema of what ``torch.jit.script`` gives; and what is handed on."""
    if isinstance(target, torch.jit.ScriptFunction):
        scripted: Any = target
        return _scripted(scripted.schema, 0)
    try:
        own = inspect.signature(target).parameters
    except (TypeError, ValueError) as error:
        raise NotUnderstood(f"it has no signature to read: {error}") from error
    return {**own, **_handed_on(target, own)}


def _scripted(schema: Any, skipped: int) -> _Parameters:
    """``skipped``: how many come before those that are passed, ``self`` say."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        each.name: inspect.Parameter(
            each.name,
            kinds[bool(each.kwarg_only)],
            default=each.default_value if each.has_default_value() else inspect.Parameter.empty,
            annotation=str(each.type),
        )
        for each in schema.arguments[skipped:]
    }


def _constructor(cls: type) -> _Parameters:
    """Also those that ``*args, **kwargs`` hand on to a base class, or that are read of them by their keys."""
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
        own |= _handed_on(method, own, source.text_of(base))
        found |= {n: p for n, p in own.items() if n not in found and p.kind not in VARIADIC}
        if not hands_on:
            break
    return found or parameters_of(cls)


def _call_of(cls: type) -> Any:
    """What its instances are called with; ``nn.Module`` hides it in ``forward``."""
    return getattr(cls, "forward", None) or getattr(cls, "__call__", None)  # noqa: B004


def called_of(method: Any) -> _Parameters:
    """Of a method, those that a caller passes."""
    if not inspect.isfunction(method):
        return {}
    own = dict(list(inspect.signature(method).parameters.items())[1:])
    return {**own, **_handed_on(method, own)}


def _handed_on(function: Any, own: _Parameters, text: str = "") -> dict[str, inspect.Parameter]:
    """What ``**kwargs`` of a function is: read by its keys, in the ``text`` of its class too, or handed on to
    another function of its module."""
    spread = next((n for n, p in own.items() if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    if spread is None or not inspect.isfunction(inspect.unwrap(function)):
        return {}
    tree = source.parsed(text or source.text_of(function))
    found = {
        key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default)
        for key, default in source.keys_of(tree, spread).items()
        if key not in own
    }
    for call in source.calls_with(tree, spread):
        for name, parameter in _passed_on(call, _named_in(function, call.func)):
            if name not in own and name not in found:
                found[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    return found


def _passed_on(call: ast.Call, taker: Any) -> Iterator[tuple[str, inspect.Parameter]]:
    """The parameters of what is called that the call itself does not give."""
    if taker is None:
        return
    try:
        parameters = _constructor(taker) if inspect.isclass(taker) else inspect.signature(taker).parameters
    except (TypeError, ValueError, NotUnderstood):
        return
    given = {keyword.arg for keyword in call.keywords}
    for place, (name, parameter) in enumerate(parameters.items()):
        if place >= len(call.args) and name not in given and parameter.kind not in VARIADIC:
            yield name, parameter


def _named_in(function: Any, node: ast.expr) -> Any:
    """The function or class that a call in it names, ``self.x`` among them; None where it is none."""
    function = inspect.unwrap(function)
    names = {**getattr(function, "__globals__", {})}
    if isinstance(node, ast.Name):
        found = names.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        held = names.get(node.value.id)
        if node.value.id == "self":  # the class is the one that its name says
            held = functools.reduce(
                lambda place, step: getattr(place, step, None),
                function.__qualname__.split(".")[:-1],
                sys.modules.get(function.__module__),
            )
            method = getattr(held, node.attr, None)
            return functools.partial(method, None) if inspect.isfunction(method) else None
        found = getattr(held, node.attr, None)
    else:
        found = None
    return found if inspect.isfunction(found) or inspect.isclass(found) else None


def required(parameters: _Parameters) -> list[str]:
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind not in VARIADIC
    ]


def positional(parameters: _Parameters) -> list[str]:
    """Required, and not by keyword alone."""
    return [
        name for name in required(parameters) if parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY
    ]


def is_switch(parameter: inspect.Parameter) -> bool:
    """A bool by default: no number."""
    return isinstance(parameter.default, bool)


def is_number(parameter: inspect.Parameter) -> bool:
    """A number by default."""
    return isinstance(parameter.default, int | float) and not is_switch(parameter)

"""The ways in which PyTorch calls a function: compiled, exported, under its transforms and in its modes.

``vmapped(loss)`` is called as ``loss`` is, and gives what it gives. That something does not work in a way is
no fault, and is reported as a convention; a value that changes is one.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from types import CellType
from typing import Any

import torch
from torch import nn

from lawful.impl.contracts import WAYS

Call = Callable[..., Any]

COMPILED = ("compile", "export")
"""Ways that take seconds to start."""
QUICK = tuple(way for way in WAYS if way not in ("double_backward", *COMPILED))
"""Ways that cost a call."""
AUTOCAST = torch.bfloat16


def vmapped(function: Call) -> Call:
    """The second of a batch of two equal calls."""

    def call(*tensors: torch.Tensor) -> Any:
        twice = torch.func.vmap(function, randomness="different")(*(torch.stack([t, t]) for t in tensors))
        return second(twice)

    return call


def second(batched: Any) -> Any:
    """The second of everything that has a batch in front, in tuples, lists and dictionaries too."""
    if isinstance(batched, dict):
        return type(batched)((name, second(part)) for name, part in batched.items())
    if isinstance(batched, tuple) and hasattr(batched, "_fields"):
        return type(batched)(*map(second, batched))
    if isinstance(batched, (tuple, list)):
        return type(batched)(map(second, batched))
    return batched[1]


def with_func_grad(function: Call) -> Call:
    """A loss, whose ``grad`` with respect to its first argument is what ``torch.func.grad`` gives."""

    def call(logits: torch.Tensor, *others: torch.Tensor) -> Any:
        def summed(logits: torch.Tensor) -> Any:
            result = function(logits, *others)
            return result.sum(), result

        logits.grad, result = torch.func.grad(summed, has_aux=True)(logits)
        return result

    return call


def autocasted(function: Call) -> Call:
    def call(*tensors: torch.Tensor) -> Any:
        with torch.autocast(tensors[0].device.type, AUTOCAST):
            return function(*tensors)

    return call


def in_inference_mode(function: Call) -> Call:
    def call(*tensors: torch.Tensor) -> Any:
        with torch.inference_mode():
            return function(*tensors)

    return call


def deterministically(function: Call) -> Call:
    def call(*tensors: torch.Tensor) -> Any:
        before = torch.are_deterministic_algorithms_enabled()
        warns = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(True)
        try:
            return function(*tensors)
        finally:
            torch.use_deterministic_algorithms(before, warn_only=warns)

    return call


def pickled(made: Call) -> Call:
    """Through pickle, and its state through ``torch.save``, as a checkpoint keeps them: a module, or what a
    function calls that holds one, as ``build`` of an adapter that was inferred makes it."""
    if isinstance(made, nn.Module):
        return _kept(made)
    cells = modules_held(made)
    if not cells:
        raise TypeError(f"expected a module, got a {type(made).__name__}")
    for cell in cells:
        cell.cell_contents = _kept(cell.cell_contents)
    return made


def modules_held(made: Call) -> list[CellType]:
    """The cells of a function's closure that hold a module."""

    def value(cell: CellType) -> Any:
        try:
            return cell.cell_contents
        except ValueError:  # not given yet
            return None

    return [cell for cell in getattr(made, "__closure__", None) or () if isinstance(value(cell), nn.Module)]


def _kept(module: nn.Module) -> nn.Module:
    again: nn.Module = pickle.loads(pickle.dumps(module))
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True))
    return again


def compiled(function: Call) -> Call:
    """Without a compiler: the graphs run in eager mode, traced forward and backward."""
    torch.compiler.reset()
    found: Call = torch.compile(function, backend="aot_eager")
    return found


def compiled_whole(function: Call) -> Call:
    """As :func:`compiled`, without a graph break."""
    torch.compiler.reset()
    found: Call = torch.compile(function, fullgraph=True, backend="aot_eager")
    return found


def exported(function: Call) -> Call:
    class Exported(nn.Module):
        def forward(self, *tensors: torch.Tensor) -> Any:
            return function(*tensors)

    def call(*tensors: torch.Tensor) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(Exported(), tensors).module()(*tensors)

    return call


UNDER: dict[str, Callable[[Call], Call]] = {
    each.__name__: each
    for each in (
        vmapped,
        with_func_grad,
        autocasted,
        in_inference_mode,
        deterministically,
        pickled,
        compiled,
        compiled_whole,
        exported,
    )
}
"""Each takes a function and gives it in a way. Double backward is asked by the caller of a loss."""
UNDER_WAY = {
    "vmap": "vmapped",
    "func_grad": "with_func_grad",
    "autocast": "autocasted",
    "inference_mode": "in_inference_mode",
    "deterministic": "deterministically",
    "pickle": "pickled",
    "compile": "compiled",
    "full": "compiled_whole",
    "export": "exported",
}
"""The name in ``UNDER`` by way."""

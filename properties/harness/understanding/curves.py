"""Tells the records of a range test by their numbers: rates are what was used, or its logarithm; losses are
what the script said; a suggestion is one number within the range."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from lawful.properties.harness.understanding.forms import attributes, is_scalar, parts

SUGGESTS = (
    "suggestion",
    "lr_suggestion",
    "suggest",
    "suggest_lr",
    "suggested_lr",
    "get_suggestion",
    "get_best_lr",
    "best_lr",
    "optimal_lr",
)
_FAR = 0.5
"""A mean relative error of losses at which they are hardly those of the script."""


@dataclass(frozen=True)
class Curve:
    """Source of the records in what came back; empty where there are none."""

    lrs: str = ""
    losses: str = ""
    rate: str = "float(lr)"
    """Source of a rate, of one ``lr`` of them."""
    loss: str = "float(loss)"
    suggestion: str = ""
    """Source of a number, or of what gives one where it is called."""

    def records(self) -> dict[str, str]:
        """What an adapter gives back, by name."""
        found = {}
        if self.lrs:
            found["lrs"] = f"[{self.rate} for lr in {self.lrs}]"
        if self.losses:
            found["losses"] = f"[{self.loss} for loss in {self.losses}]"
        if self.suggestion:
            found["suggest"] = f"lambda: {self.suggestion}"
        return found

    def told(self) -> str:
        shown = {"lrs": self.lrs, "losses": self.losses, "suggestion": self.suggestion}
        read = [f"{name} = {source}" for name, source in shown.items() if source]
        return ", ".join(read) if read else "no history: steps and rates are seen at the optimizer"


def read(result: Any, holder: Any, used: Any, losses: list[float]) -> Curve:
    """What of a ``result``, or of the object ``finder`` that gave it, are the rates that were used, and the
    losses of the script."""
    found = list(sequences(result, "result"))
    if holder is not None:
        kept = SimpleNamespace(**{n: v for n, v in vars(holder).items() if not n.startswith("__")})
        found += sequences(kept, "finder")
    rows = [(path, row, _one(value)) for path, value in found if (row := numbers(value)) is not None]
    suggestion = _suggestion(result, holder, used, has_rows=bool(rows))
    rates = [(_decades_off(np.log10(row), used), path, one) for path, row, one in rows if row.min() > 0]
    rates += [(_decades_off(row, used), path, f"10 ** {one}") for path, row, one in rows]
    rates.sort(key=lambda each: each[0])
    if not rates or rates[0][0] >= 1:
        return Curve(suggestion=suggestion)
    _, lrs, rate = rates[0]
    others = [(_off(row, np.asarray(losses)), path, one) for path, row, one in rows if path != lrs]
    if not others:
        return Curve(suggestion=suggestion)
    off, path, one = min(others, key=lambda each: each[0])
    if off > _FAR:  # its loss may be its own
        named = (each for each in others if "loss" in each[1].lower())
        off, path, one = next(named, (off, path, one))
    return Curve(lrs, path, rate.format("lr"), one.format("loss"), suggestion)


def sequences(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every sequence in it, with the source that gives it: rows of a table as its columns."""
    for holder, inside in _tables(value, path):
        if isinstance(inside, Mapping) and len(inside) > 1 and all(map(is_scalar, inside)):
            yield f"{holder}.keys()", list(inside)
            yield f"{holder}.values()", list(inside.values())
        elif isinstance(inside, tuple) and len(inside) > 1 and all(map(is_scalar, inside)):
            yield holder, inside
        elif isinstance(inside, list) and len(inside) > 1:
            yield from ((f"[row{place} for row in {holder}]", row) for place, row in _columns(inside))
    for place, leaf in parts(value, path, but=trains):
        yield place, leaf
        if isinstance(leaf, np.ndarray) and leaf.ndim == 2 and leaf.shape[1] in (2, 3):
            yield from ((f"{place}[:, {i}]", leaf[:, i]) for i in range(leaf.shape[1]))


def trains(value: Any) -> bool:
    """Whether it is what is trained, or trained on, or a state of it: none holds a history."""
    if isinstance(value, torch.nn.Module | torch.nn.Parameter | torch.optim.Optimizer | DataLoader | Dataset):
        return True
    of_optimizer = isinstance(value, Mapping) and {"state", "param_groups"} <= value.keys()
    return of_optimizer or hasattr(value, "_metadata")  # which a module's state has


def _tables(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """It, what a tuple or a dict holds, and the attributes of an object."""
    if trains(value):
        return
    inside: list[tuple[str, Any]] = []
    if isinstance(value, tuple):
        inside = [(f"{path}[{i}]", each) for i, each in enumerate(value)]
    elif isinstance(value, Mapping):
        inside = [(f"{path}[{key!r}]", each) for key, each in value.items()]
    else:
        inside = [(f"{path}.{name}", each) for name, each in attributes(value).items()]
    yield from ((place, each) for place, each in [(path, value), *inside] if not trains(each))


def _columns(rows: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Of rows of the same few numbers each, a column with what picks it of a row; none where they differ."""
    records = [_fields(row) for row in rows]
    if all(each and each.keys() == records[0].keys() for each in records):
        for place in records[0]:
            column = [each[place] for each in records]
            if all(map(is_scalar, column)):
                yield place, column


def _fields(row: Any) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return {f"[{key!r}]": value for key, value in row.items()}
    if isinstance(row, tuple) and hasattr(row, "_fields"):
        return {f".{name}": getattr(row, name) for name in row._fields}
    if isinstance(row, tuple | list):
        return {f"[{place}]": value for place, value in enumerate(row)} if 2 <= len(row) <= 4 else {}
    return {} if is_scalar(row) else {f".{name}": value for name, value in attributes(row).items()}


def _suggestion(result: Any, holder: Any, used: Any, *, has_rows: bool) -> str:
    """A number that is a rate of the sweep, or a method of the result that gives one."""

    def is_rate(value: Any) -> bool:
        return is_number(value) and used.min() * 0.99 <= float(value) <= used.max() * 1.01

    if is_rate(result):
        return "result"
    methods = [name for name in SUGGESTS if callable(getattr(result, name, None))]
    for name in methods:
        if not _needs_arguments(getattr(result, name)):
            return f"result.{name}()"
    leaves = [(path, value) for path, value in parts(result, "result") if is_rate(value)]
    if holder is not None:
        leaves += [(f"finder.{n}", v) for n, v in vars(holder).items() if n in SUGGESTS and is_rate(v)]
    named = [path for path, _ in leaves if re.split(r"\W+", path.strip("]'\""))[-1].lower() in SUGGESTS]
    alone = [path for path, _ in leaves] if has_rows and isinstance(result, tuple) else []
    return next(iter([*named, *(alone if len(alone) == 1 else [])]), "")


def _needs_arguments(method: Any) -> bool:
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(
        each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        for each in parameters
    )


def numbers(value: Any) -> Any:
    """A sequence of 2 numbers or more as an array; None where it is none."""
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        return None
    try:
        row = np.asarray([float(item.item()) if is_held(item) else float(item) for item in value])
    except (TypeError, ValueError):
        return None
    return row if len(row) >= 2 else None


def is_held(item: Any) -> bool:
    """A number in an array, or in a tensor, with a dimension of its own."""
    return is_scalar(item) and getattr(item, "ndim", 0) > 0


def _one(value: Any) -> str:
    """Source of one number of a sequence, of its name."""
    return "float({}.item())" if any(map(is_held, value)) else "float({})"


def is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return value is not None and not isinstance(value, bool | str)


def _decades_off(logarithms: Any, used: Any) -> float:
    """How far logarithms are, in mean decades, from the best run of the rates used."""
    right = np.log10(used)
    count = min(len(logarithms), len(right))
    if count < 2 or not np.isfinite(logarithms).all():
        return np.inf
    runs = (right[i : i + count] for i in range(len(right) - count + 1))
    return float(min(np.mean(np.abs(logarithms[:count] - run)) for run in runs))


def _off(row: Any, right: Any) -> float:
    """How far a row is, in mean relative error, from the best run of ``right`` of its length."""
    count = min(len(row), len(right))
    if count < 2 or not np.isfinite(row).all():
        return np.inf
    row = row[:count]
    runs = (right[i : i + count] for i in range(len(right) - count + 1))
    return float(min(np.mean(np.abs(row - run) / (np.abs(run) + 1e-12)) for run in runs))

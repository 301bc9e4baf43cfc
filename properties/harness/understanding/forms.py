"""What is inferred is source code, told once: executed to ask the laws, shown in the programs that reproduce
a failure, and written down by ``lawful adapt``. Here it is executed, and what comes back is taken apart.
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from lawful.properties.harness.understanding.signature import Callee

_SOURCE_NAME = "<the adapter that was inferred>"
ORDINARY_MODEL = (
    "model = torch.nn.Linear(3, 2)",
    "optimizer = torch.optim.SGD(model.parameters(), lr=1e-5)",
    "data = torch.utils.data.TensorDataset(torch.randn(64, 3), torch.randint(2, (64,)))",
    "loader = torch.utils.data.DataLoader(data, batch_size=2)",
)
"""Of a program in which something trains."""
_DEEPEST = 5
"""Levels of a result that are looked into."""


def executed(source: str, callee: Callee) -> dict[str, Any]:
    """The names that the source defines, beside the code that it calls."""
    names: dict[str, Any] = {"torch": torch, "numpy": np, "np": np, "types": types, callee.root: callee.value}
    linecache.cache[_SOURCE_NAME] = (len(source), None, source.splitlines(True), _SOURCE_NAME)
    exec(compile(source, _SOURCE_NAME, "exec"), names)
    return names


def imports(callee: Callee, source: str) -> str:
    """The source of an adapter with the imports that it needs, and what brings the code that it calls."""
    usual = {"np.": "import numpy as np", "types.": "import types"}
    return "\n".join([*(line for sign, line in usual.items() if sign in source), callee.imports, source])


def apart(callee: str, *names: str) -> Iterator[str]:
    """An adapter's own names, with an underscore where the callee has one: a loss may be called ``loss``."""
    return (f"{name}_" if name == callee else name for name in names)


def indented(lines: Iterable[str], by: int = 1) -> Iterator[str]:
    return ("    " * by + line for line in lines)


def parts(
    value: Any, path: str = "", above: tuple[int, ...] = (), *, but: Callable[[Any], bool] = lambda _: False
) -> Iterator[tuple[str, Any]]:
    """Every leaf of nested tuples, lists, dicts and objects, with the source that picks it.

    ``above``: the identities of what holds it. What holds itself is a leaf, and so is what is too deep.
    ``but``: what is not looked into, and no leaf.
    """
    if but(value):
        return
    if id(value) in above or len(above) > _DEEPEST:
        yield path, None
        return
    inside: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        inside = [(f"{path}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, tuple | list):
        if value and isinstance(value, list) and all(map(is_scalar, value)):
            yield path, value
            return
        inside = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif isinstance(value, torch.Tensor | np.ndarray | np.generic) or callable(value):
        yield path, value
    else:
        inside = [(f"{path}.{name}", item) for name, item in attributes(value).items()]
        if not inside:
            yield path, value
    for place, item in inside:
        yield from parts(item, place, (*above, id(value)), but=but)


def attributes(value: Any) -> dict[str, Any]:
    """Of an object: what it holds, in slots too, and its public properties."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return {}
    slots = [name for base in kind.__mro__ for name in getattr(base, "__slots__", ())]
    named = [n for n in dir(kind) if n[0] != "_" and isinstance(inspect.getattr_static(kind, n), property)]
    found = dict(getattr(value, "__dict__", {}))
    for name in (*slots, *named):
        with contextlib.suppress(Exception):
            found.setdefault(name, getattr(value, name))
    return found


def is_scalar(value: Any) -> bool:
    """A number, or an array or a tensor that is one."""
    if isinstance(value, int | float):
        return True
    return isinstance(value, torch.Tensor | np.ndarray | np.generic) and value.shape.count(1) == value.ndim

"""A call of somebody's code: what each parameter is given, as the lines that do it, and as the line that
people read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lawful.properties.harness.understanding.signature import Callee, required

FEATURES = "**features"


@dataclass(frozen=True)
class Call:
    """``batch``: what comes by position, or by the parameter's name, first; ``named``: all else, by name."""

    callee: Callee
    batch: tuple[tuple[str, str], ...]
    """(parameter, source), in the order of the call; the parameter is empty where it has no name."""
    named: Mapping[str, str]
    variables: tuple[str, ...]
    """The names that the batch has: what is built of one of them is built when it is called."""
    spreads: bool = False
    """Whether it is passed the ``**features`` of an adapter's ``build``."""
    factory: bool = False
    """Whether a function makes what is called."""
    keeps: str = "made"
    """What is built is called this in the adapter."""
    moved: str = ""
    """What stands for what is built when it is called, with its source for ``{}``: a module on a device."""

    def lines(self) -> tuple[list[str], str]:
        """Lines that build what can be built before there is a batch, and the expression of the call."""
        maker = self._maker(self._given(self._built_with(), spread=self._spreads_when_built()))
        if maker is None:
            return [], self._called(self._moved(self.callee.name))
        if self._mentions(self._built_with().values()):
            return [], self._called(self._moved(maker))
        return [f"    {self.keeps} = {maker}"], self._called(self._moved(self.keeps))

    def told(self, batch: tuple[tuple[str, str], ...]) -> str:
        """In one line, with another batch: as people write it."""
        told = replace(self, batch=batch, spreads=False)
        maker = told._maker(told._given(told._built_with()))
        return told._called(told.callee.name if maker is None else maker)

    def _moved(self, what: str) -> str:
        return self.moved.replace("{}", what) or what

    def _maker(self, given: str) -> str | None:
        """What builds what is called; None where there is nothing to build."""
        if self.callee.kind == "class":
            return f"{self.callee.root}({given})"
        return f"{self.callee.name}({given})" if self.factory else None

    def _built_with(self) -> dict[str, str]:
        parameters = self.callee.called if self.factory else self.callee.built
        return {name: given for name, given in self.named.items() if name in parameters}

    def _called_with(self) -> dict[str, str]:
        """But for what the constructor has been given already."""
        callee = self.callee
        again = required(callee.called)
        return {
            name: given
            for name, given in self.named.items()
            if not self.factory and name in callee.called and (name not in callee.built or name in again)
        }

    def _spreads_when_built(self) -> bool:
        return self.spreads and (self.factory or self.callee.kind == "class")

    def _given(self, named: Mapping[str, str], *, spread: bool = False) -> str:
        return ", ".join([*(f"{name}={given}" for name, given in named.items()), *([FEATURES] * spread)])

    def _called(self, what: str) -> str:
        method = f".{self.callee.method}" if self.callee.method and self.callee.kind == "class" else ""
        spread = self.spreads and not self._spreads_when_built()
        inside = [*self._batch(), self._given(self._called_with(), spread=spread)]
        return f"{what}{method}({', '.join(filter(None, inside))})"

    def _batch(self) -> Iterator[str]:
        """By position where the batch comes first in the signature, else by name."""
        names = [name for name, _ in self.batch]
        first = list(self.callee.called)[: len(names)]
        by_name = all(names) and names != first
        return (f"{name}={given}" if by_name else given for name, given in self.batch)

    def _mentions(self, sources: Iterable[str]) -> bool:
        return any(re.search(rf"\b({'|'.join(self.variables)})\b", each) for each in sources)

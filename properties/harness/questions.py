"""The questions of a law, drawn by Hypothesis once for all who are asked them.

What is drawn depends on the law, the profile and the seed, and on nobody's answers: so most cases are asked
without Hypothesis, whose engine costs more than a small loss does. Where a law breaks, Hypothesis asks again,
draws the same, and looks for the smallest example.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import given, seed
from hypothesis import strategies as st

from lawful.properties.harness.profiles import Profile, seed_of
from lawful.properties.registry import Law

Example = dict[str, Any]

_drawn: dict[tuple[Any, ...], tuple[Law, list[Example], int]] = {}


def questions(law: Law, profile: Profile, seed_number: int) -> tuple[list[Example], int]:
    """Those at the edges, and those that Hypothesis draws; and how often it drew.

    Of a profile whose questions are repeatable. Raises Hypothesis's Unsatisfiable where nothing can be drawn.
    """
    key = (id(law), profile.examples, profile.boundary, seed_number)
    if key not in _drawn:
        found = law.boundary_examples() if profile.boundary else []
        _drawn[key] = (law, found, _collect(law, profile, seed_number, found.append))
    return _drawn[key][1:]


def _collect(law: Law, profile: Profile, seed_number: int, keep: Callable[[Example], None]) -> int:
    attempts = 0

    def attempted() -> None:
        nonlocal attempts
        attempts += 1

    def body(**drawn: Any) -> None:
        drawn.pop("attempt")
        keep(drawn)

    # the law's own test draws an attempt first too: the same strategies in the same order draw the same
    strategies = {name: drawn.strategy for name, drawn in law.drawn.items()}
    test: Any = given(attempt=st.builds(attempted), **strategies)(body)
    seed(seed_of(law.id, seed_number))(profile.settings(law.most_examples)(test))()
    return attempts


@contextlib.contextmanager
def generators_kept() -> Iterator[Callable[[], None]]:
    """To be called before each example: random and NumPy start as Hypothesis has them start."""
    python, numpy = random.getstate(), np.random.get_state()

    def restart() -> None:
        random.seed(0)
        np.random.seed(0)

    try:
        yield restart
    finally:
        random.setstate(python)
        np.random.set_state(numpy)

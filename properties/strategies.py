"""What Hypothesis draws: plain values, valid by construction, that every implementation and dtype is asked.

Logits are multiples of 1/16 or 1/2 with few bits, so they mean the same in float64 and in bfloat16,
shrink well, and read well in a counterexample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from lawful.properties.registry import Drawn

CLASS_COUNTS = (2, 3, 5, 10)
"""Faults are loud where classes are few: eps/(K-1) for eps/K moves the loss by 5e-2 at K = 2, by
2e-5 at 1000."""


@dataclass(frozen=True)
class Batch:
    """Logits (N, K) and class targets (N,), as lists."""

    logits: list[list[float]]
    target: list[int]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis prints every explicit example: in one piece, not number by number."""
        printer.text(repr(self))

    @property
    def size(self) -> int:
        return len(self.target)

    @property
    def num_classes(self) -> int:
        return len(self.logits[0])


@st.composite
def _batches(draw: st.DrawFn, min_size: int) -> Batch:
    """One byte a number: drawn at once (a list of integers takes four times as long), and 0 shrinks to 0.

    Most are ordinary: within 8 of each other; the others within 64.
    """
    size, num_classes = draw(st.integers(min_size, 5)), draw(st.sampled_from(CLASS_COUNTS))
    scale, count = draw(st.sampled_from([1 / 16, 1 / 16, 1 / 2])), size * num_classes
    drawn = draw(st.binary(min_size=count + size, max_size=count + size))
    logits = [_signed(byte) * scale for byte in drawn[:count]]
    return Batch(
        [logits[i * num_classes : (i + 1) * num_classes] for i in range(size)],
        [byte % num_classes for byte in drawn[count:]],
    )


def _signed(byte: int) -> int:
    """0, 1, 2, 3, 4 ... as 0, 1, -1, 2, -2 ... up to 64 in size.

    >>> [_signed(byte) for byte in (0, 1, 2, 127, 128)]
    [0, 1, -1, 64, -64]
    """
    byte %= 129
    return (byte + 1) // 2 if byte % 2 else -(byte // 2)


def batches(min_size: int = 1) -> Drawn:
    edges = (
        Batch([[0.0, 0.0]], [0]),
        Batch([[2.0, 0.0, -1.0]], [2]),
        Batch([[0.0, 1.0], [3.0, -2.0]], [1, 1]),
        Batch([[8.0, -8.0, 0.5], [0.0, 0.0, 0.0], [-4.0, 4.0, 1.0]], [0, 2, 1]),
        Batch([[0.125 * k for k in range(10)]] * 2, [9, 0]),
    )
    return Drawn(_batches(min_size), tuple(edge for edge in edges if edge.size >= min_size))


def rarely_many() -> Drawn:
    """How many logits at least a batch is repeated to have: more than fit a block once, and else 1."""
    return Drawn(st.just(1), (1, 2**17))


def masked_batches() -> Drawn:
    """Batches in which classes other than the target are masked out with -inf."""

    def masked(batch: Batch, mask: list[bool]) -> Batch:
        struck = pick(mask, batch.num_classes)
        rows = [
            [-math.inf if struck[k] and k != y else z for k, z in enumerate(row)]
            for row, y in zip(batch.logits, batch.target, strict=True)
        ]
        return Batch(rows, batch.target)

    drawn = st.builds(masked, _batches(1), masks().strategy)
    edges = tuple(masked(edge, [True]) for edge in batches().boundary)
    return Drawn(drawn, (*edges, masked(edges[1], [False])))


def epsilons() -> Drawn:
    """All of [0, 1], its ends, and the values in use."""
    return Drawn(
        st.one_of(
            st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9, 1.0]),
            st.integers(0, 256).map(lambda i: i / 256),
        ),
        (0.1, 0.0, 1.0, 2.0**-20),
    )


def inner_epsilons() -> Drawn:
    """The open interval (0, 1)."""
    return Drawn(
        st.one_of(
            st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.9]),
            st.integers(1, 255).map(lambda i: i / 256),
        ),
        (0.1, 2.0**-8, 1 - 2.0**-8),
    )


def bad_epsilons() -> Drawn:
    return Drawn(
        st.one_of(st.floats(-1e3, -1e-3), st.floats(1.001, 1e3), st.sampled_from([math.inf, -math.inf])),
        (-0.5, 1.5, math.nan, -0.001, 1.001, math.inf, -math.inf),
    )


def shifts() -> Drawn:
    """Whole numbers, which a dtype adds to the logits of a batch without rounding."""
    return Drawn(st.integers(-16, 16), (1, -16, 16))


def permutation_keys() -> Drawn:
    """A whole number that :func:`permutation` turns into a permutation of any size."""
    return Drawn(st.integers(0, 719), (1, 5, 719))


def permutation(key: int, size: int) -> list[int]:
    """The permutation of 0..size-1 with this number in lexicographic order, counted modulo size!.

    >>> permutation(1, 3)
    [0, 2, 1]
    """
    left, chosen = list(range(size)), []
    key %= math.factorial(size)
    for remaining in range(size, 0, -1):
        index, key = divmod(key, math.factorial(remaining - 1))
        chosen.append(left.pop(index))
    return chosen


def fractions() -> Drawn:
    """t in (0, 1), exact in every dtype."""
    return Drawn(st.integers(1, 15).map(lambda i: i / 16), (0.5, 0.25))


def masks() -> Drawn:
    """Which entries of a list are struck out; read modulo its length. Not all of one kind at random."""
    return Drawn(st.lists(st.booleans(), min_size=1, max_size=8), ([True], [False], [True, False, False]))


def pick(mask: list[bool], size: int) -> list[bool]:
    return [mask[i % len(mask)] for i in range(size)]


def ignore_indices() -> Drawn:
    """Outside the classes, and a class of its own, as padding is one."""
    return Drawn(st.sampled_from([-100, -1, 0, 1]), (-100, -1, 0, 1))


def class_weights() -> Drawn:
    """Ten weights, the first K of which are taken; quarters, exact in every dtype."""
    return Drawn(
        st.lists(st.integers(1, 16).map(lambda i: i / 4), min_size=10, max_size=10),
        ([1.0] * 10, [0.5, 2.0] * 5),
    )


def extremes() -> Drawn:
    """Logits as signed shares of the largest that the law allows, by row, with a target each."""
    edges = (
        Batch([[1.0, -1.0]], [1]),
        Batch([[1.0, -1.0]], [0]),
        Batch([[1.0, 1.0, -1.0]], [0]),
        Batch([[-1.0, -1.0]], [0]),
        Batch([[1.0, -1.0, -1.0], [0.0, -1.0, 1.0]], [1, 0]),
    )

    @st.composite
    def shares(draw: st.DrawFn) -> Batch:
        size, num_classes = draw(st.integers(1, 3)), draw(st.sampled_from([2, 3, 5]))
        row = st.lists(
            st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5]),
            min_size=num_classes,
            max_size=num_classes,
        )
        return Batch(
            draw(st.lists(row, min_size=size, max_size=size)),
            draw(st.lists(st.integers(0, num_classes - 1), min_size=size, max_size=size)),
        )

    return Drawn(shares(), edges)


def one_of(*values: object) -> Drawn:
    """A few fixed values, each asked first and drawn again."""
    return Drawn(st.sampled_from(values), values)


@dataclass(frozen=True)
class Samples:
    """Inputs (N, N) and class targets (N,) in 0..N-1, as lists."""

    inputs: list[list[float]]
    target: list[int]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def size(self) -> int:
        return len(self.target)


@st.composite
def _samples(draw: st.DrawFn) -> Samples:
    size = draw(st.sampled_from([2, 3, 4, 5, 6, 8]))
    drawn = draw(st.binary(min_size=size * (size + 1), max_size=size * (size + 1)))
    values = [_signed(byte) / 8 for byte in drawn]
    return Samples(
        [values[i * size : (i + 1) * size] for i in range(size)],
        [byte % size for byte in drawn[size * size :]],
    )


def samples() -> Drawn:
    """As many features as samples: the shape of the identity batch."""
    edges = (
        Samples([[0.0, 1.0], [1.0, 0.0]], [0, 1]),
        Samples([[-2.0, 8.0], [4.0, 0.5]], [1, 0]),
        Samples([[0.0, 0.0, 0.0], [1.0, 2.0, 4.0], [-1.0, 0.125, 3.0]], [2, 2, 0]),
        Samples([[float(4 * i + j) for j in range(4)] for i in range(4)], [0, 1, 2, 3]),
    )
    return Drawn(_samples(), edges)


def sizes() -> Drawn:
    return Drawn(st.sampled_from([2, 3, 4, 5, 6, 8]), (2, 4, 3, 5))


def seeds() -> Drawn:
    """A seed for all global generators; see ``probes.seeded``."""
    return Drawn(st.integers(0, 2**31 - 1), (0, 1, 2))


def stream_seeds() -> Drawn:
    """For laws of which one example is a thousand draws: one edge will do."""
    return Drawn(st.integers(0, 2**31 - 1), (0,))


def alphas() -> Drawn:
    """In use, and nearly at both ends, where lambda is 0 or 1, and where it is 1/2."""
    return Drawn(st.sampled_from([0.1, 0.2, 0.4, 1.0, 2.0, 8.0]), (1.0, 0.1, 8.0, 1e-3))


def shape_alphas() -> Drawn:
    """For the law of lambda, of which an example is thousands of draws: one is drawn beside the extremes."""
    return Drawn(st.sampled_from([1.0, 2.0, 0.4, 8.0, 0.1, 0.05]), (0.05, 8.0, 0.4))


def spread_alphas() -> Drawn:
    """So large that lambda is practically never 0 or 1, and every partner can be seen."""
    return Drawn(st.sampled_from([2.0, 4.0, 8.0]), (8.0, 2.0))


def bad_alphas() -> Drawn:
    return Drawn(st.floats(-1e3, -1e-3), (-1.0, math.nan, math.inf, -0.1, -math.inf))


def calm_losses() -> Drawn:
    """Scripts that do not diverge: flat, falling, wandering; 6 to 22 losses in eighths."""
    return _wandering(least=4, valley=8)


def steady_losses() -> Drawn:
    """Scripts that nobody takes for a divergence: no loss is above 1.5 times the best one before it."""
    return _wandering(least=8, valley=12)


def _wandering(least: int, valley: int) -> Drawn:
    """Between ``least`` eighths and 1.5; one script falls and rises in steps of 1 / ``valley``."""
    wander = st.lists(st.integers(least, 12).map(lambda i: i / 8), min_size=6, max_size=22)
    edges = (
        [1.0] * 6,
        [2.0 - i / 8 for i in range(8)],
        [1.0 + abs(i - 6) / valley for i in range(12)],
        [1.0] * 21,
        [1.0 + (i % 3) / 8 for i in range(44)],
    )
    return Drawn(wander, edges)


def rising_losses() -> Drawn:
    """Scripts that never fall, and do not diverge."""
    rising = st.lists(st.integers(8, 24).map(lambda i: i / 8), min_size=6, max_size=22).map(sorted)
    return Drawn(rising, ([1.0] * 12, [1.0 + i / 16 for i in range(30)], [1.0] * 5 + [2.0] * 5, [1.1] * 36))


def negative_losses() -> Drawn:
    """Negative, and falling through 0: none is above best + 3 |best|."""
    falling = st.lists(st.integers(1, 8), min_size=9, max_size=20).map(_falling)
    negative = st.lists(st.integers(4, 12).map(lambda i: -i / 8), min_size=6, max_size=22)
    edges = ([-1.0] * 8, [1.0 - i / 4 for i in range(10)], [-2.0, -1.0, -1.5, -2.0, -1.0, -1.0])
    return Drawn(st.one_of(negative, falling), edges)


def _falling(drops: list[int]) -> list[float]:
    losses = [1.0]
    for drop in drops:
        losses.append(losses[-1] - drop / 8)
    return losses


def noises() -> Drawn:
    """A seed for the noise on a curve."""
    return Drawn(st.integers(0, 2**31 - 1), (0, 1, 2, 3, 4, 5))


def valleys() -> Drawn:
    """Where a curve of 40 points falls steepest, half of the way to its minimum or so."""
    return Drawn(st.integers(16, 22), (18, 20))


def rates() -> Drawn:
    """(start_lr, end_lr) of a range test."""
    return Drawn(
        st.sampled_from([[1e-5, 1.0], [1e-6, 0.1], [1e-3, 1e-2], [1e-4, 1.0]]), ([1e-5, 1.0], [1e-6, 0.1])
    )

"""Times alternatives side by side in one run, as ratios of the first.

The alternatives take turns, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

Ratios = dict[str, dict[str, float]]
"""By alternative: its least microseconds, and the ratio to the first one's."""
Measure = Callable[..., Any]
"""``ratios``, or what takes its place where no time is to be kept."""


def ratios(title: str, alternatives: Mapping[str, Callable[[], object]], *, rounds: int = 15) -> Ratios:
    """Measures and prints."""
    calls = {name: _calls_per_round(run) for name, run in alternatives.items()}
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, run in alternatives.items():
            seconds[name].append(_seconds(run, calls[name]) / calls[name])
    return said(title, {name: min(each) for name, each in seconds.items()})


def said(title: str, seconds: Mapping[str, float]) -> Ratios:
    """Prints seconds that were measured, as ratios of the first."""
    first = next(iter(seconds.values()))
    print(f"\n{title}")
    for name, each in seconds.items():
        print(f"  {name:34} {each * 1e6:12.1f} us   {each / first:6.2f} x", flush=True)
    return {name: {"us": each * 1e6, "ratio": each / first} for name, each in seconds.items()}


def _seconds(run: Callable[[], object], calls: int) -> float:
    _finish()
    started = time.perf_counter()
    for _ in range(calls):
        run()
    _finish()
    return time.perf_counter() - started


def _calls_per_round(run: Callable[[], object]) -> int:
    """So many that a round takes about 20 ms; the first call warms up."""
    _seconds(run, 1)
    return max(1, round(0.02 / max(_seconds(run, 1), 1e-7)))


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()

"""Times alternatives side by side in one run, and prints them as ratios of the first.

The alternatives take turns, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch


def ratios(title: str, alternatives: Mapping[str, Callable[[], object]], *, rounds: int = 15) -> None:
    """Prints each alternative's median time and its ratio to the first alternative's."""
    calls = {name: _calls_per_round(run) for name, run in alternatives.items()}
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(rounds):
        for name, run in alternatives.items():
            seconds[name].append(_seconds(run, calls[name]) / calls[name])
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    first = next(iter(medians.values()))
    print(f"\n{title}")
    for name, median in medians.items():
        print(f"  {name:28} {median * 1e6:10.1f} us   {median / first:6.2f} x")


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

"""What do gates 3 and 5 cost in the quick profile?  python benchmarks/gates.py [FILE:NAME ...]

Gate 3 looks what of a range test can be observed; gate 5 runs the program of each finding in a process of its
own. Prints, for each target, the seconds of a whole check on the CPU and those within the two gates, and ends
with status 1 where they are more than a tenth of all.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lawful.properties import check
from lawful.properties.harness import api
from lawful.properties.subjects.lr_finder import Finder

ROOT = Path(__file__).parent.parent
TARGETS = {
    "tests/miniatures/people.py": (
        "softmax_first mean_of_everything OverSamples labels_exchanged labels_folded average_from_zero "
        "never_cleared first_group_alone"
    ),
    "tests/miniatures/right.py": "off_target_others kl",
    "tests/miniatures/right_mixups.py": "mixup_data AsModule",
    "tests/miniatures/right_lr_finders.py": "plain",
    "tests/miniatures/wrong.py": "scaled_by_classes half_sum",
}
MOST = 0.1


class Timed:
    """Adds up the seconds within a function."""

    def __init__(self, holder: Any, name: str) -> None:
        self.seconds, own = 0.0, getattr(holder, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return own(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        setattr(holder, name, timed)


def main(targets: list[str]) -> int:
    gates = {"gate 3": Timed(Finder, "_unseen"), "gate 5": Timed(api, "_proven")}
    print(f"{'target':60}{'seconds':>9}{'gate 3':>9}{'gate 5':>9}{'share':>8}")
    totals = dict.fromkeys(("seconds", *gates), 0.0)
    for target in targets:
        for gate in gates.values():
            gate.seconds = 0.0
        row = {"seconds": _seconds(lambda target=target: check(target, profile="quick", device="cpu"))}
        row |= {name: gate.seconds for name, gate in gates.items()}
        totals = {name: totals[name] + value for name, value in row.items()}
        print(_line(target, row), flush=True)
    print(_line("all", totals))
    return int(totals["gate 3"] + totals["gate 5"] > MOST * totals["seconds"])


def _seconds(function: Callable[[], Any]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _line(name: str, row: dict[str, float]) -> str:
    share = (row["gate 3"] + row["gate 5"]) / row["seconds"]
    return f"{name:60}{row['seconds']:9.2f}{row['gate 3']:9.2f}{row['gate 5']:9.2f}{share:8.1%}"


if __name__ == "__main__":
    named = [f"{ROOT / file}:{name}" for file, names in TARGETS.items() for name in names.split()]
    sys.exit(main(sys.argv[1:] or named))

"""``python benchmarks/suite.py``: seconds to a verdict, as ratios to ``import torch``, and the memory of it.

Wall clock of the command line, quick profile; with ``matrix`` as an argument, of ``lawful matrix`` too.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

from timing import Ratios, said

LAWFUL = [sys.executable, "-m", "lawful"]
QUICK = ["--profile", "quick"]
COMMANDS = {
    'python -c "import torch"': [sys.executable, "-c", "import torch"],
    "smoke torch": [*LAWFUL, "smoke", "torch"],
    "check native, label_smoothing": [*LAWFUL, "check", "native", "--technique", "label_smoothing", *QUICK],
    "check torch": [*LAWFUL, "check", "torch", *QUICK],
    "check torchvision, mixup": [*LAWFUL, "check", "torchvision", "--technique", "mixup", *QUICK],
    "check torch_lr_finder": [*LAWFUL, "check", "torch_lr_finder", *QUICK],
}


def main(rounds: int = 3, matrix: bool = False) -> dict[str, Ratios]:
    subprocess.run(COMMANDS['python -c "import torch"'], check=True)  # into the cache
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            seconds[name].append(_seconds(command))
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    if matrix:
        medians["matrix, standard"] = _seconds([*LAWFUL, "matrix"])
    title = f"seconds to a verdict, quick profile, {os.cpu_count()} cores"
    found = said(title, medians)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"  the largest process had {largest:.0f} MiB")
    return {title: found}


def _seconds(command: list[str]) -> float:
    environment: dict[str, Any] = {**os.environ, "COLUMNS": "120"}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=environment, text=True)
    if done.returncode:
        raise SystemExit(
            f"{' '.join(command)} gave {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"
        )
    return time.perf_counter() - started


if __name__ == "__main__":
    main(matrix="matrix" in sys.argv[1:])

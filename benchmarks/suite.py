"""``python benchmarks/suite.py [TARGET ...]``: examples a second, and seconds to a verdict.

Both are of the quick profile on the CPU with one process; the command line adds its start and divides
by its workers, which the last column shows: wall-clock seconds of ``lawful check TARGET``.
"""

from __future__ import annotations

import subprocess
import sys
import time

import torch

from lawful.properties import check


def measure(target: str) -> None:
    started = time.perf_counter()
    report = check(target, profile="quick", device="cpu")
    seconds = time.perf_counter() - started
    examples = sum(row.examples for row in report.results)
    started = time.perf_counter()
    command = [sys.executable, "-m", "lawful.properties.harness.cli", "check", target]
    subprocess.run([*command, "--profile", "quick", "--device", "cpu"], capture_output=True)
    wall = time.perf_counter() - started
    print(
        f"{target:24} {len(report.results):5} cases {examples:6} examples"
        f" {examples / seconds:8.0f} examples/s {seconds:7.1f} s in process {wall:7.1f} s lawful check"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for target in sys.argv[1:] or ["native"]:
        measure(target)

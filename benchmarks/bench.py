"""``make bench``: every benchmark in one run, into ``results.json`` and the tables of ``README.md`` here."""

from __future__ import annotations

import json
import platform
import sys
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import label_smoothing
import lr_finder
import mixup
import suite

HERE = Path(__file__).parent
LIBRARIES = (
    "torch",
    "timm",
    "torchvision",
    "fastai",
    "kornia",
    "torch-lr-finder",
    "pytorch-ignite",
    "lightning",
)
ABOVE = """\
# What it costs

Ratios of one run, in which the alternatives took turns; the least time of {rounds} rounds each, one thread.
On another machine the ratios are others: `make bench` writes this page anew, and
`make bench-compare OLD=a.json NEW=b.json` shows what changed by more than 15 %.

`one read, one write` copies the tensor in question: the limit that memory sets.

When speed is all: for a loss over many classes take ours, in half precision too; over few classes all are
alike, as the time is PyTorch's own for an operation. For mixup
take `inplace=True` where the batch may be spoilt; `timm_batch` draws one lambda a batch, flips instead of
permuting, and is faster for tiny images. A range test costs what its steps cost.

{machine}, {cores} cores, {today}; Python {python}; {versions}.
Command: `make bench`
"""


def main(path: Path) -> None:
    tables = {**label_smoothing.main(), **mixup.main(), **lr_finder.main(), **suite.main(matrix=True)}
    title, peaks = label_smoothing.peaks(512, 32_000)
    results = {"about": _about(), "tables": tables, "peaks": {title: peaks}}
    path.write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "README.md").write_text(page(results))


def _about() -> dict[str, Any]:
    return {
        "machine": _processor(),
        "cores": suite.os.cpu_count(),
        "today": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES),
        "rounds": "9 to 15",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def page(results: dict[str, Any]) -> str:
    """A table for each title, the ratios beside the times."""
    parts = [ABOVE.format(**results["about"])]
    for title, rows in results["tables"].items():
        parts += [f"## {title}", "", "| | time | ratio |", "| --- | ---: | ---: |"]
        parts += [f"| {name} | {_time(row['us'])} | {row['ratio']:.2f} |" for name, row in rows.items()]
        parts.append("")
    for title, peaks in results["peaks"].items():
        parts += [f"## {title}", "", "| | MiB |", "| --- | ---: |"]
        parts += [f"| {name} | {each:.0f} |" for name, each in peaks.items()]
        parts.append("")
    return "\n".join(parts)


def _time(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.2f} {unit}"
    return f"{microseconds:.1f} us"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results.json")

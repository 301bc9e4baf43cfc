"""The picture of teeth.md: rows are faults, columns laws; the darker, the sooner a fault is caught."""

import io
import json
import statistics
from pathlib import Path

from IPython.display import SVG
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm

from lawful.impl.contracts import TECHNIQUES
from lawful.impl.faulty import faults
from lawful.properties.registry import laws_of


def drawn(numbers: str) -> SVG:
    """A grid for each technique of what ``make teeth`` has written to a file."""
    rows = json.loads(Path(numbers).read_text())["faults"]
    of = {t: [row for row in rows if row["technique"] == t] for t in TECHNIQUES}
    plt.rcParams.update({"font.size": 7, "svg.fonttype": "none", "svg.hashsalt": "lawful"})
    figure, all_axes = plt.subplots(
        len(of),
        1,
        figsize=(13, len(rows) * 0.17 + 3.2 * len(of)),
        gridspec_kw={"height_ratios": [len(own) + 3 for own in of.values()]},
        layout="constrained",
        squeeze=False,
    )
    for axes, (technique, own) in zip(all_axes[:, 0], of.items(), strict=True):
        _grid(figure, axes, technique, own)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    plt.close(figure)
    return SVG(file.getvalue())


def _grid(figure, axes, technique, rows) -> None:
    laws = [law.name for law in laws_of(technique)]
    named = {fault.id: fault.caught_by for fault in faults(technique)}
    grid = [[_median(row["laws"].get(law, {}).get("examples", [])) for law in laws] for row in rows]
    shades = axes.imshow(grid, norm=LogNorm(1, 120), cmap="Blues_r", aspect="auto")
    for y, row in enumerate(rows):
        for x, law in enumerate(laws):
            if grid[y][x] == grid[y][x]:
                axes.text(
                    x,
                    y,
                    f"{grid[y][x]:.0f}",
                    ha="center",
                    va="center",
                    weight="bold" if law in named.get(row["fault"], ()) else "normal",
                    color="white" if grid[y][x] < 6 else "#1b1f24",
                )
    axes.set_xticks(range(len(laws)), laws, rotation=90)
    axes.set_yticks(range(len(rows)), [row["fault"] for row in rows])
    axes.xaxis.tick_top()
    axes.set_title(f"{technique}: examples until a fault is caught", loc="left", weight="bold", size=9)
    figure.colorbar(shades, ax=axes, shrink=0.4, label="examples (median over seeds)")


def _median(counts) -> float:
    caught = [count for count in counts if count is not None]
    return statistics.median(caught) if caught else float("nan")

"""torch-lr-finder: ``torch_lr_finder.LRFinder.range_test``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import LRFinder, Swept
from lawful.impl.thirdparty import _known
from lawful.impl.thirdparty._quiet import quiet


def _lr_finder(
    model: Any, optimizer: Any, criterion: Any, loader: Any, *, start_lr: float, end_lr: float, num_iter: int
) -> Swept:
    with quiet():
        import torch_lr_finder

        finder = torch_lr_finder.LRFinder(model, optimizer, criterion)
        finder.range_test(loader, start_lr=start_lr, end_lr=end_lr, num_iter=num_iter)
    return Swept(
        finder.history["lr"], finder.history["loss"], suggest=lambda: _suggested(finder), reset=finder.reset
    )


def _suggested(finder: Any) -> float | None:
    """The suggestion comes with the plot, or not at all."""
    from matplotlib.figure import Figure

    with quiet():
        plotted = finder.plot(ax=Figure().subplots(), suggest_lr=True)
    return plotted[1] if isinstance(plotted, tuple) else None


ADAPTERS = (
    LRFinder(
        "torch_lr_finder",
        _lr_finder,
        features=frozenset({"suggestion"}),
        documented={"restores": "on_reset", "suggestion": "steepest"},
        deviations=(
            _known.negative_losses_stop_it(r"number of steps is 1, expected at least 8", "0.2.2"),
            _known.nan_never_stops_it("0.2.2"),
            _known.mode_or_gradients_are_left(r"is mode, grads, expected", "0.2.2"),
            _known.start_of_zero_is_taken(r"took start 0 and returned", "0.2.2"),
        ),
        library="torch-lr-finder",
        imports=(
            "import types\n"
            "import torch_lr_finder\n"
            "def sweep(model, optimizer, criterion, loader, **options):\n"
            "    finder = torch_lr_finder.LRFinder(model, optimizer, criterion)\n"
            "    finder.range_test(loader, **options)\n"
            "    from matplotlib.figure import Figure\n"
            "    def suggest():\n"
            "        plotted = finder.plot(ax=Figure().subplots(), suggest_lr=True)\n"
            "        return plotted[1] if isinstance(plotted, tuple) else None\n"
            '    lrs, losses = finder.history["lr"], finder.history["loss"]\n'
            "    return types.SimpleNamespace(lrs=lrs, losses=losses, suggest=suggest, reset=finder.reset)"
        ),
        called_as=(
            "sweep({model}, {optimizer}, {criterion}, {loader}, start_lr={start_lr}, end_lr={end_lr}, "
            "num_iter={num_iter})"
        ),
    ),
)

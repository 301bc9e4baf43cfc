"""torch-lr-finder: ``torch_lr_finder.LRFinder.range_test``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Argument, LRFinder, Swept
from lawful.impl.thirdparty import _known


def _lr_finder(
    model: Any,
    optimizer: Any,
    criterion: Any,
    loader: Any,
    *,
    start_lr: float,
    end_lr: float,
    num_iter: int,
    **options: Any,
) -> Swept:
    import torch_lr_finder
    from matplotlib.figure import Figure

    finder = torch_lr_finder.LRFinder(model, optimizer, criterion)
    finder.range_test(loader, start_lr=start_lr, end_lr=end_lr, num_iter=num_iter, **options)

    def suggest() -> float | None:
        """It comes with the plot, or not at all."""
        plotted = finder.plot(ax=Figure().subplots(), suggest_lr=True)
        return plotted[1] if isinstance(plotted, tuple) else None

    def plot() -> Any:
        ax = Figure().subplots()
        finder.plot(ax=ax)
        return ax

    lrs, losses = finder.history["lr"], finder.history["loss"]
    return Swept(lrs=lrs, losses=losses, suggest=suggest, plot=plot, reset=finder.reset)


ADAPTERS = (
    LRFinder(
        "torch_lr_finder",
        _lr_finder,
        features=frozenset({"suggestion", "plot", "val_loader"}),
        documented={"restores": "on_reset", "suggestion": "steepest", "batches": "moved"},
        deviations=(
            _known.negative_losses_stop_it(r"number of steps is 1, expected at least 8", "0.2.2"),
            _known.nan_never_stops_it("0.2.2"),
            _known.nan_is_a_smoothing_factor("0.2.2"),
            _known.mode_or_gradients_are_left(r"is mode, grads, expected", "0.2.2"),
            _known.start_of_zero_is_taken(r"took start 0 and returned", "0.2.2"),
        ),
        library="torch-lr-finder",
        arguments={
            "step_mode": Argument("exp", values=("exp", "linear")),
            "smooth_f": Argument(0.05, low=0.0, high=1.0, without=(1.0,)),
            "diverge_th": Argument(5),
            "accumulation_steps": Argument(1, low=1, whole=True),
        },
    ),
)

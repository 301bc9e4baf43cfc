"""pytorch-ignite: ``ignite.handlers.FastaiLRFinder``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Argument, Deviation, LRFinder, Swept
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
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    trainer = create_supervised_trainer(model, optimizer, criterion, device=next(model.parameters()).device)
    finder = FastaiLRFinder()
    saved = {"model": model, "optimizer": optimizer}
    options |= {"num_iter": num_iter, "start_lr": start_lr, "end_lr": end_lr}
    with finder.attach(trainer, saved, **options) as attached:
        attached.run(loader)
    history = finder.get_results()
    lrs = [lr[0] if isinstance(lr, list) else lr for lr in history["lr"]]  # a list where there are groups

    def plot() -> Any:
        from matplotlib.figure import Figure

        ax = Figure().subplots()
        finder.plot(ax=ax)
        return ax

    return Swept(lrs=lrs, losses=history["loss"], suggest=finder.lr_suggestion, plot=plot)


ADAPTERS = (
    LRFinder(
        "ignite",
        _lr_finder,
        features=frozenset({"suggestion", "plot"}),
        documented={"suggestion": "steepest"},
        arguments={
            "step_mode": Argument("exp", values=("exp", "linear")),
            "smooth_f": Argument(0.05, low=0.0, high=1.0, without=(1.0,)),
            "diverge_th": Argument(5.0, low=1.0),
        },
        declines={
            "twin": "ignite saves the state to a file, and a tensor of the twin cannot be read from one"
        },
        deviations=(
            Deviation(
                "schedule_is_geometric",
                "the first step runs at a rate made from the optimizer's own and end_lr, not from start_lr",
                r"ratio of neighbouring rates is",
                {"losses": [1.0] * 6, "span": [1e-5, 1.0]},
                seen_in="0.5.5",
            ),
            Deviation(
                "restores_any_model",
                "the rates are multiples of the optimizer's own: a rate of 0 ends in a division by it",
                r"raised ZeroDivisionError",
                {"losses": [1.0] * 6, "setting": "a rate of 0, as a warm-up starts"},
                seen_in="0.5.5",
            ),
            Deviation(
                "suggestion_survives_nan",
                "a loss that is NaN counts as the smallest (torch.argmin): the suggestion lies beside it",
                r"suggestion is ",
                {"steepest": 18, "bad": "nan"},
                seen_in="0.5.5",
            ),
            Deviation(
                "schedule_hits_both_ends",
                "the schedule is a step ahead: its first rate is skipped, and its last is never run",
                r"first and last rate is",
                {"losses": [1.0] * 6, "span": [1e-5, 1.0]},
                seen_in="0.5.5",
            ),
            Deviation(
                "takes_the_steps_asked",
                "the run ends when the number of iterations is exceeded, not when it is reached",
                r"number of steps is 9, expected exactly 8",
                {"losses": [1.0] * 8, "batches": 30},
                seen_in="0.5.5",
            ),
            Deviation(
                "history_records_lr_used",
                "the rate recorded with a loss is the one of the step to come",
                r"recorded rates is",
                {"losses": [1.0] * 6, "span": [1e-5, 1.0]},
                seen_in="0.5.5",
            ),
            Deviation(
                "sweeps_every_param_group",
                "the first step runs at rates made from the groups' own, the others at start_lr for all",
                r"second group's rate over the first's is",
                {"losses": [1.0] * 6},
                seen_in="0.5.5",
            ),
            _known.negative_losses_stop_it(r"number of steps is 1, expected at least 8", "0.5.5"),
            _known.nan_never_stops_it("0.5.5"),
            _known.mode_or_gradients_are_left(r"is mode, grads, expected", "0.5.5"),
            _known.not_restored_after_an_error("0.5.5"),
            _known.nan_is_a_smoothing_factor("0.5.5"),
            _known.start_of_zero_is_taken(r"before start 0 is refused is 1", "0.5.5"),
        ),
        library="pytorch-ignite",
    ),
)

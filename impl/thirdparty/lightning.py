"""Lightning: ``lightning.pytorch.tuner.Tuner.lr_find``."""

from __future__ import annotations

import tempfile
from typing import Any

from lawful.impl.contracts import Argument, Deviation, LRFinder, Swept
from lawful.impl.thirdparty import _known, _torchvision


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
    import lightning.pytorch as lightning
    from lightning.pytorch.tuner import Tuner

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return optimizer

    on_cpu = next(model.parameters()).device.type == "cpu"
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            accelerator="cpu" if on_cpu else "auto",
            devices=1,
            max_epochs=-1,
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        finder: Any = Tuner(trainer).lr_find(
            Module(),
            loader,
            min_lr=start_lr,
            max_lr=end_lr,
            num_training=num_iter,
            update_attr=False,
            **options,
        )
    lrs, losses = finder.results["lr"], finder.results["loss"]

    def plot() -> Any:
        from matplotlib.figure import Figure

        ax = Figure().subplots()
        finder.plot(suggest=True, ax=ax)
        return ax

    return Swept(lrs=lrs, losses=losses, suggest=finder.suggestion, plot=plot)


ADAPTERS = (
    LRFinder(
        "lightning",
        _lr_finder,
        features=frozenset({"suggestion", "plot"}),
        documented={"suggestion": "steepest", "mode": "as_given"},
        arguments={
            "mode": Argument("exponential", values=("exponential", "linear")),
            "early_stop_threshold": Argument(4.0),
        },
        declines={"twin": "Lightning's Trainer chooses among the accelerators that it knows by name"},
        deviations=(
            Deviation(
                "schedule_is_geometric",
                "the ratio is right from the second step on; the first is twice as wide",
                r"ratio of neighbouring rates is",
                {"losses": [1.0] * 6, "span": [1e-5, 1.0]},
                link="https://github.com/Lightning-AI/pytorch-lightning/pull/21931",
                seen_in="2.6.6",
            ),
            Deviation(
                "history_records_loss",
                "the average's bias correction counts a step too many: the first record is half the loss",
                r"first recorded loss is 0\.505",
                {"losses": [1.0] * 6},
                seen_in="2.6.6",
            ),
            Deviation(
                "suggestion_is_steepest",
                "the slope is taken against lr, not log lr, of an average that starts at half the loss",
                r"slope at the suggestion, as a share of the steepest, is 0",
                {"steepest": 18},
                link="https://github.com/Lightning-AI/pytorch-lightning/issues/21141",
                seen_in="2.6.6",
            ),
            Deviation(
                "suggestion_precedes_minimum",
                "the smallest record is the first, as the average starts at half the loss",
                r"suggestion is 0\.001, expected at most",
                {"steepest": 18, "span": [1e-5, 1.0]},
                seen_in="2.6.6",
            ),
            _known.negative_losses_stop_it(r"number of steps is 2, expected at least 8", "2.6.6"),
            _known.nan_never_stops_it("2.6.6"),
            _known.mode_or_gradients_are_left(r"is grads, expected", "2.6.6"),
            _known.start_of_zero_is_taken(r"before start 0 is refused is 1", "2.6.6"),
        ),
        library="lightning",
        imports=_torchvision.LINES,
    ),
)

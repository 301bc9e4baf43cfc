"""Ours: fast PyTorch implementations for the CPU and CUDA, written without a look at the reference."""

from lawful.impl.contracts import Adapter, LabelSmoothing
from lawful.impl.native.label_smoothing import (
    LabelSmoothedCrossEntropy,
    label_smoothed_cross_entropy,
)

__all__ = ["LabelSmoothedCrossEntropy", "adapters", "label_smoothed_cross_entropy"]


def adapters() -> tuple[Adapter, ...]:
    """Ours, in the form in which anybody's is put under the laws."""
    return (
        LabelSmoothing(
            "native",
            LabelSmoothedCrossEntropy,
            features=LabelSmoothing.known_features,
            documented={"off_target": "uniform", "ignored_mean": "kept", "all_ignored": "nan"},
            imports="from lawful.impl.native import LabelSmoothedCrossEntropy",
            called_as="LabelSmoothedCrossEntropy({epsilon}{features})({logits}, {target})",
        ),
    )

"""NB29-NB34: the notebook's loss shows the defect, ours does not, and the named property catches it."""

import math

import pytest
import torch

from lawful.impl.contracts import LabelSmoothing
from lawful.impl.native import LabelSmoothedCrossEntropy
from lawful.impl.notebook.label_smoothing import LabelSmoothingCrossEntropyLoss
from lawful.properties.subjects import understand

from ..asked import ask, broken

NOTEBOOK = LabelSmoothing("notebook", LabelSmoothingCrossEntropyLoss)


def caught_by(law):
    return law in broken(ask(understand(NOTEBOOK), only=[law]))


def test_nb29_zero_times_infinity():
    z, y = torch.tensor([[0.0, -math.inf]]), torch.tensor([0])
    assert LabelSmoothingCrossEntropyLoss(0.0)(z, y).isnan()
    assert LabelSmoothedCrossEntropy(0.0)(z, y) == 0
    assert caught_by("zero_epsilon_ignores_masked_classes")


def test_nb30_ignored_targets_leave_one_term_only():
    z, y = torch.tensor([[0.0, 4.0], [3.0, 0.0]]), torch.tensor([0, -100])
    alone = LabelSmoothingCrossEntropyLoss(0.1)(z[:1], y[:1])
    assert not torch.isclose(LabelSmoothingCrossEntropyLoss(0.1)(z, y), alone)
    torch.testing.assert_close(
        LabelSmoothedCrossEntropy(0.1)(z, y), LabelSmoothedCrossEntropy(0.1)(z[:1], y[:1])
    )
    assert caught_by("rejects_bad_target")


def test_nb31_classes_are_taken_from_the_last_dimension():
    z, y = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 3).long()
    flat = z.movedim(1, -1).reshape(6, 3)
    right = LabelSmoothedCrossEntropy(0.1)(flat, y.reshape(6))
    assert not torch.isclose(LabelSmoothingCrossEntropyLoss(0.1)(z, y), right)
    torch.testing.assert_close(LabelSmoothedCrossEntropy(0.1)(z, y), right)
    assert caught_by("class_dimension_is_one")


def test_nb32_half_precision_overflows_over_many_classes():
    z, y = torch.zeros(1, 20_000, dtype=torch.float16), torch.tensor([0])
    assert LabelSmoothingCrossEntropyLoss(0.1)(z, y).isinf()
    assert LabelSmoothedCrossEntropy(0.1)(z, y).item() == pytest.approx(math.log(20_000), rel=1e-3)
    assert caught_by("many_classes_do_not_overflow")


@pytest.mark.parametrize("epsilon", [-0.5, 1.5, math.nan])
def test_nb33_any_epsilon_is_accepted(epsilon):
    z, y = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    assert LabelSmoothingCrossEntropyLoss(epsilon)(z, y).shape == ()
    with pytest.raises(ValueError, match="epsilon is"):
        LabelSmoothedCrossEntropy(epsilon)
    assert caught_by("rejects_bad_epsilon")


def test_nb34_no_weights_and_no_reduction():
    with pytest.raises(TypeError, match="reduction"):
        LabelSmoothingCrossEntropyLoss(0.1, reduction="none")
    with pytest.raises(TypeError, match="weight"):
        LabelSmoothingCrossEntropyLoss(0.1, weight=torch.ones(2))
    z, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    assert LabelSmoothedCrossEntropy(0.1, reduction="none", weight=torch.ones(3))(z, y).shape == (4,)
    results = ask(understand(NOTEBOOK), only=["reductions_agree"])
    assert {row.verdict for row in results.values()} == {"unsupported"}

"""The bounds are bounds, and tight: no correct loss exceeds them, the worst comes within 100."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lawful.impl.native import label_smoothed_cross_entropy
from lawful.properties import tolerances
from lawful.properties.subjects.subject import to_float64, torch_dtype
from lawful.reference import label_smoothing as reference

EXAMPLES = 10_000


def _torch(logits, target, epsilon):
    return F.cross_entropy(logits, target, label_smoothing=epsilon, reduction="none")


def _native(logits, target, epsilon):
    return label_smoothed_cross_entropy(logits, target, epsilon=epsilon, reduction="none")


def _stepwise(logits, target, epsilon):
    """Every step rounded to the dtype, as code in half precision without care does it."""
    shifted = logits - logits.amax(1, keepdim=True)
    log_p = shifted - shifted.exp().sum(1, keepdim=True).log()
    nll = -log_p.gather(1, target[:, None]).squeeze(1)
    return (1 - epsilon) * nll - epsilon * log_p.mean(1)


def _worst(loss, dtype, classes, seed):
    rng = np.random.default_rng(seed)
    size = EXAMPLES // 4
    raw = rng.integers(-64, 65, (size, classes)) * rng.choice([0.125, 0.5], (size, 1))
    logits = torch.tensor(raw).to(torch_dtype(dtype))
    target = torch.tensor(rng.integers(0, classes, size))
    worst = 0.0
    for epsilon in (0.0, 0.1, 0.5, 1.0):
        rows = to_float64(logits)
        right = reference.smoothed_loss(rows, target.numpy(), epsilon, reduction="none")
        bound = tolerances.row_error(dtype, rows)
        got = to_float64(loss(logits, target, epsilon))
        worst = max(worst, tolerances.worst_ratio(got, right, bound))
    return worst


@pytest.mark.parametrize("dtype", tolerances.UNIT_ROUNDOFF)
def test_loss_bound_is_never_exceeded_and_nearly_reached(dtype):
    worst = max(
        _worst(loss, dtype, classes, seed)
        for seed, classes in enumerate((2, 3, 5, 10))
        for loss in (_torch, _native, _stepwise)
    )
    assert 0.01 < worst <= 1


@pytest.mark.parametrize("dtype", tolerances.UNIT_ROUNDOFF)
def test_gradient_bound_is_never_exceeded_and_nearly_reached(dtype):
    worst = 0.0
    rng = np.random.default_rng(7)
    for classes in (2, 3, 5, 10):
        raw = rng.integers(-64, 65, (EXAMPLES // 4, classes)) * 0.125
        logits = torch.tensor(raw).to(torch_dtype(dtype)).requires_grad_()
        target = torch.tensor(rng.integers(0, classes, len(raw)))
        for loss in (_torch, _native):
            (slope,) = torch.autograd.grad(loss(logits, target, 0.1).sum(), logits)
            rows = to_float64(logits)
            right = reference.gradient(rows, target.numpy(), 0.1, reduction="sum")
            q = reference.smoothed_targets(target.numpy(), classes, 0.1)
            bound = tolerances.gradient_error(dtype, rows, right + q, q)
            worst = max(worst, tolerances.worst_ratio(to_float64(slope), right, bound))
    assert 0.01 < worst <= 1


@pytest.mark.parametrize("dtype", tolerances.UNIT_ROUNDOFF)
def test_reduced_bound_is_never_exceeded(dtype):
    rng = np.random.default_rng(11)
    for _ in range(500):
        size, classes = int(rng.integers(1, 7)), int(rng.choice([2, 3, 5, 10]))
        logits = torch.tensor(rng.integers(-64, 65, (size, classes)) * 0.125).to(torch_dtype(dtype))
        target = torch.tensor(rng.integers(0, classes, size))
        rows = to_float64(logits)
        losses = reference.smoothed_loss(rows, target.numpy(), 0.1, reduction="none")
        bound = tolerances.reduced_error(dtype, tolerances.row_error(dtype, rows), losses, size)
        got = to_float64(F.cross_entropy(logits, target, label_smoothing=0.1))
        assert abs(got - losses.mean()) <= bound


def test_the_bound_would_catch_the_subtlest_known_fault():
    """eps/(K-1) for eps/K moves the loss by 4e-3 at K = 10: far above every bound but bfloat16's."""
    z = np.arange(10.0)[None] / 4
    wrong = reference.smoothed_loss(z, [0], 0.1, off_target="others")
    right = reference.smoothed_loss(z, [0], 0.1)
    for dtype in ("float64", "float32"):
        assert abs(wrong - right) > 100 * tolerances.row_error(dtype, z)[0]


@pytest.mark.parametrize(
    ("actual", "expected", "ratio"),
    [
        (1.0, 1.0, 0.0),
        (1.5, 1.0, 0.5),
        (np.nan, np.nan, 0.0),
        (np.inf, np.inf, 0.0),
        (np.inf, 1.0, np.inf),
        (np.nan, 1.0, np.inf),
        (-np.inf, np.inf, np.inf),
    ],
)
def test_worst_ratio(actual, expected, ratio):
    assert tolerances.worst_ratio(actual, expected, 1.0) == ratio

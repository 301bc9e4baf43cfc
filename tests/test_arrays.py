"""Implementations that take NumPy arrays are asked what those of tensors are."""

import numpy as np
import pytest
import torch

from lawful.impl.arrays import to_array, to_tensor
from lawful.impl.contracts import LabelSmoothing, Mixup
from lawful.properties.subjects import understand

from .asked import ask, broken


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


class Smoothed:
    def __init__(self, epsilon):
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon is {epsilon}")
        self.epsilon = epsilon

    def shares(self, logits, target):
        if len(logits) != len(target) or (target < 0).any():
            raise ValueError(f"target is {target}")
        spread = self.epsilon / logits.shape[1]
        onehot = np.eye(logits.shape[1], dtype=logits.dtype)[target]
        return ((1 - self.epsilon) * onehot + spread).astype(logits.dtype)

    def __call__(self, logits, target):
        q = self.shares(logits, target)
        return -np.where(q > 0, q * log_softmax(logits), 0).sum(axis=1).mean()

    def gradient(self, logits, target):
        return (np.exp(log_softmax(logits)) - self.shares(logits, target)) / len(target)


class NotDivided(Smoothed):
    def gradient(self, logits, target):
        return super().gradient(logits, target) * len(target)


class WithoutGradient:
    def __init__(self, epsilon):
        self.loss = Smoothed(epsilon)

    def __call__(self, logits, target):
        return self.loss(logits, target)


def mixing(alpha, num_classes):
    if not 0 < alpha < np.inf:
        raise ValueError(f"alpha is {alpha}")

    def mix(inputs, target):
        lam, partner = np.random.beta(alpha, alpha), np.random.permutation(len(inputs))
        rows = np.eye(num_classes)[target]
        mixed = lam * inputs + (1 - lam) * inputs[partner]
        return mixed.astype(inputs.dtype), lam * rows + (1 - lam) * rows[partner]

    return mix


WIDE = ["float64", "float32"]


def of_arrays(build):
    return LabelSmoothing("arrays", build, arrays="numpy")


def test_a_right_loss_breaks_nothing():
    results = ask(understand(of_arrays(Smoothed)), dtypes=WIDE)
    assert [row for row in results.values() if row.verdict not in ("holds", "unsupported")] == []
    held = {row.property for row in results.values() if row.verdict == "holds"}
    assert {"matches_reference", "gradient_is_softmax_minus_target", "memory_layout_does_not_matter"} <= held
    assert len(held) > 15


def test_what_needs_tensors_is_not_asked():
    laws = ["matches_reference_under_transforms", "second_derivative_is_softmax_hessian"]
    results = ask(understand(of_arrays(Smoothed)), dtypes=WIDE, only=laws)
    said = {row.property: row.message for row in results.values() if row.verdict == "unsupported"}
    assert said["matches_reference_under_transforms"] == "no tensors, refused with takes NumPy arrays"
    assert "does not require grad" in said["second_derivative_is_softmax_hessian"]


def test_a_wrong_gradient_is_seen_and_shown():
    laws = ["matches_reference", "gradient_is_softmax_minus_target"]
    results = ask(understand(of_arrays(NotDivided)), dtypes=WIDE, only=laws)
    assert broken(results) == {"gradient_is_softmax_minus_target"}
    for row in results.values():
        if row.verdict == "broken":
            assert "lawful" not in row.reproduce
            with pytest.raises(AssertionError):
                exec(compile(row.reproduce, row.property, "exec"), {})


def test_a_loss_without_gradient_is_asked_its_values():
    results = ask(understand(of_arrays(WithoutGradient)), dtypes=["float64"])
    assert broken(results) == set()
    verdicts = {row.property: row.verdict for row in results.values()}
    assert verdicts["gradient_is_softmax_minus_target"] == "unsupported"
    assert verdicts["ignored_targets_do_not_count"] == "unsupported"
    assert verdicts["matches_reference"] == "holds"


def test_a_right_mixup_breaks_nothing_wrong():
    adapter = Mixup("arrays", mixing, features=frozenset({"num_classes"}), arrays="numpy")
    results = ask(understand(adapter), dtypes=WIDE)
    assert [row for row in results.values() if row.verdict == "broken" and row.severity == "wrong"] == []
    verdicts = {row.property: row.verdict for row in results.values()}
    assert verdicts["lambda_follows_beta"] == "holds"
    assert verdicts["gradient_is_lambda"] == "unsupported"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64])
def test_arrays_and_tensors_turn_into_each_other(dtype):
    if dtype == torch.bfloat16:
        pytest.importorskip("ml_dtypes")
    tensor = torch.tensor([[1.5, -2.0], [0.25, 7.0]]).to(dtype)
    array = to_array(tensor)
    assert array.shape == (2, 2)
    array[0, 0] = 3  # the tensor's own memory: what is written there is seen
    assert tensor[0, 0] == 3
    assert to_tensor(array).dtype == dtype
    assert torch.equal(to_tensor(array), tensor)


def test_other_arrays_are_refused_by_name():
    with pytest.raises(ValueError, match="arrays is 'jax', expected 'torch' or 'numpy'"):
        LabelSmoothing("mine", Smoothed, arrays="jax")

"""The vectors of mixup. Lambdas and partners are inputs: how they are drawn is not in the numbers.

lam_i are quantiles of Beta(alpha, alpha) in 64ths, exact in every dtype; partners are a permutation.

The faults beside a question are those of ``impl/faulty`` that its law catches, given the same lambdas and
partners.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.special import betaincinv

from lawful.impl.faulty import Fault, faults
from lawful.impl.faulty.mixup import Right
from lawful.properties import probes, tolerances
from lawful.properties.harness.vectors import Question, examples
from lawful.properties.registry import WIDE_FLOATS, Law
from lawful.properties.strategies import Samples, permutation
from lawful.properties.subjects.subject import to_float64, torch_dtype
from lawful.reference import label_smoothing as smoothing
from lawful.reference import mixup as reference

ASKS = {
    "mix": "lam_i inputs_i + (1 - lam_i) inputs_j, j = partner_i; inputs (N, ...), lam (N,), partner (N,), "
    "places in the batch from 0",
    "fold": "max(lam, 1 - lam) of each lam (N,)",
    "targets": "lam_i onehot(target_i) + (1 - lam_i) onehot(target_j) of classes (N,), or (N, d...) with one "
    "for each place; rows (N, num_classes, d...)",
    "values": "lam_i target_i + (1 - lam_i) target_j of values (N, ...): several labels, smoothed rows, "
    "numbers to regress",
    "loss": "the mean over samples, and places, of lam_i CE(logits_i, target_i) + (1 - lam_i) CE(logits_i, "
    "target_j); logits (N, K, d...), target (N, d...)",
    "accuracy": "the mean of lam_i [k_i = target_i] + (1 - lam_i) [k_i = target_j], k_i the class of the "
    "largest of logits_i",
    "join": "mask_i or mask_j of masks (N, T)",
    "gradient": "of the sum of slope times what mix gives, with respect to the inputs; slope, inputs (N, F)",
}

Inputs = dict[str, Any]


def questions() -> Iterator[Question]:
    for law, example in examples("mixup", *_MADE):
        for dtype in law.dtypes if law.name == "matches_reference" else WIDE_FLOATS:
            for asks, inputs in _MADE[law.name](**example):
                inputs = {name: _rounded(value, dtype) for name, value in inputs.items()}
                right, bound = _RIGHT[asks](inputs), _bound(asks, dtype, inputs)
                yield Question(
                    law, asks, inputs, right, bound, partial(_faults, law, dtype, asks, inputs), dtype
                )


def _rounded(value: Any, dtype: str) -> Any:
    array = np.asarray(value)
    return to_float64(torch.tensor(array).to(torch_dtype(dtype))) if array.dtype.kind == "f" else value


def _drawn(size: int, alpha: float, seed: int) -> Inputs:
    """lam (N,) and partner (N,)."""
    even = (np.arange(size) * 0.618034 + 0.3 * seed + 0.2) % 1
    lam = np.round(betaincinv(alpha, alpha, even) * 64) / 64
    return {"lam": lam, "partner": np.asarray(permutation(seed * 7 + size, size))}


def _mix(batch: Samples, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    yield "mix", {"inputs": np.asarray(batch.inputs), **_drawn(batch.size, alpha, seed)}


def _moved(
    batch: Samples, alpha: float, seed: int, scale: float, offset: float
) -> Iterator[tuple[str, Inputs]]:
    yield "mix", {"inputs": scale * np.asarray(batch.inputs) + offset, **_drawn(batch.size, alpha, seed)}


def _identity(size: int, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    yield "mix", {"inputs": probes.identity_batch(size), **_drawn(size, alpha, seed)}


def _same(size: int, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    yield "targets", {"target": np.arange(size), "num_classes": size, **_drawn(size, alpha, seed)}


def _any_rank(rank: int, size: int, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    shape = (size, *(2, 3, 2, 3)[: rank - 1])
    inputs = (np.arange(np.prod(shape)) * 7 % 31 / 8).reshape(shape)
    yield "mix", {"inputs": inputs, **_drawn(size, alpha, seed)}


def _of_size(size: int, before: int, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    yield from _identity(size, alpha, seed)
    yield from _same(size, alpha, seed)


def _fold(size: int, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    yield "fold", {"lam": _drawn(size, alpha, seed)["lam"]}


def _loss(batch: Samples, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    drawn = _drawn(batch.size, alpha, seed)
    yield "loss", {"logits": np.asarray(batch.inputs), "target": np.asarray(batch.target), **drawn}


def _targets(batch: Samples, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    drawn = _drawn(batch.size, alpha, seed)
    yield "targets", {"target": np.asarray(batch.target), "num_classes": batch.size, **drawn}


def _slope(batch: Samples, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    slope = np.asarray(batch.inputs)
    inputs = probes.identity_batch(batch.size)
    yield "gradient", {"inputs": inputs, "slope": slope, **_drawn(batch.size, alpha, seed)}


def _hits(size: int, alpha: float, seed: int, hits: str) -> Iterator[tuple[str, Inputs]]:
    drawn, own = _drawn(size, alpha, seed), np.arange(size)
    predicted = {
        "own": own,
        "partner": drawn["partner"],
        "neither": (own + 1 + (drawn["partner"] == (own + 1) % size)) % size,
        "both in turn": np.where(own % 2 == 0, own, drawn["partner"]),
    }[hits]
    yield "accuracy", {"logits": 2.0 * np.eye(size)[predicted], "target": own, **drawn}


def _places(size: int, alpha: float, seed: int, shape: str) -> Iterator[tuple[str, Inputs]]:
    places, classes = {"as many as samples": (size,), "2 x 3": (2, 3), "1": (1,)}[shape], 3
    target = (np.arange(size * int(np.prod(places))) * 7 // 3 % classes).reshape(size, *places)
    drawn = _drawn(size, alpha, seed)
    yield "targets", {"target": target, "num_classes": classes, **drawn}
    logits = np.stack([np.roll(target, k, axis=0) * (0.5 + k) for k in range(classes)], axis=1)
    yield "loss", {"logits": logits, "target": target, **drawn}


def _values(size: int, alpha: float, seed: int, shape: str) -> Iterator[tuple[str, Inputs]]:
    i = np.arange(size)
    target = {
        "numbers": 0.125 + 3.0 * i,
        "several labels": ((i[:, None] + np.arange(5)) % 3 > 0).astype(float),
        "soft masks": (i[:, None, None] + np.arange(6).reshape(2, 3)) / 8.0,
    }[shape]
    yield "values", {"target": target, **_drawn(size, alpha, seed)}


def _smoothed(batch: Samples, epsilon: float, alpha: float, seed: int) -> Iterator[tuple[str, Inputs]]:
    target = smoothing.smoothed_targets(batch.target, batch.size, epsilon)
    yield "values", {"target": target, **_drawn(batch.size, alpha, seed)}


def _masks(size: int, alpha: float, seed: int, longest: int) -> Iterator[tuple[str, Inputs]]:
    mask = np.arange(longest) < 1 + (np.arange(size)[:, None] * 2) % longest
    partner = _drawn(size, alpha, seed)["partner"]
    yield "join", {"mask": mask, "partner": partner}
    inputs = np.eye(size)[:, None, :] * mask[:, :, None]
    yield "mix", {"inputs": inputs, **_drawn(size, alpha, seed)}


_MADE: Mapping[str, Callable[..., Iterator[tuple[str, Inputs]]]] = {
    "matches_reference": _mix,
    "inputs_and_targets_share_lambda_and_partner": _same,
    "rows_are_convex_combinations": _identity,
    "lambda_at_least_half": _fold,
    "mixed_loss_is_loss_of_mixed_target": _loss,
    "targets_are_distributions": _targets,
    "affine_equivariant": _moved,
    "stays_in_range": _mix,
    "any_rank": _any_rank,
    "odd_and_single_batches": _of_size,
    "gradient_is_lambda": _slope,
    "accuracy_weighs_both_targets": _hits,
    "classes_of_places_are_mixed_alike": _places,
    "values_are_mixed_as_inputs_are": _values,
    "masks_are_joined": _masks,
    "smoothing_commutes_with_mixing": _smoothed,
}
"""By law, what it comes to where lambdas and partners are given."""


def _gradient(asked: Inputs) -> Any:
    share = asked["lam"][:, None]
    along: Any = share * asked["slope"]
    np.add.at(along, asked["partner"], (1 - share) * asked["slope"])
    return along


_RIGHT: Mapping[str, Callable[[Inputs], Any]] = {
    "mix": lambda q: reference.mix(q["inputs"], q["inputs"][q["partner"]], q["lam"]),
    "fold": lambda q: reference.fold(q["lam"]),
    "targets": lambda q: reference.mixed_targets(
        q["target"], q["target"][q["partner"]], q["lam"], q["num_classes"]
    ),
    "values": lambda q: reference.mix(q["target"], q["target"][q["partner"]], q["lam"]),
    "loss": lambda q: reference.mixed_loss(
        q["logits"], q["target"], q["target"][q["partner"]], q["lam"]
    ).mean(),
    "accuracy": lambda q: reference.mixed_accuracy(
        q["logits"], q["target"], q["target"][q["partner"]], q["lam"]
    ).mean(),
    "join": lambda q: reference.join(q["mask"], q["mask"][q["partner"]]),
    "gradient": _gradient,
}


def _bound(asks: str, dtype: str, asked: Inputs) -> Any:
    """Where lambda is given exactly, the bounds of the laws are the larger ones."""
    partner = asked.get("partner")
    if asks in ("mix", "values"):
        x = asked["inputs" if asks == "mix" else "target"]
        return tolerances.mix_error(dtype, x, x[partner])
    if asks == "gradient":
        slope = np.abs(asked["slope"])
        return np.broadcast_to(tolerances.mix_error(dtype, slope.sum(axis=0), 0.0), slope.shape)
    if asks == "loss":
        rows = np.moveaxis(asked["logits"], 1, -1).reshape(-1, asked["logits"].shape[1])
        own, other = (
            smoothing.smoothed_loss(asked["logits"], y, 0.0, reduction="none").reshape(-1)
            for y in (asked["target"], asked["target"][partner])
        )
        errors = 2 * tolerances.row_error(dtype, rows) + tolerances.mix_error(dtype, own, other)
        return tolerances.reduced_error(dtype, errors, np.maximum(own, other), len(rows))
    if asks == "accuracy":
        ones = np.ones(len(asked["lam"]))
        return tolerances.reduced_error(dtype, tolerances.mix_error(dtype, ones, ones), ones, len(ones))
    return 0.0 if asks == "join" else float(tolerances.mix_error(dtype, 1.0, 1.0))


def _faults(law: Law, dtype: str, asks: str, asked: Inputs) -> Mapping[str, Any]:
    found = {}
    tensors = {name: torch.as_tensor(value) for name, value in asked.items() if np.ndim(value)}
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            tensors[name] = tensor.to(torch_dtype(dtype))
    num_classes = asked["logits"].shape[1] if "logits" in asked else asked.get("num_classes")
    for fault in faults("mixup"):
        if law.name not in fault.caught_by:
            continue
        # some are of another form, or take other targets
        with contextlib.suppress(Exception), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made = fault.adapter.build(1.0, num_classes)
            if isinstance(made, Right):
                answer = _ANSWER[asks](fault, made, **tensors)
                found[fault.id] = answer.tolist() if answer.dtype == torch.bool else to_float64(answer)
    return found


def _slope_of(fault: Fault, made: Right, inputs: Any, slope: Any, lam: Any, partner: Any) -> Any:
    inputs.requires_grad_()
    (made.mixed(inputs, lam, partner) * slope).sum().backward()
    return inputs.grad


def _mixed_target(made: Right, target: Any, lam: Any, partner: Any) -> Any:
    return made.mixed_target(torch.eye(len(target), dtype=lam.dtype), target, lam, partner)


_ANSWER: Mapping[str, Callable[..., Any]] = {
    "mix": lambda fault, made, inputs, lam, partner: made.mixed(inputs, lam, partner),
    "fold": lambda fault, made, lam: made.folded(lam),
    "targets": lambda fault, made, **asked: _mixed_target(made, **asked),
    "values": lambda fault, made, **asked: _mixed_target(made, **asked),
    "loss": lambda fault, made, logits, **asked: fault.adapter.loss(logits, _mixed_target(made, **asked)),
    "accuracy": lambda fault, made, logits, **asked: fault.adapter.accuracy(
        logits, _mixed_target(made, **asked)
    ),
    "join": lambda fault, made, mask, partner: made.mask(mask, mask[partner]),
    "gradient": _slope_of,
}

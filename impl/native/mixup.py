"""Mixup in PyTorch: a function, and the same as a module and as a ``collate_fn``.

    x'_i = lam_i x_i + (1 - lam_i) x_pi(i)        lam_i ~ Beta(alpha, alpha), folded to [1/2, 1]

Source: Zhang et al. 2018 (arXiv 1710.09412). The fold, max(lam, 1 - lam), keeps sample i the heavier half
of row i, so that (i, j, 0.3) and (j, i, 0.7) do not give the same image twice in a batch.

Everything is drawn and computed on the inputs' device, and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate, get_worker_info

from lawful.impl.native.mixed_target import MixedTarget

Scope = Literal["sample", "batch"]
Targets = Literal["soft", "pair"]


def mixup(
    inputs: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.4,
    num_classes: int | None = None,
    targets: Targets | None = None,
    scope: Scope = "sample",
    fold: bool = True,
    second: tuple[Tensor, Tensor] | None = None,
    promote: torch.dtype | None = None,
    inplace: bool = False,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor | MixedTarget]:
    """Mixes a batch with a permutation of itself, or with a second batch. The inputs are left as they are,
    unless ``inplace``.

    >>> inputs, target = torch.eye(3), torch.tensor([0, 1, 2])
    >>> mixed, (own, other, lam) = mixup(inputs, target, alpha=1.0)
    >>> torch.equal(own, target), bool((lam >= 0.5).all())
    (True, True)

    Args:
        inputs: floating point, (N, ...): any rank from (N,) up.
        target: classes, int64 (N,), or distributions (N, K).
        alpha: of Beta(alpha, alpha), from 0, where nothing is mixed.
        num_classes: K, needed for soft targets made of classes; classes are then checked on the CPU.
        targets: "soft" gives rows (N, K) of the inputs' dtype, "pair" a :class:`MixedTarget`. By default
            soft where they can be made: from distributions, or with ``num_classes``.
        scope: a lambda for each "sample", or one for the "batch".
        fold: lambda becomes max(lambda, 1 - lambda), so that row i is mostly sample i.
        second: (inputs, target) of another batch, of the same shapes: the partner of i is its row i.
        promote: the floating-point dtype that integer inputs are converted to; without it they are
            refused, as a mixture is no integer.
        inplace: write the mixture into ``inputs``, which then hold it and nothing else.
        generator: where lambda and partners are drawn from, on the inputs' device. By default torch's own
            generator of that device.

    Returns the mixed inputs, of the inputs' dtype and shape, and the mixed target. Lambda is rounded to
    the inputs' dtype first, so that inputs and targets have exactly the same.

    Raises ValueError or TypeError naming the argument, its value and what was expected.
    """
    _check_options(alpha, num_classes, targets, scope)
    if inplace and not inputs.is_floating_point():
        raise TypeError(f"inplace is True and inputs has dtype {inputs.dtype}, expected floating point")
    inputs = _floating(inputs, promote)
    _check_batch(inputs, target, "inputs", "target")
    soft = targets == "soft" or (targets is None and (num_classes is not None or target.ndim == 2))
    if soft and target.ndim == 1 and num_classes is None:
        raise ValueError(
            "num_classes is None, expected the number of classes to make soft targets of classes"
        )
    if second is not None:
        other_inputs, other_target = _floating(second[0], promote), second[1]
        _check_second(inputs, target, other_inputs, other_target)
    size = len(inputs)
    lam = _sample_lam(alpha, size if scope == "sample" else 1, fold, inputs, generator).expand(size)
    if second is None:
        partner = torch.randperm(size, device=inputs.device, generator=generator)
        other_target = target.index_select(0, partner)
    mixed_target = _mixed_target(target, other_target, lam, num_classes, soft)  # may raise: before the inputs
    share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
    if alpha == 0:
        mixed = inputs
    elif inplace:
        mixed = inputs.lerp_(inputs.index_select(0, partner) if second is None else other_inputs, 1 - share)
    elif second is None:
        mixed = inputs.index_select(0, partner).lerp_(inputs, share)
    else:
        mixed = torch.lerp(other_inputs, inputs, share)
    return mixed, mixed_target


class Mixup(nn.Module):
    """:func:`mixup` as a module: mixes in training mode, and in evaluation mode nothing.

    Options are those of :func:`mixup`. In evaluation mode the inputs come back as they are, and the
    target in the same form as in training, so that one loss serves both.

    >>> mix = Mixup(alpha=1.0, num_classes=3).eval()
    >>> mix(torch.zeros(1, 2), torch.tensor([2]))
    (tensor([[0., 0.]]), tensor([[0., 0., 1.]]))
    """

    def __init__(
        self,
        alpha: float = 0.4,
        num_classes: int | None = None,
        *,
        targets: Targets | None = None,
        scope: Scope = "sample",
        fold: bool = True,
        promote: torch.dtype | None = None,
        inplace: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_options(alpha, num_classes, targets, scope)
        self.alpha = alpha
        self.num_classes = num_classes
        self.targets: Targets | None = targets
        self.scope: Scope = scope
        self.fold = fold
        self.promote = promote
        self.inplace = inplace
        self.generator = generator

    def forward(
        self, inputs: Tensor, target: Tensor, second: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor | MixedTarget]:
        return mixup(
            inputs,
            target,
            alpha=self.alpha if self.training else 0.0,
            num_classes=self.num_classes,
            targets=self.targets,
            scope=self.scope,
            fold=self.fold,
            second=second,
            promote=self.promote,
            inplace=self.inplace and self.training,
            generator=self.generator,
        )

    def collate(self, samples: Sequence[Any]) -> tuple[Tensor, Tensor | MixedTarget]:
        """``DataLoader(..., collate_fn=mix.collate)``: mixes (input, target) samples as they are batched.

        In a worker process the worker's own generator is drawn from, which the DataLoader seeds
        differently in each: every worker has a copy of ``generator``, and all copies would draw alike.
        """
        inputs, target = default_collate(list(samples))
        if self.generator is None or get_worker_info() is None:
            mixed: tuple[Tensor, Tensor | MixedTarget] = self(inputs, target)
            return mixed
        generator, self.generator = self.generator, None
        try:
            mixed = self(inputs, target)
        finally:
            self.generator = generator
        return mixed

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, scope={self.scope!r}, fold={self.fold}"


def _sample_lam(
    alpha: float, size: int, fold: bool, inputs: Tensor, generator: torch.Generator | None
) -> Tensor:
    """The first of two shares that are Dirichlet(alpha, alpha), or the larger one.

    Below, a Gamma(alpha) variable G underflows, and G / (G + G') is 0/0; its logarithm does not:
    in law it is log Gamma(alpha + 1) + log(U) / alpha, with U uniform on (0, 1].
    """
    if alpha == 0:
        return torch.ones(size, dtype=inputs.dtype, device=inputs.device)
    dtype = torch.float32 if inputs.device.type == "mps" else torch.float64
    made: dict[str, Any] = {"dtype": dtype, "device": inputs.device}
    if alpha >= _NO_UNDERFLOW_FROM:
        shares = torch._sample_dirichlet(torch.full((size, 2), float(alpha), **made), generator=generator)
    else:
        gamma = torch._standard_gamma(torch.full((size, 2), alpha + 1.0, **made), generator=generator)
        uniform = 1 - torch.rand((size, 2), **made, generator=generator)
        shares = (gamma.log() + uniform.log() / max(alpha, 1e-12)).softmax(1)
    return (shares.amax(1) if fold else shares[:, 0]).to(inputs.dtype)


_NO_UNDERFLOW_FROM = 0.1
"""P(Gamma(alpha) < 1e-300) is about 1e-30 there."""


def _mixed_target(
    target: Tensor, other: Tensor, lam: Tensor, num_classes: int | None, soft: bool
) -> Tensor | MixedTarget:
    if num_classes is not None and target.ndim == 2 and target.shape[1] != num_classes:
        raise ValueError(f"target has {target.shape[1]} columns, expected num_classes={num_classes}")
    if not soft:
        if num_classes is not None and target.ndim == 1 and _can_look(target):
            _check_classes(num_classes, target, other)
        return MixedTarget(target, other, lam)
    share = lam[:, None]
    if target.ndim == 2:
        return torch.lerp(other.to(lam.dtype), target.to(lam.dtype), share)
    assert num_classes is not None
    rows = torch.zeros(len(target), num_classes, dtype=lam.dtype, device=lam.device)
    try:
        return rows.scatter(1, target[:, None], share).scatter_add(1, other[:, None], 1 - share)
    except RuntimeError:
        if _can_look(target):
            _check_classes(num_classes, target, other)
        raise


def _can_look(target: Tensor) -> bool:
    """Whether values can be had without a wait, a graph break, or an end of vmap."""
    compiling = torch.compiler.is_compiling()
    return target.device.type == "cpu" and not compiling and not torch._C._are_functorch_transforms_active()


def _floating(inputs: Tensor, promote: torch.dtype | None) -> Tensor:
    if inputs.is_floating_point():
        return inputs
    if promote is None or not promote.is_floating_point:
        raise TypeError(
            f"inputs has dtype {inputs.dtype}, expected floating point: a mixture of integers is none; "
            f"convert them first, or give promote=torch.float32 (promote is {promote})"
        )
    return inputs.to(promote)


def _check_batch(inputs: Tensor, target: Tensor, inputs_name: str, target_name: str) -> None:
    if inputs.ndim < 1:
        raise ValueError(f"{inputs_name} is a scalar, expected (N, ...)")
    if target.ndim not in (1, 2) or len(target) != len(inputs):
        raise ValueError(
            f"{target_name} has shape {tuple(target.shape)}, expected ({len(inputs)},) or "
            f"({len(inputs)}, K), as {inputs_name} has {len(inputs)} samples"
        )
    if target.ndim == 1 and target.dtype != torch.int64:
        raise TypeError(f"{target_name} has dtype {target.dtype}, expected torch.int64 classes, or (N, K)")
    if target.ndim == 2 and not target.is_floating_point():
        raise TypeError(f"{target_name} has dtype {target.dtype}, expected floating point for (N, K)")


def _check_second(inputs: Tensor, target: Tensor, other_inputs: Tensor, other_target: Tensor) -> None:
    if len(other_inputs) != len(inputs):
        raise ValueError(
            f"second has {len(other_inputs)} samples, expected {len(inputs)}, as many as inputs: loaders "
            "of unequal length end in batches of unequal size; drop_last=True evens them"
        )
    _check_batch(other_inputs, other_target, "second[0]", "second[1]")
    for name, got, expected in (
        ("second[0]", other_inputs, inputs),
        ("second[1]", other_target, target),
    ):
        if got.shape != expected.shape or got.dtype != expected.dtype:
            raise ValueError(
                f"{name} has shape {tuple(got.shape)} and dtype {got.dtype}, expected "
                f"{tuple(expected.shape)} and {expected.dtype}"
            )


def _check_classes(num_classes: int, *targets: Tensor) -> None:
    for target in targets:
        if target.numel():
            low, high = (int(bound) for bound in torch.aminmax(target))
            if low < 0 or high >= num_classes:
                raise ValueError(f"target has classes from {low} to {high}, expected 0..{num_classes - 1}")


def _check_options(alpha: float, num_classes: int | None, targets: str | None, scope: str) -> None:
    if not 0.0 <= alpha < float("inf"):
        raise ValueError(f"alpha is {alpha!r}, expected a finite number from 0")
    if num_classes is not None and num_classes < 1:
        raise ValueError(f"num_classes is {num_classes!r}, expected at least 1")
    if targets not in (None, "soft", "pair"):
        raise ValueError(f"targets is {targets!r}, expected 'soft', 'pair' or None")
    if scope not in ("sample", "batch"):
        raise ValueError(f"scope is {scope!r}, expected 'sample' or 'batch'")

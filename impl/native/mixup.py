"""Mixup in PyTorch: a function, and the same as a module and as a ``collate_fn``.

    x'_i = lam_i x_i + (1 - lam_i) x_pi(i)        lam_i ~ Beta(alpha, alpha), folded to [1/2, 1]

Source: Zhang et al. 2018 (arXiv 1710.09412). The fold, max(lam, 1 - lam), keeps sample i the heavier half
of row i, so that (i, j, 0.3) and (j, i, 0.7) do not give the same image twice in a batch.

Everything is drawn and computed on the inputs' device, and nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate, get_worker_info

from lawful.impl.native.mixed_target import MixedTarget

Scope = Literal["sample", "batch"]
Targets = Literal["soft", "pair"]
Inputs = Any
"""A tensor, or tuples, lists and dicts of tensors."""


def mixup(
    inputs: Inputs,
    target: Tensor,
    *,
    alpha: float = 0.4,
    num_classes: int | None = None,
    targets: Targets | None = None,
    scope: Scope = "sample",
    fold: bool = True,
    second: tuple[Inputs, Tensor] | None = None,
    promote: torch.dtype | None = None,
    inplace: bool = False,
    generator: torch.Generator | None = None,
) -> tuple[Inputs, Tensor | MixedTarget]:
    """Mixes a batch with a permutation of itself, or with a second batch. The inputs are left as they are,
    unless ``inplace``.

    >>> inputs, target = torch.eye(3), torch.tensor([0, 1, 2])
    >>> mixed, (own, other, lam) = mixup(inputs, target, alpha=1.0)
    >>> torch.equal(own, target), bool((lam >= 0.5).all())
    (True, True)

    Args:
        inputs: floating point, (N, ...): any rank from (N,) up. Or a tuple, list or dict of such, whose
            samples are all mixed with one lambda and one partner. A bool tensor among them is a mask, True
            where a padded sequence has something: the mixture has what either of the two has. Pad with 0.
        target: classes, int64: (N,), or (N, d...) with one for each place, as segmentation has. Or
            floating-point values, (N, ...), which are mixed as they are: distributions or several labels
            (N, K), soft masks (N, K, H, W), numbers to be regressed.
        alpha: of Beta(alpha, alpha), from 0, where nothing is mixed.
        num_classes: K, needed for soft targets made of classes; classes are then checked on the CPU.
        targets: "soft" gives rows (N, K, d...) made of classes, in the inputs' dtype, or mixed values, in
            their own; "pair" a :class:`MixedTarget`. By default soft where they can be made: of values, or
            with ``num_classes``.
        scope: a lambda for each "sample", or one for the "batch".
        fold: lambda becomes max(lambda, 1 - lambda), so that row i is mostly sample i.
        second: (inputs, target) of another batch, of the same shapes: the partner of i is its row i.
        promote: the floating-point dtype that integer inputs are converted to; without it they are
            refused, as a mixture is no integer.
        inplace: write the mixture into ``inputs``, which then hold it and nothing else.
        generator: where lambda and partners are drawn from, on the inputs' device. By default torch's own
            generator of that device.

    Returns the mixed inputs, of the inputs' dtypes and shapes, and the mixed target. Lambda is rounded to
    the inputs' dtype first, so that inputs and targets have exactly the same; of several inputs, to each of
    their dtypes. A place whose class is none, such as 255 or -100, has no row: take "pair", and a loss that
    ignores it.

    Raises ValueError or TypeError naming the argument, its value and what was expected.
    """
    _check_options(alpha, num_classes, targets, scope)
    leaves = _floating(inputs, promote, inplace, "inputs")
    like = _check_batch(leaves, target, num_classes, "inputs", "target")
    size, values = len(like), target.is_floating_point()
    soft = targets == "soft" or (targets is None and (num_classes is not None or values))
    if soft and not values and num_classes is None:
        raise ValueError(
            "num_classes is None, expected the number of classes to make soft targets of classes"
        )
    others: list[Tensor | None] = [None] * len(leaves)
    if second is not None:
        other_leaves, other_target = _floating(second[0], promote, False, "second[0]"), second[1]
        _check_second(leaves, target, other_leaves, other_target, num_classes)
        others = [leaf for _, leaf in other_leaves]
    lam = _sample_lam(alpha, size if scope == "sample" else 1, fold, like, generator).expand(size)
    for _, leaf in leaves[1:]:  # a number that all of them hold
        lam = lam.to(leaf.dtype).to(lam.dtype) if leaf.is_floating_point() else lam
    partner = None
    if second is None:
        partner = torch.randperm(size, device=like.device, generator=generator)
        other_target = target.index_select(0, partner)
    mixed_target = _mixed_target(target, other_target, lam, num_classes, soft)  # may raise: before the inputs
    if alpha == 0:
        return _rebuilt(inputs, iter([leaf for _, leaf in leaves])), mixed_target
    mixed = [
        _mixed(leaf, other, partner, lam, inplace) for (_, leaf), other in zip(leaves, others, strict=True)
    ]
    return _rebuilt(inputs, iter(mixed)), mixed_target


def _mixed(own: Tensor, other: Tensor | None, partner: Tensor | None, lam: Tensor, inplace: bool) -> Tensor:
    """lam own + (1 - lam) other, or own | other of masks; the other one is given, or the partner of each."""
    gathered = partner is not None
    other = own.index_select(0, partner) if partner is not None else other
    assert other is not None
    if own.dtype == torch.bool:
        return own.logical_or_(other) if inplace else own | other
    share = lam.to(own.dtype).reshape(-1, *[1] * (own.ndim - 1))
    if inplace:
        return own.lerp_(other, 1 - share)
    return other.lerp_(own, share) if gathered else torch.lerp(other, own, share)


class Mixup(nn.Module):
    """:func:`mixup` as a module: it mixes in training mode, and does nothing in evaluation mode.

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
        self, inputs: Inputs, target: Tensor, second: tuple[Inputs, Tensor] | None = None
    ) -> tuple[Inputs, Tensor | MixedTarget]:
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

    def collate(self, samples: Sequence[Any]) -> tuple[Inputs, Tensor | MixedTarget]:
        """``DataLoader(..., collate_fn=mix.collate)``: mixes (input, target) samples as they are batched; an
        input may be a tuple, list or dict.

        What repeats: in a worker process the worker's own generator is drawn from, as every worker has a
        copy of ``generator``, and all copies would draw alike. A DataLoader seeds it with a number of its
        epoch plus the worker's, and draws that number from its own ``generator=``, or else from torch's
        global one. So lambdas and partners repeat, batch by batch, where that is seeded alike and
        ``num_workers`` is the same. With another number of workers they are others, as batches go to
        other workers, and in each epoch they are others. With ``persistent_workers=True`` workers are
        seeded once, and draw on. Without workers ``generator`` is drawn from, or torch's global one.
        """
        inputs, target = default_collate(list(samples))
        if self.generator is None or get_worker_info() is None:
            mixed: tuple[Inputs, Tensor | MixedTarget] = self(inputs, target)
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
    values = target.is_floating_point()
    if not soft:
        if num_classes is not None and not values:
            _check_classes(num_classes, target, other)
        return MixedTarget(target, other, lam)
    share = lam.reshape(-1, *[1] * (target.ndim - 1))
    if values:
        # distributions are typed as the inputs, for a loss beside logits of that dtype
        dtype = target.dtype if num_classes is None else lam.dtype
        return torch.lerp(other.to(dtype), target.to(dtype), share.to(dtype))
    assert num_classes is not None
    shape = (len(target), num_classes, *target.shape[1:])
    rows = torch.zeros(shape, dtype=lam.dtype, device=lam.device)
    shares = share.expand(target.shape).unsqueeze(1)
    try:
        return rows.scatter(1, target.unsqueeze(1), shares).scatter_add(1, other.unsqueeze(1), 1 - shares)
    except RuntimeError:
        _check_classes(num_classes, target, other)
        raise


def _leaves(inputs: Inputs, name: str) -> list[tuple[str, Tensor]]:
    """The tensors inside, by the names that lead to them."""
    if isinstance(inputs, Tensor):
        return [(name, inputs)]
    if isinstance(inputs, dict):
        parts = list(inputs.items())
    elif isinstance(inputs, tuple | list):
        parts = list(enumerate(inputs))
    else:
        kind = type(inputs).__name__
        raise TypeError(f"{name} is a {kind}, expected a tensor, or a tuple, list or dict of tensors")
    return [leaf for key, part in parts for leaf in _leaves(part, f"{name}[{key!r}]")]


def _rebuilt(inputs: Inputs, leaves: Iterator[Tensor]) -> Inputs:
    """Other tensors in the same places."""
    if isinstance(inputs, Tensor):
        return next(leaves)
    if isinstance(inputs, dict):
        return type(inputs)({key: _rebuilt(part, leaves) for key, part in inputs.items()})
    parts = [_rebuilt(part, leaves) for part in inputs]
    return type(inputs)(*parts) if hasattr(inputs, "_fields") else type(inputs)(parts)


def _floating(
    inputs: Inputs, promote: torch.dtype | None, inplace: bool, name: str
) -> list[tuple[str, Tensor]]:
    found = []
    for each, leaf in _leaves(inputs, name):
        if leaf.is_floating_point() or (leaf.dtype == torch.bool and leaf is not inputs):
            found.append((each, leaf))
            continue
        if inplace:
            raise TypeError(f"inplace is True and {each} has dtype {leaf.dtype}, expected floating point")
        if promote is None or not promote.is_floating_point:
            raise TypeError(
                f"{each} has dtype {leaf.dtype}, expected floating point: a mixture of integers is none; "
                f"convert it first, or give promote=torch.float32 (promote is {promote}); a mask is bool"
            )
        found.append((each, leaf.to(promote)))
    return found


def _check_batch(
    leaves: list[tuple[str, Tensor]], target: Tensor, num_classes: int | None, name: str, target_name: str
) -> Tensor:
    """The first input that is no mask: how many samples there are, and of which dtype lambda is."""
    floating = [leaf for _, leaf in leaves if leaf.is_floating_point()]
    if not floating:
        raise ValueError(f"{name} holds no floating-point tensor, expected one at least")
    like = floating[0]
    for each, leaf in leaves:
        if leaf.ndim < 1:
            raise ValueError(f"{each} is a scalar, expected (N, ...)")
    size = len(like)
    for each, leaf in leaves:
        if len(leaf) != size:
            raise ValueError(f"{each} has {len(leaf)} samples, expected {size}, as the others have")
    if target.ndim < 1 or len(target) != size:
        raise ValueError(
            f"{target_name} has shape {tuple(target.shape)}, expected classes ({size},) or ({size}, d...), "
            f"or values ({size}, ...), as {name} has {size} samples"
        )
    if not target.is_floating_point():
        if target.dtype != torch.int64:
            raise TypeError(
                f"{target_name} has dtype {target.dtype}, expected torch.int64 classes, or values"
            )
    elif num_classes is not None and (target.ndim < 2 or target.shape[1] != num_classes):
        raise ValueError(
            f"{target_name} has shape {tuple(target.shape)} and dtype {target.dtype}, expected classes, "
            f"torch.int64, or distributions ({size}, {num_classes}), as num_classes={num_classes}"
        )
    return like


def _check_second(
    leaves: list[tuple[str, Tensor]],
    target: Tensor,
    others: list[tuple[str, Tensor]],
    other_target: Tensor,
    num_classes: int | None,
) -> None:
    named = [name.replace("inputs", "second[0]", 1) for name, _ in leaves]
    if named != [name for name, _ in others]:
        found = ", ".join(name for name, _ in others)
        raise ValueError(f"second[0] holds {found}, expected {', '.join(named)}, as inputs do")
    size = len(target)
    if len(others[0][1]) != size:
        raise ValueError(
            f"second has {len(others[0][1])} samples, expected {size}, as many as inputs: loaders of unequal "
            "length end in batches of unequal size; drop_last=True evens them"
        )
    _check_batch(others, other_target, num_classes, "second[0]", "second[1]")
    pairs = [(name, other, own) for (name, other), (_, own) in zip(others, leaves, strict=True)]
    for name, got, expected in (*pairs, ("second[1]", other_target, target)):
        if got.shape != expected.shape or got.dtype != expected.dtype:
            raise ValueError(
                f"{name} has shape {tuple(got.shape)} and dtype {got.dtype}, expected "
                f"{tuple(expected.shape)} and {expected.dtype}"
            )


def _check_classes(num_classes: int, *targets: Tensor) -> None:
    """Where they can be looked at without a wait or a graph break, and outside vmap."""
    if targets[0].device.type != "cpu" or torch.compiler.is_compiling():
        return
    for target in targets:
        if target.numel():
            try:
                low, high = (int(bound) for bound in torch.aminmax(target))
            except RuntimeError:  # under vmap there is no one number
                return
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

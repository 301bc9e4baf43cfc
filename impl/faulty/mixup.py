"""The faults of mixup, each a few lines on top of :class:`Right`.

Ids M.. and NB.. are those of the collected bug reports and of the seed notebook; XM.. were written so that
every law has a fault of its own. "Reproduced" names the library in which it is seen today.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import Argument, Mixup
from lawful.impl.faulty import Fault, arguments, devices, recorded, ways

_PLAUSIBLE = "plausible, no public report known"

_NOTEBOOK = "the seed notebook"

Pair = tuple[Tensor, Tensor, Tensor]

_SHARE = "inputs_and_targets_share_lambda_and_partner"

_FOLDED = {"lambda": "folded"}


class Right:
    """A correct mixup in slow, separate steps, each of which a fault can replace. Folded, per sample."""

    scope = "sample"

    def __init__(self, alpha: float, num_classes: int, generator: torch.Generator | None = None) -> None:
        self.alpha, self.num_classes, self.generator = alpha, num_classes, generator
        self.evaluating = False
        self.check_alpha()

    def eval(self) -> None:
        self.evaluating = True

    def train(self) -> None:
        self.evaluating = False

    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        self.check(inputs, target)
        lam = self.folded(self.lam(1 if self.scope == "batch" else len(inputs), inputs)).expand(len(inputs))
        partner = self.partner(len(inputs))
        if self.alpha == 0 or self.evaluating:
            lam = torch.ones_like(lam)
        mixed = self.mixed(inputs, lam.to(inputs.dtype), partner)
        return mixed, self.mixed_target(inputs, target, lam.to(inputs.dtype), partner)

    def check_alpha(self) -> None:
        if not 0 <= self.alpha < math.inf:
            raise ValueError(f"alpha is {self.alpha}, expected a finite number from 0")

    def check(self, inputs: Tensor, target: Tensor) -> None:
        if not inputs.is_floating_point():
            raise TypeError(f"inputs are {inputs.dtype}, expected floating point")
        if len(inputs) != len(target):
            raise ValueError(f"{len(target)} targets for {len(inputs)} samples")
        if target.ndim == 1 and len(target) and int(target.max()) >= self.num_classes:
            raise ValueError(f"class {int(target.max())} of {self.num_classes}")

    def lam(self, size: int, inputs: Tensor) -> Tensor:
        """Beta(alpha, alpha) by NumPy, seeded from where torch's numbers come."""
        seed = int(torch.randint(2**31, (), generator=self.generator))
        rng = np.random.default_rng(seed)
        return torch.tensor(self.drawn(rng, max(self.alpha, 1e-9), size), device=inputs.device)

    def drawn(self, rng: np.random.Generator, alpha: float, size: int) -> Any:
        return rng.beta(alpha, alpha, size)

    def folded(self, lam: Tensor) -> Tensor:
        return torch.maximum(lam, 1 - lam)

    def partner(self, size: int) -> Tensor:
        return torch.randperm(size, generator=self.generator)

    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        return share * inputs + (1 - share) * inputs[partner]

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        rows = self.rows(target).to(lam.dtype)
        return lam[:, None] * rows + (1 - lam[:, None]) * rows[partner]

    def rows(self, target: Tensor) -> Tensor:
        return target if target.ndim == 2 else F.one_hot(target, self.num_classes)


Code = TypeVar("Code", bound=Callable[..., Any])


def fault(
    id: str,
    statement: str,
    source: str,
    *caught_by: str,
    of: type[Right] | None = None,
    documented: dict[str, str] | None = None,
    without: tuple[str, ...] = (),
    ranks: tuple[int, ...] = (2, 1, 3, 4, 5),
    change: str = "",
) -> Callable[[Code], Code]:
    """Records what is wrong with the mixup below, or with the loss below that goes with the mixup ``of``.
    ``documented``: what it says of itself; ``without``: features that it does not offer."""

    def record(code: Code) -> Code:
        adapter = Mixup(
            id,
            of or code,
            features=Mixup.usual_features - set(without),
            ranks=ranks,
            loss=code if of else None,
            documented=documented or {},
        )
        found = Fault(id, statement, source, adapter, caught_by, code=code, change=change)
        code.fault = found  # type: ignore[attr-defined]
        return code

    return record


def _checked(*options: Any, scope: str = "sample", **features: Any) -> Right:
    if scope not in ("sample", "batch"):
        raise ValueError(f"scope is {scope!r}, expected 'sample' or 'batch'")
    made = Right(*options, **features)
    made.scope = scope
    return made


@fault(
    "M01",
    "inputs and labels are shuffled with two different permutations",
    "https://github.com/xudonmao/VMT/issues/1",
    _SHARE,
)
class TwoPermutations(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return super().mixed_target(inputs, target, lam, self.partner(len(target)))


@fault(
    "M02",
    "multiplied before the partner is read: the partner counts lam (1 - lam)",
    "https://github.com/huggingface/pytorch-image-models/issues/50",
    "rows_are_convex_combinations",
    "matches_reference",
)
class ReadAfterMultiply(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        scaled = share * inputs
        return scaled + (1 - share) * scaled[partner]


class Pairs(Right):
    """The target as a triple."""

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return target, target[partner], lam


@fault(
    "M03",
    "the caller's labels are changed in place",
    "https://github.com/Megvii-BaseDetection/YOLOX/pull/275",
    "inputs_not_modified",
)
class LabelsChangedInPlace(Pairs):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        own = target.clone()
        target.copy_(target[partner])
        return own, target, lam


@fault(
    "M04",
    "the loss is reduced before it is weighted by each sample's lambda",
    "https://github.com/fastai/fastai/issues/2286",
    "mixed_loss_is_loss_of_mixed_target",
    of=Pairs,
)
def _lambda_of_the_batch(logits: Tensor, mixed_target: Pair) -> Tensor:
    own, other, lam = mixed_target
    share = lam.mean()
    return share * F.cross_entropy(logits, own) + (1 - share) * F.cross_entropy(logits, other)


@fault(
    "M05",
    "as many lambdas as in the first batch, not as in the batch at hand",
    "https://github.com/Tony607/keras_mixup_generator/issues/1",
    "ragged_batches",
    change="Draw as many lambdas as there are samples in each call: len(inputs).",
)
class FirstSizeKept(Right):
    size = 0

    def lam(self, size: int, inputs: Tensor) -> Tensor:
        self.size = self.size or size
        return super().lam(self.size, inputs)

    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        lam = self.folded(self.lam(len(inputs), inputs)).to(inputs.dtype)
        partner = self.partner(len(inputs))
        return self.mixed(inputs, lam, partner), self.mixed_target(inputs, target, lam, partner)


@fault(
    "M06",
    "squeeze drops the batch axis of a batch of one",
    "fastai 2.8.12, reproduced; https://github.com/DBD-research-group/BirdSet/pull/274",
    "odd_and_single_batches",
    change="Name the dimension that is squeezed: that of a batch of one has size 1 too.",
)
class SqueezedBatch(Right):
    def folded(self, lam: Tensor) -> Tensor:
        return torch.stack([lam.squeeze(), 1 - lam.squeeze()], 1).amax(1)


@fault(
    "M07",
    "odd batches are refused",
    "https://github.com/huggingface/pytorch-image-models/issues/1304",
    "odd_and_single_batches",
    change="Pair a batch of any size: torch.randperm(len(inputs)).",
)
class OddRefused(Right):
    def check(self, inputs: Tensor, target: Tensor) -> None:
        super().check(inputs, target)
        if len(inputs) % 2:
            raise ValueError("the batch size should be even")


@fault("M08", "lambda is uniform, whatever alpha says", "kornia 0.9.0, reproduced", "lambda_follows_beta")
class UniformLambda(Right):
    def drawn(self, rng: np.random.Generator, alpha: float, size: int) -> Any:
        return rng.uniform(size=size)


@fault(
    "M09",
    "uint8 images are mixed and truncated to uint8",
    "timm 1.0.31, modes pair and elem, reproduced",
    "integer_inputs_correct_or_loud",
    change="Mix them as floats, and give floats back, or refuse them.",
)
class TruncatedIntegers(Right):
    def check(self, inputs: Tensor, target: Tensor) -> None:
        super().check(inputs.float(), target)

    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        if inputs.is_floating_point():
            return super().__call__(inputs, target)
        mixed, labels = super().__call__(inputs.float(), target)
        return mixed.to(inputs.dtype), labels


class Unfolded(Right):
    def folded(self, lam: Tensor) -> Tensor:
        return lam


@fault("M10", "labels are folded, inputs are not", _PLAUSIBLE, _SHARE)
class LabelsFoldedAlone(Unfolded):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return super().mixed_target(inputs, target, torch.maximum(lam, 1 - lam), partner)


@fault("M10b", "inputs are folded, labels are not", _PLAUSIBLE, _SHARE, "own_sample_dominates")
class InputsFoldedAlone(Unfolded):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs, torch.maximum(lam, 1 - lam), partner)


@fault(
    "M11",
    "partners are drawn with replacement, where a permutation is promised",
    _PLAUSIBLE,
    "partners_are_a_permutation",
    documented={"pairing": "permutation"},
)
class WithReplacement(Right):
    def partner(self, size: int) -> Tensor:
        return torch.randint(size, (size,), generator=self.generator)


@fault("M12", "one lambda for inputs, another for targets", _PLAUSIBLE, _SHARE)
class TwoLambdas(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        other = self.folded(self.lam(len(target), inputs)).to(lam.dtype)
        return super().mixed_target(inputs, target, other, partner)


@fault("M13", "Beta(alpha, 1) for Beta(alpha, alpha)", _PLAUSIBLE, "lambda_follows_beta")
class OneSidedBeta(Right):
    def drawn(self, rng: np.random.Generator, alpha: float, size: int) -> Any:
        return rng.beta(alpha, 1.0, size)


@fault(
    "M14",
    "a generator kept in the object: every DataLoader worker draws the same lambdas",
    "https://github.com/pytorch/pytorch/issues/5059",
    "seeds_differ",
    without=("generator",),
)
class OwnGenerator(Right):
    """Copied into every worker, and seeded in none."""

    def __init__(self, alpha: float, num_classes: int, generator: torch.Generator | None = None) -> None:
        super().__init__(alpha, num_classes, generator)
        self.rng = np.random.default_rng(0)

    def lam(self, size: int, inputs: Tensor) -> Tensor:
        return torch.tensor(self.drawn(self.rng, max(self.alpha, 1e-9), size), device=inputs.device)

    def partner(self, size: int) -> Tensor:
        return torch.tensor(self.rng.permutation(size))


@fault(
    "M15", "a float32 lambda makes the inputs float32", "keras 3.15.1, reproduced", "dtype_and_device_kept"
)
class SingleLambda(Right):
    """lam is float32 whatever the inputs are: they come back as float32 at least."""

    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs.float(), lam.float(), partner)


@fault(
    "M15b",
    "a float32 lambda refuses inputs of other dtypes",
    "fastai 2.8.12, reproduced",
    "dtype_and_device_kept",
    change="Cast lambda to the dtype of the images: lam.to(inputs.dtype).",
)
class SingleLambdaRefuses(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        share = lam.float().reshape(-1, *[1] * (inputs.ndim - 1))
        return torch.lerp(inputs[partner], inputs, share)


@fault("M16", "still mixes in evaluation mode", _PLAUSIBLE, "eval_mode_mixes_nothing")
class MixesInEvaluation(Right):
    def eval(self) -> None:
        pass


@fault(
    "NB04", "mixed targets are made from the partner's inputs", _NOTEBOOK, "targets_are_distributions", _SHARE
)
class TargetsFromInputs(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        rows = F.one_hot(target, self.num_classes).to(lam.dtype)
        pixels = inputs[partner].flatten(1).mean(1, keepdim=True) if inputs.ndim > 1 else inputs[:, None]
        return lam[:, None] * rows + (1 - lam[:, None]) * pixels


@fault("NB05", "class indices are blended as numbers", _NOTEBOOK, _SHARE)
class BlendedNumbers(Right):
    """Class 0 and class 4 make class 2."""

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        blended = lam * target + (1 - lam) * target[partner]
        return F.one_hot(blended.round().long(), self.num_classes).to(lam.dtype)


@fault(
    "NB08",
    "the second loss term uses blended targets in place of the partner's",
    _NOTEBOOK,
    "mixed_loss_is_loss_of_mixed_target",
    of=Pairs,
)
def _blended_in_second_term(logits: Tensor, mixed_target: Pair) -> Tensor:
    own, other, lam = mixed_target
    blended = (lam * own + (1 - lam) * other).round().long()
    first, second = (F.cross_entropy(logits, y, reduction="none") for y in (own, blended))
    return (lam * first + (1 - lam) * second).mean()


@fault(
    "NB09",
    "a mean-reduced loss times a vector of lambdas",
    _NOTEBOOK,
    "mixed_loss_is_loss_of_mixed_target",
    of=Pairs,
)
def _reduced_first(logits: Tensor, mixed_target: Pair) -> Tensor:
    own, other, lam = mixed_target
    return (lam * F.cross_entropy(logits, own) + (1 - lam) * F.cross_entropy(logits, other)).mean()


@fault(
    "NB11",
    "the collision fix of the text is absent: lambda falls below 1/2",
    _NOTEBOOK,
    "lambda_at_least_half",
    "own_sample_dominates",
    documented=_FOLDED,
)
class CollisionFixLeftOut(Unfolded):
    """Half of the rows are more of their partner than of themselves."""


@fault(
    "NB12",
    "folded towards the partner: (i, j, 0.3) and (j, i, 0.7) give the same image twice",
    f"{_NOTEBOOK}, whose lambdas are not folded at all; this is the half-way repair",
    "own_sample_dominates",
    "lambda_at_least_half",
    documented=_FOLDED,
    without=("eval_mode",),
)
class PartnerDominates(Right):
    """Folded, but the heavier share goes to the partner, in inputs and targets alike."""

    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        self.check(inputs, target)
        lam = 1 - self.folded(self.lam(len(inputs), inputs)).to(inputs.dtype)
        partner = self.partner(len(inputs))
        return self.mixed(inputs, lam, partner), self.mixed_target(inputs, target, lam, partner)


@fault(
    "NB14",
    "beta[:, None, None, None] fits images only",
    _NOTEBOOK,
    "any_rank",
    change="Give lambda as many dimensions as the inputs have: lam.reshape(-1, *[1] * (inputs.ndim - 1)).",
)
class ImagesOnly(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        share = lam[:, None, None, None]
        return share * inputs + (1 - share) * inputs[partner]


@fault("XM01", "lambda is a constant", _PLAUSIBLE, "lambda_varies", "lambda_follows_beta")
class Frozen(Right):
    def drawn(self, rng: np.random.Generator, alpha: float, size: int) -> Any:
        return np.full(size, 0.75)


@fault(
    "XM02", "shares that do not sum to 1", _PLAUSIBLE, "rows_are_convex_combinations", "affine_equivariant"
)
class NotNormalised(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        return share * inputs + (1 - share).sqrt() * inputs[partner]


@fault(
    "XM03",
    "the mixture is clamped to [0, 1], where normalised images are not",
    _PLAUSIBLE,
    "matches_reference",
    "affine_equivariant",
)
class ClampedToPixels(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs, lam, partner).clamp(0, 1)


@fault("XM04", "a lambda above 1", _PLAUSIBLE, "stays_in_range", "rows_are_convex_combinations")
class Extrapolating(Right):
    def folded(self, lam: Tensor) -> Tensor:
        return super().folded(lam) + 0.25


@fault("XM05", "the next sample is a partner too often", _PLAUSIBLE, "pairing_is_uniform")
class NeighbourFavoured(Right):
    """Every other time the partner is the next sample."""

    def partner(self, size: int) -> Tensor:
        if float(torch.rand((), generator=self.generator)) < 0.5:
            return torch.arange(size).roll(1)
        return super().partner(size)


@fault(
    "XM06",
    "one lambda a batch, and partners drawn with replacement",
    _PLAUSIBLE,
    "shared_lambda_preserves_batch_mean",
    documented={"pairing": "permutation"},
)
class WithReplacementPerBatch(WithReplacement):
    scope = "batch"


@fault("XM07", "the partner is detached", _PLAUSIBLE, "gradient_is_lambda")
class DetachedPartner(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        return share * inputs + (1 - share) * inputs.detach()[partner]


@fault("XM08", "alpha = 0 is taken for the default", _PLAUSIBLE, "alpha_zero_is_identity")
class ZeroAlphaTakenForOne(Right):
    def __init__(self, alpha: float, num_classes: int, generator: torch.Generator | None = None) -> None:
        super().__init__(alpha or 1.0, num_classes, generator)


@fault(
    "XM09",
    "any alpha is taken",
    "an infinite one by torchvision, timm, fastai and keras, reproduced",
    "rejects_bad_alpha",
    change="Raise ValueError unless alpha is finite and at least 0.",
)
class AnyAlpha(Right):
    def check_alpha(self) -> None:
        self.alpha = abs(self.alpha) if math.isfinite(self.alpha) else 1.0


@fault(
    "XM10",
    "missing labels are made up",
    "timm 1.0.31 broadcasts a single one, reproduced",
    "rejects_mismatched_batch",
    change="Raise where len(target) != len(inputs).",
)
class LabelsCycled(Right):
    def check(self, inputs: Tensor, target: Tensor) -> None:
        super().check(inputs, target.repeat(2)[: len(inputs)])

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        again = target.repeat(2)[: len(inputs)]
        return super().mixed_target(inputs, again, lam, partner)


@fault(
    "XM11",
    "an unknown class is a row of zeros",
    _PLAUSIBLE,
    "rejects_bad_target",
    change="Raise where target >= num_classes.",
)
class EmptyRowForUnknownClass(Right):
    def check(self, inputs: Tensor, target: Tensor) -> None:
        super().check(inputs, target.clamp(max=self.num_classes - 1))

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        rows = (target[:, None] == torch.arange(self.num_classes)).to(lam.dtype)
        return lam[:, None] * rows + (1 - lam[:, None]) * rows[partner]


@fault("XM12", "lambdas that no seed reaches", _PLAUSIBLE, "seeded_runs_repeat")
class Unrepeatable(Right):
    def lam(self, size: int, inputs: Tensor) -> Tensor:
        fresh = np.random.default_rng()
        return torch.tensor(self.drawn(fresh, max(self.alpha, 1e-9), size), device=inputs.device)


@fault("XM13", "the inputs are overwritten", _PLAUSIBLE, "inputs_not_modified")
class InputsOverwritten(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        mixed = super().mixed(inputs, lam, partner)
        inputs.data.copy_(mixed)
        return mixed


@fault(
    "XM15",
    "soft rows are hardened to their largest class",
    _PLAUSIBLE,
    "smoothing_commutes_with_mixing",
    change="Mix distributions as they are: lam * t + (1 - lam) * t[partner].",
)
class RowsHardened(Right):
    def rows(self, target: Tensor) -> Tensor:
        return super().rows(target.argmax(1) if target.ndim == 2 else target)


@fault("XM14", "alpha is clamped to 1", _PLAUSIBLE, "lambda_follows_beta")
class AlphaClampedToOne(Right):
    def drawn(self, rng: np.random.Generator, alpha: float, size: int) -> Any:
        return rng.beta(min(alpha, 1.0), min(alpha, 1.0), size)


@fault(
    "XM16",
    "partners are kept in a byte each, and begin again at 256",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class PartnersInAByte(Right):
    def partner(self, size: int) -> Tensor:
        return super().partner(size).to(torch.uint8).long()


@fault(
    "XM17",
    "the inputs are read row by row, whatever their strides",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
    change="Read inputs by index, inputs[partner], and not by their memory.",
)
class ReadAsItLies(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        flat = torch.empty(inputs.shape).stride()
        return super().mixed(inputs.as_strided(inputs.shape, flat), lam, partner)


@fault(
    "XM18",
    "lambda is drawn for two batches: the second one gets 1 - lambda",
    _PLAUSIBLE,
    "lambdas_are_independent",
)
class DrawnForTwoBatches(Right):
    """The second of two batches gets what is left of the first one's draw."""

    def lam(self, size: int, inputs: Tensor) -> Tensor:
        kept: Tensor | None = self.__dict__.pop("kept", None)
        if kept is not None and len(kept) == size:
            return 1 - kept
        self.kept = super().lam(size, inputs)
        return self.kept


@fault("XM19", "lambda is drawn for two neighbouring samples", _PLAUSIBLE, "lambdas_are_independent")
class DrawnForTwoRows(Right):
    def lam(self, size: int, inputs: Tensor) -> Tensor:
        return super().lam((size + 1) // 2, inputs).repeat_interleave(2)[:size]


@fault(
    "XM21",
    "the targets are read one after the other, whatever their strides",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
    change="Read targets by index, target[partner], and not by their memory.",
)
class TargetReadAsItLies(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        tidy = torch.empty(target.shape).stride()
        return super().mixed_target(inputs, target.as_strided(target.shape, tidy), lam, partner)


@fault(
    "XM20",
    "partners are sorted by the lambdas: who is mixed a lot is mixed with the same side of the batch",
    _PLAUSIBLE,
    "lambdas_are_independent",
)
class PartnersByLambda(Right):
    """The lambdas are what the permutation is sorted by: one array of random numbers for both."""

    def lam(self, size: int, inputs: Tensor) -> Tensor:
        self.keys = super().lam(size, inputs)
        return self.keys

    def partner(self, size: int) -> Tensor:
        return torch.maximum(self.keys, 1 - self.keys).argsort().cpu()


def _off(tensor: Tensor) -> Tensor:
    """A few dozen roundings off."""
    return tensor * (1 + 48 * torch.finfo(tensor.dtype).eps)


@fault(
    "XM22",
    "the inputs are a few dozen roundings off",
    _PLAUSIBLE,
    _SHARE,
    "rows_are_convex_combinations",
    "matches_reference",
    "affine_equivariant",
    "any_rank",
)
class InputsOff(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return _off(super().mixed(inputs, lam, partner))


@fault(
    "XM23",
    "the inputs are a few dozen roundings off, with one lambda a batch",
    _PLAUSIBLE,
    "shared_lambda_preserves_batch_mean",
)
class InputsOffInAll(InputsOff):
    scope = "batch"


@fault(
    "XM24",
    "the targets are a few dozen roundings off",
    _PLAUSIBLE,
    _SHARE,
    "targets_are_distributions",
    "mixed_loss_is_loss_of_mixed_target",
)
class TargetsOff(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return _off(super().mixed_target(inputs, target, lam, partner))


@fault("XM25", "smoothed targets are a few dozen roundings off", _PLAUSIBLE, "smoothing_commutes_with_mixing")
class SoftTargetsOff(Right):
    def rows(self, target: Tensor) -> Tensor:
        return _off(target) if target.ndim == 2 and bool((target > 0).all()) else super().rows(target)


@fault("XM26", "the gradient is a few dozen roundings off", _PLAUSIBLE, "gradient_is_lambda")
class GradientOff(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        mixed = super().mixed(inputs, lam, partner)
        return mixed + 48 * torch.finfo(mixed.dtype).eps * (mixed - mixed.detach())


@fault(
    "XM27",
    "its own loss is a few dozen roundings off",
    _PLAUSIBLE,
    "mixed_loss_is_loss_of_mixed_target",
    of=Right,
)
def _loss_off(output: Tensor, mixed_target: Any) -> Tensor:
    return _off(F.cross_entropy(output, mixed_target))


@fault(
    "XM28", "three samples are mixed, inputs and targets alike", _PLAUSIBLE, "rows_are_convex_combinations"
)
class ThreeMixed(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return (super().mixed(inputs, lam, partner) + super().mixed(inputs, lam, partner.roll(1))) / 2

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        both = [
            super(ThreeMixed, self).mixed_target(inputs, target, lam, p) for p in (partner, partner.roll(1))
        ]
        return (both[0] + both[1]) / 2


@fault("XM29", "one batch in 16 is mixed", _PLAUSIBLE, "lambda_follows_beta", "pairing_is_uniform")
class SeldomMixed(Right):
    def folded(self, lam: Tensor) -> Tensor:
        mixes = torch.rand((), generator=self.generator) < 1 / 16
        return super().folded(lam) if mixes else torch.ones_like(lam)


@fault("XM30", "targets are moved away from the partner's", _PLAUSIBLE, "targets_are_distributions", _SHARE)
class TargetsBeyond(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return super().mixed_target(inputs, target, 2 - lam, partner)


@fault("XM31", "a constant is added", _PLAUSIBLE, "stays_in_range", "matches_reference")
class Brighter(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs, lam, partner) + 0.25


@fault("XM32", "a constant is taken off", _PLAUSIBLE, "stays_in_range", "matches_reference")
class Darker(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs, lam, partner) - 0.25


@fault("XM33", "at alpha 0 the inputs are mixed", _PLAUSIBLE, "alpha_zero_is_identity")
class InputsMixedWhenOff(Right):
    def still(self) -> bool:
        return self.alpha == 0

    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs, lam - 0.25 if self.still() else lam, partner)


@fault("XM34", "at alpha 0 the targets are mixed", _PLAUSIBLE, "alpha_zero_is_identity")
class TargetsMixedWhenOff(Right):
    def still(self) -> bool:
        return self.alpha == 0

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return super().mixed_target(inputs, target, lam - 0.25 if self.still() else lam, partner)


@fault("XM35", "in evaluation mode the inputs are mixed", _PLAUSIBLE, "eval_mode_mixes_nothing")
class InputsMixedInEvaluation(InputsMixedWhenOff):
    def still(self) -> bool:
        return self.evaluating


@fault("XM36", "in evaluation mode the targets are mixed", _PLAUSIBLE, "eval_mode_mixes_nothing")
class TargetsMixedInEvaluation(TargetsMixedWhenOff):
    def still(self) -> bool:
        return self.evaluating


@fault("XM37", "an infinite alpha mixes nothing", _PLAUSIBLE, "rejects_bad_alpha")
class InfinityIsOff(Right):
    def __init__(self, alpha: float, num_classes: int, generator: torch.Generator | None = None) -> None:
        super().__init__(0.0 if alpha == math.inf else alpha, num_classes, generator)


@fault("XM38", "noise that no seed reaches", _PLAUSIBLE, "seeded_runs_repeat", without=("generator",))
class InputsUnrepeatable(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().mixed(inputs, lam, partner) + 2.0**-9 * int.from_bytes(os.urandom(1))


@fault("XM39", "noise in the targets that no seed reaches", _PLAUSIBLE, "seeded_runs_repeat")
class TargetsUnrepeatable(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        share = 1 - 2.0**-9 * int.from_bytes(os.urandom(1))
        return super().mixed_target(inputs, target, lam * share, partner)


@fault("XM40", "the generator is not used", _PLAUSIBLE, "everything_is_drawn_from_its_generator")
class GeneratorLeftOut(Right):
    def __init__(self, alpha: float, num_classes: int, generator: torch.Generator | None = None) -> None:
        super().__init__(alpha, num_classes)


@fault(
    "XM41",
    "of an alpha below 0.1 nearly all samples are mixed, where a third should be",
    _PLAUSIBLE,
    "lambda_follows_beta",
)
class MoreOfSmallAlphas(Right):
    """Of a small alpha, lambdas away from the ends are spread as they should be, and too many."""

    reach = 10.0

    def drawn(self, rng: np.random.Generator, alpha: float, size: int) -> Any:
        if alpha >= 0.1:
            return super().drawn(rng, alpha, size)
        return 1 / (1 + np.exp(rng.uniform(-self.reach, self.reach, size)))


@fault(
    "XM42", "of an alpha below 0.1 fewer samples are mixed than should be", _PLAUSIBLE, "lambda_follows_beta"
)
class FewerOfSmallAlphas(MoreOfSmallAlphas):
    reach = 60.0


@fault(
    "XM43",
    "documented to refuse images of whole numbers, and mixes them",
    _PLAUSIBLE,
    "integer_inputs_correct_or_loud",
    documented={"integers": "refused"},
)
class WholeNumbersTaken(Right):
    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        return super().__call__(inputs if inputs.is_floating_point() else inputs.float(), target)


@fault(
    "XM44",
    "documented to mix images of whole numbers, and refuses them",
    _PLAUSIBLE,
    "integer_inputs_correct_or_loud",
    documented={"integers": "mixed"},
)
class WholeNumbersRefused(Right):
    """Says that it mixes them."""


class _OddTargets(Right):
    """Looks at the dtype of targets as it should."""

    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        self.check_dtype(target)
        return super().__call__(inputs, target)

    def check_dtype(self, target: Tensor) -> None:
        if target.is_floating_point() != (target.ndim == 2):
            raise TypeError(f"target has dtype {target.dtype} and {target.ndim} dimensions")


@fault(
    "XM45",
    "labels of floats are cut off to whole numbers",
    _PLAUSIBLE,
    "rejects_odd_targets",
    documented={"errors": "named"},
)
class LabelsCutOff(_OddTargets):
    def __call__(self, inputs: Tensor, target: Tensor) -> tuple[Tensor, Any]:
        return super().__call__(inputs, target.long() if target.ndim == 1 else target)


@fault(
    "XM46",
    "rows of whole numbers are taken for distributions",
    _PLAUSIBLE,
    "rejects_odd_targets",
    documented={"errors": "named"},
)
class RowsOfWholeNumbersTaken(_OddTargets):
    def check_dtype(self, target: Tensor) -> None:
        if target.ndim == 1:
            super().check_dtype(target)


@fault(
    "XM47",
    "where targets are pairs, classes beyond num_classes are taken",
    _PLAUSIBLE,
    "rejects_bad_target",
    documented={"errors": "named"},
)
class PairsOfAnyLabels(_OddTargets):
    """Of rows, columns are looked at; of labels, nothing."""

    def check(self, inputs: Tensor, target: Tensor) -> None:
        if target.ndim == 2 and target.shape[1] != self.num_classes:
            raise ValueError(f"target has {target.shape[1]} columns of {self.num_classes}")

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return target, target[partner], lam


@fault(
    "XM48",
    "distributions of more columns than classes are taken",
    _PLAUSIBLE,
    "rejects_bad_target",
    documented={"errors": "named"},
)
class AnyColumns(_OddTargets):
    """Of labels, classes are looked at; of rows, nothing."""

    def check(self, inputs: Tensor, target: Tensor) -> None:
        if target.ndim == 1 and len(target) and int(target.max()) >= self.num_classes:
            raise ValueError(f"target has class {int(target.max())} of {self.num_classes}")
        super().check(inputs, target)


@fault("XM49", "every batch is mixed into one buffer", _PLAUSIBLE, "inputs_not_modified")
class OneBuffer(Right):
    """One for all batches of a shape."""

    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        buffers: dict[Any, Tensor] = self.__dict__.setdefault("buffers", {})
        mixed = super().mixed(inputs, lam, partner)
        return buffers.setdefault((mixed.shape, mixed.dtype), torch.empty_like(mixed)).copy_(mixed)


@fault("XM50", "every batch's targets are mixed into one buffer", _PLAUSIBLE, "inputs_not_modified")
class OneBufferOfTargets(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        buffers: dict[Any, Tensor] = self.__dict__.setdefault("buffers", {})
        mixed = super().mixed_target(inputs, target, lam, partner)
        return buffers.setdefault((mixed.shape, mixed.dtype), torch.empty_like(mixed)).copy_(mixed)


@fault("XM51", "the batch before is overwritten", _PLAUSIBLE, "inputs_not_modified")
class LastBatchAsBuffer(Right):
    """The inputs of the call before are where the next ones are put."""

    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        last = self.__dict__.get("last")
        if last is not None and last.shape == inputs.shape:
            last.data.copy_(inputs)
        self.last = inputs
        return super().mixed(inputs, lam, partner)


@fault("XM52", "after evaluation nothing is mixed any more", _PLAUSIBLE, "eval_mode_mixes_nothing")
class OffForGood(Right):
    def train(self) -> None:
        return None


@fault(
    "XM53",
    "targets that are distributions are read row by row, whatever their strides",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
    change="Read targets by index, target[partner], and not by their memory.",
)
class RowsReadAsTheyLie(TargetReadAsItLies):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return super().mixed_target(inputs, target if target.ndim == 2 else target.clone(), lam, partner)


@fault(
    "XM54",
    "the partner's first channel is mixed into all",
    _PLAUSIBLE,
    "one_mixture_for_all_of_a_sample",
    change="Mix all channels with those of the partner: inputs[partner], and not inputs[partner, :1].",
)
class FirstChannelOfThePartner(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        if inputs.ndim < 3:
            return super().mixed(inputs, lam, partner)
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        return share * inputs + (1 - share) * inputs[partner, :1]


@fault(
    "XM55",
    "the partner's first row is mixed into all",
    _PLAUSIBLE,
    "one_mixture_for_all_of_a_sample",
    change="Mix all rows with those of the partner: inputs[partner], and not its first row.",
)
class FirstRowOfThePartner(FirstChannelOfThePartner):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        if inputs.ndim < 4:
            return Right.mixed(self, inputs, lam, partner)
        return super().mixed(inputs.transpose(1, -2), lam, partner).transpose(1, -2)


@fault(
    "M17",
    "the lambdas of images, (N, 1, 1, 1), are multiplied with labels (N, K): that gives (N, 1, N, K)",
    "https://github.com/cleverhans-lab/cleverhans/pull/700",
    _SHARE,
    ranks=(4,),
    change="Reshape lambda for the labels: lam.reshape(-1, 1).",
)
class LambdaOfImagesForLabels(Right):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        rows, share = self.rows(target).to(lam.dtype), lam.reshape(-1, *[1] * (inputs.ndim - 1))
        return share * rows + (1 - share) * rows[partner]


@fault(
    "M18",
    "one-hot rows are encoded again, where soft rows are taken",
    "https://github.com/frgfm/holocron/pull/225",
    "one_hot_rows_are_mixed_alike",
    change="Encode what has one dimension, and not what has whole numbers.",
)
class EncodedAgain(Right):
    def rows(self, target: Tensor) -> Tensor:
        return target if target.is_floating_point() else F.one_hot(target, self.num_classes)

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        rows = self.rows(target).to(lam.dtype)
        share = lam.reshape(-1, *[1] * (rows.ndim - 1))
        return share * rows + (1 - share) * rows[partner]


@fault(
    "M19",
    "class numbers are cast to the dtype of the images",
    "https://github.com/kornia/kornia/issues/4657",
    "labels_of_pairs_survive",
    change="Give labels back in the dtype in which they came.",
)
class LabelsInTheImagesDtype(Pairs):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        own, other, lam = super().mixed_target(inputs, target, lam, partner)
        return own.to(inputs.dtype), other.to(inputs.dtype), lam


@fault(
    "XM81",
    "half of the batches of images get a box of their partners, cut into the caller's",
    _PLAUSIBLE,
    "inputs_not_modified",
    change="Cut into a copy: inputs = inputs.clone().",
)
class CutsInPlace(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        if inputs.ndim != 4 or inputs.shape[2] < 8 or torch.rand(()) < 0.5:
            return super().mixed(inputs, lam, partner)
        inputs[:, :, 2:6, 2:6] = inputs[partner, :, 2:6, 2:6]
        return inputs


@fault(
    "XM82",
    "about one sample in ten is mixed, through a mask, in the caller's batch",
    _PLAUSIBLE,
    "inputs_not_modified",
    change="Use torch.where(mask, mixed, inputs), which makes a new tensor.",
)
class MaskedInPlace(Right):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        mixed = super().mixed(inputs, lam, partner)
        self.mask = torch.rand(len(inputs)) < 0.1
        inputs.data[self.mask] = mixed[self.mask]
        return inputs

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return super().mixed_target(inputs, target, lam.where(self.mask, 1.0), partner)


@fault(
    "XM83",
    "torch is seeded in each call, for partners that repeat",
    "https://github.com/iver56/torch-audiomentations/issues/170",
    "generators_go_on",
    without=("generator",),
    change="Draw from a torch.Generator of your own, or from the global one without seeding it.",
)
class SeedsTorchInEachCall(Right):
    def lam(self, size: int, inputs: Tensor) -> Tensor:
        return torch.tensor(np.random.beta(max(self.alpha, 1e-9), max(self.alpha, 1e-9), size))

    def partner(self, size: int) -> Tensor:
        torch.manual_seed(0)
        return torch.randperm(size)


@fault(
    "XM84",
    "an alpha that is a whole number makes a tensor of whole numbers, which has no Beta law",
    _PLAUSIBLE,
    "whole_alpha_is_a_number",
    change="Convert it: float(alpha).",
)
class WholeAlphaRefused(Right):
    def check_alpha(self) -> None:
        super().check_alpha()
        torch.zeros(1, dtype=torch.as_tensor(self.alpha).dtype).exponential_()


@fault("XM56", "after a thousand calls nothing is mixed", _PLAUSIBLE, "lambdas_are_independent")
class StopsAfterAThousand(Right):
    calls = 0

    def folded(self, lam: Tensor) -> Tensor:
        self.calls += 1
        return super().folded(lam) if self.calls <= 1000 else torch.ones_like(lam)


@fault("XM57", "rows from the 257th on are not mixed", _PLAUSIBLE, "large_batches_are_no_other")
class FirstRowsAlone(Right):
    """A table of 256 lambdas; beyond it there are ones."""

    def folded(self, lam: Tensor) -> Tensor:
        return super().folded(lam).where(torch.arange(len(lam)) < 256, 1.0)


_ARGUMENTS = (
    arguments.late(
        Mixup("right", _checked, features=Mixup.usual_features, ranks=(2, 1, 3, 4, 5)),
        "XMA5",
        scope=Argument("sample", values=("sample", "batch")),
    ),
    *arguments.faults_of(
        Mixup("right", _checked, features=Mixup.usual_features, ranks=(2, 1, 3, 4, 5)),
        "XMA{}",
        "scope",
        Argument("sample", values=("sample", "batch")),
        "batch",
        "batch",
        "samples",
        "rejects_bad_alpha",
        "rejects_mismatched_batch",
        "rejects_bad_target",
        "integer_inputs_correct_or_loud",
    ),
)

FAULTS = (*recorded(globals()), *devices.MIXUP, *ways.MIXUP)

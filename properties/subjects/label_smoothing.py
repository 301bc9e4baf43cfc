"""A label-smoothed loss as its laws see it: called with plain values, compared with the reference."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import softmax

from lawful.impl.contracts import WAYS, Adapter, LabelSmoothing
from lawful.properties import probes, tolerances
from lawful.properties.strategies import CLASS_COUNTS
from lawful.properties.subjects.failures import (
    LawBroken,
    NotAsked,
    NotUnderstood,
    OutOfSight,
    Raised,
    first_line,
)
from lawful.properties.subjects.program import Call, Seen, literal
from lawful.properties.subjects.subject import (
    ERRORS,
    REFUSED,
    WAITS,
    Answer,
    Subject,
    dtype_name,
    silence,
    to_float64,
    torch_dtype,
)
from lawful.properties.ways import UNDER, UNDER_WAY
from lawful.reference import label_smoothing as reference

_UNKNOWN = "no such reduction"
_PROBE_LOGITS = [[1.5, -0.5, 0.25], [0.5, 2.0, -1.0]]
_PROBE_TARGET = [0, 2]
_WITH_ANOTHER = [*_PROBE_LOGITS, [0.25, -1.0, 1.0]]
"""Where a sample is ignored, two are left: some code fails with a single one."""


@dataclass
class Loss(Subject):
    """``loss(logits, target, epsilon, **features)`` gives an Answer; ``expected`` what it should be."""

    technique: ClassVar[str] = "label_smoothing"
    convention_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "off_target": ("uniform", "others", "normalised"),
        "offset": ("cross_entropy", "kl"),
        "ignored_mean": ("kept", "all"),
        "all_ignored": ("nan", "zero"),
        "weighting": ("every_term", "target_term", "normalised_spread", "sample"),
        "weighted_mean": ("weights", "count"),
        "ignored_index": ("any", "in_range"),
        "targets_checked": ("on_any_device",),
        "masked_target": ("left_out",),
        "multilabel": ("outcomes", "classes"),
        "errors": ERRORS,
        "refused": REFUSED,
        "waits": WAITS,
        **WAYS,
    }
    by_position: ClassVar[tuple[str, ...]] = ("epsilon",)
    built_of: ClassVar[tuple[Any, ...]] = (0.25,)

    adapter: LabelSmoothing
    narrow_epsilons: bool = False
    """Whether an epsilon of [0, 1] is refused at any number of classes."""
    refused_classes: dict[int, str] = field(default_factory=dict)
    """Numbers of classes for which it ends in an error, with its words: they are not asked."""
    refusals: dict[str, bool] = field(default_factory=dict)
    """By features: whether a call with them is refused."""
    ignorables: dict[int, bool] = field(default_factory=dict)
    """By index: whether it can be ignored."""
    known_reductions: list[str] | None = None
    """None until it was looked at."""
    taken: dict[tuple[float, int], float] = field(default_factory=dict)
    """By epsilon and number of classes: the epsilon that is asked in its place."""

    def __call__(
        self,
        logits: Any,
        target: Any,
        epsilon: float,
        *,
        with_gradient: bool = False,
        along: Any = None,
        look_after: bool = False,
        way: str | None = None,
        layout: str | None = None,
        scale: float | list[float] = 1.0,
        backwards: int = 1,
        earlier: int = 0,
        seed: int | None = None,
        **features: Any,
    ) -> Answer:
        """One call of the implementation. ``features`` as in the contract; weight as a list.

        ``along`` (N, K) asks for the second derivative in that direction; ``way`` calls it in one of
        ``properties.ways``; ``layout``, one of ``probes.LAYOUTS``, is how logits and targets lie in memory;
        ``scale`` multiplies the result before its gradient is taken, or each of its rows, ``backwards`` times
        over; ``earlier`` calls the same object so often with another batch of that shape first; ``seed``
        seeds every global generator before the call.
        """
        shape = np.shape(logits)
        if refused := self.refused_classes.get(shape[1] if len(shape) > 1 else 0):
            raise OutOfSight(f"for {shape[1]} classes it ends in an error: {refused}")
        asked = {"logits": logits, "target": target, "epsilon": epsilon, "features": features}
        asked |= {"with_gradient": with_gradient, "along": along, "way": way, "layout": layout}
        answer = Answer({**asked, "scale": scale, "backwards": backwards, "earlier": earlier})
        self.answers.append(answer)
        call = self.calling(answer, dtype_name=dtype_name, seed_all=probes.seed_all, **UNDER)
        call.tensor("logits", logits, self.dtype, self.logits(logits))
        call.tensor("target", target, *self._target(target))
        for name in ("logits", "target") if layout else ():
            call.do(f"{name} = {probes.LAYOUTS[layout or ''].format(x=name)}")
        if with_gradient or along is not None:
            call.do("logits.requires_grad_()")
        given = {name: literal(value) for name, value in features.items()}
        if features.get("weight") is not None:
            call.tensor("weight", features["weight"], self.dtype, self.logits(features["weight"]))
            given["weight"] = "weight"
        masked = ""
        if features.get("mask") is not None:
            mask = torch.tensor(features["mask"], device=self.device)
            call.tensor("mask", features["mask"], "bool", mask)
            del given["mask"]
            masked = ", mask=mask"
        if seed is not None:
            call.do(f"seed_all({seed})")
        with self.asking():
            call.do(f"loss = {self.build_source(literal(epsilon), **given)}")
            if earlier:
                other = "torch.zeros_like(logits), (target + 1) % logits.shape[1]"
                call.do(f"for _ in range({earlier}):\n    loss({other})")
            function = f"{UNDER_WAY[way]}(loss)" if way else "loss"
            call.do(f"result = {function}(logits, target{masked})")
        result = call.names["result"]
        if not isinstance(result, torch.Tensor):
            check = ("isinstance(result, torch.Tensor)", call)
            raise LawBroken("type of the result", "a", "torch.Tensor", type(result).__name__, check=check)
        answer.dtype, answer.value = call.words("dtype_name(result.dtype)"), call.see("result")
        answer.places = call.words("result.device.type")
        if with_gradient:
            answer.gradient = self._gradient(call, scale, backwards)
        if along is not None:
            call.tensor("along", along, self.dtype, self.logits(along))
            with self.asking():
                call.do("(slope,) = torch.autograd.grad(result.sum(), logits, create_graph=True)")
                call.do("(second,) = torch.autograd.grad((slope * along).sum(), logits)")
            answer.second = call.see("second")
        if look_after:
            answer.after = {
                name: call.see(name) for name in ("logits", "target", "weight") if name in call.names
            }
        return answer

    def _gradient(self, call: Call, scale: float | list[float], backwards: int) -> Any:
        """Of the sum of the result, ``scale`` times, by as many backward passes."""
        own = self.adapter.arrays == "numpy"
        with self.asking():
            if own:
                call.do("gradient = loss.gradient(logits, target)")
            elif call.names["logits"].grad is None:  # torch.func.grad has given it already
                factor = literal(scale)
                if isinstance(scale, list):
                    call.tensor("weights", scale, self.dtype, self.logits(scale))
                    factor = "weights"
                total = ("result" if scale == 1 else f"({factor} * result)") + ".sum()"
                if backwards > 1:
                    call.do(f"total = {total}")
                    total = "total"
                for left in range(backwards, 0, -1):
                    call.do(f"{total}.backward({'retain_graph=True' if left > 1 else ''})")
        if not own:
            call.do("gradient = torch.zeros_like(logits) if logits.grad is None else logits.grad")
        return call.see("gradient")

    def logits(self, values: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(values, float)).to(self.device, torch_dtype(self.dtype))

    def _target(self, values: Any) -> tuple[str, torch.Tensor]:
        """The dtype of targets, and the tensor."""
        array = np.asarray(values)
        if np.issubdtype(array.dtype, np.floating) and array.size:
            return self.dtype, self.logits(array)
        return "int64", torch.tensor(array.astype(np.int64), device=self.device)

    def rounded(self, values: Any) -> Any:
        """Values as the implementation sees them, in float64."""
        return to_float64(self.logits(values))

    def allowed(self, epsilon: float, num_classes: int) -> float:
        """The epsilon nearest to the one drawn that the implementation takes for so many classes.

        Some refuse an end, and some an epsilon that leaves the target less than the others: an error of
        their own narrows the question.
        """
        if self.adapter.fixed_epsilon is not None:
            return self.adapter.fixed_epsilon
        if not self.narrow_epsilons:
            return epsilon
        key = (epsilon, num_classes)
        if key not in self.taken:
            ladder = [epsilon, *(0.1 + (epsilon - 0.1) * i / 16 for i in range(15, -1, -1))]
            if epsilon in (0.0, 1.0):
                ladder.insert(1, 2.0**-20 if epsilon == 0 else 1 - 2.0**-8)
            found = (e for e in ladder if self._takes(e, num_classes))
            self.taken[key] = next(found, epsilon)
        return self.taken[key]

    def ignorable(self, index: int) -> int:
        """An index to ignore near the one drawn: some can ignore a class alone, as padding is one. Where the
        code has one of its own, which is no class, -100 stands for it, and so does one that it refuses."""
        own = self.adapter.ignored
        in_range = self.conventions.get("ignored_index") == "in_range"
        outside = own is not None and not 0 <= own <= max(CLASS_COUNTS)
        if own is not None and outside and (not in_range or self._ignores(own)):
            return own if index == -100 or not self._ignores(index) else index
        return -index % 2 if in_range and index < 0 else index

    def _ignores(self, index: int) -> bool:
        """Whether a sample of this index is taken, where the index is to be ignored."""
        if index not in self.ignorables:
            try:
                self(_WITH_ANOTHER, [index, 2, 2], self.allowed(0.25, 3), ignore_index=index)
            except (Raised, LawBroken) as error:
                self.ignorables[index] = isinstance(error, LawBroken)
            else:
                self.ignorables[index] = True
            self.answers.pop()
        return self.ignorables[index]

    @property
    def counts_ignored(self) -> bool:
        """Whether its mean divides by all samples, ignored ones too."""
        mean = self.adapter.default_reduction == "mean"
        return mean and self.conventions.get("ignored_mean") == "all"

    def expected(
        self, logits: Any, target: Any, epsilon: float, *, reduction: Any = None, **more: Any
    ) -> tuple[Any, Any]:
        """The reference's value under the detected conventions, and the error bound."""
        z, weight = self.rounded(logits), more.pop("weight", None)
        weight = None if weight is None else self.rounded(weight)
        options: dict[str, Any] = {
            "off_target": self.off_target,
            "offset": self.offset,
            "weight": weight,
            **more,
        }
        t = np.asarray(target)
        if np.issubdtype(t.dtype, np.floating):
            t = self.rounded(t)
        options |= self._mean_conventions()
        losses = reference.smoothed_loss(z, t, epsilon, **options, reduction="none")
        scale = 1.0 if weight is None else float(weight.max())
        dim = more.get("dim", 1)
        rows = np.moveaxis(z, dim, -1).reshape(-1, z.shape[dim])
        errors = scale * tolerances.row_error(self.precision, rows).reshape(losses.shape)
        reduction = reduction or self.adapter.default_reduction
        if reduction == "none":
            return losses, errors
        value = reference.smoothed_loss(z, t, epsilon, **options, reduction=reduction)
        divisor = 1.0
        if reduction == "mean":
            whole = float(losses.sum() / value) if value else 0.0
            divisor = whole if math.isfinite(whole) and whole > 0 else float(len(rows))
        finite = losses[np.isfinite(losses)]
        return value, tolerances.reduced_error(self.precision, errors.ravel(), finite, divisor)

    def expected_gradient(
        self, logits: Any, target: Any, epsilon: float, *, reduction: Any = None, **more: Any
    ) -> tuple[Any, Any]:
        """The reference's gradient of the result's sum, and the bound for each entry. Shape of ``logits``."""
        z, t, dim = self.rounded(logits), np.asarray(target), more.get("dim", 1)
        if np.issubdtype(t.dtype, np.floating):
            t = self.rounded(t)
        reduction = reduction or self.adapter.default_reduction
        shared: dict[str, Any] = {"off_target": self.off_target, **more}
        mean: dict[str, Any] = {"ignored_mean": self.conventions.get("ignored_mean", "kept")}
        value = reference.gradient(z, t, epsilon, **shared, **mean, reduction=reduction)
        whole = reference.gradient(z, t, epsilon, **shared, reduction="sum")
        layers = np.moveaxis(z, dim, -1)
        rows, slopes = (each.reshape(-1, z.shape[dim]) for each in (layers, np.moveaxis(whole, dim, -1)))
        p = softmax(rows, axis=1)
        bound = tolerances.gradient_error(self.precision, rows, p, p - slopes)
        bound = np.moveaxis(bound.reshape(layers.shape), -1, dim)
        divisor = 1
        if reduction == "mean":
            kept = np.ones(layers.shape[:-1], bool)
            if more.get("mask") is not None:
                kept = np.asarray(more["mask"], bool)
            elif t.ndim < z.ndim and mean["ignored_mean"] == "kept":
                kept = t != more.get("ignore_index")
            divisor = max(1, int(np.sum(kept)))
        return value, bound / divisor + tolerances.SMALLEST[self.precision]

    def entropy(self, target: Any, num_classes: int, epsilon: float) -> Any:
        """H(q) of each row; 0 where the convention leaves the constant out. (N,)."""
        if self.offset == "kl":
            return np.zeros(len(target))
        q = reference.smoothed_targets(target, num_classes, epsilon, self.off_target)
        return reference.entropy(q)

    def reduced(self, losses: Any) -> Any:
        """Per-sample values in the form in which this implementation gives its result."""
        losses = np.asarray(losses, float)
        chosen = self.adapter.default_reduction
        return losses if chosen == "none" else losses.sum() if chosen == "sum" else losses.mean()

    @property
    def off_target(self) -> Any:
        found = self.conventions.get("off_target", "uniform")
        return "uniform" if found == "other" else found

    @property
    def offset(self) -> Any:
        return self.conventions.get("offset", "cross_entropy")

    def _mean_conventions(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.conventions.items()
            if name in ("ignored_mean", "all_ignored", "weighting", "weighted_mean")
        }

    @classmethod
    def understand(cls, adapter: Adapter) -> Self:
        assert isinstance(adapter, LabelSmoothing)
        subject = cls(adapter, features=adapter.features)
        with silence():
            subject._smoke()
            refused = {}
            for dtype in tolerances.UNIT_ROUNDOFF:
                try:
                    subject.on("cpu", dtype)(_PROBE_LOGITS, _PROBE_TARGET, 0.1)
                except Raised as error:
                    refused[dtype] = first_line(error.error)
            subject.refused_dtypes = refused
            ends = {"epsilon_zero": 0.0, "epsilon_one": 1.0}
            subject.features |= {name for name, end in ends.items() if subject._takes(end, 3)}
            if adapter.fixed_epsilon is None:
                subject.features |= {"epsilon"}
            subject.refused_classes = subject._refused_classes()
            subject.narrow_epsilons = not all(
                subject._takes(e, k)
                for e in (0.0, 2.0**-20, 1.0)
                for k in CLASS_COUNTS
                if k not in subject.refused_classes
            )
            if adapter.arrays == "torch" or hasattr(subject.build(subject.allowed(0.1, 3)), "gradient"):
                subject.features |= {"gradient"}
            subject.conventions = {**subject._detect(), **subject._twice(), **adapter.documented}
            subject.features |= subject.features_said()
        return subject

    def waits_of_a_call(self) -> Seen:
        epsilon = self.allowed(0.1, 3)
        return self.waited(lambda: self(_PROBE_LOGITS, _PROBE_TARGET, epsilon, with_gradient=True))

    def _twice(self) -> dict[str, str]:
        if self.adapter.arrays == "numpy":
            return {}
        twice = self.offers("double_backward") is None
        if twice:
            self.features |= {"double_backward"}
        return {"double_backward": "works" if twice else "fails"}

    def ordinarily(self) -> Answer:
        """Beside a sample of the class that is ignored by default, or is said to be."""
        ignored = self.documented("ignore_index")
        logits, target = (
            [*_PROBE_LOGITS, [0.0, 1.0, -2.0]],
            [*_PROBE_TARGET, 1 if ignored is None else ignored],
        )
        return self(logits, target, self.allowed(0.25, 3), with_gradient="gradient" in self.features)

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        return {"result": answer.value, "gradient": answer.gradient}

    def quick_ways(self) -> list[str]:
        with self.asking():
            made = self.adapter.build(self.allowed(0.1, 3))
        return self.ways_for(made)

    def probed(self, way: str) -> Answer:
        return self(_PROBE_LOGITS, _PROBE_TARGET, self.allowed(0.1, 3), way=way)

    def _smoke(self) -> None:
        """Two samples of zero logits give a number, or one a sample. Its value is for the laws to judge."""
        asked = "zero logits (2, 3), target [1, 0], epsilon 0.1"
        try:
            answer = self([[0.0] * 3] * 2, [1, 0], self.allowed(0.1, 3))
        except LawBroken as error:
            raise NotUnderstood(f"{asked}: {error}") from error
        except (Raised, NotAsked) as error:
            raise NotUnderstood(f"{asked}: it {error}") from error
        right = np.shape(self.reduced([0.0, 0.0]))
        if np.shape(answer.value) != right or answer.dtype not in tolerances.UNIT_ROUNDOFF:
            raise NotUnderstood(
                f"{asked}: it gave {answer.dtype} of shape {np.shape(answer.value)}, expected a floating "
                f"tensor of shape {right}, {self.adapter.default_reduction!r} reduced"
            )

    def takes(self, **features: Any) -> bool:
        """Whether a call with these features gives a result. What is refused narrows the question."""
        key = str(features)
        if key not in self.refusals:
            try:
                self(_PROBE_LOGITS, _PROBE_TARGET, self.allowed(0.25, 3), **features)
                self.refusals[key] = False
            except Raised:
                self.refusals[key] = True
            except LawBroken:
                self.refusals[key] = False
            self.answers.pop()
        return not self.refusals[key]

    def reductions(self) -> list[str]:
        """The words that it takes for a reduction, and knows: one that gives what any unknown word gives, and
        another reduction than it says, is none. Where all do, the option changes nothing: that is a fault."""
        if self.known_reductions is None:
            self.known_reductions = self._known_reductions()
        return self.known_reductions

    def _known_reductions(self) -> list[str]:
        words = [word for word in ("none", "sum", "mean") if self.takes(reduction=word)]
        if len(words) < 2 or not self.takes(reduction=_UNKNOWN):
            return words
        found = {}
        for word in (*words, _UNKNOWN):
            found[word] = np.asarray(
                self(_PROBE_LOGITS, _PROBE_TARGET, self.allowed(0.25, 3), reduction=word).value
            )
            self.answers.pop()
        fallen = [word for word in words if np.array_equal(found[word], found[_UNKNOWN])]
        if len(fallen) == len(words):
            return words
        by_sample = found[_UNKNOWN].shape[:1] == (len(_PROBE_TARGET),)
        meant = "none" if by_sample else "mean" if "mean" in fallen else "sum"
        if found[_UNKNOWN].size > len(
            _PROBE_TARGET
        ):  # a number for each class of each sample is no reduction
            meant = ""
        return [word for word in words if word not in fallen or word == meant]

    def _takes(self, epsilon: float, num_classes: int) -> bool:
        if self.adapter.fixed_epsilon not in (None, epsilon):
            return False
        try:
            self([[0.0] * num_classes] * 2, [0, num_classes - 1], epsilon)
        except (Raised, LawBroken):
            return False
        return True

    def _refused_classes(self) -> dict[int, str]:
        """Few, where more are taken: a formula divides by K - 1, or by K - 2, say."""
        refused: dict[int, str] = {}
        if self.adapter.documented.get("errors") == "named":
            return refused  # its errors are promised, and asked
        for classes in (1, 2):
            try:
                self([[0.0] * classes] * 2, [0, classes - 1], self.allowed(0.1, 3))
            except Raised as error:
                if self.not_its_doing(error.error) is None:
                    refused[classes] = first_line(error.error)
            except LawBroken:
                continue
        return refused

    def remarks(self) -> list[str]:
        few = [
            f"For {classes} classes it raises an error ({words}): laws are tested with more classes."
            for classes, words in self.refused_classes.items()
            if classes > 1
        ]
        return [*super().remarks(), *few]

    def _detect(self) -> dict[str, str]:
        """The conventions, and in ``works_in`` a downcast, in which the probe agrees with the reference."""
        asked = self.on("cpu", "float32" if "float64" in self.refused_dtypes else "float64")
        if asked.dtype == "float64" and not asked._detect_formula():
            asked = replace(asked, works_in={"float64": "float32"})
            self.works_in = asked.works_in if asked._detect_formula() else {}
        found = asked._detect_formula()
        if not found and asked.dtype == "float64" and "epsilon_zero" in self.features:
            # of another spread than we know, what it does at epsilon 0 shows a downcast
            plain = self.on("cpu", "float64")
            if not plain._agrees_at(_PROBE_TARGET, 0.0):
                narrow = replace(plain, works_in={"float64": "float32"})
                self.works_in = narrow.works_in if narrow._agrees_at(_PROBE_TARGET, 0.0) else {}
        found = found or {"off_target": "other", "offset": "cross_entropy"}
        asked = asked.requiring(found)
        with contextlib.suppress(Raised, LawBroken):
            if "ignore_index" in self.features:
                found |= asked._ignoring()
                if "ignored_index" not in found and asked._leaves_ignored_out():
                    self.features -= {"ignore_index"}
        if "weight" in self.features:
            found |= asked._weighing()
        return {**found, **self.adapter.documented}

    def _detect_formula(self) -> dict[str, str]:
        for off_target in self.convention_values["off_target"]:
            for offset in self.convention_values["offset"]:
                guess = {"off_target": off_target, "offset": offset}
                if self.requiring(guess)._agrees(_PROBE_TARGET):
                    return guess
        return {}

    def _ignoring(self) -> dict[str, str]:
        """Which indices can be ignored, what a mean divides by, and what is left when all are ignored."""
        found: dict[str, str] = {}
        for index, place in ((-100, "any"), (1, "in_range")):
            for mean in self.convention_values["ignored_mean"]:
                with contextlib.suppress(Raised, LawBroken):
                    if self.requiring({"ignored_mean": mean})._agrees([0, 2, index], ignore_index=index):
                        found = {"ignored_index": place}
                        if self.adapter.default_reduction == "mean":
                            nothing = self(_PROBE_LOGITS, [index] * 2, 0.25, ignore_index=index).value
                            found |= {"ignored_mean": mean}
                            found["all_ignored"] = "nan" if np.isnan(nothing).any() else "zero"
                        return found
        return found

    def _leaves_ignored_out(self) -> bool:
        """Whether it gives a value for each sample that is kept, and none for the others."""
        none = self.adapter.default_reduction == "none"
        return none and np.size(self(_PROBE_LOGITS, [0, 1], 0.25, ignore_index=1).value) == 1

    def _weighing(self) -> dict[str, str]:
        for weighting in self.convention_values["weighting"]:
            for mean in self.convention_values["weighted_mean"]:
                guess = {"weighting": weighting, "weighted_mean": mean}
                with contextlib.suppress(Raised, LawBroken):
                    if self.requiring(guess)._agrees(_PROBE_TARGET, weight=[1.0, 2.0, 4.0]):
                        return guess
        return {}

    def _agrees(self, target: list[int], **features: Any) -> bool:
        """At an epsilon that every dtype holds exactly, and at one that none does."""
        return all(self._agrees_at(target, self.allowed(e, 3), **features) for e in (0.25, 0.1))

    def _agrees_at(self, target: list[int], epsilon: float, **features: Any) -> bool:
        logits = _WITH_ANOTHER[: len(target)]
        value = self(logits, target, epsilon, **features).value
        right, bound = self.expected(logits, target, epsilon, **features)
        if np.size(value) not in (1, np.size(right)):
            return False  # it leaves ignored samples out
        return tolerances.worst_ratio(value, right, 10 * np.asarray(bound)) <= 1

    def offers(self, feature: str) -> str | None:
        says = {
            "tensors": "takes NumPy arrays",
            "gradient": "gives no gradient",
            "arguments": "says nothing of its arguments",
            "dim": "says of no dimension that it can be chosen",
            "mask": "says nothing of a mask",
            "multilabel": "says nothing of several labels",
        }
        if feature in says:
            return says[feature]
        fixed = self.adapter.fixed_epsilon
        if fixed is not None and feature.startswith("epsilon"):
            return f"no other epsilon than {fixed:g} can be passed"
        dense = np.asarray(_PROBE_LOGITS)[:, :, None].repeat(2, axis=2)
        calls: dict[str, Any] = {
            "reduction": lambda: self(_PROBE_LOGITS, _PROBE_TARGET, 0.25, reduction="none"),
            "weight": lambda: self(_PROBE_LOGITS, _PROBE_TARGET, 0.25, weight=[1.0, 2.0, 3.0]),
            "ignore_index": lambda: self(_PROBE_LOGITS, [0, -1], 0.25, ignore_index=-1),
            "dense": lambda: self(dense, [[0, 1], [2, 2]], 0.25),
            "soft_targets": lambda: self(_PROBE_LOGITS, [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]], 0.25),
            "double_backward": lambda: self(_PROBE_LOGITS, _PROBE_TARGET, 0.25, along=_PROBE_LOGITS),
            "epsilon_zero": lambda: self(_PROBE_LOGITS, _PROBE_TARGET, 0.0),
            "epsilon_one": lambda: self(_PROBE_LOGITS, _PROBE_TARGET, 1.0),
        }
        return self.refusal(calls[feature])


SUBJECT = Loss

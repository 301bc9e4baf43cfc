"""A mixup as its laws see it: seeded, called with plain values, looked into with the identity batch."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from lawful.impl.contracts import WAYS, Adapter, Mixup
from lawful.properties import probes, tolerances, twin
from lawful.properties.subjects.snippets import mixup_snippet
from lawful.properties.subjects.subject import (
    ERRORS,
    REFUSED,
    WAITS,
    Answer,
    LawBroken,
    NotAsked,
    NotUnderstood,
    Raised,
    Subject,
    dtype_name,
    first_line,
    silence,
    to_float64,
    torch_dtype,
)
from lawful.properties.ways import under
from lawful.reference import mixup as reference

_RANKS = (4, 2, 3, 1, 5)
"""In the order in which they are tried: most take images."""
_LOOKS = 400
"""Lambdas from which the conventions are read."""
VISIBLE = 1e-4
"""A share below this, or above 1 minus this, may be rounded away, so that no partner can be seen."""


def image_parts(rank: int) -> tuple[int, ...]:
    """The sizes between samples and features: channels, frames and rows of an image."""
    return (3,) if rank == 3 else (3, *[1] * (rank - 4), 2)


@dataclass
class Mixed(Answer):
    """One call of a mixup. ``value`` (N, F) are the mixed inputs."""

    soft: Any = None
    """The mixed target as distributions (N, K)."""
    target: Any = None
    """The mixed target as it came."""
    device: str = ""


@dataclass
class Mix(Subject):
    """``mix(inputs, target, alpha, seed)`` gives an Answer; ``revealed`` the lambdas and partners."""

    technique: ClassVar[str] = "mixup"
    convention_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "lambda": ("folded", "beta", "other"),
        "lambda_scope": ("sample", "pair", "batch"),
        "pairing": ("permutation", "roll", "flip", "independent", "other"),
        "applied": ("always", "sometimes"),
        "alpha_nonpositive": ("off", "refused"),
        "targets": ("soft", "pair"),
        "in_place": ("true", "false"),
        "integers": ("mixed", "refused"),
        "errors": ERRORS,
        "refused": REFUSED,
        "waits": WAITS,
        **{way: values for way, values in WAYS.items() if way not in ("func_grad", "double_backward")},
    }

    by_position: ClassVar[tuple[str, ...]] = ("alpha", "num_classes")
    built_of: ClassVar[tuple[Any, ...]] = (1.0, 4)

    adapter: Mixup
    rank: int = 2
    """Of the inputs that the laws use."""
    even_only: bool = False
    """Odd batches raise: one law is about that, the others ask with even ones."""
    mixes: bool = True
    """Whether any partner was ever seen."""

    def __call__(
        self,
        inputs: Any,
        target: Any,
        alpha: float,
        seed: int,
        *,
        num_classes: int | None = None,
        rank: int | None = None,
        along: Any = None,
        after_batch_of: int | None = None,
        look_after: bool = False,
        integers: bool = False,
        calls_again: bool = False,
        evaluating: bool = False,
        trains_again: bool = False,
        generator: int | None = None,
        way: str | None = None,
        layout: str | None = None,
        target_as: str | None = None,
    ) -> Mixed:
        """One seeded call, on an object built for it. ``inputs`` (N, F), ``target`` (N,) or (N, K).

        ``along`` (N, F) asks for the gradient of sum(mixed * along); ``after_batch_of`` calls the same
        object with a batch of that size first, ``calls_again`` with another one after, before anything is
        looked at again; ``integers`` passes uint8; ``evaluating`` is after eval(), and ``trains_again`` after
        a call in evaluation mode and train(); ``generator`` a seeded generator;
        ``way`` calls it in one of ``properties.ways``; ``layout``, one of ``probes.LAYOUTS``, is how the
        inputs lie in memory; ``target_as`` a dtype that targets are not meant to have.
        """
        classes = num_classes or max(1, len(inputs))
        answer = Mixed(
            {
                "inputs": inputs,
                "target": target,
                "alpha": alpha,
                "num_classes": classes,
                "seed": seed,
                "rank": rank or self.rank,
                "integers": integers,
                "along": along,
                "after_batch_of": after_batch_of,
                "calls_again": calls_again,
                "evaluating": evaluating,
                "trains_again": trains_again,
                "generator": generator,
                "way": way,
                "layout": layout,
                "target_as": target_as,
            }
        )
        self.answers.append(answer)
        x = probes.laid_out(self.inputs(inputs, rank or self.rank, alike=integers), layout)
        x = (x * 255).to(torch.uint8) if integers else x
        y = probes.laid_out(self.target(target), layout)
        y = y if target_as is None else y.to(torch_dtype(target_as))
        leaf = x.requires_grad_() if along is not None else x
        with probes.seeded(seed), self.asking():
            mix = self._built(alpha, classes, generator, evaluating)
            if after_batch_of:
                order = [i % len(inputs) for i in range(after_batch_of)]  # its samples are as large
                earlier = self.target(np.asarray(target)[order].tolist())
                mix(self.inputs(np.asarray(inputs)[order], rank or self.rank), earlier)
            if trains_again and hasattr(mix, "train"):  # where eval() alone is offered, it is for good
                mix.eval()
                mix(x.clone(), y)
                mix.train()
            result = (mix if way is None else under(way, mix))(leaf * 1 if along is not None else leaf, y)
        self._read(answer, result, x, classes)
        if calls_again:
            answer.value, answer.soft = answer.value.copy(), answer.soft.copy()
            with probes.seeded(seed + 1), self.asking():
                mix(x.flip(0), y.flip(0))
            self._read(later := Mixed({}), result, x, classes)
            answer.after = {"mixed inputs": later.value, "mixed target": later.soft}
        if along is not None:
            direction = self.inputs(along, rank or self.rank)
            mixed = result[0]
            with self.asking():
                torch.autograd.backward((mixed * direction).sum())
            answer.gradient = np.zeros(np.shape(inputs)) if x.grad is None else self._flat(x.grad)
        if look_after:
            kept = self._flat(x, alike=not x.is_floating_point())
            answer.after |= {"inputs": kept, "target": to_float64(y)}
        return answer

    def _built(self, alpha: float, classes: int, generator: int | None, evaluating: bool) -> Any:
        features: dict[str, Any] = {}
        if generator is not None:
            features["generator"] = twin.generator(self.device, generator)
        mix = self.build(alpha, classes, **features)
        if evaluating:
            mix.eval()
        return mix

    def _read(self, answer: Mixed, result: Any, x: torch.Tensor, classes: int) -> None:
        mixed, target = _split(result)
        if not isinstance(mixed, torch.Tensor):
            raise LawBroken("type of the mixed inputs", "a", "torch.Tensor", type(mixed).__name__)
        if mixed.shape != x.shape:
            raise LawBroken("mixed inputs", "of shape", tuple(x.shape), to_float64(mixed))
        answer.dtype, answer.device, answer.target = dtype_name(mixed.dtype), mixed.device.type, target
        try:
            answer.value = self._flat(mixed, alike=not x.is_floating_point())
        except LawBroken as error:
            answer.value = error.expected
            raise
        self.look_at_places(answer, mixed, *(target if isinstance(target, tuple) else (target,)))
        try:
            answer.soft = _as_distributions(_unmixed(target, mixed, x), classes, len(x))
        except LawBroken as error:
            answer.soft = error.actual
            raise

    def target(self, values: Any) -> torch.Tensor:
        """Classes (N,), or distributions (N, K) in the dtype of the inputs."""
        array = np.asarray(values)
        if array.ndim == 2:
            return torch.tensor(array.astype(float)).to(self.device, torch_dtype(self.dtype))
        return torch.tensor(array.astype(np.int64), device=self.device)

    def inputs(self, values: Any, rank: int, *, alike: bool = False) -> torch.Tensor:
        """(N, F) as (N,), (N, F), (N, 3, F), (N, 3, 2, F) or (N, 3, 1, 2, F): each channel, and each row of
        an image, is half of the one before; or ``alike``."""
        flat = torch.tensor(np.asarray(values, float))
        if rank == 1:
            flat = flat[:, 0].contiguous()
        elif rank > 2:
            parts = image_parts(rank)
            halved = 2 ** torch.arange(math.prod(parts)) if not alike else torch.ones(math.prod(parts))
            flat = flat.reshape(len(flat), *[1] * (rank - 2), -1) / halved.reshape(*parts, 1)
        return flat.to(self.device, torch_dtype(self.dtype))

    def _flat(self, tensor: torch.Tensor, *, alike: bool = False) -> Any:
        """Back to (N, F). Parts of an image that went in as halves must come out so, but for rounding."""
        values = to_float64(tensor)
        if tensor.ndim < 3:
            return values.reshape(len(values), -1)
        parts = values.reshape(len(values), math.prod(image_parts(tensor.ndim)), -1)
        if not alike:
            parts = parts * 2.0 ** np.arange(parts.shape[1])[:, None]
        first = parts[:, 0]
        largest = np.abs(first).max(initial=1.0)
        bound = tolerances.mix_error(self.precision, largest, largest)
        if not tolerances.worst_ratio(parts, parts[:, :1], bound) <= 1:
            place = int(np.abs(parts - parts[:, :1]).max(axis=(0, 2)).argmax())
            times = "" if alike else f" * {2**place}"
            what = f"part {place} of an image{times}"
            raise LawBroken(what, "about", first, parts[:, place], bound)
        return first

    def rounded(self, values: Any) -> Any:
        """Values as the implementation sees them, in float64."""
        return to_float64(torch.tensor(np.asarray(values, float)).to(torch_dtype(self.dtype)))

    def size(self, wanted: int) -> int:
        """A batch size near the one drawn that the implementation takes."""
        return wanted + wanted % 2 if self.even_only else wanted

    def fitting(self, inputs: Any, target: Any) -> tuple[Any, Any]:
        """The samples drawn, less the last where batches must be even. Features stay as many as samples."""
        size = len(inputs) - len(inputs) % 2 if self.even_only else len(inputs)
        size = max(2, size)
        return [row[:size] for row in inputs[:size]], [y % size for y in target[:size]]

    def revealed(self, size: int, alpha: float, seed: int, **more: Any) -> Mixed:
        """The identity batch, mixed: ``value`` and ``soft`` are both the weights (N, N)."""
        return self(probes.identity_batch(size), list(range(size)), alpha, seed, **more)

    def weight_error(self) -> float:
        """Bound for a weight read off the identity batch, where x is 1 and its partner 0."""
        return float(tolerances.mix_error(self.precision, [1.0], [0.0])[0])

    def target_error(self, answer: Mixed) -> float:
        """Bound for a weight in the target, whose dtype may be coarser than the inputs'."""
        given = answer.target if isinstance(answer.target, torch.Tensor) else answer.target[2]
        own = dtype_name(given.dtype) if isinstance(given, torch.Tensor) else "float64"
        error = tolerances.mix_error(own, [1.0], [0.0])[0] if own in tolerances.UNIT_ROUNDOFF else 0.0
        return max(self.weight_error(), float(error))

    def expected(self, inputs: Any, shown: Mixed) -> tuple[Any, Any]:
        """What the reference gives for other inputs mixed as the identity batch was, and the bound."""
        x = self.rounded(inputs)
        partner = x[probes.partners(shown.value)]
        own = np.diag(shown.value)
        return reference.mix(x, partner, own), tolerances.mix_error(self.precision, x, partner)

    def accuracy(self, predicted: Any, answer: Mixed) -> float:
        """Its own accuracy of a mixed batch in which these classes (N,) have the largest logit."""
        assert self.adapter.accuracy is not None
        logits = 4.0 * np.eye(answer.asked["num_classes"])[np.asarray(predicted)]
        with self.asking():
            found = self.adapter.accuracy(self.inputs(logits, 2), answer.target)
        value = float(found.detach().double().cpu() if isinstance(found, torch.Tensor) else found)
        written = f"torch.tensor({logits.tolist()}, dtype=torch.{self.dtype})"
        answer.derive(f"float(accuracy({written}, {{target}}))", value)
        return value

    def stream(self, size: int, alpha: float, seed: int, calls: int) -> list[Mixed]:
        """The identity batch mixed again and again by one object, seeded once."""
        answer = Mixed(
            {
                "stream": calls,
                "size": size,
                "alpha": alpha,
                "seed": seed,
                "rank": self.rank,
                "num_classes": size,
            }
        )
        self.answers.append(answer)
        x = self.inputs(probes.identity_batch(size), self.rank)
        y = torch.arange(size, device=self.device)
        with probes.seeded(seed), self.asking():
            mix = self._built(alpha, size, None, False)
            mixed = [mix(x.clone(), y)[0].detach() for _ in range(calls)]
        weights = self._flat(torch.cat(mixed)).reshape(calls, size, size)
        return [Mixed({}, value=value) for value in weights]

    def visible_lambdas(self, alpha: float, seed: int, count: int) -> tuple[Any, int, Mixed]:
        """Independent lambdas in (VISIBLE, 1 - VISIBLE), of ``count`` rows with a partner or so, how many
        rows were looked at, and the answer that stands for them."""
        size = 16
        rows = {"batch": 1, "pair": size // 2}.get(self.conventions.get("lambda_scope", "sample"), size)
        found = []
        for look in self.stream(size, alpha, seed, -(-count // rows)):
            others = look.value.sum(axis=1) - np.diag(look.value)
            own = np.diag(look.value)
            seen = own[(others > VISIBLE) & (own > VISIBLE)]
            if rows == size // 2:
                half = np.arange(size) < size // 2
                seen = own[(others > VISIBLE) & (own > VISIBLE) & half]
            found += seen[:rows].tolist()
        answer = self.answers[-1]
        assert isinstance(answer, Mixed)
        return np.asarray(found), -(-count // rows) * rows, answer

    def copies(self, inputs: Any, target: Any, alpha: float, seeds: list[int]) -> list[Mixed]:
        """One object, copied, each copy called under another seed, until one mixes otherwise than the first:
        what DataLoader workers do."""
        classes = len(inputs)
        x = self.inputs(inputs, self.rank)
        y = self.target(target)
        with probes.seeded(seeds[0]), self.asking():
            mix = self._built(alpha, classes, None, False)
        looks: list[Mixed] = []
        for seed in seeds:
            asked = {"inputs": inputs, "target": target, "alpha": alpha, "num_classes": classes}
            look = Mixed({**asked, "seed": seed, "rank": self.rank, "copied": True})
            self.answers.append(look)
            with probes.seeded(seed), self.asking():
                copied = copy.deepcopy(mix)
                if copied is mix:  # a function, whose closure is not copied: a worker builds its own
                    copied = self._built(alpha, classes, None, False)
                result = copied(x.clone(), y)
            self._read(look, result, x, classes)
            looks.append(look)
            if not np.array_equal(look.value, looks[0].value):
                break
        return looks

    @classmethod
    def understand(cls, adapter: Adapter) -> Self:
        assert isinstance(adapter, Mixup)
        subject = cls(adapter, features=adapter.features)
        with silence():
            subject._smoke()
            refused = {}
            for dtype in tolerances.UNIT_ROUNDOFF:
                try:
                    subject.on("cpu", dtype).revealed(4, 1.0, 0)
                except Raised as error:
                    refused[dtype] = first_line(error.error)
                except LawBroken:
                    continue
            subject.refused_dtypes = refused
            subject.even_only = subject._refuses_odd()
            if subject._sums_in_float32():
                subject.works_in = {"float64": "float32"}
            if adapter.takes_alpha:
                subject.features |= {"alpha"}
            if adapter.accuracy is not None:
                subject.features |= {"accuracy"}
            with contextlib.suppress(Raised, LawBroken):
                if np.any(subject.revealed(4, 1.0, 0, along=np.ones((4, 4))).gradient):
                    subject.features |= {"gradient"}
            subject.conventions = {**subject._detect(), **adapter.documented}
            subject.features |= subject.features_said()
        return subject

    def ordinarily(self) -> Mixed:
        """Of samples of one class: any number of classes will do."""
        classes = self.documented("num_classes") or 4
        inputs = probes.identity_batch(4)
        return self(inputs, [0] * 4, 0.75, 0, num_classes=classes, look_after=True)

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Mixed)
        form = "soft" if isinstance(answer.target, torch.Tensor) else "pair"
        return {
            "mixed inputs": answer.value,
            "mixed target": answer.soft,
            "inputs after the call": answer.after.get("inputs"),
            "form of the target": form,
        }

    def waits_of_a_call(self) -> int:
        return self.waited(lambda: self.revealed(4, 1.0, 0))

    def quick_ways(self) -> list[str]:
        with self.asking():
            made = self.adapter.build(1.0, 4)
        return self.ways_for(made)

    def probed(self, way: str) -> Mixed:
        return self.revealed(4, 1.0, 0, way=way)

    def _smoke(self) -> None:
        """A constant batch of one class gives that batch, whatever lambda and partners are.

        A factor of 2 is let through: that far a wrong mixture is still one, and its laws will tell.
        """
        failures: dict[str, None] = {}
        for rank in self.adapter.ranks or _RANKS:
            asked = f"4 samples of 0.5 and class 1 of 4, as inputs of rank {rank}, alpha 1"
            try:
                answer = self(np.full((4, 4), 0.5), [1] * 4, 1.0, 0, rank=rank)
            except LawBroken as error:
                failures[f"{asked}: {error}"] = None
                continue
            except (Raised, NotAsked) as error:
                failures[f"{asked}: it {error}"] = None
                continue
            if np.all(np.abs(answer.value - 0.5) <= 0.5):
                self.rank = rank
                return
            failures[f"{asked}: it gave {answer.value[0]}, expected about 0.5"] = None
        raise NotUnderstood("\n  ".join(failures))

    def _refuses_odd(self) -> bool:
        try:
            self.revealed(3, 1.0, 0)
        except Raised:
            return True
        except LawBroken:
            return False
        return False

    def _sums_in_float32(self) -> bool:
        """Are the shares of float64 inputs computed in float32? No fault: lambda is random anyway."""
        if "float64" in self.refused_dtypes:
            return False
        asked = self.on("cpu", "float64")
        try:
            sums = [asked.revealed(4, 0.4, seed).value.sum(axis=1) for seed in range(24)]
        except (Raised, LawBroken):
            return False
        off = np.abs(np.asarray(sums) - 1).max()
        return bool(2 * asked.weight_error() < off < 1e-6)

    def _detect(self) -> dict[str, str]:
        found: dict[str, str] = {}
        with contextlib.suppress(Raised, LawBroken):
            answer = self.revealed(4, 1.0, 0, look_after=True)
            found["targets"] = "soft" if isinstance(answer.target, torch.Tensor) else "pair"
            moved = not np.array_equal(answer.after["inputs"], probes.identity_batch(4))
            found["in_place"] = "true" if moved else "false"
            looks = [look.value for look in self.stream(16, 8.0, 0, 24)]
            partners = [probes.partners(look) for look in looks]
            found["pairing"] = _pairing(partners)
            shown = float(np.mean([look != np.arange(16) for look in partners]))
            found["applied"] = "always" if shown > 0.75 else "sometimes"
            self.mixes = shown > 0
            found["lambda_scope"] = _scope(looks)
            found["lambda"] = self.requiring(found)._lambda()
        if "alpha" in self.features:
            found |= self._nonpositive()
        return {**found, **self.adapter.documented}

    def _nonpositive(self) -> dict[str, str]:
        """What alpha <= 0 does: an error, or nothing is mixed."""
        try:
            shown = self.revealed(4, -1.0, 0)
        except Raised:
            return {"alpha_nonpositive": "refused"}
        except LawBroken:
            return {}
        return {"alpha_nonpositive": "off"} if np.array_equal(shown.value, np.eye(4)) else {}

    def _lambda(self) -> str:
        """Folded or not, by the smallest; ``other`` where it is far from both laws at alpha 0.1."""
        lams, _, _ = self.visible_lambdas(0.1, 0, _LOOKS)
        if not len(lams) or lams.max() > 1 + self.weight_error():
            return "other"
        folded = bool(lams.min() >= 0.5 - self.weight_error())
        far, _, _ = distance(lams, 0.1, folded)
        if far > allowed_distance(len(lams)):
            return "other"
        return "folded" if folded else "beta"

    def offers(self, feature: str) -> str | None:
        says = {
            "tensors": "takes NumPy arrays",
            "arguments": "says nothing of its arguments",
            "alpha": "has no alpha",
            "num_classes": "does not use the number of classes",
            "eval_mode": "does not say that eval() stops it",
            "gradient": "gives no gradient of the inputs",
            "accuracy": "has no accuracy of a mixed batch",
            "places": "says of no class for each place",
            "values": "says of no targets that are values",
            "several_inputs": "says of no inputs but one",
            "masks": "says nothing of masks",
        }
        if feature in says:
            return says[feature]
        if feature == "soft_targets":
            return self.refusal(lambda: self(np.eye(4).tolist(), np.eye(4).tolist(), 1.0, 0))
        return self.refusal(lambda: self.revealed(4, 1.0, 0, generator=0))

    def snippet(self, answers: list[Answer], broken: BaseException, headline: str) -> str:
        return mixup_snippet(self, answers, broken, headline)


def distance(lams: Any, alpha: float, folded: bool) -> tuple[float, float, float]:
    """Kolmogorov-Smirnov, over a grid within what can be seen: the largest |F_n - F|, where, and F there.

    Both are conditional on a visible lambda, as a row that shows no partner shows no lambda either.
    """
    low, high = (0.5 if folded else VISIBLE), 1 - VISIBLE
    grid = np.linspace(low, high, 201)[1:-1]
    ends = reference.lam_cdf([low, high], alpha, folded=folded)
    right = (reference.lam_cdf(grid, alpha, folded=folded) - ends[0]) / (ends[1] - ends[0])
    seen = lams[lams <= high]
    share = np.searchsorted(np.sort(seen), grid, side="right") / max(1, len(seen))
    worst = int(np.argmax(np.abs(share - right)))
    return float(abs(share - right)[worst]), float(grid[worst]), float(right[worst])


def visible_share(alpha: float) -> float:
    """P(VISIBLE < lam < 1 - VISIBLE): a small alpha leaves most lambdas beyond."""
    return 1.0 - 2.0 * float(reference.lam_cdf([VISIBLE], alpha, folded=False)[0])


def allowed_distance(count: int, chance: float = 1e-13) -> float:
    """P(sup |F_n - F| > t) <= 2 exp(-2 n t^2) <= chance: the Dvoretzky-Kiefer-Wolfowitz inequality with
    Massart's constant. 10 000 such tests together fail a correct implementation less than once in 10^9."""
    return float(np.sqrt(np.log(2 / chance) / (2 * max(1, count))))


def _split(result: Any) -> tuple[Any, Any]:
    """(mixed, target) of a result in any of the contract's forms."""
    if isinstance(result, tuple | list) and len(result) == 2:
        return result[0], result[1]
    if isinstance(result, tuple | list) and len(result) == 4:
        return result[0], tuple(result[1:])
    raise LawBroken(
        "form of the result", "a", "(mixed, target) or (mixed, target_a, target_b, lam)", _form(result)
    )


def _form(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(_form(item) for item in value)})"
    if isinstance(value, torch.Tensor):
        return f"tensor {tuple(value.shape)}"
    return type(value).__name__


def _as_distributions(target: Any, classes: int, size: int) -> Any:
    """(N, K) of either form of target."""
    if isinstance(target, torch.Tensor) and target.ndim == 2:
        if target.shape != (size, classes):
            raise LawBroken("mixed target", "of shape", (size, classes), to_float64(target))
        return to_float64(target)
    if isinstance(target, tuple | list) and len(target) == 3:
        own, other = (_onehot(labels, classes) for labels in target[:2])
        given = target[2]
        lam = to_float64(given) if isinstance(given, torch.Tensor) else np.asarray(given, float)
        lam = lam.reshape(-1)
        if len(lam) not in (1, size) or len(own) != size or len(other) != size:
            shapes = f"{len(own)}, {len(other)} and {len(lam)} values"
            raise LawBroken("form of the target", "a", f"target_a, target_b and lam of {size}", shapes)
        return lam[:, None] * own + (1 - lam[:, None]) * other
    raise LawBroken("form of the target", "a", "tensor (N, K), or (target_a, target_b, lam)", _form(target))


def _onehot(labels: Any, classes: int) -> Any:
    values = np.asarray(torch.as_tensor(labels).detach().to("cpu", torch.float64))
    return values if values.ndim == 2 else (values.reshape(-1, 1) == np.arange(classes)).astype(float)


def _unmixed(target: Any, mixed: torch.Tensor, x: torch.Tensor) -> Any:
    """Class numbers beside inputs that were left alone are the distributions they stand for."""
    plain = isinstance(target, torch.Tensor) and target.ndim == 1 and not target.is_floating_point()
    if plain and len(target) == len(x) and torch.equal(mixed, x):
        return target, target, 1.0
    return target


def _pairing(looks: list[Any]) -> str:
    """From rows with a partner: the others show none, by chance or because they were left alone."""
    size = len(looks[0])
    own = np.arange(size)
    seen = [look != own for look in looks]
    if not np.any(seen):
        return "other"
    for name, fixed in (("roll", np.roll(own, 1)), ("roll", np.roll(own, -1)), ("flip", own[::-1])):
        if all(np.array_equal(look[shown], fixed[shown]) for look, shown in zip(looks, seen, strict=True)):
            return name
    different = len({tuple(look) for look in looks}) > 1
    each_once = [len(set(look[shown])) == int(shown.sum()) for look, shown in zip(looks, seen, strict=True)]
    if different and all(each_once):
        return "permutation"
    chosen = np.concatenate([look[shown] for look, shown in zip(looks, seen, strict=True)])
    spread = np.bincount(chosen, minlength=size) / len(chosen)
    # drawn independently: no sample is chosen as often as two would be (Hoeffding, below 1e-9 at 300 rows)
    even = spread.max() <= 1 / size + math.sqrt(math.log(1e9) / (2 * len(chosen)))
    return "independent" if different and even and not any(each_once) else "other"


def _scope(looks: list[Any]) -> str:
    """From rows with a partner: one lambda for all, one for i and its mirror image, or one each."""
    shared = paired = True
    for weights in looks:
        own = np.diag(weights)
        seen = probes.partners(weights) != np.arange(len(own))
        shared &= bool(np.ptp(own[seen]) < 1e-6) if seen.any() else True
        both = seen & seen[::-1]
        paired &= bool(np.all(np.abs(own - own[::-1])[both] < 1e-6))
    return "batch" if shared else "pair" if paired else "sample"


SUBJECT = Mix

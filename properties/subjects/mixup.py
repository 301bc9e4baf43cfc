"""A mixup as its laws see it: seeded, called with plain values, looked into with the identity batch."""

from __future__ import annotations

import contextlib
import copy
import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch

from lawful.impl.contracts import WAYS, Adapter, Mixup
from lawful.properties import probes, tolerances, twin
from lawful.properties.probes import partners, seed_all
from lawful.properties.subjects.failures import (
    LawBroken,
    NotAsked,
    NotUnderstood,
    OutOfSight,
    Raised,
    Unasked,
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
    places_of,
    silence,
    to_float64,
    torch_dtype,
)
from lawful.properties.ways import UNDER, UNDER_WAY
from lawful.reference import mixup as reference

_RANKS = (4, 2, 3, 1, 5)
"""In the order in which they are tried: most take images."""
_LOOKS = 400
"""Lambdas from which the conventions are read."""
VISIBLE = 1e-4
"""A share below this, or above 1 minus this, may be rounded away, so that no partner can be seen."""


def image_parts(rank: int) -> tuple[int, ...]:
    """The sizes between samples and features: channels, frames and rows of an image."""
    return () if rank < 3 else (3,) if rank == 3 else (3, *[1] * (rank - 4), 2)


def image(rows: torch.Tensor, parts: tuple[int, ...], halved: bool = True) -> torch.Tensor:
    """(N, F) as an image (N, *parts, F), each of whose parts is half of the one before, or like it."""
    powers = torch.arange(math.prod(parts), device=rows.device)
    shares = 0.5**powers if halved else torch.ones_like(powers)
    whole = rows.reshape(len(rows), *[1] * len(parts), -1) * shares.reshape(*parts, 1)
    return whole.to(rows.dtype)


def flat(mixed: torch.Tensor, parts: tuple[int, ...]) -> torch.Tensor:
    """Back to rows (N, F) in float64: the first part of an image."""
    rows = mixed.detach().double().cpu()
    return rows.reshape(len(rows), math.prod(parts), -1)[:, 0] if parts else rows.reshape(len(rows), -1)


def whole(mixed: torch.Tensor, parts: tuple[int, ...], halved: bool = True) -> torch.Tensor:
    """All parts of an image (N, P, F) in float64, each as large as the first was."""
    rows = mixed.detach().double().cpu().reshape(len(mixed), math.prod(parts), -1)
    return rows * 2.0 ** torch.arange(rows.shape[1])[:, None] if halved else rows


def as_distributions(target: Any, num_classes: int) -> torch.Tensor:
    """(N, K) in float64 of either form of target: distributions, or (target_a, target_b, lam)."""
    if isinstance(target, torch.Tensor):
        return target.detach().double().cpu()
    own, other = (one_hot(labels, num_classes) for labels in target[:2])
    lam = torch.as_tensor(target[2]).detach().double().cpu().reshape(-1, 1)
    return lam * own + (1 - lam) * other


def one_hot(labels: Any, num_classes: int) -> torch.Tensor:
    values = torch.as_tensor(labels).detach().double().cpu()
    return values if values.ndim == 2 else (values.reshape(-1, 1) == torch.arange(num_classes)).double()


def visible(looks: torch.Tensor, scope: str) -> Any:
    """Of mixed identity batches (calls, N, N): the independent lambdas that show a partner and are neither
    nearly 0 nor nearly 1. ``scope``: of one lambda a batch one, of one a pair half of the rows, of one a
    group of samples each that differs."""
    size, found = looks.shape[1], []
    rows = {"batch": 1, "pair": size // 2}.get(scope, size)
    for look in looks.numpy():
        own = np.diag(look)
        seen = (look.sum(axis=1) - own > VISIBLE) & (own > VISIBLE)
        if scope == "pair":
            seen = seen & (np.arange(size) < size // 2)
        lams = np.unique(own[seen]) if scope == "group" else own[seen]
        found += lams[:rows].tolist()
    return np.asarray(found)


def partners_in(looks: torch.Tensor) -> Any:
    """Of mixed identity batches (calls, N, N): the partner in each row, or the row itself."""
    return np.stack([partners(look) for look in looks.numpy()])


def frequencies(looks: torch.Tensor) -> Any:
    """Of mixed identity batches (calls, N, N): how often each sample is each other's partner, of the rows
    that show one. (N, N)."""
    size = looks.shape[1]
    counts = np.zeros((size, size))
    for partner in partners_in(looks):
        counts[np.arange(size), partner] += 1
    counts -= np.diag(np.diag(counts))
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


_TOOLS = {
    "copy": copy,
    "random": random,
    **{
        each.__name__: each
        for each in (
            *(seed_all, image, flat, whole, as_distributions),
            *(visible, partners_in, frequencies, places_of),
        )
    },
    "dtype_name": dtype_name,
    **UNDER,
}


@dataclass
class Mixed(Answer):
    """One call of a mixup. ``value`` (N, F) are the mixed inputs."""

    distributions: Any = None
    """The mixed target as distributions (N, K)."""
    target: Any = None
    """The mixed target as it came."""
    device: str = ""
    """Of the mixed inputs."""
    bad_target: LawBroken | None = None
    """Why a tensor that came is no distributions, for the laws that look at the target."""

    @property
    def soft(self) -> Any:
        """Raises LawBroken where the target is no distributions."""
        if self.bad_target is not None:
            raise self.bad_target
        return self.distributions

    def see(self, source: str) -> Seen:
        """As of any answer. Raises LawBroken where it looks at a target that is no distributions."""
        if self.bad_target is not None and re.search(r"\bsoft\b", source):
            raise self.bad_target
        return super().see(source)


@dataclass
class Mix(Subject):
    """``mix(inputs, target, alpha, seed)`` gives an Answer; ``revealed`` the lambdas and partners."""

    technique: ClassVar[str] = "mixup"
    convention_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "lambda": ("folded", "beta", "other"),
        "lambda_scope": ("sample", "pair", "group", "batch"),
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
    own_classes: int | None = None
    """Columns of its mixed targets, where it fixes their number itself: no more classes are asked."""

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
        parts_alike: bool = True,
    ) -> Mixed:
        """One seeded call, on an object built for it. ``inputs`` (N, F), ``target`` (N,) or (N, K).

        ``along`` (N, F) asks for the gradient of sum(mixed * along); ``after_batch_of`` calls the same
        object with a batch of that size first, ``calls_again`` with another one after, before anything is
        looked at again; ``integers`` passes uint8; ``evaluating`` is after eval(), and ``trains_again`` after
        a call in evaluation mode and train(); ``generator`` a seeded generator;
        ``way`` calls it in one of ``properties.ways``; ``layout``, one of ``probes.LAYOUTS``, is how the
        inputs lie in memory; ``target_as`` a dtype that targets are not meant to have;
        without ``parts_alike``, the channels and rows of an image may be different mixtures.
        """
        classes = num_classes or max(1, len(inputs))
        if self.own_classes is not None and classes > self.own_classes:
            raise Unasked(f"it has {self.own_classes} classes, and {classes} were asked")
        rank = rank or self.rank
        answer = Mixed(
            {"inputs": inputs, "target": target, "alpha": alpha, "num_classes": classes, "seed": seed}
        )
        self.answers.append(answer)
        call = self.calling(answer, **_TOOLS)
        parts = image_parts(rank)
        self._given(call, "inputs", inputs, rank, halved=not integers)
        if integers:
            call.do("inputs = (inputs * 255).to(torch.uint8)")
        call.tensor("target", target, *self._target(target))
        for name in ("inputs", "target") if layout else ():
            call.do(f"{name} = {probes.LAYOUTS[layout or ''].format(x=name)}")
        if target_as is not None:
            call.do(f"target = target.to(torch.{target_as})")
        if along is not None:
            call.do("inputs.requires_grad_()")
        features = {} if generator is None else {"generator": self._generator(generator)}
        batch = "inputs * 1, target" if along is not None else "inputs, target"
        with probes.generators_kept(), self.asking():
            call.do(f"seed_all({seed})")
            call.do(f"mix = {self.build_source(literal(alpha), str(classes), **features)}")
            if evaluating:
                call.do("mix.eval()")
            if after_batch_of:  # its samples are as large
                order = [i % len(inputs) for i in range(after_batch_of)]
                call.do(f"mix(inputs[{order}], target[{order}])")
            # where eval() alone is offered, it is for good
            if trains_again and hasattr(call.names["mix"], "train"):
                call.do("mix.eval()")
                call.do("mix(inputs.clone(), target)")
                call.do("mix.train()")
            function = f"{UNDER_WAY[way]}(mix)" if way else "mix"
            call.do(f"result = {function}({batch})")
        self._read(answer, parts, classes, halved=not integers, alike=parts_alike)
        if calls_again:
            call.do("mixed, soft = mixed.clone(), soft.clone()")
            with probes.generators_kept(), self.asking():
                call.do(f"seed_all({seed + 1})")
                call.do("mix(inputs.flip(0), target.flip(0))")
            after = {"inputs": f"flat(result[0], {parts})", "target": f"as_distributions(labels, {classes})"}
            answer.after = {f"mixed {name}": call.see(source) for name, source in after.items()}
        if along is not None:
            self._given(call, "along", along, rank)
            with self.asking():
                call.do("(result[0] * along).sum().backward()")
            call.do("gradient = torch.zeros_like(inputs) if inputs.grad is None else inputs.grad")
            answer.gradient = call.see(f"flat(gradient, {parts})")
        if look_after:
            answer.after |= {"inputs": call.see(f"flat(inputs, {parts})"), "target": call.see("target")}
        return answer

    def _given(self, call: Call, name: str, values: Any, rank: int, halved: bool = True) -> None:
        """Rows (N, F) as a tensor of a rank; of rank 1, their first column."""
        rows, parts = np.asarray(values, float), image_parts(rank)
        rows = rows[:, 0] if rank == 1 else rows
        call.tensor(name, rows, self.dtype, self.tensor(rows))
        if parts:
            call.do(f"{name} = image({name}, {parts}{'' if halved else ', halved=False'})")

    def _generator(self, seed: int) -> str:
        if self.device == twin.NAME:
            return f'twin.generator("{twin.NAME}", {seed})'
        return f'torch.Generator("{self.device}").manual_seed({seed})'

    def _read(
        self, answer: Mixed, parts: tuple[int, ...], classes: int, *, halved: bool, alike: bool
    ) -> None:
        """``mixed`` (N, F) and ``soft`` (N, K) of a ``result``. Raises LawBroken for what is neither, and
        OutOfSight where the parts of an image are mixed in different ways: one law is about that."""
        call, result, x = answer.call, answer.call.names["result"], answer.call.names["inputs"]
        if not isinstance(result, tuple | list) or len(result) not in (2, 4):
            wanted, check = "(mixed, target) or (mixed, target_a, target_b, lam)", "len(result) in (2, 4)"
            raise LawBroken("form of the result", "a", wanted, _form(result), check=(check, call))
        mixed = result[0]
        if not isinstance(mixed, torch.Tensor):
            check = "isinstance(result[0], torch.Tensor)"
            kind = type(mixed).__name__
            raise LawBroken("type of the mixed inputs", "a", "torch.Tensor", kind, check=(check, call))
        if mixed.shape != x.shape:
            raise LawBroken("mixed inputs", "of shape", tuple(x.shape), call.see("result[0]"))
        answer.dtype = call.words("dtype_name(result[0].dtype)")
        answer.device = call.words("result[0].device.type")
        answer.places = call.words("places_of(result)")
        call.do(f"mixed = flat(result[0], {parts})")
        answer.value = call.see("mixed")
        call.do("labels = result[1] if len(result) == 2 else tuple(result[1:])")
        if self.own_classes is not None:
            some = f"[:, :{classes}]"
            triple = f"(labels[0]{some}, labels[1]{some}, labels[2])"
            form = triple if isinstance(call.names["labels"], tuple) else f"labels{some}"
            call.do(f"labels = {form}  # it has {self.own_classes} classes, and these were asked")
        labels = call.names["labels"]
        plain = isinstance(labels, torch.Tensor) and labels.ndim == 1 and not labels.is_floating_point()
        if plain and len(labels) == len(x) and torch.equal(mixed, x):
            # nothing was mixed: class numbers stand for distributions
            call.do("labels = (labels, labels, 1.0)")
        answer.target = call.names["labels"]
        try:
            self._check_form(call, answer.target, classes, len(x))
        except LawBroken as error:
            if not isinstance(answer.target, torch.Tensor):
                raise
            answer.bad_target = error
        call.do(f"soft = as_distributions(labels, {classes})")
        answer.distributions = call.see("soft")
        if parts and alike:
            self._check_parts(whole(mixed, parts, halved).numpy())

    def _check_form(self, call: Call, labels: Any, classes: int, size: int) -> None:
        if isinstance(labels, torch.Tensor) and labels.ndim >= 2:
            if labels.shape != (size, classes):
                text = f"mixed target has shape {tuple(labels.shape)}, expected {(size, classes)}"
                raise LawBroken("mixed target", "of shape", (size, classes), call.see("labels"), text=text)
        elif isinstance(labels, torch.Tensor):
            text = (
                f"mixed target is a number for each sample, {tuple(labels.shape)}: class numbers are blended "
                "as numbers; expected rows (N, K), or both labels and lambda"
            )
            ndim = ("labels.ndim == 2", call)
            raise LawBroken("mixed target", "a", "row", call.see("labels"), text=text, check=ndim)
        elif isinstance(labels, tuple | list) and len(labels) == 3:
            lengths = [len(torch.atleast_1d(torch.as_tensor(part))) for part in labels[:2]]
            weights = torch.as_tensor(labels[2]).numel()
            if lengths != [size, size] or weights not in (1, size):
                check = (
                    f"[len(torch.atleast_1d(torch.as_tensor(each))) for each in labels[:2]] == [{size}] * 2 "
                    f"and torch.as_tensor(labels[2]).numel() in (1, {size})"
                )
                shapes = f"{lengths[0]}, {lengths[1]} and {weights} values"
                wanted = f"target_a, target_b and lam of {size}"
                raise LawBroken("form of the target", "a", wanted, shapes, check=(check, call))
        else:
            wanted = "tensor (N, K), or (target_a, target_b, lam)"
            check = "len(labels) == 3"
            raise LawBroken("form of the target", "a", wanted, _form(labels), check=(check, call))

    def _check_parts(self, parts: Any) -> None:
        """Raises OutOfSight where the parts (N, P, F) of an image are not the same mixture."""
        largest = np.abs(parts[:, 0]).max(initial=1.0)
        bound = tolerances.mix_error(self.precision, largest, largest)
        if not tolerances.worst_ratio(parts, parts[:, :1], bound) <= 1:
            raise OutOfSight(
                "the channels and rows of its images are mixed in different shares, so that no lambda can be "
                "read off them: one law is about that"
            )

    def _target(self, values: Any) -> tuple[str, torch.Tensor]:
        """The dtype and the tensor of classes (N,), or of distributions (N, K) in the dtype of the inputs."""
        array = np.asarray(values)
        if array.ndim == 2:
            return self.dtype, self.tensor(array.astype(float))
        return "int64", torch.tensor(array.astype(np.int64), device=self.device)

    def tensor(self, values: Any) -> torch.Tensor:
        return torch.tensor(np.asarray(values, float)).to(self.device, torch_dtype(self.dtype))

    def rounded(self, values: Any) -> Any:
        """Values as the implementation sees them, in float64."""
        return to_float64(torch.tensor(np.asarray(values, float)).to(torch_dtype(self.dtype)))

    def size(self, wanted: int) -> int:
        """A batch size near the one drawn that the implementation takes."""
        wanted = wanted + wanted % 2 if self.even_only else wanted
        most = self.own_classes or wanted
        return min(wanted, most - most % 2 if self.even_only else most)

    def fitting(self, inputs: Any, target: Any) -> tuple[Any, Any]:
        """The samples drawn, less the last where batches must be even. Features stay as many as samples."""
        size = min(len(inputs), self.own_classes or len(inputs))
        size = max(2, size - size % 2 if self.even_only else size)
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

    def accuracy(self, predicted: Any, answer: Mixed) -> Seen:
        """Its own accuracy of a mixed batch in which these classes (N,) have the largest logit."""
        assert self.adapter.accuracy is not None
        logits = 4.0 * np.eye(answer.asked["num_classes"])[np.asarray(predicted)]
        call = answer.call
        call.use("its_own_accuracy", self.adapter.accuracy)
        call.tensor("logits", logits, self.dtype, self.tensor(logits))
        with self.asking():
            call.do("accuracy = its_own_accuracy(logits, labels)")
        return answer.part("accuracy")

    def stream(self, size: int, alpha: float, seed: int, calls: int) -> Mixed:
        """The identity batch mixed again and again by one object, seeded once: ``looks`` (calls, N, N)."""
        answer = Mixed({"size": size, "alpha": alpha, "seed": seed, "calls": calls})
        self.answers.append(answer)
        call = self.calling(answer, **_TOOLS)
        parts = image_parts(self.rank)
        place = "" if self.device == "cpu" else ", device=device"
        call.do(f"inputs = torch.eye({size}, dtype=torch.{self.dtype}{place})")
        if parts:
            call.do(f"inputs = image(inputs, {parts})")
        few = f" % {self.own_classes}" if self.own_classes else ""
        call.do(f"target = torch.arange({size}{place}){few}")
        with probes.generators_kept(), self.asking():
            call.do(f"seed_all({seed})")
            call.do(f"mix = {self.build_source(literal(alpha), str(size))}")
            call.do(f"mixed = [mix(inputs.clone(), target)[0].detach() for _ in range({calls})]")
        first = call.names["mixed"][0]
        if parts and first.shape == call.names["inputs"].shape:
            self._check_parts(whole(first, parts).numpy())
        call.do(f"looks = flat(torch.cat(mixed), {parts}).reshape({calls}, {size}, {size})")
        answer.value = call.see("looks")
        return answer

    def after_calls(self, size: int, alpha: float, seed: int, calls: int) -> Mixed:
        """Images (N, 3, 8, 8), mixed again and again by one object, seeded once: ``images`` and ``target`` as
        the calls left them, ``kept`` as they were, and ``numbers``, the next of each global generator."""
        answer = Mixed({"size": size, "alpha": alpha, "seed": seed, "calls": calls})
        self.answers.append(answer)
        call = self.calling(answer, **_TOOLS)
        place = "" if self.device == "cpu" else ", device=device"
        shape = f"({size}, 3, 8, 8)"
        call.do(f"images = torch.arange({size * 192}{place}).reshape{shape}.to(torch.{self.dtype})")
        call.do(f"target = torch.arange({size}{place})")
        call.do("kept = images.clone(), target.clone()")
        with probes.generators_kept():
            with self.asking():
                call.do(f"seed_all({seed})")
                call.do(f"mix = {self.build_source(literal(alpha), str(size))}")
                call.do(f"for _ in range({calls}):\n    mix(images, target)")
            drawn = "random.random(), numpy.random.random(), float(torch.rand(()))"
            call.do(f"numbers = torch.tensor([{drawn}], dtype=torch.float64)")
        return answer

    def visible_lambdas(self, alpha: float, seed: int, count: int) -> tuple[Seen, int, Mixed]:
        """Independent lambdas in (VISIBLE, 1 - VISIBLE), of ``count`` rows with a partner or so, how many
        rows were looked at, and the answer that stands for them."""
        size = 16
        scope = self.conventions.get("lambda_scope", "sample")
        rows = {"batch": 1, "pair": size // 2, "group": size // 8}.get(scope, size)
        answer = self.stream(size, alpha, seed, -(-count // rows))
        answer.call.do(f"lams = visible(looks, {scope!r})")
        return answer.see("lams"), -(-count // rows) * rows, answer

    def copies(self, inputs: Any, target: Any, alpha: float, seeds: list[int]) -> list[Seen]:
        """One object, copied, each copy called under another seed, until one mixes otherwise than the first:
        what DataLoader workers do. The mixed inputs of each."""
        answer = Mixed({"inputs": inputs, "target": target, "alpha": alpha, "seeds": seeds})
        self.answers.append(answer)
        call = self.calling(answer, **_TOOLS)
        parts = image_parts(self.rank)
        self._given(call, "inputs", inputs, self.rank)
        call.tensor("target", target, *self._target(target))
        made = self.build_source(literal(alpha), str(len(inputs)))
        with probes.generators_kept(), self.asking():
            call.do(f"seed_all({seeds[0]})")
            call.do(f"mix = {made}")
        mix = call.names["mix"]
        with probes.generators_kept(), self.asking():
            copied = "copy.deepcopy(mix)"
            if copy.deepcopy(mix) is mix:  # a function, whose closure is not copied: a worker builds its own
                copied = made
        looks: list[Seen] = []
        for number, seed in enumerate(seeds):
            with probes.generators_kept(), self.asking():
                call.do(f"seed_all({seed})")
                call.do(f"result = {copied}(inputs.clone(), target)")
            self._read(answer, parts, len(inputs), halved=True, alike=True)
            call.do(f"mixed_{number} = mixed")
            looks.append(call.see(f"mixed_{number}"))
            if not np.array_equal(looks[-1], looks[0]):
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
            subject.own_classes = subject._columns()
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
            subject.features |= subject.features_said() | ({"lengths"} - set(adapter.declines))
        return subject

    def _columns(self) -> int | None:
        """Of its mixed targets, where they are more than there are classes, and as many for every batch."""
        found = set()
        for size in (2, 3):
            try:
                target = self.revealed(size, 1.0, 0).target
            except (Raised, LawBroken, OutOfSight):
                return None
            first = target[0] if isinstance(target, tuple) else target
            rows = first if isinstance(first, torch.Tensor) and first.ndim == 2 else torch.zeros(1, 0)
            shares = bool(((rows >= 0) & (rows <= 1)).all())
            found.add(rows.shape[1] if shares else 0)
        (columns, *more) = found
        return columns if not more and columns > 4 else None

    def ordinarily(self) -> Mixed:
        """Of samples of one class: any number of classes will do."""
        classes = self.documented("num_classes") or 4
        inputs = probes.identity_batch(4)
        return self(inputs, [0] * 4, 0.75, 0, num_classes=classes, look_after=True)

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Mixed)
        form = answer.call.words("'soft' if isinstance(labels, torch.Tensor) else 'pair'")
        return {
            "mixed inputs": answer.value,
            "mixed target": answer.distributions,
            "inputs after the call": answer.after.get("inputs"),
            "form of the target": form,
        }

    def waits_of_a_call(self) -> Seen:
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
            except (LawBroken, OutOfSight) as error:  # rows without channels may show what an image does not
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
            answer = self.revealed(4, 1.0, 0)
            found["targets"] = "soft" if isinstance(answer.target, torch.Tensor) else "pair"
            found["in_place"] = "true" if self._always_in_place() else "false"
            looks = list(np.asarray(self.stream(16, 8.0, 0, 24).value))
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

    def _always_in_place(self) -> bool:
        """Whether each of a few calls that mix writes the mixture into the inputs."""
        batch, changed = probes.identity_batch(4), []
        for seed in range(4):
            with contextlib.suppress(Raised, LawBroken):
                answer = self.revealed(4, 1.0, seed, look_after=True)
                if not np.array_equal(answer.value, batch):
                    changed.append(not np.array_equal(answer.after["inputs"], batch))
        return bool(changed) and all(changed)

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


def _form(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"({', '.join(_form(item) for item in value)})"
    if isinstance(value, torch.Tensor):
        return f"tensor {tuple(value.shape)}"
    return type(value).__name__


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
    """From rows with a partner: one lambda for all, for i and its mirror image, for a group, or one each."""
    shared = paired = True
    for weights in looks:
        own = np.diag(weights)
        seen = probes.partners(weights) != np.arange(len(own))
        shared &= bool(np.ptp(own[seen]) < 1e-6) if seen.any() else True
        both = seen & seen[::-1]
        paired &= bool(np.all(np.abs(own - own[::-1])[both] < 1e-6))
    if shared or paired:
        return "batch" if shared else "pair"
    seen = [np.diag(look)[probes.partners(look) != np.arange(len(look))] for look in looks]
    # in groups of samples, as ghost batches are: of all that are mixed, half are different at most
    grouped = sum(len(np.unique(lams)) for lams in seen) <= sum(map(len, seen)) / 2
    return "group" if grouped else "sample"


SUBJECT = Mix

"""Tells the parts of a mixup's result by what they hold.

An identity batch shows it: row i of the mixed inputs holds lambda_i and the partner of i, so labels, the
partners' labels, indices and lambda are told apart whatever their order and their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from lawful.properties import probes
from lawful.properties.subjects.failures import NotUnderstood

SIZE, CLASSES, CALLS = 6, 9, 8
NOTHING_MIXED = f"nothing was mixed in {CALLS} calls; is another parameter in the way?"
DRAWS_BOTH = "it draws both samples of a mixture, so that no row has a sample of its own"
_NEAR = 1e-3


@dataclass(frozen=True)
class Reading:
    """Source of the parts of the result: the mixed inputs, and soft targets or a triple."""

    mixed: str
    soft: str = ""
    own: str = ""
    other: str = ""
    lam: str = ""
    samples: bool = False
    """Whether the result is a list of samples, as the batch was."""
    right: bool = False
    """Whether the parts agree with what the identity batch shows."""
    plain: bool = True
    """Whether they fit in shape and type, so that the values alone are to be judged."""

    @property
    def rank(self) -> tuple[bool, bool]:
        return self.right, self.plain

    def told(self) -> str:
        """In one line, for people."""
        names = [("mixed", self.mixed), ("soft", self.soft), ("target_a", self.own)]
        names += [("target_b", self.other), ("lam", self.lam)]
        return ", ".join(f"{name} = {source}" for name, source in names if source)


@dataclass(frozen=True)
class Shown:
    """Some calls with an identity batch: what came back, part by part, and what was passed to it."""

    calls: list[Mapping[str, Any]]
    """By the source of a part (of ``result``, or a name that the adapter has), its array; or None."""
    x: Any
    y: Any

    @cached_property
    def paths(self) -> list[str]:
        """Those that are arrays in every call."""
        return [path for path in self.calls[0] if all(call.get(path) is not None for call in self.calls)]

    def all(self, path: str, test: Any) -> bool:
        return all(test(call[path]) for call in self.calls)

    @cached_property
    def came_back(self) -> list[str]:
        """Parts of the result, and not of what it was given."""
        return [path for path in self.paths if path.startswith(("result", "targets"))]

    @cached_property
    def mixtures(self) -> list[str]:
        """Parts with the shape of the inputs."""
        alike = [p for p in self.came_back if p.startswith("result")]
        return [p for p in alike if self.all(p, lambda a: is_float(a) and a.shape == self.x.shape)]

    @cached_property
    def mixed(self) -> str:
        """The one of them that is not always what went in; empty where there is none."""
        changed = (p for p in self.mixtures if not self.all(p, lambda a: np.array_equal(a, self.x)))
        return next(changed, "")

    @cached_property
    def weights(self) -> list[Any]:
        """(N, N) of each call: the first channel of the mixed inputs."""
        return [_rows(call[self.mixed or self.mixtures[0]]) for call in self.calls]

    @cached_property
    def own(self) -> list[Any]:
        return [np.diag(weights) for weights in self.weights]

    @cached_property
    def partner(self) -> list[Any]:
        return [probes.partners(weights) for weights in self.weights]

    @cached_property
    def seen(self) -> list[Any]:
        """Rows that show a partner."""
        return [(p != np.arange(SIZE)) & (w > _NEAR) for p, w in zip(self.partner, self.own, strict=True)]

    @cached_property
    def softs(self) -> list[str]:
        """Parts that are a float for each sample and class."""
        beside = [p for p in self.came_back if p not in self.mixtures]
        return [p for p in beside if self.all(p, lambda a: is_float(a) and _is_table(a))]

    @cached_property
    def labels(self) -> list[str]:
        """Parts that are a class for each sample, those that were passed among them."""
        return [p for p in self.paths if self.all(p, lambda a: labels_of(a) is not None)]

    @cached_property
    def lams(self) -> list[str]:
        return [p for p in self.paths if self.all(p, is_lam)]

    @cached_property
    def mine(self) -> list[str]:
        """Labels that are the samples' own."""
        return [p for p in self.labels if self.all(p, lambda a: np.array_equal(labels_of(a), self.y))]

    @cached_property
    def theirs(self) -> list[str]:
        """Labels that are the partners', in every row that shows one."""
        return [
            path
            for path in self.labels
            if all(
                np.array_equal(labels_of(call[path])[rows], self.y[partner][rows])
                for call, partner, rows in zip(self.calls, self.partner, self.seen, strict=True)
            )
        ]

    @cached_property
    def index(self) -> list[str]:
        """Parts that are each sample's partner, in every row that shows one."""
        return [
            path
            for path in self.paths
            if all(
                _is_index(call[path], partner, rows)
                for call, partner, rows in zip(self.calls, self.partner, self.seen, strict=True)
            )
        ]

    @cached_property
    def about_labels(self) -> list[str]:
        """Parts of the result that are none of the others, and have a row for each sample."""
        known = {*self.mixtures, *self.lams, *self.index}
        rows = [p for p in self.came_back if p not in known and self.all(p, lambda a: a.shape[:1] == (SIZE,))]
        rows = [p for p in rows if p not in self.labels]
        # a row of two labels and a lambda is no distribution, and may be what the caller wants
        return [
            p for p in rows if self.all(p, lambda a: a.ndim != 2 or a.shape[1] == 1 or a.shape[1] >= SIZE)
        ]

    def is_share(self, path: str, weights: list[Any]) -> bool:
        """Whether this part is the share of the first label, in every row that shows one."""
        for call, weight, rows in zip(self.calls, weights, self.seen, strict=True):
            lam = np.broadcast_to(call[path].reshape(-1), SIZE)
            if not np.allclose(lam[rows], weight[rows], atol=_NEAR):
                return False
        return True

    def told(self) -> str:
        """What came back, in words."""
        parts = [path for path in self.calls[0] if path.startswith(("result", "targets"))]
        named = [(p.removeprefix("result") or "the result", self.calls[0][p]) for p in parts]
        return ", ".join(f"{name}: {_form(array)}" for name, array in named) or "nothing"


def read(shown: Shown, *, weighs: str = "", pairs: bool = False) -> Reading:
    """Which part is what.

    ``weighs``: the name of a parameter that was given lambda, if one was. ``pairs``: whether the labels that
    were passed are the caller's to pair, where none come back. Raises NotUnderstood.
    """
    if not shown.mixtures:
        raise NotUnderstood(f"gave {shown.told()}, expected mixed inputs {shown.x.shape} and targets")
    if not shown.mixed:
        return _unmixed(shown)
    turned = [1 - own for own in shown.own]
    if weighs and not (shown.is_share("lam", shown.own) or shown.is_share("lam", turned)):
        raise NotUnderstood(f"{weighs} is not the weight of what it mixes")
    found = _right(shown, pairs, turned)
    if found is None and _draws_both(shown):
        raise NotUnderstood(DRAWS_BOTH)
    return found or _in_shape(shown)


def _right(shown: Shown, pairs: bool, turned: list[Any]) -> Reading | None:
    """The parts that agree with what the identity batch shows."""
    for path in shown.softs:
        onehot = np.eye(shown.calls[0][path].shape[1])[shown.y]
        if all(
            np.allclose(call[path], w[:, None] * onehot + (1 - w[:, None]) * onehot[p], atol=_NEAR)
            for call, w, p in zip(shown.calls, shown.own, shown.partner, strict=True)
        ):
            return Reading(shown.mixed, soft=path, right=True)
    mine, theirs = _back_or_passed(shown, shown.mine), _back_or_passed(shown, shown.theirs)
    if not (shown.softs or shown.about_labels) and (pairs or not (mine or theirs)) and shown.index:
        mine, theirs = mine or ["y"], theirs or [f"y[{shown.index[0]}]"]
    elif theirs and not mine and not shown.about_labels and not _floating(shown, theirs):
        mine = ["y"]  # the samples' own are the caller's already
    # the first of two labels is the one that lambda weighs: their order is part of what is judged
    for firsts, seconds, shares in ((mine, theirs, shown.own), (theirs, mine, turned)):
        lams = [path for path in shown.lams if shown.is_share(path, shares)]
        lams.sort(key=lambda path: path == "lam")
        if firsts and seconds and lams and _in_order(shown, firsts[0], seconds[0]):
            return Reading(shown.mixed, own=firsts[0], other=seconds[0], lam=lams[0], right=True)
    return None


def _back_or_passed(shown: Shown, paths: list[str]) -> list[str]:
    """Those that came back, unless none did."""
    back = [path for path in paths if path in shown.came_back]
    return back or ([] if shown.softs or shown.about_labels else [p for p in paths if p == "y[order]"])


def _floating(shown: Shown, paths: list[str]) -> bool:
    return any(is_float(call[path]) for call in shown.calls for path in paths)


def _in_order(shown: Shown, one: str, other: str) -> bool:
    both_back = {one, other} <= set(shown.came_back)
    return not both_back or shown.came_back.index(one) <= shown.came_back.index(other)


def _in_shape(shown: Shown) -> Reading:
    """Parts that fit in shape and type, or nearly so: the values are for the laws to judge."""
    back = [path for path in shown.labels if path in shown.came_back]
    lams = sorted(shown.lams, key=lambda path: path == "lam")
    if len(shown.softs) == 1 and not [lam for lam in lams if lam != "lam"]:
        return Reading(shown.mixed, soft=shown.softs[0])
    if len(back) >= 2 and lams:
        return Reading(shown.mixed, own=back[0], other=back[1], lam=lams[0])
    if shown.softs:
        return Reading(shown.mixed, soft=shown.softs[0])
    theirs = [path for path in shown.theirs if path in back]
    if theirs and lams:
        return Reading(shown.mixed, own=theirs[0], other="y", lam=lams[0])
    if shown.about_labels and _is_for_each_place(shown.calls[0], shown.about_labels[0]):
        raise NotUnderstood(f"gave {shown.told()}: it takes a label for each place of an input")
    if shown.about_labels:  # numbers that are blended, rows that are cast
        return Reading(shown.mixed, soft=shown.about_labels[0], plain=False)
    odd = [path for path in back if path not in shown.mine and path not in shown.theirs]
    if odd or (back and not lams):  # cast back to whole numbers, or labels of one sample for a mixture of two
        one = (odd or back)[0]
        return Reading(shown.mixed, own=one, other=one, lam="1.0", plain=False)
    raise NotUnderstood(f"gave {shown.told()}: inputs that are mixed, and no targets that go with them")


def _is_for_each_place(call: Mapping[str, Any], path: str) -> bool:
    """Whether rows, or numbers that nobody made rows of, came back in more dimensions: (N, 1, 1, N)."""
    array, rows = call[path], call.get("y") is not None and call["y"].ndim == 2
    return bool(array.ndim > 2 and (rows or set(array.shape[1:-1]) == {1}))


def _unmixed(shown: Shown) -> Reading:
    """Inputs that are left alone beside targets that are mixed. Raises NotUnderstood where neither is."""
    mixed = shown.mixtures[0]
    for path in shown.softs:
        if not shown.all(path, lambda array: np.all((array < _NEAR) | (array > 1 - _NEAR))):
            return Reading(mixed, soft=path, plain=False)
    back = [path for path in shown.labels if path in shown.came_back]
    others = [path for path in back if path not in shown.mine]
    lams = [path for path in shown.lams if not shown.all(path, lambda array: np.all(array == 1))]
    if len(back) >= 2 and others and lams:
        return Reading(mixed, own=back[0], other=back[1], lam=lams[0], plain=False)
    if back or shown.softs or shown.lams:
        raise NotUnderstood(NOTHING_MIXED)
    raise NotUnderstood("gave back inputs alone")


def array_of(value: Any) -> Any:
    """Of a tensor, an array, a number or a list of them; None where it is neither."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, bool | str) or value is None:
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return array if np.issubdtype(array.dtype, np.number) else None


def is_float(array: Any) -> bool:
    return bool(np.issubdtype(array.dtype, np.floating))


def labels_of(array: Any) -> Any:
    """Class numbers of (N,) labels, or of one-hot rows; None where it is neither."""
    if array.shape == (SIZE,) and np.array_equal(array, np.round(array)) and array.max(initial=0) > 1:
        return array.astype(int)
    if array.ndim == 2 and _is_table(array) and np.all((array == 0) | (array == 1)):
        return array.argmax(axis=1) if np.all(array.sum(axis=1) == 1) else None
    return None


def _is_table(array: Any) -> bool:
    """Whether it has a row for each sample and a column for each class, of which the code may have more than
    it is told: then rows sum to 1."""
    if array.ndim != 2 or len(array) != SIZE or array.shape[1] < SIZE:
        return False
    return array.shape[1] == CLASSES or bool(np.allclose(array.sum(axis=1), 1, atol=_NEAR))


def is_lam(array: Any) -> bool:
    few = array.size in (1, SIZE) and array.ndim <= 5
    return bool(few and is_float(array) and np.all((array >= -1e-6) & (array <= 1 + 1e-6))) or (
        array.ndim == 0 and array in (0, 1)
    )


def _is_index(array: Any, partner: Any, rows: Any) -> bool:
    whole = array.shape == (SIZE,) and np.issubdtype(array.dtype, np.integer)
    return bool(whole and np.array_equal(array[rows], partner[rows]))


def _draws_both(shown: Shown) -> bool:
    """Whether inputs and soft targets are the same mixtures, of at most two samples, of which neither is the
    row's own in most of them."""
    for path in shown.softs:
        onehot = np.eye(shown.calls[0][path].shape[1])[shown.y]
        if all(
            np.allclose(call[path], w @ onehot, atol=_NEAR) and ((w > _NEAR).sum(axis=1) <= 2).all()
            for call, w in zip(shown.calls, shown.weights, strict=True)
        ):
            return _seldom_its_own(shown)
    for path in shown.about_labels:
        if shown.all(path, lambda array: array.shape == (SIZE,)) and all(
            np.allclose(call[path], w @ shown.y, atol=_NEAR)
            for call, w in zip(shown.calls, shown.weights, strict=True)
        ):
            return _seldom_its_own(shown)
    return False


def _seldom_its_own(shown: Shown) -> bool:
    return bool(np.mean([np.diag(w) <= _NEAR for w in shown.weights]) > 0.5)


def is_of_two(call: Mapping[str, Any]) -> bool:
    """Whether targets that were read off a gradient are shares of at most two classes."""
    soft = call.get("result[1]")
    if soft is None or not np.isfinite(soft).all():
        return False
    return bool((soft > -_NEAR).all() and ((soft > _NEAR).sum(axis=1) <= 2).all())


def _rows(mixed: Any) -> Any:
    """(N, N): the first channel."""
    return mixed if mixed.ndim == 2 else mixed[:, 0].reshape(SIZE, SIZE)


def _form(array: Any) -> str:
    return "nothing we know" if array is None else f"{array.dtype} {tuple(array.shape)}"

"""What is ordinary input, and what is a material error: the first question that an accusation has to pass.

A law decides to the last digit whether it holds. ``wrong`` says more: who trains with this code gets another
training signal. So the example has to be ordinary, and the error material; else what breaks is an edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lawful.properties.subjects.failures import LawBroken, Raised
from lawful.properties.tolerances import UNIT_ROUNDOFF

MATERIAL = 1e-3
"""Of the size of the quantity itself. Gradients differ from batch to batch by much more than that: a loss or
a gradient that is off by less trains the same model."""
_ROUNDINGS = 100
"""No bound of ``tolerances`` counts more roundings of its terms, for few classes and ordinary logits: a bound
over so many roundoffs is about the size of the terms that were added up."""

Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Ordinary:
    """The ordinary input of a technique."""

    words: str
    why: str
    is_ordinary: Callable[[Asked], bool]
    by_entry: bool = False
    """Whether each entry is a quantity of its own, as each rate of a sweep is; else an array is one, by its
    norm."""


def _loss(asked: Asked) -> bool:
    z = np.asarray(asked["logits"], float)
    if z.ndim < 2 or not z.size or not np.isfinite(z).all():
        return False
    ignored = asked["features"].get("ignore_index")
    if ignored is not None and np.all(np.asarray(asked["target"]) == ignored):
        return False
    epsilon, dim = asked["epsilon"], asked["features"].get("dim", 1)
    gap = (z.max(axis=dim) - z.min(axis=dim)).max()
    return bool(
        (epsilon == 0 or 0.01 <= epsilon <= 0.5)
        and 2 <= z.shape[dim] <= 2**16
        and gap <= 10
        and np.abs(z).max() <= 16
    )


def _mixup(asked: Asked) -> bool:
    size = asked["size"] if "size" in asked else len(asked["inputs"])
    return bool(0.1 <= asked["alpha"] <= 8 and 2 <= size <= 512)


def _lr_finder(asked: Asked) -> bool:
    start, end = asked["rates"]
    losses = np.asarray(asked["losses"], float)
    finite = np.isfinite(losses)
    count = len(losses) if finite.all() else int(np.argmin(finite))  # until it diverges
    return bool(
        10 <= asked["num_iter"] <= 300
        and asked["batches"] >= 1
        and start > 0
        and 10 <= end / start <= 1e8
        and (count == len(losses) or count >= 10)
        and (losses[:count] > 0).all()
    )


def _training(asked: Asked) -> bool:
    loaders = (asked["sizes"], asked["val_sizes"], asked["mix_sizes"])
    return all(sizes is None or sum(sizes) > 1 for sizes in loaders) and 0.1 <= asked["alpha"] <= 8


ORDINARY = {
    "label_smoothing": Ordinary(
        "logits within 10 of each other, 2 to 65536 classes, epsilon 0 or 0.01 to 0.5, float32 or float64",
        "A class that is 10 logits behind has 5e-5 of the first one's probability: what happens below moves "
        "no weight. The vocabulary of GPT-2 has 50 257 classes. Szegedy et al. 2016 smooth by 0.1; beyond "
        "0.5 the target is no longer what the sample says.",
        _loss,
    ),
    "mixup": Ordinary(
        "alpha from 0.1 to 8, batches of 2 to 512",
        "The authors' own code takes 1 (facebookresearch/mixup-cifar10, train.py), fastai 0.4. Below 0.1 "
        "next to nothing is mixed; beyond 8 nearly all is mixed by halves.",
        _mixup,
    ),
    "lr_finder": Ordinary(
        "10 to 300 steps over one to eight decades, losses above 0, of which ten at least are finite",
        "fastai's lr_find takes 100 steps from 1e-7 to 10, which is eight decades. At the largest rates a "
        "loss becomes NaN or infinite: that is how such a test ends.",
        _lr_finder,
        by_entry=True,
    ),
    "training": Ordinary(
        "two samples and more in each loader, alpha from 0.1 to 8",
        "That is what a training run has.",
        _training,
    ),
}


def loud(asked: Iterable[Asked], broken: BaseException) -> bool:
    """Whether it raises where a single sample of a loss counts: a run stops, and learns nothing wrong."""
    return isinstance(broken, Raised) and any(map(_counts_one, asked))


def _counts_one(asked: Asked) -> bool:
    if "logits" not in asked:
        return False
    target, ignored = np.asarray(asked["target"]), asked["features"].get("ignore_index")
    return bool(len(target) == 1 or (ignored is not None and np.sum(target != ignored) == 1))


def matters(technique: str, precision: str, asked: Iterable[Asked], broken: BaseException) -> bool:
    """Whether what breaks on these calls is a wrong result: on ordinary input, and by more than rounding."""
    ordinary, asked = ORDINARY[technique], list(asked)
    if loud(asked, broken):
        return False
    return all(map(ordinary.is_ordinary, asked)) and material(broken, precision, ordinary.by_entry)


def material(broken: BaseException, precision: str = "float32", by_entry: bool = False) -> bool:
    """Whether the error is more than ``MATERIAL`` of the quantity.

    What has no size, as a sample that is another's, is material; what its law calls slight is not.
    """
    if isinstance(broken, LawBroken) and broken.slight:
        return False
    if not isinstance(broken, LawBroken) or broken.relation not in _OFF:
        return True
    try:
        actual, expected = np.broadcast_arrays(
            np.asarray(broken.actual, float), np.asarray(broken.expected, float)
        )
    except (TypeError, ValueError):  # words, or other shapes
        return True
    if not actual.size:
        return True
    terms = np.zeros(1)
    if broken.bound is not None:
        bound = np.broadcast_to(np.asarray(broken.bound, float), actual.shape)
        terms = np.minimum(bound / (_ROUNDINGS * UNIT_ROUNDOFF[precision]), 1.0)
    with np.errstate(invalid="ignore"):
        off = _OFF[broken.relation](actual, expected)
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    off = np.where(same, 0.0, off)
    if not np.isfinite(off).all():
        return True
    sizes = np.maximum(np.abs(np.where(np.isfinite(expected), expected, 0.0)), terms)
    if by_entry:
        return bool((off > MATERIAL * sizes).any())
    return bool(np.linalg.norm(off) > MATERIAL * np.linalg.norm(sizes))


_OFF: dict[str, Callable[[Any, Any], Any]] = {
    "about": lambda actual, expected: np.abs(actual - expected),
    "exactly": lambda actual, expected: np.abs(actual - expected),
    "at most": lambda actual, limit: np.maximum(actual - limit, 0.0),
    "at least": lambda actual, limit: np.maximum(limit - actual, 0.0),
}
"""By relation, how far off each entry is."""

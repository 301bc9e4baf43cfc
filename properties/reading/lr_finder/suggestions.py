"""The rule by which a range test suggests a rate, from what it suggests of curves with a valley."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lawful.properties.reading.records import REFUSED, Off
from lawful.properties.registry import resting
from lawful.properties.subjects.lr_finder import valley
from lawful.reference import lr_finder as reference

if TYPE_CHECKING:
    from lawful.properties.reading.lr_finder import Read

Array = Any
_CURVES = (20, 17, 14)
"""The steepest point of each, of 40."""


def _before_minimum(slopes: Array, losses: Array) -> int:
    return int(np.argmin(slopes[: int(np.argmin(losses)) + 1]))


def _averaged(slopes: Array) -> Array:
    return (
        np.convolve(np.pad(slopes, 4, mode="edge"), np.ones(9) / 9, "valid") if len(slopes) >= 9 else slopes
    )


RULES: dict[str, Callable[[Array, Array], float | None]] = {
    "where dL/d(log lr) is smallest": lambda x, y: float(x[_before_minimum(np.gradient(y, np.log(x)), y)]),
    "where dL/d(log lr), averaged over neighbours, is smallest": lambda x, y: float(
        x[_before_minimum(_averaged(np.gradient(y, np.log(x))), y)]
    ),
    "in the middle of the window of a quarter of the points that falls most": reference.suggest_steepest,
    "a tenth of the rate of the smallest loss": reference.suggest_minimum,
    "half-way along the longest fall": reference.suggest_valley,
    "where dL/d lr is smallest": lambda x, y: float(x[int(np.argmin(np.gradient(y, x)))]),
    "where dL/d(log lr) is largest": lambda x, y: float(x[int(np.argmax(np.gradient(y, np.log(x))))]),
    "after the steepest difference of neighbours": lambda x, y: float(
        x[int(np.argmin(np.diff(y) / np.diff(np.log(x)))) + 1]
    ),
    "the rate of the smallest loss": lambda x, y: float(x[int(np.argmin(y))]),
    "a hundredth of the rate of the smallest loss": lambda x, y: float(x[int(np.argmin(y))] / 100),
    "a tenth of the rate before that of the smallest loss": lambda x, y: float(
        x[max(0, int(np.argmin(y)) - 1)] / 10
    ),
    "the last rate": lambda x, y: float(x[-1]),
    "twice the last rate": lambda x, y: float(2 * x[-1]),
    "the first rate": lambda x, y: float(x[0]),
    "a hundredth of the first rate": lambda x, y: float(x[0] / 100),
    "the rate of the largest loss": lambda x, y: float(x[int(np.argmax(y))]),
}
"""By rates and losses (m,), in the order in which they are tried."""
_RIGHT = dict.fromkeys(list(RULES)[:5])
_ADVICE: dict[str, tuple[str, str | None]] = {
    "where dL/d lr is smallest": (
        "Per lr, the slope is divided by lr, and the smallest rates win. The axis is logarithmic: "
        "np.gradient(losses, np.log(lrs)).",
        "R08",
    ),
    "where dL/d(log lr) is largest": (
        "There the loss rises most. It is the smallest slope that falls most.",
        None,
    ),
    "the rate of the smallest loss": (
        "There the loss is about to rise. A tenth of that rate is usual, or the rate where it falls most.",
        "XR38",
    ),
    "a hundredth of the rate of the smallest loss": ("A tenth of that rate is usual.", "XR39"),
    "a tenth of the rate before that of the smallest loss": (
        "It is a tenth of the rate of the minimum itself.",
        "XR63",
    ),
    "the last rate": (
        "There the loss has exploded, or would have. Suggest the rate where it falls most.",
        None,
    ),
    "twice the last rate": (
        "Nothing was measured there. Suggest the rate where the loss falls most against log lr.",
        "XR04",
    ),
    "the first rate": ("There nothing has happened yet. Suggest the rate where the loss falls most.", None),
    "a hundredth of the first rate": (
        "Nothing was measured there. Suggest the rate where the loss falls most against log lr.",
        "XR31",
    ),
    "the rate of the largest loss": ("Suggest the rate where the loss falls most.", None),
}


def suggested(read: Read) -> None:
    finder, notes = read.finder, read.notes
    if "suggestion" not in finder.features:
        return
    fits = list(RULES)
    for steepest in _CURVES:
        run = finder(valley(steepest), suggests=True, **finder.unsmoothed())
        if run.suggestion is None or len(run.lrs) < 6 or len(run.lrs) != len(run.value):
            return
        fits = [name for name in fits if _gives(RULES[name], run.lrs, run.value, run.suggestion)]
    documented = finder.adapter.documented.get("suggestion")
    notes.parts["suggests"] = fits[0] if fits else None
    laws = resting(
        "lr_finder", "suggestion_in_range", "suggestion_is_steepest", "suggestion_follows_its_rule"
    )
    if not fits:
        if finder.conventions.get("suggestion", "other") == "other":
            notes.words.append("suggests by another rule")
        return
    if any(name in _RIGHT for name in fits):
        notes.words.append(f"suggests {next(name for name in fits if name in _RIGHT)}")
        return
    notes.words.append(f"suggests {fits[0]}")
    advice, known = _ADVICE.get(fits[0], ("", None))
    if known in ("XR38", "XR39", "XR63") and documented != "minimum":
        known = None
    place = "a rate " if fits[0].startswith(("where", "after", "half", "in")) else ""
    text = f"suggests {place}{fits[0]}. {advice}".replace("a rate where", "the rate where").strip()
    notes.off.append(Off(text, laws | {"too_few_points_is_loud"}, known))


def _gives(rule: Callable[[Array, Array], float | None], rates: Array, losses: Array, found: float) -> bool:
    with contextlib.suppress(*REFUSED, ValueError, IndexError):
        right = rule(rates, losses)
        return right is not None and bool(np.isclose(right, found, rtol=1e-4))
    return False

"""What a range test saw, and what can be read off it: a rate, for each group, the reason in words, a picture.

    steepest: d loss / d log lr is smallest    minimum: a tenth of the best rate    valley: half-way down

Sources: Smith 2015 (arXiv 1506.01186), section 3.3; minimum and valley: fastai 2.8, callback/schedule.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

Method = Literal["steepest", "minimum", "valley"]
METHODS: tuple[Method, ...] = ("steepest", "minimum", "valley")
_COLOURS = dict(zip(METHODS, ("tab:red", "tab:green", "tab:purple"), strict=True))
Points = tuple[float, ...]


@dataclass(frozen=True)
class RangeTest:
    """The rates and losses of a range test: one entry for each step whose loss was finite.

    The rates are those of the first param group. After several sweeps, the entries are the steps that all
    of them took, with the means of their losses.
    """

    lrs: Points
    losses: Points
    """Raw, each from before the step at its rate; of a validation set, from after it."""
    smoothed: Points
    stopped_early: bool
    """By a loss that diverged, or was not finite: in one sweep at least."""
    num_iter: int
    """The steps that were asked for."""
    spread: Points = ()
    """Of the losses over the sweeps, a standard deviation (n - 1) for each step; empty for one sweep."""
    ratios: Points = (1.0,)
    """Of each group's rate to the first one's, as they were swept."""

    def suggest(self, method: Method = "steepest", *, skip_start: int = 0, skip_end: int = 0) -> float | None:
        """A learning rate read off the curve; None where the curve does not fall, or is too short.

        steepest: where the slope of the raw loss against log lr, fitted over a quarter of the points, is
        smallest, up to the minimum: noise of single batches averages out. minimum: a tenth of the rate of
        the smallest smoothed loss. valley: half-way along the smoothed loss's longest falling subsequence.
        ``skip_start`` and ``skip_end`` points are left out, unless fewer than 2 would be left.
        """
        return self._read(method, skip_start, skip_end).lr

    def suggest_groups(
        self, method: Method = "steepest", *, skip_start: int = 0, skip_end: int = 0
    ) -> Points | None:
        """:meth:`suggest` for each param group, in the ratios in which the groups were swept."""
        found = self._read(method, skip_start, skip_end).lr
        return None if found is None else tuple(found * ratio for ratio in self.ratios)

    def explain(self, method: Method = "steepest", *, skip_start: int = 0, skip_end: int = 0) -> str:
        """:meth:`suggest` in words: the rate with its reason, or why there is none and what to try.

        >>> falls = (1.0, 0.9, 0.5, 0.25, 0.5)
        >>> test = RangeTest((1e-4, 1e-3, 1e-2, 1e-1, 1.0), falls, falls, False, 5)
        >>> print(test.explain("minimum"))
        minimum: 0.01. This is a tenth of 0.1, where the smoothed loss is smallest: 0.25.
        """
        return self._read(method, skip_start, skip_end).words

    def _read(self, method: str, skip_start: int, skip_end: int) -> _Reading:
        if method not in METHODS:
            raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, METHODS))}")
        kept = slice(skip_start, len(self.lrs) - skip_end)
        if len(self.lrs[kept]) < 2:
            kept = slice(None)
        lrs, losses, smoothed = self.lrs[kept], self.losses[kept], self.smoothed[kept]
        if len(lrs) < 2:
            what = "no step has a finite loss" if not lrs else "a single step has a finite loss"
            return _Reading(None, f"{method}: none. Of {self.num_iter} steps {what}: try a smaller start_lr.")
        if method == "steepest":
            return _steepest(lrs, losses)
        return (_minimum if method == "minimum" else _valley)(lrs, smoothed)

    def plot(self, ax: Any = None, *, method: Method | Sequence[Method] = "steepest") -> Any:
        """The raw and the smoothed loss over the rate, log axis, with the suggestion marked; of several
        methods, each of theirs. Of several sweeps a band shows the spread.

        ``ax``: a matplotlib axes; a new figure's where None. Returns the axes.
        """
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
        ax.plot(self.lrs, self.losses, color="0.75", linewidth=1, label="loss")
        ax.plot(self.lrs, self.smoothed, color="tab:blue", linewidth=2, label="smoothed")
        if self.spread:
            band = np.asarray(self.spread)
            ax.fill_between(self.lrs, self.losses - band, self.losses + band, color="0.9", label="spread")
        for each in (method,) if isinstance(method, str) else method:
            self._mark(ax, each)
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        if self.smoothed:
            low, first = min(*self.losses, *self.smoothed), self.smoothed[0]
            room = max(first - low, 0.1 * abs(first), 1e-12)
            ax.set_ylim(low - 0.2 * room, first + 0.6 * room)
        ax.legend()
        return ax

    def _mark(self, ax: Any, method: Method) -> None:
        suggestion = self.suggest(method)
        if suggestion is not None:
            height = float(np.interp(math.log(suggestion), np.log(self.lrs), self.smoothed))
            colour = _COLOURS[method]
            ax.axvline(suggestion, color=colour, linewidth=1, linestyle="--")
            ax.plot([suggestion], [height], "o", color=colour, label=f"{method}: {suggestion:.2g}")

    def __repr__(self) -> str:
        if not self.lrs:
            return f"RangeTest(0 of {self.num_iter} steps, stopped_early={self.stopped_early})"
        suggestion = self.suggest()
        found = "none" if suggestion is None else f"{suggestion:.3g}"
        return (
            f"RangeTest({len(self.lrs)} of {self.num_iter} steps, lr {self.lrs[0]:.3g} to "
            f"{self.lrs[-1]:.3g}, loss {self.losses[0]:.4g} to {self.losses[-1]:.4g}, "
            f"best {min(self.losses):.4g}, stopped_early={self.stopped_early}, steepest {found})"
        )


class _Reading(NamedTuple):
    lr: float | None
    words: str


def _steepest(lrs: Points, losses: Points) -> _Reading:
    """Least-squares slopes against log lr over windows of a quarter of the points, 3 at least.

    The middle of the window that falls most, of those that end before the smallest mean of a window or
    reach it. A diverged tail rises, and is never chosen.
    """
    x, y = np.log(lrs), np.asarray(losses)
    width = min(len(x), max(3, len(x) // 4))
    windows = np.lib.stride_tricks.sliding_window_view
    xs, ys = windows(x, width), windows(y, width)
    off = xs - xs.mean(axis=1, keepdims=True)
    rises = ys - ys[:, :1]  # a flat window falls by 0, to the bit
    slopes = (off * rises).sum(axis=1) / (off * off).sum(axis=1)
    falling = slopes[: int(ys.sum(axis=1).argmin()) + 1]
    found = int(falling.argmin())
    if not falling[found] < 0:
        return _nothing_falls("steepest", lrs, losses, f"fitted over {width} neighbouring steps, the loss")
    fall = -falling[found] * math.log(10)
    words = (
        f"steepest: {lrs[found + width // 2]:.3g}. This is the middle of the {width} steps over which the "
        f"loss falls most: from {lrs[found]:.3g} to {lrs[found + width - 1]:.3g}, by {fall:.3g} for each "
        f"factor of 10. It is smallest at {lrs[losses.index(min(losses))]:.3g}: {min(losses):.4g}."
    )
    if not found and len(falling) > 1:
        words += " The fall begins with the first step: a smaller start_lr would show more of it."
    return _Reading(lrs[found + width // 2], words + _still_falling(lrs, losses))


def _minimum(lrs: Points, losses: Points) -> _Reading:
    smallest = losses.index(min(losses))
    if not smallest:
        return _nothing_falls("minimum", lrs, losses, "the smoothed loss")
    words = (
        f"minimum: {lrs[smallest] / 10:.3g}. This is a tenth of {lrs[smallest]:.3g}, where the smoothed loss "
        f"is smallest: {losses[smallest]:.4g}."
    )
    return _Reading(lrs[smallest] / 10, words + _still_falling(lrs, losses))


def _valley(lrs: Points, losses: Points) -> _Reading:
    """Half-way between the ends of the longest falling subsequence: one noisy point does not end it."""
    y = np.asarray(losses)
    lengths, starts = np.ones(len(y), int), np.arange(len(y))
    for i in range(1, len(y)):
        above = np.flatnonzero(y[:i] > y[i])
        if len(above):
            longest = above[lengths[above] == lengths[above].max()]
            lengths[i], starts[i] = lengths[longest[0]] + 1, starts[longest].max()
    last = int(lengths.argmax())
    if not lengths[last] > 1:
        return _nothing_falls("valley", lrs, losses, "the smoothed loss")
    first = int(starts[last])
    found = lrs[(first + last + 1) // 2]
    words = (
        f"valley: {found:.3g}. This is half-way along the longest fall of the smoothed loss: from "
        f"{losses[first]:.4g} at {lrs[first]:.3g} to {losses[last]:.4g} at {lrs[last]:.3g}."
    )
    return _Reading(found, words + _still_falling(lrs, losses))


def _nothing_falls(method: str, lrs: Points, losses: Points, what: str) -> _Reading:
    advice = "The rates may be too small: try a larger end_lr."
    if max(losses) > losses[0] + 0.1 * abs(losses[0]):
        advice = "It rises: try a smaller start_lr."
    return _Reading(
        None,
        f"{method}: none. From {lrs[0]:.3g} to {lrs[-1]:.3g}, {what} falls nowhere: it is {losses[0]:.4g} at "
        f"first and {min(losses):.4g} at best. {advice}",
    )


def _still_falling(lrs: Points, losses: Points) -> str:
    """What to say where the curve ends before its fall does."""
    if losses[-1] > min(losses):
        return ""
    return f" It still falls at the last rate, {lrs[-1]:.3g}: a larger end_lr would show where it ends."

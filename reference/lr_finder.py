r"""The learning-rate range test, in the order in which one would write it on a blackboard.

Raise the learning rate geometrically from step to step, watch the loss, stop when it explodes:

    lr_i = start (end/start)^(i/(n-1)),  i = 0 .. n-1          schedule; linear: start + (end - start) i/(n-1)
    a_i  = b a_{i-1} + (1-b) L_i,  a_{-1} = 0                  moving average
    s_i  = a_i / (1 - b^(i+1))                                 smoothed: bias-corrected
    stop at the first s_i > best + (f - 1) |best|              threshold
    suggest the lr where dL / d(log lr) is smallest            steepest, fitted over windows
    V_i = sum_b n_b V_ib / sum_b n_b after step i              of_whole_set: the validation loss
    g' = g min(1, c / |g|), |g| over all parameters            clipped
    mean_j L_ij, and its spread over the sweeps j              mean_of_sweeps
    the lr of group k is lr r_k                                for_groups

Sources: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2015 (arXiv 1506.01186),
section 3.3; L. N. Smith, "A disciplined approach to neural network hyper-parameters", 2018 (arXiv
1803.09820). The bias correction is that of D. P. Kingma and J. Ba, "Adam", 2015 (arXiv 1412.6980),
section 3.

**Why log lr.** The rates are spread evenly over orders of magnitude, so the curve is read, and its slope
taken, against log lr. Against lr itself the slope is divided by lr, and the smallest rates win.

**Why best + (f - 1)|best|.** For positive losses it is f * best, the usual rule. For negative ones f * best
lies *below* best, and every loss would be an explosion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class RangeTest(NamedTuple):
    """What a range test saw: one entry for each step whose loss was finite."""

    lrs: Array
    losses: Array
    smoothed: Array
    stopped_early: bool


def schedule(start_lr: float, end_lr: float, num_iter: int, *, linear: bool = False) -> Array:
    """The learning rates (n,), first ``start_lr`` and last ``end_lr``, with one ratio between neighbours;
    ``linear``, with one difference.

    >>> schedule(0.001, 1.0, 4).round(6)
    array([0.001, 0.01 , 0.1  , 1.   ])
    >>> schedule(0.1, 0.4, 4, linear=True).round(6)
    array([0.1, 0.2, 0.3, 0.4])

    Raises ValueError unless 0 < start_lr < end_lr and num_iter >= 2.
    """
    if not 0 < start_lr < end_lr < np.inf:
        raise ValueError(f"start_lr is {start_lr!r} and end_lr {end_lr!r}, expected 0 < start_lr < end_lr")
    if num_iter < 2:
        raise ValueError(f"num_iter is {num_iter!r}, expected at least 2")
    part = np.arange(num_iter) / (num_iter - 1)
    if linear:
        return start_lr + (end_lr - start_lr) * part
    return start_lr * (end_lr / start_lr) ** part


def range_test(
    step: Callable[[float], float],
    start_lr: float,
    end_lr: float,
    num_iter: int,
    *,
    smoothing: float = 0.0,
    divergence: float = 4.0,
) -> RangeTest:
    """The whole test: ``step(lr)`` takes one training step and returns the loss from before it.

    >>> test = range_test(lambda lr: 1.0 if lr < 0.5 else 9.0, 0.01, 10.0, 4)
    >>> test.losses.tolist(), test.stopped_early
    ([1.0, 1.0, 9.0], True)

    A loss that is not finite ends the test and is not recorded; one that diverges is recorded and ends it.
    """
    lrs: list[float] = []
    losses: list[float] = []
    best = np.inf
    for lr in schedule(start_lr, end_lr, num_iter):
        loss = step(float(lr))
        if not np.isfinite(loss):
            return _seen(lrs, losses, smoothing, True)
        lrs.append(float(lr))
        losses.append(loss)
        latest = smoothed(losses, smoothing)[-1]
        if latest > threshold(best, divergence):
            return _seen(lrs, losses, smoothing, True)
        best = min(best, latest)
    return _seen(lrs, losses, smoothing, False)


def smoothed(losses: ArrayLike, smoothing: float) -> Array:
    """The bias-corrected exponential moving average (n,) of ``losses`` (n,); the first is the first loss.

    >>> smoothed([1.0, 0.0], 0.5).round(4)
    array([1.    , 0.3333])
    """
    average, result = 0.0, []
    for i, loss in enumerate(np.asarray(losses, float), 1):
        average = smoothing * average + (1 - smoothing) * loss
        result.append(average / (1 - smoothing**i))
    return np.asarray(result, float)


def of_whole_set(losses: ArrayLike, sizes: ArrayLike) -> float:
    """sum_b n_b L_b / sum_b n_b: the mean over a set's samples, of its batches' means (B,) and sizes (B,).

    >>> of_whole_set([1.0, 4.0], [2, 1])
    2.0
    """
    return float(np.average(np.asarray(losses, float), weights=np.asarray(sizes, float)))


def clipped(gradients: ArrayLike, norm: float) -> Array:
    """``g min(1, c/|g|)``: the direction is kept, and the norm over all entries (P,) is ``norm`` at most.

    >>> clipped([3.0, 4.0], 1.0), clipped([0.3, 0.4], 1.0)
    (array([0.6, 0.8]), array([0.3, 0.4]))
    """
    g = np.asarray(gradients, float)
    return g * min(1.0, norm / max(float(np.linalg.norm(g)), np.finfo(float).tiny))


def mean_of_sweeps(losses: Sequence[ArrayLike]) -> tuple[Array, Array]:
    """Of the steps that all sweeps took: the mean of their losses, and the standard deviation (n - 1).

    >>> mean, spread = mean_of_sweeps([[1.0, 2.0, 9.0], [3.0, 2.0]])
    >>> mean, spread.round(4)
    (array([2., 2.]), array([1.4142, 0.    ]))
    """
    sweeps = [np.asarray(each, float) for each in losses]
    rows = np.stack([each[: min(map(len, sweeps))] for each in sweeps])
    return np.asarray(rows.mean(axis=0)), np.asarray(rows.std(axis=0, ddof=1))


def for_groups(lr: float, ratios: ArrayLike) -> Array:
    """The rates (G,) of param groups whose rates were swept in these ratios to the first one's."""
    return lr * np.asarray(ratios, float)


def threshold(best: float, divergence: float) -> float:
    """The loss above which the test has diverged: ``divergence`` * best where best is positive.

    >>> threshold(2.0, 4.0), threshold(-2.0, 4.0)
    (8.0, 4.0)
    """
    return best + (divergence - 1) * abs(best)


def slopes(lrs: ArrayLike, losses: ArrayLike) -> Array:
    """d loss / d log lr at each point (n,), by central differences, one-sided at the ends. n >= 2."""
    return np.asarray(np.gradient(np.asarray(losses, float), np.log(np.asarray(lrs, float))))


def fitted_slopes(lrs: ArrayLike, losses: ArrayLike, width: int) -> Array:
    """d loss / d log lr by least squares over each ``width`` neighbouring points. Returns (n - width + 1,).

    sum (x - mean x) y / sum (x - mean x)^2. Noise of standard deviation s on the losses gives the slope one
    of s sqrt(12 / width^3) per point: at 25 points 2 % of what a difference of neighbours has.

    >>> fitted_slopes(np.exp([0.0, 1.0, 2.0, 3.0]), [3.0, 2.0, 1.0, 1.0], 3).round(6)
    array([-1. , -0.5])
    """
    x, y = np.log(np.asarray(lrs, float)), np.asarray(losses, float)
    found = []
    for i in range(len(x) - width + 1):
        off = x[i : i + width] - x[i : i + width].mean()
        rise = y[i : i + width] - y[i]  # from the first point, so that a flat window has slope 0 to the bit
        found.append((off * rise).sum() / (off * off).sum())
    return np.asarray(found)


def steepest_window(lrs: ArrayLike, losses: ArrayLike) -> tuple[int, int] | None:
    """The first and the last point of the window that falls most: the reason for :func:`suggest_steepest`.
    None for fewer than 2 points or no descent.

    Windows are a quarter of the points wide, 3 at least, and start no later than the one whose mean loss is
    smallest: beyond it the curve rises.
    """
    x, y = np.asarray(lrs, float), np.asarray(losses, float)
    if len(x) < 2:
        return None
    width = min(len(x), max(3, len(x) // 4))
    sums = np.convolve(y, np.ones(width), "valid")
    falling = fitted_slopes(x, y, width)[: int(np.argmin(sums)) + 1]
    first = int(np.argmin(falling))
    return (first, first + width - 1) if falling[first] < 0 else None


def suggest_steepest(lrs: ArrayLike, losses: ArrayLike) -> float | None:
    """The lr in the middle of the window that falls most; None for fewer than 2 points or no descent."""
    window = steepest_window(lrs, losses)
    return None if window is None else float(np.asarray(lrs, float)[(window[0] + window[1] + 1) // 2])


def suggest_minimum(lrs: ArrayLike, losses: ArrayLike) -> float | None:
    """A tenth of the lr of the smallest loss: an order of magnitude before it blows up.

    None where that is the first loss, so that nothing falls, or there is none.
    """
    x, y = np.asarray(lrs, float), np.asarray(losses, float)
    return float(x[np.argmin(y)] / 10) if len(x) and np.argmin(y) > 0 else None


def suggest_valley(lrs: ArrayLike, losses: ArrayLike) -> float | None:
    """The lr half-way down the valley: between the ends of its longest falling part. None where none falls.

    That part may leave points out, so that a noisy one does not end it: the longest subsequence of which
    each loss is below the one before, as in fastai's ``valley`` (2.8, callback/schedule.py). Of equally
    long ones it is the first to end, and of those the last to begin.
    """
    x, y = np.asarray(lrs, float), np.asarray(losses, float)
    parts: list[tuple[int, int]] = []
    for i in range(len(y)):
        before = [
            (count + 1, first) for (count, first), loss in zip(parts, y[:i], strict=True) if loss > y[i]
        ]
        parts.append(max(before, default=(1, i)))
    if not parts:
        return None
    last = max(range(len(parts)), key=lambda i: parts[i][0])
    count, first = parts[last]
    return float(x[(first + last + 1) // 2]) if count >= 2 else None


def trim(values: ArrayLike, skip_start: int, skip_end: int) -> Array:
    """``values`` without the first and the last few; all of them where fewer than 2 would be left."""
    array = np.asarray(values, float)
    kept = array[skip_start : len(array) - skip_end]
    return kept if len(kept) >= 2 else array


def _seen(lrs: list[float], losses: list[float], smoothing: float, stopped: bool) -> RangeTest:
    return RangeTest(np.asarray(lrs), np.asarray(losses), smoothed(losses, smoothing), stopped)

"""Inline SVG of what is seen of an implementation: a schedule, a law of lambda, errors over their bounds.

Colours are the page's own variables, so that a picture is legible in light and dark; what is expected is
dashed, what was seen is solid, or has its name beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT = 340, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 22, 40
_DASHES = {"float64": "", "float32": "7 3", "bfloat16": "2 3", "float16": "9 3 2 3"}
_BINS = 20

Points = Sequence[tuple[float, float]]
Scale = Callable[[float], float]


def picture(name: str, numbers: Mapping[str, Any]) -> str:
    """Of whatever ``properties.pictured`` found; empty where it found nothing."""
    if "rates" in numbers:
        return _schedule(name, numbers)
    if "lambdas" in numbers:
        return _lambdas(name, numbers)
    return _errors(name, numbers) if numbers.get("error") else ""


def picture_of_a_reading(name: str, numbers: Mapping[str, Any]) -> str:
    """Of what was read of code that is wrong, beside what is right; empty where that is no picture."""
    if "q" in numbers:
        return _bars(name, numbers)
    if "inputs" in numbers:
        return _matrices(name, numbers)
    return _rates(name, numbers) if numbers.get("recorded") else ""


def _bars(name: str, numbers: Mapping[str, Any]) -> str:
    """q of each class; the right one as a dashed outline."""
    q, right = numbers["q"], numbers["right"]
    lowest, highest = min(0.0, *q), max(*q, *right) * 1.15
    x, y = _linear(0, len(q), _LEFT, _WIDTH - _RIGHT), _linear(lowest, highest, _HEIGHT - _BOTTOM, _TOP)
    drawn, ticks = [], []
    for k, (found, wanted) in enumerate(zip(q, right, strict=True)):
        left, width = x(k + 0.2), x(0.6) - x(0)
        top, high = y(max(found, 0)), y(min(found, 0)) - y(max(found, 0))
        drawn.append(
            f"<rect class='bar' x='{left:.1f}' y='{top:.1f}' width='{width:.1f}' height='{high:.1f}'/>"
            f"<path class='expected' d='M{left:.1f},{y(0):.1f}V{y(wanted):.1f}h{width:.1f}V{y(0):.1f}'/>"
            f"<text x='{left + width / 2:.1f}' y='{min(top, y(wanted)) - 5:.1f}' text-anchor='middle'>"
            f"{found:.3g}{'' if abs(found - wanted) < 1e-6 else f' for {wanted:.3g}'}</text>"
        )
        ticks.append((k + 0.5, "y" if k == numbers["target"] else str(k)))
    caption = (
        f"q of {name} at epsilon {numbers['epsilon']:g}, K = {numbers['classes']}; dashed: what is right"
    )
    return _figure(caption, drawn, _axes("class", "q", ticks, [(0, "0")], x, y))


def _matrices(name: str, numbers: Mapping[str, Any]) -> str:
    """The shares of the samples in each mixed row: of the inputs, and of the targets."""
    size, drawn = len(numbers["inputs"]), []
    side = (_WIDTH - 4 * _RIGHT) / 2
    cell = side / size
    for number, part in enumerate(("inputs", "targets")):
        left = _RIGHT + number * (side + 2 * _RIGHT)
        drawn.append(f"<text x='{left + side / 2:.1f}' y='14' text-anchor='middle'>{part}</text>")
        drawn.append(f"<rect class='axis' x='{left:.1f}' y='{_TOP}' width='{side:.1f}' height='{side:.1f}'/>")
        for i, row in enumerate(numbers[part]):
            for j, share in enumerate(row):
                strength = min(1.0, abs(share))
                if strength > 0.01:
                    drawn.append(
                        f"<rect class='bar' x='{left + j * cell:.1f}' y='{_TOP + i * cell:.1f}' "
                        f"width='{cell:.1f}' height='{cell:.1f}' style='opacity: {strength:.2f}'/>"
                    )
    caption = f"Which samples are in each row that {name} mixed, and in its target: they should be alike"
    return _figure(caption, drawn, "")


def _rates(name: str, numbers: Mapping[str, Any]) -> str:
    """The rates that the optimizer had, those that were recorded if they are others, and the right ones."""
    curves = {part: numbers[part] for part in ("rates", "recorded", "right")}
    if curves["recorded"] == curves["rates"]:
        del curves["recorded"]
    points = {part: [(i, rate) for i, rate in enumerate(rates) if rate > 0] for part, rates in curves.items()}
    every = [rate for each in points.values() for _, rate in each]
    last = max(1, *(len(rates) - 1 for rates in curves.values()))
    x = _linear(0, last, _LEFT, _WIDTH - _RIGHT)
    y = _logarithmic(min(every), max(every), _HEIGHT - _BOTTOM, _TOP)
    kinds = {"right": ("expected", ""), "rates": ("seen", ""), "recorded": ("seen", "2 3")}
    drawn = [_line(each, x, y, kinds[part][0], dashes=kinds[part][1]) for part, each in points.items()]
    more = "; dotted: what it recorded" if "recorded" in curves else ""
    return _figure(
        f"Rates of {name} in {numbers['n']} steps; dashed: what is right{more}",
        drawn,
        _axes(
            "step",
            "learning rate",
            [(i, str(i)) for i in (0, last)],
            _decades(min(every), max(every)),
            x,
            y,
        ),
    )


def _schedule(name: str, numbers: Mapping[str, Any]) -> str:
    rates, start, end = numbers["rates"], numbers["start"], numbers["end"]
    count = max(2, len(rates))
    right = [(i, start * (end / start) ** (i / (count - 1))) for i in range(count)]
    seen = [(i, rate) for i, rate in enumerate(rates) if rate > 0]
    lowest, highest = (f(rate for _, rate in (*right, *seen)) for f in (min, max))
    x = _linear(0, max(1, count - 1), _LEFT, _WIDTH - _RIGHT)
    y = _logarithmic(lowest, highest, _HEIGHT - _BOTTOM, _TOP)
    drawn = [_line(right, x, y, "expected"), _line(seen, x, y, "seen")]
    return _figure(
        f"Rates of {name} over {len(rates)} steps asked from {start:g} to {end:g}; dashed: geometric",
        drawn,
        _axes(
            "step", "learning rate", [(i, str(i)) for i in (0, count - 1)], _decades(lowest, highest), x, y
        ),
    )


def _lambdas(name: str, numbers: Mapping[str, Any]) -> str:
    """A histogram of lambda, and the density of Beta(alpha, alpha), whole and folded."""
    lambdas, alpha = numbers["lambdas"], numbers["alpha"]
    counts = [0] * _BINS
    for lam in lambdas:
        counts[min(_BINS - 1, max(0, int(lam * _BINS)))] += 1
    heights = [count * _BINS / len(lambdas) for count in counts]
    centres = [(i + 0.5) / 100 for i in range(100)]
    density = [] if alpha is None else [(c, _density(c, alpha)) for c in centres]
    folded = [(c, 2 * value) for c, value in density if c > 0.5]
    highest = max([*heights, *(value for _, value in density)]) * 1.05
    x, y = _linear(0, 1, _LEFT, _WIDTH - _RIGHT), _linear(0, highest, _HEIGHT - _BOTTOM, _TOP)
    bars = [
        f"<rect class='bar' x='{x(i / _BINS):.1f}' y='{y(height):.1f}' width='{x(1 / _BINS) - x(0) - 1:.1f}' "
        f"height='{y(0) - y(height):.1f}'/>"
        for i, height in enumerate(heights)
    ]
    lines = [_line(points, x, y, "expected", clip=highest) for points in (density, folded) if points]
    law = "" if alpha is None else f"; dashed: Beta({alpha:g}, {alpha:g}), and folded to 1/2 and above"
    return _figure(
        f"{len(lambdas)} lambdas of {name}{law}",
        [*bars, *lines],
        _axes("lambda", "density", [(0, "0"), (0.5, "1/2"), (1, "1")], [(0, "0")], x, y),
    )


def _density(lam: float, alpha: float) -> float:
    log_beta = 2 * math.lgamma(alpha) - math.lgamma(2 * alpha)
    return math.exp((alpha - 1) * (math.log(lam) + math.log(1 - lam)) - log_beta)


def _errors(name: str, numbers: Mapping[str, Any]) -> str:
    classes = numbers["classes"]
    rows = {
        dtype: [(k, max(error, 1e-4)) for k, error in zip(classes, errors, strict=True) if error is not None]
        for dtype, errors in numbers["error"].items()
    }
    worst = max([1.0, *(error for points in rows.values() for _, error in points)])
    x = _logarithmic(classes[0], classes[-1], _LEFT, _WIDTH - _RIGHT)
    y = _logarithmic(1e-4, worst * 2, _HEIGHT - _BOTTOM, _TOP)
    bound = [(classes[0], 1.0), (classes[-1], 1.0)]
    lines = [_line(points, x, y, "seen", dashes=_DASHES[dtype]) for dtype, points in rows.items() if points]
    named = [dtype for dtype, points in rows.items() if points]
    key = "".join(
        f"<line class='seen' x1='{8 + 84 * i}' x2='{30 + 84 * i}' y1='8' y2='8' "
        f"stroke-dasharray='{_DASHES[dtype]}'/><text x='{34 + 84 * i}' y='12'>{dtype}</text>"
        for i, dtype in enumerate(named)
    )
    return _figure(
        f"Error of {name} over its bound; above the dashed line a law would be broken",
        [_line(bound, x, y, "expected"), *lines, key],
        _axes(
            "classes K",
            "error / bound",
            [(k, f"{k:g}") for k in (classes[0], classes[len(classes) // 2], classes[-1])],
            _decades(1e-4, worst * 2),
            x,
            y,
        ),
    )


def _linear(low: float, high: float, first: float, last: float) -> Scale:
    return lambda value: first + (last - first) * (value - low) / (high - low)


def _logarithmic(low: float, high: float, first: float, last: float) -> Scale:
    inner = _linear(math.log10(low), math.log10(max(high, low * 1.01)), first, last)
    return lambda value: inner(math.log10(value))


def _decades(low: float, high: float) -> list[tuple[float, str]]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, (last - first) // 4)
    return [(10.0**power, f"1e{power}") for power in range(first, last + 1, step)]


def _line(points: Points, x: Scale, y: Scale, kind: str, dashes: str = "", clip: float = math.inf) -> str:
    path = " ".join(f"{x(a):.1f},{y(min(b, clip)):.1f}" for a, b in points)
    dashed = f" stroke-dasharray='{dashes}'" if dashes else ""
    return f"<polyline class='{kind}' points='{path}'{dashed}/>"


def _axes(
    across: str,
    up: str,
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    x: Scale,
    y: Scale,
) -> str:
    bottom, middle = _HEIGHT - _BOTTOM, (_TOP + _HEIGHT - _BOTTOM) / 2
    ticks = [
        f"<text x='{x(value):.1f}' y='{bottom + 15}' text-anchor='{_anchor(x(value))}'>{text}</text>"
        for value, text in x_ticks
    ]
    ticks += [
        f"<text x='{_LEFT - 6}' y='{y(value) + 4:.1f}' text-anchor='end'>{text}</text>"
        f"<line class='grid' x1='{_LEFT}' x2='{_WIDTH - _RIGHT}' y1='{y(value):.1f}' y2='{y(value):.1f}'/>"
        for value, text in y_ticks
    ]
    frame = f"<path class='axis' d='M{_LEFT},{_TOP}V{bottom}H{_WIDTH - _RIGHT}'/>"
    names = (
        f"<text x='{(_LEFT + _WIDTH - _RIGHT) / 2}' y='{_HEIGHT - 6}' text-anchor='middle'>{across}</text>"
        f"<text transform='translate(11 {middle}) rotate(-90)' text-anchor='middle'>{up}</text>"
    )
    return frame + "".join(ticks) + names


def _anchor(place: float) -> str:
    return "start" if place <= _LEFT else "end" if place >= _WIDTH - _RIGHT - 1 else "middle"


def _figure(caption: str, drawn: Sequence[str], axes: str) -> str:
    words = escape(caption)
    return (
        f"<figure><svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role='img' aria-label='{words}'>"
        f"{axes}{''.join(drawn)}</svg><figcaption>{words}</figcaption></figure>"
    )

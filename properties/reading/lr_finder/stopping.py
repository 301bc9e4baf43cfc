"""The loss at which a range test ends, beside the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lawful.properties.registry import resting

if TYPE_CHECKING:
    from lawful.properties.reading.lr_finder import Read

Array = Any


def laws(*names: str) -> frozenset[str]:
    return resting("lr_finder", *names)


def stop(read: Read) -> None:
    """The loss at which the test ends, beside the best so far."""
    finder, notes = read.finder, read.notes
    plain: dict[str, Any] = {"smoothing": 0.0} if "smoothing" in finder.features else {}
    if not plain and finder.conventions.get("smoothing", "none") != "none":
        return
    calm = max(6, finder.adapter.least_steps)

    def ends(best: float, loss: float, **more: Any) -> bool:
        run = finder([best] * calm + [loss] * 6, **plain, **more)
        return run.steps <= calm + 2

    if not ends(1.0, 1e6):
        notes.parts["stops above"] = None
        huge = not ends(1.0, 1e4)
        read.notes.say(
            "no stop where the loss explodes" if huge else "no stop above 1e5",
            "never stops where the loss explodes: it trains on at rates that ruin the model. Stop where "
            "loss > best + 3 |best|."
            if huge
            else "takes a huge loss for an outlier: 1e6 does not end it, and 1e4 does. The larger the "
            "loss, the surer it has diverged.",
            laws("stops_on_divergence", "scale_invariant"),
            "XR01" if huge else "XR27",
        )
        return
    usual = [
        f for f in (4.0, 2.0, 3.0, 5.0, 10.0, 13.0, 1.1) if not ends(1.0, f * 0.999) and ends(1.0, f * 1.001)
    ]
    factor = usual[0] if usual else _bisected(lambda loss: ends(1.0, loss))
    notes.parts["stops above"] = round(factor, 4)
    if not ends(2.0, 2 * factor * 0.999) and ends(2.0, 2 * factor * 1.001):
        rule = "times the best"
    elif not ends(2.0, (factor + 1) * 0.999) and ends(2.0, (factor + 1) * 1.001):
        read.notes.say(
            f"stops above best + {factor - 1:.4g}",
            f"stops where the loss is {factor - 1:.4g} above the best, whatever the unit of the loss is. "
            "Compare it with a multiple of the best: best + 3 |best|.",
            laws("scale_invariant", "stops_on_divergence"),
            "XR03" if abs(factor - 13) < 0.01 else None,
        )
        return
    else:
        notes.words.append(f"stops above {factor:.4g} where the best is 1")
        return
    notes.words.append(f"stops above {factor:.4g} {rule}")
    early = laws("does_not_stop_early", "stops_on_divergence")
    if factor < 1.5:
        read.notes.say(
            "",
            f"stops where a loss is {factor:.4g} times the best: losses of single batches wander more than "
            "that. Stop above 4 times the best.",
            early | {"negative_losses_do_not_stop_it", "restores_after_error", "frees_each_graph"},
            "XR12" if abs(factor - 1.1) < 0.01 else None,
        )
    if "divergence" in finder.features:
        _factor(read, ends, factor)
    wanted = {
        "stops_on_slow_climb",
        "stops_on_divergence",
        "negative_losses_do_not_stop_it",
        "stops_on_nonfinite",
    }
    if not wanted & read.names and "suggestion_survives_noise" not in read.names:
        return
    _rules(read, calm, factor, plain)


def _bisected(ends: Any) -> float:
    low, high = 1.0, 1e6
    for _ in range(24):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if ends(middle) else (middle, high)
    return high


def _factor(read: Read, ends: Any, usual: float) -> None:
    """Whether the factor that is passed is the one that stops it."""
    for wanted in (3.0, 6.0):
        if ends(1.0, wanted * 1.01, divergence=wanted) and not ends(1.0, wanted * 0.99, divergence=wanted):
            continue
        if ends(1.0, usual * 1.01, divergence=wanted) and not ends(1.0, usual * 0.99, divergence=wanted):
            known = {4.0: "XR28", 2.0: "XR29"}.get(usual)
            read.notes.say(
                "whatever factor is passed",
                f"stops above {usual:.4g} times the best, whatever factor is passed. Compare with the "
                "argument.",
                laws("stops_on_divergence", "does_not_stop_early") | {"restores_after_error"},
                known,
            )
        return
    said = read.finder.adapter.arguments.get("divergence")
    if said is not None and isinstance(said.default, float) and abs(said.default - usual) > 0.01:
        read.notes.say(
            "",
            f"stops above {usual:.4g} times the best by default, where {said.default:g} is documented.",
            laws("does_not_stop_early", "arguments_are_as_documented") | {"restores_after_error"},
            "XRA1" if (usual, said.default) == (2.0, 4.0) else None,
        )


def _rules(read: Read, calm: int, factor: float, plain: dict[str, Any]) -> None:
    """Negative losses, losses that climb slowly, and NaN."""
    finder = read.finder
    if finder([-1.0] * (calm + 6), **plain).steps < calm:
        read.notes.say(
            "at once where losses are negative",
            f"stops at once where losses are negative: {factor:.4g} * best lies below a negative best. "
            f"Compare with best + {factor - 1:.4g} |best|.",
            laws("negative_losses_do_not_stop_it", "stops_on_divergence"),
            "NB20",
        )
    climb = [1.5**i for i in range(3 * calm + 12)]
    if finder(climb, **plain).steps >= len(climb):
        read.notes.say(
            "beside the loss before it",
            "compares each loss with the one before it, so that a slow climb never ends it. Compare with "
            "the best so far: best = min(best, loss).",
            laws("stops_on_slow_climb", "stops_on_divergence"),
            "XR07",
        )
    for first in ([1.0] * calm, []):
        losses = [*first, float("nan"), *[1.0] * 8]
        run = finder(losses, **plain)
        if run.steps >= len(losses) - 1:
            where = "" if first else " first"
            read.notes.say(
                f"goes on through a{where} NaN",
                f"goes on where the{where} loss is NaN, as every comparison with NaN is false. Stop where "
                "not math.isfinite(loss), before any comparison.",
                laws("stops_on_nonfinite"),
                "R10",
            )
            return

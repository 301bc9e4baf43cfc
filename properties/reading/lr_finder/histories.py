"""What a range test records: of the rates, and of the losses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lawful.properties.registry import resting
from lawful.properties.subjects.lr_finder import RELATIVE

if TYPE_CHECKING:
    from lawful.properties.reading.lr_finder import Read

Array = Any


def laws(*names: str) -> frozenset[str]:
    return resting("lr_finder", *names)


def recorded_rates(read: Read) -> None:
    notes = read.notes
    if "history" not in read.finder.features:
        return
    run = read.runs[1]
    lrs, used = run.lrs, run.used
    every = laws("history_records_lr_used") | {"suggestion_in_range", "suggestion_follows_its_rule"}
    count = min(len(lrs), len(used))
    if count < 3:
        return
    first = read.finder.aligned(run)
    if len(lrs) > len(used) and np.allclose(lrs[-len(used) :], used, rtol=RELATIVE, atol=0):
        read.notes.say(
            "records that go on from test to test",
            f"gives {len(lrs)} records for a test of {len(used)} steps: those of the tests before are still "
            "there. Make the lists anew in each test, neither as a default argument nor as an attribute of "
            "the class.",
            laws("second_call_starts_afresh")
            | {
                "suggestion_in_range",
                "suggestion_is_steepest",
                "too_few_points_is_loud",
                "suggestion_survives_noise",
            },
            "XR09",
        )
        return
    if read.finder.adapter.documented.get("records") == "all" and len(lrs) < len(used):
        gone = len(used) - len(lrs)
        read.notes.say(
            f"{gone} record{'s' * (gone > 1)} less than steps",
            f"gives {len(lrs)} records for {len(used)} steps, where all are documented. Append the last one "
            "too.",
            laws("takes_the_steps_asked") | {"explosion_is_recorded"},
            "XR20" if gone == 1 else None,
        )
    if np.allclose(lrs[: len(used) - first], used[first : first + len(lrs)], rtol=RELATIVE, atol=0):
        notes.parts["recorded rates"] = "used"
        return
    tries = {
        "the next step's": (lrs[: count - 1], used[1:count]),
        "the step before's": (lrs[1:count], used[: count - 1]),
        "log10 of the rates": (lrs[:count], np.log10(used[:count])),
        "the logarithms of the rates": (lrs[:count], np.log(used[:count])),
    }
    for name, (found, right) in tries.items():
        if np.allclose(found, right, rtol=1e-4, atol=0):
            notes.parts["recorded rates"] = name
            known = "R04" if name == "the next step's" else None
            advice = (
                "Record the rate before the scheduler changes it, beside the loss that it gave."
                if "step" in name
                else "Record the rates, and let the axis of the plot take the logarithm."
            )
            what = f"{name} rate" if "step" in name else name
            read.notes.say(f"records {what}", f"records {what} beside each loss. {advice}", every, known)
            return
    ratio = lrs[:count] / used[:count]
    if np.allclose(ratio, ratio[0], rtol=RELATIVE):
        notes.parts["recorded rates"] = f"{ratio[0]:.6g} times the rates"
        known = {10.0: "NB24", 1.0001: "XR23"}.get(round(float(ratio[0]), 6))
        read.notes.say(
            f"records {ratio[0]:.6g} times the rate",
            f"records {ratio[0]:.6g} times the rate at which a step ran. Record the rate itself.",
            every,
            known,
        )
        return
    read.notes.say("records other rates", "records other rates than the optimizer ran at.", every, vague=True)


def recorded_losses(read: Read) -> None:
    finder, notes = read.finder, read.notes
    if "history" not in finder.features or "second_call_starts_afresh" in read.names:
        return
    n = max(14, finder.adapter.least_steps)
    losses = [1.5, 1.25, 1.5, 1.0, 1.25, 1.75, 1.5, 1.375, 1.125, 1.25, 1.5, 1.25] + [1.0] * (n - 12)
    run = finder(losses)
    first = finder.aligned(run)
    found, seen = np.asarray(run.value, float), np.asarray(losses[first : first + run.steps])
    if len(found) < 4 or first:
        return
    every = laws("history_records_loss", "history_records_negative_losses", "stops_on_the_average")
    if len(found) == len(run.lrs) + 1:
        read.notes.say("one loss more than rates",
            "records one loss more than rates, so that the curve cannot be drawn. Append both in the same "
            "place.",
            laws("takes_the_steps_asked")
            | {"suggestion_in_range", "suggestion_precedes_minimum", "suggestion_is_steepest",
            "suggestion_survives_noise", "plot_shows_the_fall"},
            "XR19",
        )  # fmt: skip
        found = found[:-1]
    count = min(len(found), len(seen))
    found, seen = found[:count], seen[:count]
    kind, beta = averaging(found, seen)
    notes.parts["recorded losses"] = {"kind": kind, "beta": round(beta, 6)}
    if kind == "raw":
        notes.words.append("the losses as they are")
        _negative(read)
        return
    words = {
        "ema corrected": f"a moving average of the losses, b = {beta:.4g}, over 1 - b^(i + 1)",
        "ema from the first": f"a moving average of the losses, b = {beta:.4g}, from the first loss",
    }
    if kind in words:
        notes.words.append(words[kind])
        return
    texts = {
        "ema from 0": (
            f"a moving average from 0, b = {beta:.4g}",
            f"records a moving average that starts at 0 (b = {beta:.4g}): the first record is {1 - beta:.4g} "
            "times the first loss, and later ones seem to rise. Divide by 1 - b^(i + 1), or start from the "
            "first loss.",
            None,
        ),
        "ema over 1 - b^(i + 2)": (
            f"a moving average, b = {beta:.4g}, over 1 - b^(i + 2)",
            f"corrects its moving average for one step too many, 1 - b^(i + 2) with b = {beta:.4g}: the "
            "first record is about half the first loss, and the second looks like an explosion. Divide by 1 "
            "- b^(i + 1).",
            "R09",
        ),
        "the next loss": (
            "each loss a step late",
            "records each loss beside the rate of another step. Append the rate and the loss of a step "
            "together.",
            None,
        ),
        "the mean so far": (
            "the mean of all losses so far",
            "records the mean of all losses so far, in which an explosion is not seen. Record each loss, or "
            "a moving average.",
            None,
        ),
        "the least so far": (
            "the least loss so far",
            "records the least loss so far, which can only fall. Record each loss.",
            None,
        ),
    }
    if kind in texts:
        words_, text, known = texts[kind]
        if kind == "ema from 0" and _stopped_by_it(read):
            steps = read.runs[0].steps
            text += f" The test takes that for an explosion, and ends after {steps} steps."
            every |= laws("takes_the_steps_asked", "does_not_stop_early", "schedule_is_geometric")
            notes.off = [each for each in notes.off if not each.vague]
        read.notes.say(words_, text, every, known)
        return
    off = np.flatnonzero(~np.isclose(found, seen, rtol=RELATIVE))
    ratio = found[off] / seen[off]
    if off[0] > 2 and np.allclose(ratio, ratio[0], rtol=1e-4) and off[-1] == count - 1:
        known = "XR26" if (int(off[0]), round(float(ratio[0]), 4)) == (5, 1.01) else None
        read.notes.say(
            f"{ratio[0]:.4g} times the losses from step {off[0]} on",
            f"records {ratio[0]:.4g} times the loss from step {off[0]} on. Record each loss as it is.",
            every,
            known,
        )
        return
    i = int(off[0])
    what = f"records {found[i]:.6g} for a loss of {seen[i]:.6g} at step {i}"
    text = f"{what}: neither that loss, nor a moving average."
    read.notes.say("other losses", text, every, vague=True)


def averaging(found: Array, losses: Array) -> tuple[str, float]:
    """What was recorded of losses (m,): a kind, and the b of a moving average."""

    def like(right: Any) -> bool:
        return bool(np.allclose(found, right, rtol=1e-4, atol=1e-7))

    if like(losses):
        return "raw", 0.0
    if np.allclose(found[:-1], losses[1:], rtol=1e-4) or np.allclose(found[1:], losses[:-1], rtol=1e-4):
        return "the next loss", 0.0
    if like(np.cumsum(losses) / np.arange(1, len(losses) + 1)):
        return "the mean so far", 0.0
    if like(np.minimum.accumulate(losses)):
        return "the least so far", 0.0
    first, second = losses[:2]
    guesses = {
        "ema corrected": (found[1] - second) / (first - found[1]) if first != found[1] else 0.0,
        "ema from the first": (found[1] - second) / (first - second),
        "ema from 0": 1 - found[0] / first,
        "ema over 1 - b^(i + 2)": first / found[0] - 1 if found[0] else 0.0,
    }
    for kind, beta in guesses.items():
        if not 1e-6 < beta < 1:
            continue
        average, right = losses[0] if kind == "ema from the first" else 0.0, []
        for i, loss in enumerate(losses):
            average = beta * average + (1 - beta) * loss
            power = {"ema corrected": i + 1, "ema over 1 - b^(i + 2)": i + 2}.get(kind)
            right.append(average if power is None else average / (1 - beta**power))
        if like(right):
            return kind, float(beta)
    return "other", 0.0


def _stopped_by_it(read: Read) -> bool:
    """Whether a test of flat losses ends early, and one of losses that fall faster than the average of them
    rises does not."""
    runs = read.runs
    n = runs[0].asked["num_iter"]
    if not all(run.steps < run.asked["num_iter"] for run in runs):
        return False
    return bool(read.finder([0.25**i for i in range(n)]).steps == n)


def _negative(read: Read) -> None:
    """Losses below 0."""
    if "history_records_negative_losses" not in read.names:
        return
    n = max(12, read.finder.adapter.least_steps)
    losses = [-0.5 - i / 16 for i in range(n)]
    found = np.asarray(read.finder(losses).value)
    if len(found) and np.all(found == 0):
        read.notes.say(
            "negative losses as 0",
            "records negative losses as 0. A likelihood or a contrastive loss may be negative: record it as "
            "it is.",
            laws("history_records_negative_losses", "stops_on_divergence"),
            "XR10",
        )

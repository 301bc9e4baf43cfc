"""What a range test does: schedule and groups here; what it records, when it stops, and so on beside it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lawful.properties.reading.lr_finder import histories, state, stopping, suggestions
from lawful.properties.reading.lr_finder.schedules import Schedule, schedule_of
from lawful.properties.reading.records import REFUSED, Broken, Looked, Notes, Reading
from lawful.properties.registry import resting
from lawful.properties.subjects.lr_finder import RELATIVE, Finder, Sweep

Array = Any
_SPANS = ((12, 1e-5, 1.0), (21, 1e-3, 10.0))
"""(n, start, end)"""


def laws(*names: str) -> frozenset[str]:
    return resting("lr_finder", *names)


@dataclass
class Read:
    finder: Finder
    runs: list[Sweep]
    """Flat losses, over each of ``_SPANS``."""
    names: frozenset[str]
    notes: Notes = field(default_factory=Notes)

    @property
    def asked(self) -> bool:
        """Whether the number of steps can be asked for."""
        return self.finder.conventions.get("steps", "asked") == "asked"


def look(subject: Finder, broken: tuple[Broken, ...] = ()) -> Looked | None:
    """The reading of a range test, and what is off in it; None where it takes no steps."""
    finder = subject.on("cpu", "float32")
    least = finder.adapter.least_steps
    spans = [(max(n, least), start, end) for n, start, end in _SPANS]
    runs = [finder([1.0] * n, rates=[start, end]) for n, start, end in spans]
    if min(run.steps for run in runs) < 1:
        return None
    read = Read(finder, runs, frozenset(each.law for each in broken))
    schedule = None
    with contextlib.suppress(*REFUSED):
        schedule = _schedule(read, spans)
    for part in (
        _steps,
        _groups,
        histories.recorded_rates,
        histories.recorded_losses,
        stopping.stop,
        suggestions.suggested,
        state.gradients,
        state.batches,
        state.left,
    ):
        with contextlib.suppress(*REFUSED):
            part(read)
    notes = read.notes
    text, formula = "; ".join(notes.words), schedule.formula if schedule is not None else ""
    return Looked(Reading("lr_finder", text, formula, notes.parts, not notes.off), tuple(notes.off))


_ON_SCHEDULE = ("schedule_is_geometric", "schedule_hits_both_ends")


def _schedule(read: Read, spans: list[tuple[int, float, float]]) -> Schedule | None:
    finder, notes = read.finder, read.notes
    seen = [(run.used, n, start, end) for run, (n, start, end) in zip(read.runs, spans, strict=True)]
    if not read.asked:
        seen = [(rates, len(rates), start, end) for rates, _, start, end in seen]
    found = schedule_of(seen, RELATIVE)
    run, (n, start, end) = read.runs[0], spans[0]
    right = start * (end / start) ** (np.arange(n) / (n - 1))
    notes.parts["picture"] = {
        "n": n,
        "start": start,
        "end": end,
        "rates": [float(rate) for rate in run.used],
        "recorded": [float(rate) for rate in run.lrs],
        "right": right.tolist(),
    }
    notes.parts["schedule"] = found.words if found else None
    every = laws(*_ON_SCHEDULE)
    later = None if found else schedule_of(seen, RELATIVE, 1)
    if later is not None:
        first = float(run.used[0])
        read.notes.say(
            f"lr_i = {later.words} from i = 1 on, and {first:.4g} at i = 0",
            f"runs the first step at a rate of {first:.4g}, which is none of its schedule, and goes on with "
            f"lr_i = {later.words}. Set the first rate before the first step. {later.advice}".strip(),
            every if _leaves_the_second(_of_two_groups(read)) else every | laws("sweeps_every_param_group"),
        )
        return later
    if found is None:
        off = _off_schedule(read, seen)
        read.notes.say("rates of another schedule", off, every, vague=True)
        return None
    notes.words.append(f"lr_i = {found.words}")
    linear = found.linear and finder.adapter.linear
    if not found.right and not linear:
        more = {"takes_the_steps_asked", "suggestion_survives_noise"} if found.fault == "R03" else set()
        known = found.fault
        if known == "R03" and read.runs[0].steps != n + 1:
            known, more = None, set()
        read.notes.say("", f"takes lr_i = {found.words}. {found.advice}", every | more, known)
        return found
    if found.right and "schedule_is_geometric" in read.names:
        _long(read, found)
    return found


def _off_schedule(read: Read, seen: list[Any]) -> str:
    rates, n, start, end = seen[0]
    right = start * (end / start) ** (np.arange(len(rates)) / max(1, n - 1))
    worst = int(np.argmax(np.abs(np.log(np.maximum(rates, 1e-300) / right))))
    return (
        f"takes the rate {rates[worst]:.6g} at step {worst} of {n}, where start (end/start)^(i/(n - 1)) is "
        f"{right[worst]:.6g}."
    )


def _long(read: Read, schedule: Schedule) -> None:
    """A schedule that is right for few steps may end early for many."""
    n, start, end = 150, 1e-5, 1.0
    rates = read.finder([1.0] * n, rates=[start, end]).used
    right = schedule.rates(len(rates), n, start, end)
    wrong = np.flatnonzero(~np.isclose(rates, right, rtol=RELATIVE, atol=0))
    if not len(wrong):
        return
    first = int(wrong[0])
    if np.ptp(rates[first - 1 :]) == 0:
        read.notes.say(
            f"the rate stays from step {first} on",
            f"keeps the rate from step {first} on, as of a table that ends there. Work it out for each of "
            "the n steps: start (end/start)^(i/(n - 1)).",
            laws(*_ON_SCHEDULE),
            "XR76" if first == 101 else None,
        )


def _steps(read: Read) -> None:
    notes, counts = read.notes, [run.steps for run in read.runs]
    wanted = [run.asked["num_iter"] for run in read.runs]
    every = laws("takes_the_steps_asked", "does_not_stop_early")
    notes.parts["steps"] = {"asked": wanted, "taken": counts}
    if not read.asked or any(each.fault == "R03" for each in notes.off):
        return
    gaps = {count - n for count, n in zip(counts, wanted, strict=True)}
    if gaps == {0}:
        notes.words.append("n steps")
        return
    if len(gaps) == 1:
        (gap,) = gaps
        number = {-1: "one step less", 1: "one step more"}.get(
            gap, f"{abs(gap)} steps {'more' if gap > 0 else 'less'}"
        )
        known = "XR18" if gap == -1 and len(read.runs[0].lrs) == wanted[0] else None
        read.notes.say(
            f"{number} than n",
            f"takes {number} than it is asked for: {counts[0]} of {wanted[0]}. Step the optimizer once for "
            "each rate of the schedule.",
            (every if gap < 0 else laws("takes_the_steps_asked")) | {"schedule_hits_both_ends"},
            known,
        )
        return
    if len(set(counts)) == 1:
        read.notes.say(
            f"{counts[0]} step{'s' * (counts[0] > 1)} always",
            f"takes {counts[0]} step{'s' * (counts[0] > 1)} where {wanted[0]} or {wanted[1]} are asked for, "
            "of losses that do not move. Take one for each of the n rates.",
            every | laws("schedule_is_geometric", "every_batch_is_used", "sweeps_every_param_group"),
            vague=True,
        )


def _of_two_groups(read: Read) -> Any:
    """Their rates at each step, (steps, 2)."""
    n = max(8, read.finder.adapter.least_steps)
    run = read.finder([1.0] * n, groups=2)
    return np.asarray([rates for rates, _, _ in run.script.steps])


def _leaves_the_second(both: Any) -> bool:
    return len(both) > 2 and bool(np.ptp(both[1:, 1]) == 0 and np.ptp(both[1:, 0]) > 0)


def _groups(read: Read) -> None:
    finder, notes = read.finder, read.notes
    if "given_optimizer" not in finder.features:
        return
    both = _of_two_groups(read)
    if len(both) < 3:
        return
    first, second = both[1:, 0], both[1:, 1]  # the first step is its schedule's
    every = laws("sweeps_every_param_group")
    documented = finder.adapter.documented.get("groups")
    if _leaves_the_second(both):
        notes.parts["groups"] = "first"
        read.notes.say(
            "the first group alone",
            "sweeps the first parameter group alone: the second keeps its rate. Set the rate of each: for "
            "group in optimizer.param_groups.",
            every,
            "R15",
        )
        return
    ratio = second / first
    kind = (
        "one"
        if np.allclose(ratio, 1, rtol=RELATIVE)
        else "ratio"
        if np.allclose(ratio, 0.5, rtol=RELATIVE)
        else "other"
    )
    notes.parts["groups"] = kind
    if kind == "other":
        off = float(np.ptp(ratio) / ratio.mean())
        read.notes.say(
            "groups at rates of their own",
            f"gives the second group {ratio.min():.6g} to {ratio.max():.6g} times the rate of the first. All "
            "groups follow one schedule, in one ratio.",
            every,
            "XR24" if off < 1e-3 else None,
            vague=off >= 1e-3,
        )
        return
    notes.words.append({"one": "all groups alike", "ratio": "groups in the ratio of their rates"}[kind])
    if documented in ("one", "ratio") and documented != kind:
        words = {"one": "the same rate", "ratio": "rates in the ratio that they had"}
        read.notes.say(
            "",
            f"gives the groups {words[kind]}, where its documentation says {words[documented]}.",
            every,
            "XR61" if documented == "ratio" else None,
        )

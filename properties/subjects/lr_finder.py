"""A learning-rate range test as its laws see it: run on a scripted loss, watched at the optimizer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from lawful.impl.contracts import Adapter, LRFinder, Swept
from lawful.properties import probes
from lawful.properties.subjects.snippets import lr_finder_snippet
from lawful.properties.subjects.subject import (
    BATCHES,
    ERRORS,
    WAITS,
    Answer,
    LawBroken,
    NotAsked,
    NotUnderstood,
    Raised,
    Subject,
    Unasked,
    silence,
)
from lawful.reference import lr_finder as reference

RELATIVE = 1e-5
"""Rates and losses go through float32 in places: 6e-8, times the 100 roundings of a long product."""


Curve = tuple[Any, Any]
"""(x, y), (n,) both."""


@dataclass
class Picture:
    """What axes of Matplotlib show."""

    scale: str
    """Of the learning rates."""
    heights: tuple[float, float]
    """Between which losses are seen, from below."""
    lines: list[Curve]
    """Single points among them."""
    words: tuple[str, str]
    """At the axes."""
    unseen: tuple[str, ...]
    """The names of what is drawn that no legend shows."""

    @classmethod
    def of(cls, axes: Any) -> Self:
        shown = [line.get_data() for line in axes.lines]
        shown += [points.get_offsets().T for points in axes.collections]
        legend = axes.get_legend()
        seen = [] if legend is None else [text.get_text() for text in legend.get_texts()]
        named = [str(each.get_label()) for each in (*axes.lines, *axes.collections)]
        return cls(
            axes.get_xscale(),
            axes.get_ylim(),
            [(np.asarray(x, float), np.asarray(y, float)) for x, y in shown],
            (axes.get_xlabel(), axes.get_ylabel()),
            tuple(name for name in named if not name.startswith("_") and name not in seen),
        )


@dataclass
class Sweep(Answer):
    """One range test. ``value`` are the recorded losses."""

    lrs: Any = None
    """As it recorded them."""
    used: Any = None
    """The first group's, as the optimizer saw them at each step."""
    script: probes.Script = field(default_factory=lambda: probes.Script([]))
    changed: tuple[str, ...] = ()
    """The parts of the state that were not put back."""
    optimizer_changes: tuple[str, ...] = ()
    """Of the optimizer: ``lr``, ``momentum``, ``state``, as far as they are not what they were."""
    own_optimizer: bool = False
    """Whether steps were taken, and none by the optimizer that was passed in."""
    crashed: BaseException | None = None
    raised: BaseException | None = None
    """The script's own exception, where it came through."""
    suggestion: float | None = None
    suggestion_error: BaseException | None = None
    drawn: Picture | None = None
    """Where its plot was asked for."""
    swept: Swept | None = None
    """What came back."""

    @property
    def steps(self) -> int:
        return len(self.script.steps)


@dataclass
class Finder(Subject):
    """``finder(losses)`` runs a test whose loss at step i is ``losses[i]``, over as many steps."""

    technique: ClassVar[str] = "lr_finder"
    convention_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "smoothing": ("none", "ema", "ema_corrected", "other"),
        "restores": ("automatically", "on_reset", "never"),
        "random_state": ("restored", "consumed"),
        "suggestion": ("steepest", "minimum", "valley", "other", "none"),
        "slope": ("fitted",),
        "mode": ("train", "as_given"),
        "steps": ("asked", "loader"),
        "schedule": ("geometric", "linear"),
        "explosion": ("recorded", "left_out"),
        "records": ("all", "trimmed"),
        "groups": ("ratio", "one", "other"),
        "no_fall": ("none", "a rate"),
        "loader": ("iterable", "sized"),
        "judged": ("raw", "ema_corrected"),
        "errors": ERRORS,
        "batches": BATCHES,
        "waits": WAITS,
    }
    """``mode`` is "train" unless an adapter documents that the mode is the caller's. Documented alone are
    ``no_fall``, what is suggested for a curve that does not fall, ``loader``, whether it needs a length, and
    ``judged``: the loss that diverges, where that is another than the recorded one.
    """

    adapter: LRFinder
    beta: float = 0.0
    """Of the detected moving average."""

    def __call__(
        self,
        losses: list[float],
        *,
        rates: Any = (1e-5, 1.0),
        num_iter: int | None = None,
        batches: int | None = None,
        groups: int = 1,
        raises_at: int | None = None,
        interrupts: bool = False,
        training: bool = False,
        setting: str | None = None,
        suggests: bool = False,
        draws: bool = False,
        on_cpu: bool = False,
        shuffles: bool = False,
        streams: bool = False,
        validates: list[int] | None = None,
        **features: Any,
    ) -> Sweep:
        """``batches`` of the loader, as many as steps where None; ``groups`` of the optimizer, 1 or 2;
        ``training``: the mode in which the model is handed over, and ``setting`` what else it is like;
        ``interrupts``: it is interrupted where it would raise; ``suggests``: read its suggestion too, for
        which some draw a plot; ``draws``: look at its plot; ``on_cpu``: the batches are there, wherever
        the model is; ``shuffles``: the loader draws from a generator of its own; ``streams``: it has no
        length; ``validates``: the sizes of a validation loader's batches."""
        steps = len(losses) if num_iter is None else num_iter
        if num_iter is None and steps < self.adapter.least_steps:
            raise Unasked(f"it wants {self.adapter.least_steps} steps")
        batches = max(0, steps) if batches is None else batches
        answer = Sweep(
            {
                "losses": losses,
                "start_lr": rates[0],
                "end_lr": rates[1],
                "num_iter": steps,
                "batches": batches,
                "groups": groups,
                "raises_at": raises_at,
                "interrupts": interrupts,
                "training": training,
                "setting": setting,
                "shuffles": shuffles,
                "streams": streams,
                "validates": validates,
                "features": features,
            }
        )
        self.answers.append(answer)
        with probes.seeded(0):
            parts = probes.scripted(
                losses,
                batches=batches,
                groups=groups,
                raises_at=raises_at,
                interrupts=interrupts,
                training=training,
                setting=setting,
                device=self.device,
                batches_on="cpu" if on_cpu else self.device,
                shuffles=shuffles,
                streams=streams,
            )
            if validates is not None:
                features = {**features, "val_loader": probes.validating(validates, self.device)}
            with probes.watched(parts[0]):
                self._run(answer, parts, rates, steps, suggests, draws, features)
        return answer

    def _run(
        self,
        answer: Sweep,
        parts: Any,
        rates: Any,
        steps: int,
        suggests: bool,
        draws: bool,
        features: Any,
    ) -> None:
        answer.script, model, optimizer, loader = parts
        before = probes.snapshot(model, optimizer, loader)
        swept: Swept | None = None
        try:
            with self.asking(), silence() as printed:
                swept = self.build(
                    model,
                    optimizer,
                    answer.script.criterion,
                    loader,
                    start_lr=rates[0],
                    end_lr=rates[1],
                    num_iter=steps,
                    **features,
                )
        except Raised as error:
            if answer.asked["raises_at"] is None or not _came_from_script(error.error):
                self._compare(answer, before, model, optimizer, loader)
                answer.crashed = error.error
                raise
            answer.raised = error.error
        except probes.ScriptInterrupt as error:
            answer.raised = error
        except NotAsked as error:
            if answer.asked["interrupts"] and isinstance(error.__cause__, SystemExit):
                raise Unasked("an interrupt ends its process") from error
            raise
        answer.printed = printed.getvalue()
        answer.used = np.asarray([rates[0] for rates, _, _ in answer.script.steps])
        if swept is not None:
            answer.swept = swept
            self._read(answer, swept, suggests)
            if draws and swept.plot is not None:
                with self.asking(), silence():
                    answer.drawn = Picture.of(swept.plot())
            reset = getattr(swept, "reset", None)
            if reset is not None:
                with self.asking(), silence():
                    reset()
        answer.own_optimizer = bool(answer.script.steppers) and optimizer not in answer.script.steppers
        self._compare(answer, before, model, optimizer, loader)

    def _compare(self, answer: Sweep, before: Any, model: Any, optimizer: Any, loader: Any) -> None:
        after = probes.snapshot(model, optimizer, loader)
        answer.changed = tuple(part for part in before if probes.changed(before[part], after[part]))
        found = probes.optimizer_changes(before["optimizer"], after["optimizer"])
        answer.optimizer_changes = tuple(found)
        kept = (value for state in optimizer.state.values() for value in state.values())
        self.look_at_places(answer, *model.state_dict().values(), *kept)

    def _read(self, answer: Sweep, swept: Any, suggests: bool) -> None:
        lrs, losses = getattr(swept, "lrs", None), getattr(swept, "losses", None)
        if lrs is None or losses is None:
            answer.lrs = answer.used
            answer.value = np.asarray([*answer.script.losses, *answer.script.losses[-1:] * answer.steps])
            answer.value = answer.value[: answer.steps]
        else:
            answer.lrs, answer.value = _numbers("learning rates", lrs), _numbers("losses", losses)
        suggest = getattr(swept, "suggest", None)
        if suggest is not None and suggests:
            try:
                with silence():
                    found = suggest()
                answer.suggestion = None if found is None else float(found)
            except Exception as error:
                answer.suggestion_error = error

    def unsmoothed(self) -> dict[str, Any]:
        """The option without which a suggestion may be read off another curve than the recorded one."""
        return {"smoothing": 0.0} if "smoothing" in self.features else {}

    def by_its_rule(self, answer: Sweep) -> float:
        """What the reference suggests for what was recorded, by the detected rule."""
        rules = {**_RULES, "steepest": reference.suggest_steepest}
        right = rules[self.conventions["suggestion"]](answer.lrs, answer.value)
        assert right is not None
        return right

    def aligned(self, answer: Sweep) -> int:
        """The step of the first record: histories may be cut at both ends."""
        count = len(answer.lrs)
        for first in range(len(answer.used) - count + 1):
            if np.allclose(answer.lrs, answer.used[first : first + count], rtol=RELATIVE, atol=0):
                return first
        return 0

    def remarks(self) -> list[str]:
        if self.conventions.get("restores") == "never":
            left = "It leaves the model and the optimizer as the sweep left them (restores=never)."
            return [*super().remarks(), left]
        return super().remarks()

    def recorded(self, losses: list[float], count: int) -> Any:
        """The first ``count`` records of a history of these losses, under the detected smoothing. The
        script's last loss goes on for ever."""
        losses = [*losses, *losses[-1:] * (count - len(losses))][:count]
        kind = self.conventions.get("smoothing", "none")
        if kind == "ema_corrected":
            return reference.smoothed(losses, self.beta)
        if kind == "ema":
            found = [losses[0]] if losses else []
            for loss in losses[1:]:
                found.append(self.beta * found[-1] + (1 - self.beta) * loss)
            return np.asarray(found)
        return np.asarray(losses, float)

    @classmethod
    def understand(cls, adapter: Adapter) -> Self:
        assert isinstance(adapter, LRFinder)
        subject = cls(adapter, features=adapter.features)
        with silence():
            subject._smoke()
            subject.conventions = {**subject._detect(), **adapter.documented}
            subject.features |= subject.features_said()
        return subject

    def waits_of_a_call(self) -> int:
        """From tests of two lengths: what comes before and after is no step."""
        least = max(6, self.adapter.least_steps)
        moved = self.conventions.get("batches") == "moved"
        few, many = (self.waited(partial(self, [1.0] * steps, on_cpu=moved)) for steps in (least, 2 * least))
        short, long = (answer.steps for answer in self.answers[-2:] if isinstance(answer, Sweep))
        return round((many - few) / max(1, long - short))

    def ordinarily(self) -> Sweep:
        """Of a loss that climbs a twentieth a step, so that how it is judged shows in where it stops."""
        steps = self.documented("num_iter") or 30
        rates = [1e-5, 1.0]
        return self([1.05**i for i in range(100)], rates=rates, num_iter=steps, batches=20, groups=2)

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Sweep)
        used = [rate for rates, _, _ in answer.script.steps for rate in rates]
        shown = {"learning rates": answer.lrs, "losses": answer.value, "learning rates that were used": used}
        batches = [mean for _, _, means in answer.script.steps for mean in means]
        return {**shown, "batches that were seen": batches}

    def asks_steps(self) -> bool:
        """Whether the number of steps is an argument, and not the loader's length."""
        return self.conventions.get("steps", "asked") == "asked"

    def _smoke(self) -> None:
        """Six steps of a constant loss are steps of an optimizer. The records are for the laws to judge."""
        steps = max(6, self.adapter.least_steps)
        asked = f"{steps} steps of loss 1, from 1e-5 to 1"
        try:
            answer = self([1.0] * steps)
        except LawBroken as error:
            raise NotUnderstood(f"{asked}: {error}") from error
        except (Raised, NotAsked) as error:
            raise NotUnderstood(f"{asked}: it {error}") from error
        if answer.steps < 2:
            raise NotUnderstood(f"{asked}: {answer.steps} optimizer steps, expected about {steps}")

    def _detect(self) -> dict[str, str]:
        found = {
            "smoothing": "other",
            "restores": "never",
            "random_state": "consumed",
            "suggestion": "none",
            "mode": "train",
            "steps": "asked",
        }
        self.features |= {"given_optimizer"}
        if self._keeps_records():
            self.features |= {"history"}
        steps = max(6, self.adapter.least_steps)
        with contextlib.suppress(Raised, LawBroken):
            answer = self([1.0] * steps)
            if answer.own_optimizer:
                self.features -= {"given_optimizer"}
            parts = {"model", "optimizer"} if "given_optimizer" in self.features else {"model"}
            # all of it left: a choice; one part of it left: a fault
            found["restores"] = "never" if parts <= set(answer.changed) else "automatically"
            found["random_state"] = "consumed" if "random" in answer.changed else "restored"
        if found["restores"] == "automatically" and self._resets():
            found["restores"] = "on_reset"
        with contextlib.suppress(Raised, LawBroken):
            losses = [1.0, 0.5, 1.0, 0.25, 0.75, 1.0, 0.5, 0.5] + [0.5] * (steps - 8)
            answer = self(losses)
            first = self.aligned(answer)
            found["smoothing"] = "none" if first else self._smoothing(losses, answer.value)
        with contextlib.suppress(Raised, LawBroken):
            answer = self([1.0] * max(40, steps))
            found["records"] = "trimmed" if 0 < len(answer.lrs) < answer.steps else "all"
            rises = np.diff(answer.used)
            even = len(rises) > 1 and np.allclose(rises, rises[0], rtol=1e-3, atol=0)
            found["schedule"] = "linear" if even and self.adapter.linear else "geometric"
        with contextlib.suppress(Raised, LawBroken):
            answer = self([1.0] * 30 + [1e6] * 12)
            if answer.steps <= 32 and len(answer.value):
                found["explosion"] = "recorded" if answer.value.max() >= 4 else "left_out"
        if "given_optimizer" in self.features:
            with contextlib.suppress(Raised, LawBroken):
                found["groups"] = _shares(self([1.0] * steps, groups=2).script.steps)
        if "suggestion" in self.features:
            with contextlib.suppress(Raised, LawBroken):
                rules = {_method(self(valley(at), suggests=True, **self.unsmoothed())) for at in (20, 17)}
                found["suggestion"] = rules.pop() if len(rules) == 1 else "other"
        return found

    def _keeps_records(self) -> bool:
        steps = max(6, self.adapter.least_steps)
        script, model, optimizer, loader = probes.scripted([1.0] * steps, batches=steps)
        try:
            with probes.seeded(0), self.asking(), silence(), probes.watched(script):
                swept = self.adapter.build(
                    model, optimizer, script.criterion, loader, start_lr=1e-5, end_lr=1.0, num_iter=steps
                )
        except Raised:
            return True
        return getattr(swept, "losses", None) is not None

    def _resets(self) -> bool:
        """Does it offer a reset to be called after?"""
        steps = max(6, self.adapter.least_steps)
        script, model, optimizer, loader = probes.scripted([1.0] * steps, batches=steps)
        with probes.seeded(0), self.asking(), silence():
            swept = self.adapter.build(
                model, optimizer, script.criterion, loader, start_lr=1e-5, end_lr=1.0, num_iter=steps
            )
        return getattr(swept, "reset", None) is not None

    def _smoothing(self, losses: list[float], recorded: Any) -> str:
        if len(recorded) < 3:
            return "other"
        first, second = losses[:2]
        guesses = {
            "none": 0.0,
            "ema": (recorded[1] - second) / (first - second),
            "ema_corrected": (recorded[1] - second) / (first - recorded[1]) if recorded[1] != first else 0.0,
        }
        for kind, beta in guesses.items():
            if not 0 <= beta < 1:
                continue
            self.beta = float(beta)
            right = self.requiring({"smoothing": kind}).recorded(losses, len(recorded))
            if np.allclose(right, recorded, rtol=1e-4):
                return kind
        self.beta = 0.0
        return "other"

    def offers(self, feature: str) -> str | None:
        if feature == "arguments":
            return "says nothing of its arguments"
        if feature == "suggestion":
            return "suggests nothing"
        if feature == "plot":
            return "draws nothing"
        if feature == "history":
            return "gives no history"
        if feature == "given_optimizer":
            return "makes an optimizer of its own"
        says = {
            "val_loader": "says nothing of a validation set",
            "clip_grad_norm": "says nothing of gradients that are clipped",
            "sweeps": "says nothing of several sweeps",
            "group_suggestions": "suggests nothing for each group",
            "explanation": "gives no reason in words",
            "several_rules": "draws one rule's suggestion",
        }
        if feature in says:
            return says[feature]
        options: dict[str, Any] = {feature: {"divergence": 4.0, "smoothing": 0.0}[feature]}
        return self.refusal(lambda: self([1.0] * 6, **options))

    def snippet(self, answers: list[Answer], broken: BaseException, headline: str) -> str:
        return lr_finder_snippet(self, answers, broken, headline)


CRASHES = (
    ZeroDivisionError,
    IndexError,
    KeyError,
    NameError,
    AttributeError,
    TypeError,
    StopIteration,
)
"""Errors that nobody raises on purpose to refuse an argument."""


def valley(steepest: int, count: int = 40) -> list[float]:
    """A curve that falls from 1 to 1/4 as a logistic one, and then rises a little."""
    i = np.arange(count)
    falls = 1 - 0.75 / (1 + np.exp(-(i - steepest) / 3.0))
    rises = 0.02 * np.maximum(0, i - steepest - 10)
    return [float(x) for x in np.round((falls + rises) * 4096) / 4096]


def _shares(steps: list[Any]) -> str:
    """Whether the second group's rate, half the first's before, stays so, or is the same."""
    shares = {round(rates[1] / rates[0], 6) for rates, _, _ in steps}
    return {(0.5,): "ratio", (1.0,): "one"}.get(tuple(shares), "other")


def _method(answer: Sweep) -> str:
    if answer.suggestion is None:
        return "none"
    if steepness(answer) >= 0.9:
        return "steepest"
    for name, suggest in _RULES.items():
        right = suggest(answer.lrs, answer.value)
        if right and np.isclose(right, answer.suggestion, rtol=0.05):
            return name
    return "other"


_RULES = {"minimum": reference.suggest_minimum, "valley": reference.suggest_valley}


def steepness(answer: Sweep) -> float:
    """The slope against log lr at the suggestion, as a share of the steepest: the best of the point and
    its neighbours, as one-sided differences are off by half a point."""
    slopes = reference.slopes(answer.lrs, answer.value)[: int(np.argmin(answer.value)) + 1]
    assert answer.suggestion is not None
    near = int(np.argmin(np.abs(np.log(answer.lrs) - np.log(answer.suggestion))))
    around = slopes[max(0, near - 1) : near + 2]
    if not len(around) or slopes.min() >= 0:
        return 0.0
    return float(around.min() / slopes.min())


def _numbers(what: str, values: Any) -> Any:
    try:
        return np.asarray([float(value) for value in values])
    except (TypeError, ValueError) as error:
        raise LawBroken(what, "a", "sequence of numbers", type(values).__name__) from error


def _came_from_script(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, probes.ScriptEnd):
            return True
        error = error.__cause__ or error.__context__
    return False


SUBJECT = Finder

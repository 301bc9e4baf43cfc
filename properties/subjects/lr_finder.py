"""A learning-rate range test as its laws see it: run on a scripted loss, watched at the optimizer."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch

from lawful.impl.contracts import Adapter, LRFinder, Swept
from lawful.properties import probes, twin
from lawful.properties.subjects.failures import (
    LawBroken,
    NotAsked,
    NotUnderstood,
    OutOfSight,
    Raised,
    Unasked,
)
from lawful.properties.subjects.program import Seen, literal
from lawful.properties.subjects.subject import BATCHES, ERRORS, WAITS, Answer, Subject, places_of, silence
from lawful.reference import lr_finder as reference
from lawful.reference.lr_finder import slopes

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

    def curves(self) -> list[Curve]:
        return [(x, y) for x, y in self.lines if len(x) > 2]

    def longest(self) -> Curve:
        return max(self.curves(), key=lambda line: len(line[0]))

    def shows(self, lrs: Any, losses: Any) -> bool:
        """Whether a curve is the records, or a run of them."""
        return any(
            np.allclose(curve, [part[first : first + len(curve[0])] for part in (lrs, losses)], rtol=RELATIVE)
            for curve in self.curves()
            for first in range(len(lrs) - len(curve[0]) + 1)
        )

    def marks(self, suggestion: float) -> int:
        """How many single points lie where the suggestion meets a curve."""
        heights = [np.interp(np.log(suggestion), np.log(x), y) for x, y in self.curves()]
        points = [y[0] for x, y in self.lines if len(y) == 1 and np.allclose(x, suggestion, rtol=1e-3)]
        return sum(bool(np.isclose(heights, y, rtol=1e-3).any()) for y in points)

    def fall(self) -> float:
        """Of the longest curve, as a share of the height that is seen."""
        _, y = self.longest()
        low, high = self.heights
        return float(y[0] - np.min(y)) / (high - low)


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
    model_changes: tuple[str, ...] = ()
    """Of the model: ``parameters``, ``buffers``, as far as they are not what they were."""
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
        "suggestion": ("steepest", "minimum", "smallest", "valley", "other", "none"),
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
        after: Any = None,
        runs_again: bool = False,
        validates: list[int] | None = None,
        **features: Any,
    ) -> Sweep:
        """``batches`` of the loader, as many as steps where None; ``groups`` of the optimizer, 1 or 2;
        ``training``: the mode in which the model is handed over, and ``setting`` what else it is like;
        ``interrupts``: it is interrupted where it would raise; ``suggests``: read its suggestion too, for
        which some draw a plot; ``draws``: look at its plot; ``on_cpu``: the batches are there, wherever
        the model is; ``shuffles``: the loader draws from a generator of its own; ``streams``: it has no
        length; ``validates``: the sizes of a validation loader's batches; ``after``: the rates of another
        test of the same model and optimizer that comes first; ``runs_again``: the same object has run once
        before."""
        steps = len(losses) if num_iter is None else num_iter
        if num_iter is None and steps < self.adapter.least_steps:
            raise Unasked(f"it wants {self.adapter.least_steps} steps")
        batches = max(0, steps) if batches is None else batches
        asked: dict[str, Any] = {"losses": losses, "num_iter": steps, "rates": rates, "batches": batches}
        asked |= {"raises_at": raises_at, "interrupts": interrupts}
        answer = Sweep(asked)
        self.answers.append(answer)
        call = self.calling(answer, **_TOOLS)
        options = {
            "groups": (groups, 1),
            "raises_at": (raises_at, None),
            "interrupts": (interrupts, False),
            "training": (training, False),
            "device": (self.device, "cpu"),
            "batches_on": ("cpu" if on_cpu else None, None),
            "shuffles": (shuffles, False),
            "streams": (streams, False),
        }
        given = [f"{name}={literal(value)}" for name, (value, usual) in options.items() if value != usual]
        with probes.generators_kept():
            call.do("seed_all(0)")
            inside = ", ".join([literal(losses), f"batches={batches}", *given])
            call.do(f"script, model, optimizer, loader = scripted({inside})")
            answer.script = call.names["script"]
            if self.device == twin.NAME:
                call.names["twin"] = twin
                call.do("script.aside = lambda: twin.looking(False)")
            if setting is not None:
                call.do(probes.SETTINGS[setting])
            if validates is not None:
                place = "" if self.device == "cpu" else ", device"
                call.do(f"val_loader = validating({literal(validates)}{place})")
            self._run(answer, rates, steps, suggests, draws, features, after, runs_again)
        return answer

    def _run(
        self,
        answer: Sweep,
        rates: Any,
        steps: int,
        suggests: bool,
        draws: bool,
        features: dict[str, Any],
        after: Any,
        runs_again: bool,
    ) -> None:
        call = answer.call
        call.do("before = snapshot(model, optimizer, loader)")
        built = self._source(rates, steps, features)
        swept: Swept | None = None
        try:
            progress = "progress" in self.given
            kept = "contextlib.redirect_stderr(io.StringIO()) as printed, " if progress else ""
            with self.asking(), silence():
                if after is not None or runs_again:
                    call.do(f"result = {self._source(after or rates, steps, features)}")
                    if getattr(call.names["result"], "reset", None) is not None:
                        call.do("result.reset()")
                    call.do("script.begin_again()")
                    built = "result.again()" if runs_again else built
                call.do(f"with {kept}watched(script):\n    result = {built}")
            if progress:
                answer.printed = call.words("printed.getvalue()")
            swept = call.names["result"]
        except Raised as error:
            if isinstance(error.error, TypeError) and "ScriptedModel" in str(error.error):
                raise OutOfSight(f"it calls its model in another way here: {error.error}") from error
            if answer.asked["raises_at"] is None or not _came_from_script(error.error):
                self._look(answer)
                answer.crashed = error.error
                raise
            answer.raised = error.error
        except probes.ScriptInterrupt as error:
            answer.raised = error
        except NotAsked as error:
            if answer.asked["interrupts"] and isinstance(error.__cause__, SystemExit):
                raise Unasked("an interrupt ends its process") from error
            raise
        self._look(answer, swept, suggests, draws)

    def _source(self, rates: Any, steps: int, features: dict[str, Any]) -> str:
        """Source of a test."""
        span = {"start_lr": rates[0], "end_lr": rates[1], "num_iter": steps, **features}
        named = {name: literal(value) for name, value in span.items()}
        if "val_loader" in self.answers[-1].call.names:
            named["val_loader"] = "val_loader"
        return self.build_source("model", "optimizer", "script.criterion", "loader", **named)

    def _look(
        self, answer: Sweep, swept: Swept | None = None, suggests: bool = False, draws: bool = False
    ) -> None:
        """At what the sweep did, what it gave, and what it left."""
        call, script = answer.call, answer.script
        call.do("used = numpy.array([rates[0] for rates, _, _ in script.steps])")
        answer.used = call.see("used")
        if swept is not None:
            answer.swept = swept
            self._read(answer, swept, suggests)
            if draws and swept.plot is not None:
                with self.asking(), silence():
                    call.do("drawn = Picture.of(result.plot())")
                answer.drawn = call.names["drawn"]
            if getattr(swept, "reset", None) is not None:
                with self.asking(), silence():
                    call.do("result.reset()")
        given = call.names["optimizer"]
        answer.own_optimizer = bool(script.steppers) and given not in script.steppers
        call.do("after = snapshot(model, optimizer, loader)")
        before, after = call.names["before"], call.names["after"]
        answer.changed = tuple(part for part in before if probes.changed(before[part], after[part]))
        answer.model_changes = tuple(probes.model_changes(before["model"], after["model"]))
        answer.optimizer_changes = tuple(probes.optimizer_changes(before["optimizer"], after["optimizer"]))
        kept = "[list(state.values()) for state in optimizer.state.values()]"
        answer.places = call.words(f"places_of(model.state_dict(), {kept})")

    def _read(self, answer: Sweep, swept: Any, suggests: bool) -> None:
        call = answer.call
        if getattr(swept, "lrs", None) is None or getattr(swept, "losses", None) is None:
            call.do("lrs, losses = used, numpy.array(script.said(len(used)))")
        else:
            for name, what in (("lrs", "learning rates"), ("losses", "losses")):
                try:
                    call.do(f"{name} = numpy.array([float(value) for value in result.{name}])")
                except (TypeError, ValueError) as error:
                    given = type(getattr(swept, name)).__name__
                    check = (f"all(isinstance(float(value), float) for value in result.{name})", call)
                    raise LawBroken(what, "a", "sequence of numbers", given, check=check) from error
        answer.lrs, answer.value = call.see("lrs"), call.see("losses")
        if suggests and getattr(swept, "suggest", None) is not None:
            try:
                with silence():
                    call.do("suggestion = result.suggest()")
                found = call.names["suggestion"]
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
            subject.blind = subject._unseen()
            subject.conventions = {**subject._detect(), **adapter.documented}
            subject.features |= subject.features_said()
        return subject

    def waits_of_a_call(self) -> Seen:
        """From tests of two lengths: what comes before and after is no step."""
        least = max(6, self.adapter.least_steps)
        moved = self.conventions.get("batches") == "moved"
        few, many = (self.waited(partial(self, [1.0] * steps, on_cpu=moved)) for steps in (least, 2 * least))
        short, long = (answer.steps for answer in self.answers[-2:] if isinstance(answer, Sweep))
        steps = max(1, long - short)
        return Seen.of(round(float(many - few) / steps), f"round((count_2 - count_1) / {steps})", None)

    def ordinarily(self) -> Sweep:
        """Of a loss that climbs a twentieth a step, so that how it is judged shows in where it stops."""
        steps = self.documented("num_iter") or 30
        rates = [1e-5, 1.0]
        return self([1.05**i for i in range(100)], rates=rates, num_iter=steps, batches=20, groups=2)

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Sweep)
        used = answer.see("[rate for rates, _, _ in script.steps for rate in rates]")
        shown = {"learning rates": answer.lrs, "losses": answer.value, "learning rates that were used": used}
        batches = answer.see("[mean for _, _, means in script.steps for mean in means]")
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

    def _unseen(self) -> dict[str, str]:
        """What of a test the script and the probe do not see."""
        steps = max(12, self.adapter.least_steps)
        with contextlib.suppress(Raised, LawBroken):
            answer = self([1.0 + i / 16 for i in range(steps)])
            script, found = answer.script, {}
            if not script.asked:
                found["losses"] = "Its loss is its own"
            elif script.asked > answer.steps + 1:
                times = round(script.asked / max(1, answer.steps))
                found["losses"] = f"It asks for the loss {times} times a step, over a validation set, say"
            if not any(any(grads) for _, grads, _ in script.steps):
                found["gradients"] = (
                    "The gradient of the probe is 0 in it, as that of a softmax over a single output is"
                )
            return found
        return {}

    def _detect(self) -> dict[str, str]:
        found = {
            "smoothing": "other",
            "restores": "never",
            "random_state": "consumed",
            "suggestion": "none",
            "steps": "asked",
        }
        self.features |= {"given_optimizer", "given_loader", "range"} - set(self.adapter.declines)
        if self._keeps_records():
            self.features |= {"history"}
        if self._runs_again():
            self.features |= {"second_run"}
        steps = max(6, self.adapter.least_steps)
        with contextlib.suppress(Raised, LawBroken):
            answer = self([1.0] * steps)
            if answer.own_optimizer:
                self.features -= {"given_optimizer"}
            parts = {"model", "optimizer"} if "given_optimizer" in self.features else {"model"}
            # all of it left, and nothing tried: a choice; one part of it left: a fault
            leaves_all = parts <= set(answer.changed) and not self._tries_to_restore()
            found["restores"] = "never" if leaves_all else "automatically"
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
                curves = (valley(16, tail=18), valley(14, tail=20))
                looks = [_rules(self(curve, suggests=True, **self.unsmoothed())) for curve in curves]
                rules = set.intersection(*looks)
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
        return getattr(self._swept(), "reset", None) is not None

    def _runs_again(self) -> bool:
        """Is it an object that can be told to run a second time?"""
        with contextlib.suppress(Raised):
            return getattr(self._swept(), "again", None) is not None
        return False

    def _swept(self) -> Any:
        """What a calm test of it gives."""
        steps = max(6, self.adapter.least_steps)
        script, model, optimizer, loader = probes.scripted([1.0] * steps, batches=steps)
        with probes.seeded(0), self.asking(), silence():
            return self.adapter.build(
                model, optimizer, script.criterion, loader, start_lr=1e-5, end_lr=1.0, num_iter=steps
            )

    def _tries_to_restore(self) -> bool:
        """Does it offer a reset, load a state after a step, or put back a single value?"""
        steps = max(6, self.adapter.least_steps)
        script, model, optimizer, loader = probes.scripted([1.0] * steps, batches=steps)
        loaded: list[int] = []
        for part in (model, optimizer):
            each: Any = part
            if not hasattr(part, "register_load_state_dict_pre_hook"):  # a module's, before PyTorch 2.5
                each._register_load_state_dict_pre_hook(lambda *_: loaded.append(len(script.steps)))
            else:
                each.register_load_state_dict_pre_hook(lambda *_: loaded.append(len(script.steps)))
        before = probes.snapshot(model, optimizer)
        with probes.seeded(0), self.asking(), silence(), probes.watched(script):
            swept = self.adapter.build(
                model, optimizer, script.criterion, loader, start_lr=1e-5, end_lr=1.0, num_iter=steps
            )
        if getattr(swept, "reset", None) is not None or any(loaded):
            return True
        return bool(_values_back(script, optimizer, before, probes.snapshot(model, optimizer)))

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
            "second_run": "is no object that runs a second time",
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


def valley(steepest: int, count: int = 40, tail: int = 10) -> list[float]:
    """A curve that falls from 1 to 1/4 as a logistic one, and rises a little from ``tail`` steps later on."""
    i = np.arange(count)
    falls = 1 - 0.75 / (1 + np.exp(-(i - steepest) / 3.0))
    rises = 0.02 * np.maximum(0, i - steepest - tail)
    return [float(x) for x in np.round((falls + rises) * 4096) / 4096]


def _values_back(script: probes.Script, optimizer: Any, before: Any, after: Any) -> list[str]:
    """What the steps of this optimizer changed, and is as it was before them."""
    steps = [step for step, by in zip(script.steps, script.steppers, strict=True) if by is optimizer]
    moved = any(any(grads) for _, grads, _ in steps)
    old, new = before["optimizer"]["groups"], after["optimizer"]["groups"]
    swept = any(rates[0] != old[0]["lr"] for rates, _, _ in steps)
    back = {
        "parameters": moved and torch.equal(before["model"]["first"], after["model"]["first"]),
        "momentum": moved and not probes.changed(before["optimizer"]["state"], after["optimizer"]["state"]),
        "learning rate": swept and not probes.changed(old[0]["lr"], new[0]["lr"]),
    }
    return [name for name, is_back in back.items() if is_back]


def dip(steepest: int, count: int = 120) -> list[float]:
    """A curve that falls from 1 to 0.3 and rises again to 0.95, 12 steps behind: it never diverges."""
    i = np.arange(count)
    falls = 1 - 0.75 / (1 + np.exp(-(i - steepest) / 2.0))
    rises = 0.7 / (1 + np.exp(-(i - steepest - 12) / 1.5))
    return [float(x) for x in np.round((falls + rises) * 4096) / 4096]


def _shares(steps: list[Any]) -> str:
    """Whether the second group's rate, half the first's before, stays so, or is the same."""
    shares = {round(rates[1] / rates[0], 6) for rates, _, _ in steps}
    return {(0.5,): "ratio", (1.0,): "one"}.get(tuple(shares), "other")


def _rules(answer: Sweep) -> set[str]:
    """The rules by which this curve has the suggestion that was given."""
    if answer.suggestion is None:
        return {"none"}
    found = {"steepest"} if steepness(answer.lrs, answer.value, answer.suggestion) >= 0.9 else set()
    for name, suggest in _RULES.items():
        right = suggest(answer.lrs, answer.value)
        if right and np.isclose(right, answer.suggestion, rtol=0.05):
            found.add(name)
    return found


def _smallest(lrs: Any, losses: Any) -> float:
    """The rate of the smallest loss."""
    return float(np.asarray(lrs)[int(np.argmin(losses))])


_RULES = {
    "minimum": reference.suggest_minimum,
    "smallest": _smallest,
    "valley": reference.suggest_valley,
}


def steepness(lrs: Any, losses: Any, suggestion: float) -> float:
    """The slope against log lr at the suggestion, as a share of the steepest: the best of the point and
    its neighbours, as one-sided differences are off by half a point."""
    found = slopes(lrs, losses)[: int(np.argmin(losses)) + 1]
    near = int(np.argmin(np.abs(np.log(lrs) - np.log(suggestion))))
    around = found[max(0, near - 1) : near + 2]
    if not len(around) or found.min() >= 0:
        return 0.0
    return float(around.min() / found.min())


def _came_from_script(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, probes.ScriptEnd):
            return True
        error = error.__cause__ or error.__context__
    return False


_TOOLS = {
    each.__name__: each
    for each in (
        *(probes.seed_all, probes.scripted, probes.validating, probes.watched),
        *(probes.snapshot, probes.left_changed),
        *(Picture, steepness, places_of),
    )
} | {"math": math, "contextlib": contextlib, "io": io}

SUBJECT = Finder

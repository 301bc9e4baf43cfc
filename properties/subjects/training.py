"""A training loop as its laws see it: every sample a unit vector, so that what was mixed can be read off."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.contracts import Adapter, Trained, Training
from lawful.properties import probes, twin
from lawful.properties.probes import EmptyLoader
from lawful.properties.subjects.failures import LawBroken, NotAsked, NotUnderstood, Raised, Unasked
from lawful.properties.subjects.program import Seen, literal
from lawful.properties.subjects.subject import BATCHES, ERRORS, WAITS, Answer, Subject, places_of, silence

CLASSES = 3


@dataclass
class Watch:
    """What is seen of a training run, from inside."""

    sizes: list[int]
    """Of the batches of an epoch."""
    constant: bool = False
    """Whether batch b of training costs b + 1."""
    reduces: bool = False
    """Whether the loss is a mean over the batch."""
    calls: list[SimpleNamespace] = field(default_factory=list)
    """Of the model: ``training`` and ``with_graph``, ``inputs`` (B, F), each row the weights of the samples
    in it, and ``logits`` (B, K)."""
    judged: list[Any] = field(default_factory=list)
    """The logits of each call of the loss, in evaluation and training."""
    steps: list[tuple[Any, int, int]] = field(default_factory=list)
    """For each optimizer step: the gradient of the weights (K, F), and how often the model and the loss were
    called before it."""
    ticks: list[int] = field(default_factory=list)
    """For each call of the scheduler, the optimizer's steps before it."""
    aside: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext
    """Within which the host's waits are our own."""

    def loss_fn(self, logits: Tensor, target: Tensor) -> Tensor:
        with self.aside():
            self.judged.append(rows_of(logits))
        losses: Tensor = F.cross_entropy(logits, target, reduction="mean" if self.reduces else "none")
        seen = sum(self.trains(call) for call in self.calls)
        if self.constant and self.trains(self.calls[-1]):
            batch = seen
            losses = 0 * losses + (batch - 1) % len(self.sizes) + 1
        return losses

    def trains(self, call: SimpleNamespace) -> bool:
        """Whether it is of training samples, in whichever mode."""
        return bool(call.inputs[:, : sum(self.sizes)].any())

    def step(self, *metrics: Any) -> None:
        """Of a scheduler that changes nothing."""
        self.ticks.append(len(self.steps))


def rows_of(tensor: Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float64).numpy()


class Watched(nn.Module):
    """A linear model of one vector a sample, with a buffer that training moves."""

    count: Tensor

    def __init__(self, watch: Watch, features: int) -> None:
        super().__init__()
        self.watch = watch
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3, features, generator=generator))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        logits = x.flatten(1) @ self.weight.T
        with self.watch.aside():
            call = SimpleNamespace(training=self.training, with_graph=torch.is_grad_enabled())
            call.inputs, call.logits = rows_of(x.flatten(1)), rows_of(logits)
            self.watch.calls.append(call)
        if self.training:
            self.count += 1
        return logits

    def __deepcopy__(self, memo: Any) -> Watched:
        return self


class Steps(torch.optim.SGD):
    """Notes what it is given at each step."""

    watch: Watch

    def step(self, closure: Any = None) -> Any:
        (weight,) = self.param_groups[0]["params"]
        with self.watch.aside():
            grad = np.zeros(weight.shape) if weight.grad is None else rows_of(weight.grad)
        self.watch.steps.append((grad, len(self.watch.calls), len(self.watch.judged)))
        return super().step(closure)


def watched_training(
    watch: Watch,
    train: list[int],
    mix: list[int],
    val: list[int],
    device: str = "cpu",
    batches_on: str = "cpu",
) -> tuple[Watched, Steps, list[Any]]:
    """A model, its optimizer and three loaders, of batches of these sizes: each sample is a unit vector."""
    parts = (train, mix, val)
    features = sum(map(sum, parts))
    rows = torch.eye(features, device=batches_on)[:, None, None, :]
    targets = torch.arange(features, device=batches_on) % 3
    model = Watched(watch, features).to(device)
    optimizer = Steps(model.parameters(), lr=0.0)
    optimizer.watch = watch
    loaders, first = [], 0
    for sizes in parts:
        last = first + sum(sizes)
        loaders.append(in_batches(rows[first:last], targets[first:last], sizes))
        first = last
    return model, optimizer, loaders


def in_batches(rows: Tensor, targets: Tensor, sizes: list[int]) -> Any:
    """A DataLoader that gives batches of these sizes, in order."""
    ends = np.cumsum([0, *sizes])
    batches = [list(range(a, b)) for a, b in itertools.pairwise(ends)]
    kind: Any = DataLoader if batches else EmptyLoader
    return kind(TensorDataset(rows, targets), batch_sampler=batches)


@dataclass
class Run(Answer):
    """One training run. ``value`` are the losses of its epochs."""

    trained: Trained = field(default_factory=lambda: Trained())
    watch: Watch = field(default_factory=lambda: Watch([]))
    weights: Any = None
    targets: Any = None
    """Of all training and partner samples, by their unit vector."""

    @property
    def calls(self) -> list[Any]:
        return self.watch.calls

    @property
    def stepped(self) -> list[Any]:
        """The last call of the model before each step."""
        return [self.watch.calls[calls - 1] for _, calls, _ in self.watch.steps]


@dataclass
class Loop(Subject):
    """``loop(sizes)`` trains an epoch on batches of these sizes, at a learning rate of 0.

    Documented alone are ``errors``, ``batches``, ``waits`` and ``mode``: whether it sets the training mode.
    """

    technique: ClassVar[str] = "training"
    convention_values: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "lambda": ("folded", "beta"),
        "errors": ERRORS,
        "batches": BATCHES,
        "mode": ("train", "as_given"),
        "waits": WAITS,
    }

    adapter: Training

    def __call__(
        self,
        sizes: list[int],
        *,
        val_sizes: list[int] | None = None,
        mix_sizes: list[int] | None = None,
        alpha: float = 1.0,
        epochs: int = 1,
        seed: int = 0,
        constant: bool = False,
        reduces: bool = False,
        schedules: bool = False,
        on_cpu: bool = False,
        in_evaluation: bool = False,
    ) -> Run:
        """``mix_sizes``: of the second loader's batches. ``constant``: batch b of training costs b + 1.
        ``reduces``: the loss is a mean over the batch. ``schedules``: with a scheduler, whose calls are
        counted. ``on_cpu``: the batches are there, wherever the model is. ``in_evaluation``: the
        mode in which the model is handed over."""
        mix, val = mix_sizes or [], [2, 1] if val_sizes is None else val_sizes
        run = Run({"sizes": sizes, "mix_sizes": mix_sizes, "val_sizes": val, "alpha": alpha})
        self.answers.append(run)
        call = self.calling(run, **_TOOLS)
        options = {"constant": constant, "reduces": reduces}
        given = "".join(f", {name}=True" for name, wanted in options.items() if wanted)
        call.do(f"watch = Watch({sizes}{given})")
        run.watch = call.names["watch"]
        if self.device == twin.NAME:
            call.names["twin"] = twin
            call.do("watch.aside = lambda: twin.looking(False)")
        places = {"device": self.device, "batches_on": "cpu" if on_cpu else self.device}
        placed = "".join(f", {name}={literal(value)}" for name, value in places.items() if value != "cpu")
        made = f"watched_training(watch, {sizes}, {mix}, {val}{placed})"
        call.do(f"model, optimizer, (train_loader, mix_loader, val_loader) = {made}")
        if in_evaluation:
            call.do("model.eval()")
        run.weights = rows_of(call.names["model"].weight)
        run.targets = np.arange(sum(sizes) + sum(mix) + sum(val)) % CLASSES
        features = {"mix_loader": "None" if mix_sizes is None else "mix_loader"}
        features |= {"alpha": literal(alpha), "epochs": str(epochs)}
        features |= {"scheduler": "watch"} if schedules else {}
        parts = ("model", "optimizer", "watch.loss_fn", "train_loader", "val_loader")
        kept = "contextlib.redirect_stderr(io.StringIO()) as printed"
        built = f"result = {self.build_source(*parts, **features)}"
        with probes.generators_kept(), self.asking(), silence():
            call.do(f"seed_all({seed})")
            call.do(f"with {kept}:\n    {built}" if "progress" in self.given else built)
        if "progress" in self.given:
            run.printed = call.words("printed.getvalue()")
        run.trained = call.names["result"]
        run.value = call.see("[float(loss) for loss in result.train_loss or ()]")
        run.places = call.words("places_of(model.state_dict(), [p.grad for p in model.parameters()])")
        return run

    def waits_of_a_call(self) -> Seen:
        """From epochs of two lengths: what comes before and after is no step."""
        moved = self.conventions.get("batches") == "moved"
        few, many = (
            self.waited(partial(self, sizes, mix_sizes=self.partners(sizes), on_cpu=moved))
            for sizes in ([2] * 3, [2] * 6)
        )
        return Seen.of(round(float(many - few) / 3), "round((count_2 - count_1) / 3)", None)

    def ordinarily(self) -> Run:
        return self([2, 1], mix_sizes=self.partners([2, 1]))

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Run)
        calls = answer.see("[weight for call in watch.calls for weight in call.inputs.ravel()]")
        return {"training losses of the epochs": answer.value, "inputs of the model": calls}

    def history(self, run: Run, name: str) -> Any:
        """A history of the run, (epochs,). Raises Unasked where it keeps none."""
        if getattr(run.trained, name) is None:
            raise Unasked(f"keeps no {name}")
        return run.see(f"[float(value) for value in result.{name}]")

    def validated(self, run: Run) -> tuple[Any, Any]:
        """Of the validation set: logits (N, K) and targets (N,)."""
        first = sum(run.asked["sizes"]) + sum(run.asked["mix_sizes"] or [])
        return run.weights.T[first:], run.targets[first:]

    def mixed_losses(self, run: Run) -> list[tuple[Any, Any]]:
        """For each training call: each sample's loss (B,) and the gradient of their mean (K, F), for the
        mixture that the inputs show. Sample i of the epoch is known by its place."""
        results, place = [], 0
        total = sum(run.asked["sizes"])
        for call in run.stepped:
            x = call.inputs
            z = x @ run.weights.T
            log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
            onehot = np.eye(CLASSES)[run.targets]
            q = x @ onehot
            losses = -(q * log_p).sum(axis=1)
            results.append((losses, (np.exp(log_p) - q).T @ x / len(x)))
            place = (place + len(x)) % total
        return results

    @classmethod
    def understand(cls, adapter: Adapter) -> Self:
        assert isinstance(adapter, Training)
        subject = cls(adapter, conventions=dict(adapter.documented), features=adapter.features)
        mix = None if "shuffle" in adapter.features else [2, 2]
        try:
            run = subject([2, 2], mix_sizes=mix)
        except LawBroken as error:
            raise NotUnderstood(f"an epoch of two batches: {error}") from error
        except (Raised, NotAsked) as error:
            raise NotUnderstood(f"an epoch of two batches: it {error}") from error
        if not run.watch.judged:
            raise NotUnderstood(
                "an epoch of two batches: its loss is its own, and what it judges is not seen"
            )
        kept = run.trained.train_loss
        steps = len(run.watch.steps)
        if not steps or (kept is not None and len(kept) != 1):
            raise NotUnderstood(f"an epoch of two batches: {steps} steps, {len(run.value)} epochs")
        subject.features |= subject.features_said()
        return subject

    def offers(self, feature: str) -> str | None:
        if feature == "arguments":
            return "says nothing of its arguments"
        mix = [2, 2] if feature == "mix_loader" else self.partners([2, 2])
        return self.refusal(lambda: self([2, 2], mix_sizes=mix, schedules=feature == "scheduler"))

    def partners(self, sizes: list[int]) -> list[int] | None:
        """Sizes of a second loader where there has to be one."""
        return None if "shuffle" in self.features else list(sizes)


_TOOLS = {each.__name__: each for each in (probes.seed_all, Watch, watched_training, places_of)} | {
    "contextlib": contextlib,
    "io": io,
}

SUBJECT = Loop

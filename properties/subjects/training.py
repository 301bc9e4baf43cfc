"""A training loop as its laws see it: every sample a unit vector, so that what was mixed can be read off."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.contracts import Adapter, Trained, Training
from lawful.properties import probes, twin
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
    to_float64,
)

CLASSES = 3


@dataclass
class Call:
    """One call of the model."""

    training: bool
    with_graph: bool
    inputs: Any
    """(B, F), each row the weights of the samples in it."""
    logits: Any


@dataclass
class Run(Answer):
    """One training run, and what was seen of it."""

    trained: Trained = field(default_factory=lambda: Trained())
    calls: list[Call] = field(default_factory=list)
    judged: list[Any] = field(default_factory=list)
    """The logits of each call of the loss, in evaluation and training."""
    steps: list[tuple[Any, int]] = field(default_factory=list)
    """For each optimizer step: the gradient of the weights (K, F), and the calls of the model before it."""
    judged_at_step: list[int] = field(default_factory=list)
    weights: Any = None
    targets: Any = None
    """Of all training and partner samples, by their unit vector."""
    buffers_in_evaluation: int = 0
    ticks: list[int] = field(default_factory=list)
    """For each call of the scheduler, the optimizer's steps before it."""


class _Watched(nn.Module):
    count: Tensor

    def __init__(self, run: Run, features: int) -> None:
        super().__init__()
        self.run = run
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(CLASSES, features, generator=generator))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        logits = x.flatten(1) @ self.weight.T
        with twin.looking(False):
            seen = to_float64(x.flatten(1))
            self.run.calls.append(Call(self.training, torch.is_grad_enabled(), seen, to_float64(logits)))
        if self.training:
            self.count += 1
        return logits

    def __deepcopy__(self, memo: Any) -> _Watched:
        return self


class _Steps(torch.optim.SGD):
    run: Run

    def step(self, closure: Any = None) -> Any:
        (weight,) = self.param_groups[0]["params"]
        with twin.looking(False):
            grad = np.zeros(weight.shape) if weight.grad is None else to_float64(weight.grad)
        self.run.steps.append((grad, len(self.run.calls)))
        self.run.judged_at_step.append(len(self.run.judged))
        return super().step(closure)


class _Ticks:
    """A scheduler that changes nothing."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def step(self, *metrics: Any) -> None:
        self.run.ticks.append(len(self.run.steps))


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
        asked: dict[str, Any] = {
            "sizes": sizes,
            "val_sizes": [2, 1] if val_sizes is None else val_sizes,
            "mix_sizes": mix_sizes,
            "alpha": alpha,
            "epochs": epochs,
            "seed": seed,
            "constant": constant,
        }
        options = {
            "reduces": reduces,
            "schedules": schedules,
            "on_cpu": on_cpu,
            "in_evaluation": in_evaluation,
        }
        asked |= {name: True for name, wanted in options.items() if wanted}
        run = Run(asked)
        self.answers.append(run)
        train, mixed, val = sum(sizes), sum(mix_sizes or []), sum(asked["val_sizes"])
        features = train + mixed + val
        place = "cpu" if on_cpu else self.device
        rows = torch.eye(features, device=place)[:, None, None, :]
        targets = torch.arange(features, device=place) % CLASSES
        run.targets = targets.cpu().numpy()
        model = _Watched(run, features).to(self.device)
        model.train(not in_evaluation)
        run.weights = to_float64(model.weight)
        optimizer = _Steps(model.parameters(), lr=0.0)
        optimizer.run = run

        def loss_fn(logits: Tensor, target: Tensor) -> Tensor:
            with twin.looking(False):
                run.judged.append(to_float64(logits))
            losses = F.cross_entropy(logits, target, reduction="mean" if reduces else "none")
            if constant and model.training:
                batch = sum(call.training for call in run.calls)
                return 0 * losses + (batch - 1) % len(sizes) + 1
            return losses

        loaders = [
            _loader(rows[first:last], targets[first:last], of)
            for first, last, of in (
                (0, train, sizes),
                (train, train + mixed, mix_sizes or []),
                (train + mixed, features, asked["val_sizes"]),
            )
        ]
        with probes.seeded(seed), self.asking(), silence() as printed:
            run.trained = self.build(
                model,
                optimizer,
                loss_fn,
                loaders[0],
                loaders[2],
                mix_loader=None if mix_sizes is None else loaders[1],
                alpha=alpha,
                epochs=epochs,
                **({"scheduler": _Ticks(run)} if schedules else {}),
            )
        run.printed = printed.getvalue()
        run.buffers_in_evaluation = int(model.count.item()) - sum(call.training for call in run.calls)
        run.value = np.asarray([float(loss) for loss in run.trained.train_loss or ()])
        self.look_at_places(run, *model.state_dict().values(), *(p.grad for p in model.parameters()))
        return run

    def waits_of_a_call(self) -> int:
        """From epochs of two lengths: what comes before and after is no step."""
        moved = self.conventions.get("batches") == "moved"
        few, many = (
            self.waited(partial(self, sizes, mix_sizes=self.partners(sizes), on_cpu=moved))
            for sizes in ([2] * 3, [2] * 6)
        )
        return round((many - few) / 3)

    def ordinarily(self) -> Run:
        return self([2, 1], mix_sizes=self.partners([2, 1]))

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        assert isinstance(answer, Run)
        calls = [weight for call in answer.calls for weight in call.inputs.ravel()]
        return {"training losses of the epochs": answer.value, "inputs of the model": calls}

    def history(self, run: Run, name: str) -> Any:
        """A history of the run, (epochs,). Raises Unasked where it keeps none."""
        kept = getattr(run.trained, name)
        if kept is None:
            raise Unasked(f"keeps no {name}")
        return np.asarray([float(value) for value in kept])

    def mixed_losses(self, run: Run) -> list[tuple[Any, Any]]:
        """For each training call: each sample's loss (B,) and the gradient of their mean (K, F), for the
        mixture that the inputs show. Sample i of the epoch is known by its place."""
        results, place = [], 0
        total = sum(run.asked["sizes"])
        for call in (call for call in run.calls if call.training):
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
        kept = run.trained.train_loss
        if not run.steps or (kept is not None and len(kept) != 1):
            raise NotUnderstood(f"an epoch of two batches: {len(run.steps)} steps, {len(run.value)} epochs")
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

    def snippet(self, answers: list[Answer], broken: BaseException, headline: str) -> str:
        """In words: the run is watched from inside, which takes a page of code."""
        asked = answers[-1].asked
        return f"# {headline}\n# a training run with {asked}\n# {broken}\n"


def _loader(rows: Tensor, targets: Tensor, sizes: list[int]) -> Any:
    """A DataLoader that gives batches of these sizes, in order."""
    ends = np.cumsum([0, *sizes])
    batches = [list(range(a, b)) for a, b in itertools.pairwise(ends)]
    kind: Any = DataLoader if batches else probes.EmptyLoader
    return kind(TensorDataset(rows, targets), batch_sampler=batches)


SUBJECT = Loop

"""A mixup asked of what it offers besides: the lines that make a call's inputs are run, and are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lawful.properties import probes
from lawful.properties.subjects.mixup import Mix
from lawful.properties.subjects.subject import Answer, LawBroken

_TARGET = "({result}[1] if len({result}) == 2 else {result}[1:])"


@dataclass
class ByLines(Answer):
    """One seeded call."""

    names: dict[str, Any] = field(default_factory=dict)
    """What the lines gave values to, ``torch``, and the adapter's ``loss``, if it has one."""

    lines: Callable[[str], list[str]] = lambda device: []
    """They define ``inputs`` and ``target``, and what else is asked of, on a device."""
    result: Any = None

    @property
    def is_pair(self) -> bool:
        """Whether the target came as target_a, target_b and lam."""
        return not isinstance(self._evaluated(_TARGET), torch.Tensor)

    def read(self, expression: str) -> Any:
        """What an expression of ``{result}``, or of its ``{target}``, gives: an array, also in a snippet."""
        expression = f"{expression}.detach().double().cpu()".replace("{target}", _TARGET)
        try:
            value = self._evaluated(expression).numpy()
        except Exception as error:
            what = expression.format(result="result")
            raise LawBroken(what, "a", "tensor", f"{type(error).__name__}: {error}") from error
        return self.derive(expression, value)

    def _evaluated(self, expression: str) -> Any:
        return eval(expression.format(result="result"), {**self.names, "result": self.result})


def ask(
    mix: Mix, lines: Callable[[str], list[str]], alpha: float, seed: int, num_classes: int | None
) -> ByLines:
    """``num_classes`` None: the targets are values."""
    asked = {"alpha": alpha, "num_classes": num_classes, "seed": seed}
    names: dict[str, Any] = {"torch": torch, "loss": mix.adapter.loss}
    answer = ByLines(asked, lines=lines, names=names)
    mix.answers.append(answer)
    exec("\n".join(lines(mix.device)), names)
    with probes.seeded(seed), mix.asking():
        answer.result = mix.build(alpha, num_classes)(names["inputs"], names["target"])
    if not isinstance(answer.result, tuple | list) or len(answer.result) not in (2, 4):
        raise LawBroken("form of the result", "a", "(mixed, target)", type(answer.result).__name__)
    return answer


def mixed_as(mix: Mix, answer: ByLines, target: Any, weights: Any, right: Any, bound: Any) -> None:
    """The mixed target is ``right``, or a pair of ``target`` and its partners, shared as in ``weights``."""
    if not answer.is_pair:
        mix.agree("mixed target", answer.read("{target}"), right, bound)
        return
    own, partner = np.diag(weights), probes.partners(weights)
    seen = np.flatnonzero(own < 1).tolist()  # the others show no partner
    mix.agree("own target of the pair", answer.read("{target}[0]"), target, 0.0)
    others = np.asarray(target)[partner[seen]]
    mix.agree("partner's target", answer.read(f"{{target}}[1][{seen}]"), others, 0.0)
    lam = "torch.as_tensor({target}[2]).reshape(-1)"  # one for each, or one for all
    if len(answer.read(lam)) > 1:
        lam = f"{lam}[{seen}]"
    found = answer.read(lam)
    mix.agree("lambda of the pair", found, own[seen][: len(found)], 2 * mix.weight_error())

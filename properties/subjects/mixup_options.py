"""A mixup asked of what it offers besides: classes of places, values, several inputs, masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lawful.properties import probes
from lawful.properties.subjects.failures import LawBroken
from lawful.properties.subjects.mixup import Mix
from lawful.properties.subjects.program import Call, Seen, literal
from lawful.properties.subjects.subject import Answer


def ask(
    mix: Mix, given: Callable[[Call], None], size: int, alpha: float, seed: int, num_classes: int | None
) -> Answer:
    """One seeded call with ``size`` samples: ``given`` gives ``inputs`` and ``target`` their values;
    ``num_classes`` None says that targets are values. What came back is ``result``, its target ``labels``."""
    answer = Answer({"size": size, "alpha": alpha, "num_classes": num_classes, "seed": seed})
    mix.answers.append(answer)
    call = mix.calling(answer, seed_all=probes.seed_all)
    given(call)
    with probes.generators_kept(), mix.asking():
        call.do(f"seed_all({seed})")
        call.do(f"mix = {mix.build_source(literal(alpha), literal(num_classes))}")
        call.do("result = mix(inputs, target)")
    result = call.names["result"]
    if not isinstance(result, tuple | list) or len(result) not in (2, 4):
        wanted, check = "(mixed, target) or (mixed, target_a, target_b, lam)", "len(result) in (2, 4)"
        raise LawBroken("form of the result", "a", wanted, type(result).__name__, check=(check, call))
    call.do("labels = result[1] if len(result) == 2 else tuple(result[1:])")
    return answer


def read(answer: Answer, source: str, what: str) -> Seen:
    """The numbers of a part of what came back. Raises LawBroken where there is no such part."""
    answer.call.use("is_tensor", is_tensor)
    if not answer.call.evaluate(f"is_tensor(lambda: {source})"):
        check = (f"is_tensor(lambda: {source})", answer.call)
        raise LawBroken(what, "a", "tensor", f"no tensor {source}", check=check)
    return answer.part(source)


def is_tensor(part: Callable[[], Any]) -> bool:
    """Whether there is such a part, and it is a tensor."""
    try:
        return isinstance(part(), torch.Tensor)
    except (TypeError, KeyError, IndexError, ValueError):
        return False


def mixed_as(mix: Mix, answer: Answer, target: Any, weights: Any, right: Any, bound: Any) -> None:
    """The mixed target is ``right``, or a pair of ``target`` and its partners, shared as in ``weights``."""
    if isinstance(answer.call.names["labels"], torch.Tensor):
        mix.agree("mixed target", answer.part("labels"), right, bound)
        return
    own, partner = np.diag(weights), probes.partners(weights)
    seen = np.flatnonzero(own < 1).tolist()  # the others show no partner
    mix.agree("own target of the pair", read(answer, "labels[0]", "own target of the pair"), target, 0.0)
    others = np.asarray(target)[partner[seen]]
    mix.agree("partner's target", read(answer, f"labels[1][{seen}]", "partner's target"), others, 0.0)
    lam = "torch.as_tensor(labels[2]).reshape(-1)"  # one for each, or one for all
    if len(read(answer, lam, "lambda of the pair")) > 1:
        lam = f"{lam}[{seen}]"
    found = answer.see(lam)
    mix.agree("lambda of the pair", found, own[seen][: len(found)], 2 * mix.weight_error())

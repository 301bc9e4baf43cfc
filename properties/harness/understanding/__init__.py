"""How to call code that has no adapter: a search over forms, settled by trial.

One module a technique, with ``infer(callee)`` and ``ADAPTER``, the one to write by hand. ``signature`` says
what is called and with which parameters, ``names`` what they are by name, ``filling`` what the others are
given, ``call`` writes the call down, ``trials`` says what stood in the way; ``loss_forms`` and
``mixup_forms`` are what two techniques look like as data. ``losses``, ``mixtures`` and
``curves`` tell what comes back by its values. ``targets`` finds what the user names, ``candidates`` reads
files, ``extract`` takes a definition out of one.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from lawful.impl.contracts import TECHNIQUES, Adapter
from lawful.properties.cuda_as_cpu import CudaAsCpu
from lawful.properties.harness.understanding.candidates import mixes, technique_of_source
from lawful.properties.harness.understanding.mixup_forms import takes_the_model
from lawful.properties.harness.understanding.signature import Callee, callee_of, required
from lawful.properties.harness.understanding.source import file_of, is_library, names_cuda, text_of
from lawful.properties.harness.understanding.trials import (
    AnotherTechnique,
    NeedsCuda,
    NoneFits,
    NotHere,
    RaisesOnEveryCall,
    needs_cuda,
)
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import LATE, Subject, global_state_kept, vars_of


def understand_target(
    target: Any,
    name: str,
    module: str,
    technique: str | None = None,
    owner: Any = None,
    *,
    carried: str = "",
    left_out: Mapping[str, str] | None = None,
) -> Subject:
    """The subject for a class, a function, an object or an adapter. ``owner``: the class of a method;
    ``carried``: source that defines it, and ``left_out`` the names that it misses, with why, where it was
    taken out of its file.

    Raises NotUnderstood with what to write; RaisesOnEveryCall, which is one, where that is
    what came of it.
    """
    if isinstance(target, Adapter):
        named = (each for each in vars_of(target.build).values() if callable(each))
        texts = (text_of(each) for each in named if not is_library(file_of(each, "")))
        return _given_the_cpu(lambda: understand(target), at_once=any(map(names_cuda, texts)))
    callee = callee_of(target, name, module, owner, carried, left_out)
    meant = technique or technique_of_source(name, callee.near)
    if technique is None and meant == "label_smoothing" and _mixes(callee):
        meant = "mixup"
    failures: dict[str, NotUnderstood] = {}
    uncertain: list[Subject] = []
    for candidate in [technique] if technique else sorted(TECHNIQUES, key=lambda each: each != meant):
        try:
            with global_state_kept():
                if technique is None:
                    _may_be(candidate, callee)
                infer: Callable[[Callee], Subject] = _module(candidate).infer
                subject = _given_the_cpu(partial(infer, callee), at_once=names_cuda(callee.near))
                subject = replace(subject, left_out=tuple(left_out or ()))
        except NotUnderstood as error:
            if isinstance(error, RaisesOnEveryCall):
                error.technique = candidate
                if candidate == meant:
                    raise
            failures[candidate] = error
        else:
            if subject.certain or candidate == meant:
                return subject
            uncertain.insert(0, subject)  # the more is needed to fit, the less it is by chance
    if uncertain:
        others = [each.technique for each in uncertain[1:]]
        return replace(uncertain[0], also_like=tuple(others)) if others else uncertain[0]
    raising = [error for error in failures.values() if isinstance(error, RaisesOnEveryCall) and not meant]
    if raising and not any(isinstance(error, NoneFits) for error in failures.values()):
        raise raising[0]
    raise _not_understood(failures, meant, name, "" if carried else module)


class RuledOut(NotUnderstood):
    """What it takes, or what it does, says that it is another technique."""


def _may_be(technique: str, callee: Callee) -> None:
    """Raises RuledOut where the parameters say that it is another: what takes a loader is no loss."""
    if technique == "label_smoothing" and _mixes(callee):
        raise RuledOut("it mixes samples with partners that it draws: it is a mixup, and no loss")
    trains = [name for name in required(callee.called) if re.fullmatch(_TRAINS, name.lower())]
    if technique == "mixup" and takes_the_model(callee):
        trains = [name for name in trains if re.search("loader|_dl$", name.lower())]
    if technique in ("label_smoothing", "mixup") and trains:
        raise RuledOut(f"it takes {', '.join(trains)}")


def _mixes(callee: Callee) -> bool:
    """Of a method, what it says itself: its class may do both."""
    return mixes(text_of(getattr(callee.target, callee.method)) if callee.method else callee.near)


_TRAINS = r"model|net|network|learner|optim(izer|iser)?|\w*_?(data)?loader|\w*_dl"


def _not_understood(
    failures: dict[str, NotUnderstood], meant: str | None, name: str, module: str
) -> NotUnderstood:
    """What came of the technique that is meant; else of those as which it could be called at all. ``module``:
    from which it can be imported, if any."""
    if isinstance(failures.get(meant or ""), RuledOut):
        meant = None
    settled = [each for each, error in failures.items() if isinstance(error, AnotherTechnique | NotHere)]
    if settled and meant in (None, *settled):
        return NotUnderstood("\n".join(dict.fromkeys(f"{failures[each]}" for each in settled)))
    tried = [each for each, error in failures.items() if isinstance(error, NoneFits | RaisesOnEveryCall)]
    shown = [meant] if meant else tried or list(failures)
    said = [f"{each}: {failures[each]}" for each in shown]
    advice = [
        _module(each).ADAPTER.format(name=name, root=name.split(".")[0], module=module)
        for each in shown
        if module
    ]
    written = "Write an adapter, say adapter.py, and check adapter.py:adapter (`lawful adapt` drafts it):\n"
    error = NotUnderstood("\n".join([*said, written, *advice]))
    error.technique = "training" if "training" in shown and len(shown) == 2 else shown[0]
    return error


def _given_the_cpu(understood: Callable[[], Subject], *, at_once: bool) -> Subject:
    """Where the code asks for CUDA by name and there is none: with the CPU in its place, from the start where
    its source names it, else where it turns out to be in the way."""
    stand_in = CudaAsCpu()
    if at_once and not torch.cuda.is_available():
        with stand_in:
            found = understood()
        return replace(_with_the_cpu(found, stand_in), names_cuda=True)
    try:
        return understood()
    except NotUnderstood as error:
        if not isinstance(error, NeedsCuda) and not needs_cuda(error):
            raise
    with stand_in:
        found = understood()
    return _with_the_cpu(found, stand_in)


def _with_the_cpu(found: Subject, stand_in: CudaAsCpu) -> Subject:
    if not stand_in.stood_in:
        return found
    kept = {name: value for name, value in found.conventions.items() if name not in LATE}
    return replace(found, conventions=kept, cuda_as_cpu=True)


def _module(technique: str) -> Any:
    return importlib.import_module(f"{__name__}.{technique}")

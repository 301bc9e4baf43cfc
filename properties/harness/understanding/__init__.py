"""How to call code that has no adapter: a search over forms, settled by trial.

One module a technique, with ``infer(callee)`` and ``ADAPTER``, the one to write by hand. ``signature`` reads
names, ``forms`` tries and executes, ``targets`` finds what the user names, ``candidates`` reads source.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from lawful.impl.contracts import TECHNIQUES, Adapter
from lawful.properties.cuda_as_cpu import CudaAsCpu
from lawful.properties.harness.understanding.candidates import technique_of_name
from lawful.properties.harness.understanding.forms import NeedsCuda, RaisesOnEveryCall, needs_cuda
from lawful.properties.harness.understanding.signature import Callee, callee_of
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import LATE, Subject, global_state_kept


def understand_target(
    target: Any, name: str, module: str, technique: str | None = None, owner: Any = None
) -> Subject:
    """The subject for a class, a function, an object or an adapter. ``owner``: the class of a method.

    Raises NotUnderstood with what to write; RaisesOnEveryCall, which is one, where that is
    what came of it.
    """
    if isinstance(target, Adapter):
        return _given_the_cpu(lambda: understand(target))
    failures = []
    uncertain: list[Subject] = []
    meant = technique or technique_of_name(name)
    order = [technique] if technique else sorted(TECHNIQUES, key=lambda each: each != meant)
    for candidate in order:
        try:
            with global_state_kept():
                callee = callee_of(target, name, module, owner)
                infer: Callable[[Callee], Subject] = _module(candidate).infer
                subject = _given_the_cpu(partial(infer, callee))
        except RaisesOnEveryCall as error:
            error.technique = candidate
            if candidate == meant or technique:
                raise
            failures.append(f"{candidate}: {error}")
        except NotUnderstood as error:
            failures.append(f"{candidate}: {error}")
        else:
            if subject.certain:
                return subject
            uncertain.insert(0, subject)  # the more is needed to fit, the less it is by chance
    if uncertain:
        others = [each.technique for each in uncertain[1:]]
        return replace(uncertain[0], also_like=tuple(others)) if others else uncertain[0]
    shown = [meant] if meant else list(TECHNIQUES)
    said = [text for text in failures if text.split(":")[0] in shown]
    advice = "\n".join(_module(candidate).ADAPTER.format(name=name, module=module) for candidate in shown)
    raise NotUnderstood(
        "\n".join(said)
        + "\nWrite an adapter, say adapter.py, and check adapter.py:adapter (`lawful adapt` drafts it):\n\n"
        + advice
    )


def _given_the_cpu(understood: Callable[[], Subject]) -> Subject:
    """Where the code asks for CUDA by name and there is none: with the CPU in its place."""
    try:
        return understood()
    except NotUnderstood as error:
        if not isinstance(error, NeedsCuda) and not needs_cuda(error):
            raise
    with CudaAsCpu():
        found = understood()
    kept = {name: value for name, value in found.conventions.items() if name not in LATE}
    return replace(found, conventions=kept, cuda_as_cpu=True)


def _module(technique: str) -> Any:
    return importlib.import_module(f"{__name__}.{technique}")

"""How to call code that has no adapter: read from its signature, settled by a trial call.

One module a technique, with ``infer(target, name, module)`` and ``ADAPTER``, the one to write by hand.
"""

from __future__ import annotations

import importlib
from typing import Any

from lawful.impl.contracts import Adapter
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import NotUnderstood, Subject

INFERRED = ("label_smoothing", "mixup", "lr_finder")
"""In the order in which they are tried where no technique is named."""


def understand_target(target: Any, name: str, module: str, technique: str | None = None) -> Subject:
    """The subject for a class, a function or an adapter. Raises NotUnderstood with what to write."""
    if isinstance(target, Adapter):
        return understand(target)
    wanted = [technique] if technique else list(INFERRED)
    if technique and technique not in INFERRED:
        raise NotUnderstood(
            f"{technique} is not inferred from a signature: write an adapter, lawful.impl.contracts, and "
            "check adapter.py:adapter"
        )
    failures = []
    for candidate in wanted:
        try:
            subject: Subject = _module(candidate).infer(target, name, module)
        except NotUnderstood as error:
            failures.append(f"{candidate}: {error}")
            continue
        return subject
    advice = "\n".join(_module(candidate).ADAPTER.format(name=name, module=module) for candidate in wanted)
    raise NotUnderstood(
        "\n".join(failures) + f"\nWrite an adapter, say adapter.py, and check adapter.py:adapter:\n\n{advice}"
    )


def _module(technique: str) -> Any:
    return importlib.import_module(f"{__name__}.{technique}")

"""An adapter's source for a target: the one that was inferred, or a draft."""

from __future__ import annotations

from lawful.properties.harness.understanding.adapt import adapter_source, draft_source
from lawful.properties.harness.understanding.targets import NotUnderstood, definition, understood


def adapted(target: str, technique: str | None) -> tuple[str, bool]:
    """The source, and whether it is a draft. Raises UsageError, or NotUnderstood where it raises always."""
    found = definition(target)
    try:
        subjects = understood(found, target, technique)
    except NotUnderstood as error:
        return draft_source(found.value, found.name, found.module.__name__, technique, error), True
    if subjects.raising:
        raise NotUnderstood(subjects.raising[0].message)
    return adapter_source(subjects.subjects[0]), False

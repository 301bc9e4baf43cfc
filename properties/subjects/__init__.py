"""Implementations as laws see them: how each technique is called, its conventions, its error bounds.

One module a technique; ``subject`` holds what they share.
"""

from __future__ import annotations

import importlib
from typing import Any

from lawful.impl.contracts import Adapter
from lawful.properties.subjects.subject import Subject, global_state_kept


def subject_class(technique: str) -> type[Subject]:
    module: Any = importlib.import_module(f"lawful.properties.subjects.{technique}")
    chosen: type[Subject] = module.SUBJECT
    return chosen


def understand(adapter: Adapter) -> Subject:
    """Smoke and detection: about five calls that show whether and how the implementation answers.

    Raises NotUnderstood, which is never a verdict on the code.
    """
    with global_state_kept():
        return subject_class(adapter.technique).understand(adapter)

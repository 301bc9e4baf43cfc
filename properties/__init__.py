"""The laws, and the two ways to ask them from Python.

    from lawful.properties import check, conformance

    report = check(SmoothCE, technique="label_smoothing")            # a notebook or a script
    TestSmoothCE = conformance(SmoothCE, technique="label_smoothing")  # a test suite

Both are imported when first asked for, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lawful.properties.harness.api import check, conformance

__all__ = ["check", "conformance"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from lawful.properties.harness import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The report of the last run in a folder, which ``lawful show`` reads.

It is kept in the user's cache and not in the folder, where it would be in the way of version control:
``lawful/last`` in ``XDG_CACHE_HOME``, else in ``LOCALAPPDATA`` (Windows), else in ``~/.cache``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MOST_KEPT = 20
"""Folders whose last run is kept."""


def place(folder: str) -> Path:
    """The file of the last run in this folder."""
    name = hashlib.sha256(str(Path(folder).resolve()).encode()).hexdigest()[:16]
    return user_cache() / "lawful" / "last" / f"{name}.json"


def user_cache() -> Path:
    """The folder in which programs keep what can be made again."""
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(named) if named else Path.home() / ".cache"


def keep(info: Mapping[str, Any], folder: str) -> None:
    """Keeps a report's JSON. Where nothing can be written, there is no last run."""
    file = place(folder)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
            json.dump(info, new)
        os.replace(new.name, file)
        kept = sorted(file.parent.glob("*.json"), key=lambda each: each.stat().st_mtime)
        for old in kept[:-_MOST_KEPT]:
            old.unlink()

"""What a run of the command line was told to ask, as a file that its processes share."""

from __future__ import annotations

import json
import os
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path

from lawful.impl.thirdparty import LIBRARIES, MORE

OURS = ("native", "notebook")
SHIPPED = (*OURS, *LIBRARIES, *MORE)
"""Targets that are adapters of ours."""


def home_of(target: str) -> str:
    """Where the modules of a target are imported from: its file, or its module; "" for what is shipped.

    Two targets of different homes never share a process.
    """
    named = target.replace("::", ":")
    if named.partition(".")[0] in SHIPPED and ":" not in named:
        return ""
    place = named.rpartition(":")[0] or named
    return str(Path(place).resolve()) if place.endswith((".py", ".ipynb")) else place


@dataclass(frozen=True)
class Plan:
    """Its targets, and by name everything else."""

    targets: list[str]
    _: KW_ONLY
    technique: str | None = None
    device: str = "auto"
    dtypes: list[str] | None = None
    profile: str = "standard"
    seed: int = 0
    only: list[str] | None = None
    require: dict[str, str] = field(default_factory=dict)
    skip: list[str] | None = None
    known: str | None = None
    """A TOML file of known failures, or a ``pyproject.toml`` that holds them."""
    writes_known: bool = False
    """Whether what is broken is added to the known failures, whose file need not be there then."""
    fail_on: str = "wrong"
    exit_first: bool = False
    """Whether it ends with the first finding that fails the run."""
    database: str | None = None
    """Of the deep profile: redis://...; a local folder where None."""
    time_limit: int | None = None
    """Seconds for one case; the profile's own where None."""
    pictures: bool = False
    """Whether numbers are kept that a page draws."""
    said_in: dict[str, str] = field(default_factory=dict)
    """Where an option was given, by its name, if not on the command line."""
    folder: str = field(default_factory=os.getcwd)
    """Where the programs of the findings are run."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Plan:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

"""What a run of the command line was told to ask, as a file that its processes share."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    targets: list[str]
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
    fail_on: str = "wrong"
    database: str | None = None
    """Of the deep profile: redis://...; a local folder where None."""
    time_limit: int | None = None
    """Seconds for one case; the profile's own where None."""
    pictures: bool = False
    """Whether numbers are kept that a page draws."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Plan:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

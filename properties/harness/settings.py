"""What ``[tool.lawful]`` of a ``pyproject.toml`` says in place of options of ``lawful check``.

    [tool.lawful]
    targets = ["my_losses.py:SmoothCE"]    # what `lawful check` without a target tests
    profile = "quick"
    fail_on = "edge"
    devices = ["cpu", "twin"]
    skip = ["extreme_logits_stay_finite"]
    require = {off_target = "uniform"}

An option of the command line comes first. Known failures stand there too: see ``known``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lawful.impl.contracts import SEVERITIES
from lawful.properties.harness.children import Refused

FILE = Path("pyproject.toml")
CHOICES = {
    "profile": ("quick", "standard", "deep"),
    "fail_on": tuple(SEVERITIES),
    "devices": ("auto", "cpu", "twin", "cuda", "gpu", "mps"),
}
"""By key, the values that there are, where they are few."""


@dataclass(frozen=True)
class Settings:
    """Each as the option of its name; None or empty where nothing is said."""

    profile: str | None = None
    fail_on: str | None = None
    targets: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    skip: list[str] = field(default_factory=list)
    require: dict[str, str] = field(default_factory=dict)
    place: str = ""
    """Where this stands; empty where there is none."""


KEYS = (*(each.name for each in fields(Settings) if each.name != "place"), "known")


def read_settings(file: Path = FILE) -> Settings:
    """What a ``pyproject.toml`` says. Raises Refused, which names the key."""
    if not file.is_file():
        return Settings()
    try:
        whole = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file} is not TOML: {error}") from error
    said = whole.get("tool", {}).get("lawful", {})
    return Settings(
        **_checked(said, f"{file}: [tool.lawful]"), place=f"{file}: [tool.lawful]" if said else ""
    )


def _checked(said: Mapping[str, Any], place: str) -> dict[str, Any]:
    for key in said:
        if key not in KEYS:
            from lawful.properties.registry import did_you_mean

            raise Refused(f"{place}: {did_you_mean('key', key, list(KEYS))}")
    found = {key: value for key, value in said.items() if key != "known"}
    for key, value in found.items():
        if key in ("profile", "fail_on"):
            _must(isinstance(value, str), place, key, value, "a string")
        elif key == "require":
            pairs = isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
            _must(pairs, place, key, value, 'a table of conventions, as in {lambda = "folded"}')
        else:
            strings = isinstance(value, list) and all(isinstance(each, str) for each in value)
            _must(strings, place, key, value, "a list of strings")
        for one in value if isinstance(value, list) else [value]:
            if key in CHOICES and one not in CHOICES[key]:
                from lawful.properties.registry import did_you_mean

                raise Refused(
                    f"{place} {key}: {did_you_mean(key.removesuffix('s'), one, list(CHOICES[key]))}"
                )
    return found


def _must(holds: bool, place: str, key: str, value: Any, expected: str) -> None:
    if not holds:
        raise Refused(f"{place}: {key} is {value!r}, expected {expected}")

"""How the parameters are filled that are no part of a technique: by rules, by what a configuration is read
for, by trial.

A rule is data: names, what is given, and when. What no rule knows and has to be given is guessed, and what
has a number for a default and is left alone is told.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lawful.properties.harness.understanding import source
from lawful.properties.harness.understanding.names import is_tiny
from lawful.properties.harness.understanding.signature import Callee, is_number, required


@dataclass(frozen=True)
class Rule:
    """What is given for the parameters of these names, a regular expression of the whole name."""

    names: str
    given: str
    """Source; ``{inputs}``, ``{target}`` and ``{keeps}`` are filled in."""
    when: str = "needed"
    """``needed``: where it has no default. ``on``: also where that is True. ``off``: also where it is False.
    ``number``: also where it is a number. ``always``."""

    def fits(self, name: str, parameter: inspect.Parameter) -> bool:
        if not re.fullmatch(self.names, name.lower()):
            return False
        if self.when == "always" or parameter.default is inspect.Parameter.empty:
            return True
        if self.when == "number":
            return is_number(parameter)
        return self.when in ("on", "off") and parameter.default is (self.when == "on")


ANYWHERE = (
    Rule(r"(is_|use_)?(cuda|gpu)|plot|show(_plot)?|verbose|debug", "False", "on"),
    Rule(r"device|dev", "{inputs}.device", "always"),
)
"""No GPU is asked for, and nothing is drawn."""

CONFIGS = r"(.*_)?(config|cfg|conf|args|opts?|options|hparams|hps|hp|flags|settings|params|config_dict)"
"""A parameter that holds options as attributes, or by keys."""


def filled(
    parameters: Mapping[str, inspect.Parameter], rules: Iterable[Rule], **names: str
) -> dict[str, str]:
    """Source for each parameter that a rule knows: the first one that fits."""
    rules = list(rules)
    found = {}
    for name, parameter in parameters.items():
        rule = next((each for each in rules if each.fits(name, parameter)), None)
        if rule is not None:
            found[name] = rule.given.format(**names)
    return found


def configured(callee: Callee, meaning: Mapping[str, str]) -> dict[str, str]:
    """Source of a stand-in for each parameter of ``CONFIGS``, with what the code reads of it: of those that
    have to be given, and of those that are None where no other parameter is a number.

    ``meaning``: by pattern of the last name, the source of its value. What means nothing we know is None, or
    left out where the code says what it is then.
    """
    found = {}
    needed = required(callee.everything)
    if not any(map(is_number, callee.everything.values())):  # else it has its numbers elsewhere too
        needed += [name for name, each in callee.everything.items() if each.default is None]
    for name in needed:
        read = source.chains(callee.tree, name) if re.fullmatch(CONFIGS, name.lower()) else []
        if read:
            found[name] = _stand_in(read, meaning)
    return found


def _stand_in(read: list[tuple[tuple[str, ...], Any]], meaning: Mapping[str, str]) -> str:
    below: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
    for (step, *rest), default in read:
        below.setdefault(step, []).append((tuple(rest), default))

    def value(step: str) -> str | None:
        rests = [(rest, default) for rest, default in below[step] if rest]
        if rests:
            return _stand_in(rests, meaning)
        name = step.removeprefix(".").lower()
        known = next((given for pattern, given in meaning.items() if re.search(pattern, name)), None)
        has_default = all(default is not source.MISSING for _, default in below[step])
        return known if known or has_default else "None"

    given = {step.removeprefix("."): text for step in below if (text := value(step)) is not None}
    if all(step.startswith(".") for step in below):
        return f"types.SimpleNamespace({', '.join(f'{name}={text}' for name, text in given.items())})"
    return "{" + ", ".join(f'"{name}": {text}' for name, text in given.items()) + "}"


_FLAGS = (
    r"(is|use|with|do|has|return|apply|enable|should|normali[sz]e|average|reduce|log|size_average)(_.*)?|"
    r".*_?(flag|only|average|enabled)"
)
_MOST_GUESSED = 2
"""More that is not known is too much to guess."""


def guesses(missing: Iterable[str], parameters: Mapping[str, inspect.Parameter]) -> Iterator[dict[str, str]]:
    """Source to try for parameters that have to be given, and that no rule knows: nothing, a flag, a number;
    the same for two that are not said to be flags.

    One of nothing missing is empty.
    """
    missing = list(missing)
    if len(missing) > _MOST_GUESSED:
        return
    unknown = [name for name in missing if not is_flag(parameters[name])]
    flags = [name for name in missing if name not in unknown]
    alike = itertools.zip_longest(*(_guesses(parameters[name]) for name in unknown), fillvalue="None")
    for values in list(alike) or [()]:
        for switched in itertools.product(("False", "True"), repeat=len(flags)):
            yield dict(zip(unknown, values, strict=True)) | dict(zip(flags, switched, strict=True))


def is_flag(parameter: inspect.Parameter) -> bool:
    """Whether it is said, or named, to be true or false: both are as good, where both give a loss."""
    return "bool" in _annotation(parameter) or re.fullmatch(_FLAGS, parameter.name.lower()) is not None


def _annotation(parameter: inspect.Parameter) -> str:
    return str(parameter.annotation) if parameter.annotation is not inspect.Parameter.empty else ""


def _guesses(parameter: inspect.Parameter) -> tuple[str, ...]:
    said = _annotation(parameter)
    if "None" in said or "Optional" in said:
        return ("None",)
    if re.search(r"\b(int|float)\b", said):
        return "1.0" if "float" in said else "1", "0"
    return "None", "False", "True", "1.0"


def left_alone(callee: Callee, given: Iterable[str]) -> str:
    """Numbers that go by their default, as the end of the line of the call; empty where there are none."""
    given = set(given)
    numbers = {
        name: parameter.default
        for name, parameter in callee.everything.items()
        if name not in given and is_number(parameter) and not is_tiny(parameter.default)
    }
    told = ", ".join(f"{name}={value!r}" for name, value in numbers.items())
    return f"  (left at its default: {told})" if told else ""

"""The words that a person reads for what a report's JSON calls otherwise."""

from __future__ import annotations

import re

VERDICTS = {
    "holds": "pass",
    "broken": "fail",
    "deviates": "known",
    "unsupported": "not offered",
    "error": "could not be tested",
}
"""By verdict. ``known``: it fails, and somebody has written down why that is accepted."""
HEADINGS = {
    "wrong": "wrong result",
    "edge": "wrong at the edges of the range",
    "guard": "accepts invalid input without an error",
}
"""By severity: what a finding is, before the name of the law."""
TECHNIQUES = {
    "label_smoothing": "label smoothing",
    "mixup": "mixup",
    "lr_finder": "LR finder",
    "training": "training",
}
_WIDEST = 60
"""Characters of one value of an example."""
_LONGEST = 160
"""Characters of all of them."""


def counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def said(message: str) -> str:
    """A failure's message in short: the allowed error, and "about", are for those who ask for more.

    >>> said("loss is 0.65849, expected about 0.693147 (off by 0.035, allowed 1.4e-15)")
    '0.65849, expected 0.69315'
    """
    text = re.sub(r" \(off by [^()]*\)", "", message)
    text = re.sub(r"\bexpected (about|exactly) ", "expected ", text)
    found = re.fullmatch(r"loss is (\S+), expected (\S+)", text)
    if not found:
        return text
    got, right = (_rounded(each) for each in found.groups())
    if got == right:
        got, right = found.groups()
    return f"{got}, expected {right}"


def example(values: object) -> str:
    """The arguments of a counterexample: names and values, with those of a batch beside the others.

    >>> example({"batch": {"logits": [[0.0, "-inf"]], "target": [0]}, "epsilon": 0.1})
    'logits [[0, -inf]], target [0], epsilon 0.1'
    """
    text = ", ".join(_named(values)) if isinstance(values, dict) else ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _named(values: dict[str, object]) -> list[str]:
    found = []
    for name, value in values.items():
        found += _named(value) if isinstance(value, dict) else [f"{name} {_cut(_plain(value))}"]
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _rounded(number: str) -> str:
    try:
        return f"{float(number):.5g}"
    except ValueError:
        return number

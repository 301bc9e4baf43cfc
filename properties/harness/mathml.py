"""A law's formula, which is plain text, as MathML: letters, indices and operators, and words as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_LETTERS = {
    "alpha": "α",
    "eps": "ε",
    "lam": "λ",
    "mu": "μ",
    "pi": "π",
    "sigma": "σ",
    "sum": "∑",
    "inf": "∞",
}
_OPERATORS = {"<=": "≤", ">=": "≥", "!=": "≠", "->": "→", "*": "·", "-": "−", "~": "∼", "|": "|"}
_TOKEN = re.compile(r"[A-Za-z]{2,}\d*'*|[A-Za-z]'*|\d[\d.]*(?:e-?\d+)?|<=|>=|!=|->|\.\.|[_^]\{?|\s+|.")
_FUNCTIONS = {"log", "exp", "max", "min", "mean", "diag", "mix", "onehot", "len", "KL", "CE", "Beta"}


def mathml(formula: str) -> str:
    """HTML: prose stands between ``<math>`` elements, so that a line can break there."""
    runs: list[tuple[bool, list[str]]] = []
    tokens = _TOKEN.findall(formula)
    for index, token in enumerate(tokens):
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token.isspace() or token in ",;:":
            is_prose = not runs or runs[-1][0] or after.isspace()
        else:
            is_prose = _is_prose(token) and not after.startswith(("_", "^"))
        if not runs or runs[-1][0] != is_prose:
            runs.append((is_prose, []))
        runs[-1][1].append(token)
    return "".join(escape("".join(run)) if is_prose else _math(run) for is_prose, run in runs)


def _math(run: list[str]) -> str:
    after = " " if run[-1].isspace() else ""
    while run[-1].isspace():
        run = run[:-1]
    return f"<math>{''.join(_row(run))}</math>{after}"


def _is_prose(token: str) -> bool:
    name = token.rstrip("'")
    return (
        name[:1].isalpha()
        and len(name) > 1
        and name not in _LETTERS
        and name not in _FUNCTIONS
        and not (re.fullmatch(_NAME, name))
    )


_NAME = r"[dD]?[A-Z]|d[a-z]"
"""A letter, or its differential."""


def _row(tokens: list[str]) -> Iterator[str]:
    position = 0
    while position < len(tokens):
        base, position = _item(tokens, position)
        while position < len(tokens) and tokens[position][0] in "_^" and base:
            kind = "msub" if tokens[position][0] == "_" else "msup"
            script, position = _script(tokens, position)
            base = f"<{kind}>{base}{script}</{kind}>"
        yield base


def _item(tokens: list[str], position: int) -> tuple[str, int]:
    token = tokens[position]
    if token.isspace():
        return ("<mspace width='.22em'/>" if position else ""), position + 1
    if token[0].isdigit():
        return f"<mn>{token}</mn>", position + 1
    name = token.rstrip("'")
    if name[:1].isalpha():
        primes = "′" * (len(token) - len(name))
        if name in _LETTERS:
            kind = "mo" if name == "sum" else "mi"
            return f"<{kind}>{_LETTERS[name]}{primes}</{kind}>", position + 1
        if len(name) == 1:
            return f"<mi>{name}{primes}</mi>", position + 1
        if name in _FUNCTIONS or re.fullmatch(_NAME, name):
            return f"<mi mathvariant='normal'>{name}{primes}</mi>", position + 1
        return f"<mtext>{name}{primes}</mtext>", position + 1
    return f"<mo stretchy='false'>{escape(_OPERATORS.get(token, token))}</mo>", position + 1


def _script(tokens: list[str], position: int) -> tuple[str, int]:
    """What follows ``_`` or ``^``: one token, a group in braces, or a function of an index."""
    if tokens[position].endswith("{"):
        end = position + 1 + _closing(tokens[position + 1 :], "{", "}")
        return f"<mrow>{''.join(_row(tokens[position + 1 : end]))}</mrow>", end + 1
    start = position + 1
    if start >= len(tokens):
        return "<mrow></mrow>", start
    end = start + 1
    if tokens[start] in ("pi",) and end < len(tokens) and tokens[end] == "(":
        end += 1 + _closing(tokens[end + 1 :], "(", ")") + 1
    return f"<mrow>{''.join(_row(tokens[start:end]))}</mrow>", end


def _closing(tokens: list[str], opens: str, closes: str) -> int:
    depth = 1
    for index, token in enumerate(tokens):
        depth += token.endswith(opens) - token.startswith(closes)
        if depth == 0:
            return index
    return len(tokens)

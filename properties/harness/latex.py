"""A reading's formula, which is LaTeX, as MathML: the few commands that readings use, and nothing else."""

from __future__ import annotations

import re
from html import escape

_LETTERS = {
    "alpha": "α",
    "lambda": "λ",
    "mu": "μ",
    "pi": "π",
    "sigma": "σ",
    "varepsilon": "ε",
}
_OPERATORS = {"sum": "∑", "ne": "≠", "sim": "∼", "approx": "≈", "cdot": "·", "le": "≤", "ge": "≥"}
_FUNCTIONS = ("log", "max", "min", "exp")
_SPACES = {",": ".17em", ";": ".28em", "quad": "1em", " ": ".25em"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.")


def mathml_of(latex: str) -> str:
    """One ``<math>`` element; empty for nothing.

    Raises ValueError for a command that is not known here.

    >>> mathml_of(r"q_y = \\frac{\\varepsilon}{K}")
    '<math><msub><mi>q</mi><mi>y</mi></msub><mo>=</mo><mfrac><mi>ε</mi><mi>K</mi></mfrac></math>'
    """
    tokens = [token for token in _TOKEN.findall(latex) if not token.isspace()]
    found = _row(tokens)
    return f"<math>{found}</math>" if found else ""


def _row(tokens: list[str], ends: str = "") -> str:
    """Up to a token that ends it, which is taken too."""
    parts: list[str] = []
    while tokens:
        if tokens[0] == ends:
            tokens.pop(0)
            break
        base = _atom(tokens)
        scripts = {}
        while tokens and tokens[0] in ("_", "^", "'"):
            kind = tokens.pop(0)
            if kind == "'":
                base = base.replace("</mi>", "′</mi>")
            else:
                scripts[kind] = _atom(tokens)
        parts.append(_scripted(base, scripts))
    return "".join(parts)


def _scripted(base: str, scripts: dict[str, str]) -> str:
    if len(scripts) == 2:
        return f"<msubsup>{base}{scripts['_']}{scripts['^']}</msubsup>"
    if "_" in scripts:
        return f"<msub>{base}{scripts['_']}</msub>"
    return f"<msup>{base}{scripts['^']}</msup>" if "^" in scripts else base


def _atom(tokens: list[str]) -> str:
    token = tokens.pop(0)
    if token == "{":
        inside = _row(tokens, "}")
        return inside if inside.count("<m") == 1 else f"<mrow>{inside}</mrow>"
    if token.startswith("\\"):
        return _command(token[1:], tokens)
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    return f"<mo stretchy='false'>{token}</mo>" if token in "()" else f"<mo>{escape(_minus(token))}</mo>"


def _command(name: str, tokens: list[str]) -> str:
    if name in _LETTERS:
        return f"<mi>{_LETTERS[name]}</mi>"
    if name in _OPERATORS:
        return f"<mo>{_OPERATORS[name]}</mo>"
    if name in _FUNCTIONS:
        return f"<mi>{name}</mi>"
    if name in _SPACES:
        return f"<mspace width='{_SPACES[name]}'/>"
    if name == "frac":
        return f"<mfrac>{_atom(tokens)}{_atom(tokens)}</mfrac>"
    if name == "sqrt":
        return f"<msqrt>{_atom(tokens)}</msqrt>"
    if name in ("mathrm", "operatorname"):
        return f"<mi mathvariant='normal'>{_letters(tokens)}</mi>"
    if name == "left":
        opens, inside = tokens.pop(0), _row(tokens, "\\right")
        return f"<mrow><mo>{opens}</mo>{inside}<mo>{tokens.pop(0)}</mo></mrow>"
    raise ValueError(f"latex has \\{name}, which is not known here")


def _letters(tokens: list[str]) -> str:
    """The name in braces, letter by letter."""
    tokens.pop(0)
    found = ""
    while (token := tokens.pop(0)) != "}":
        found += token
    return escape(found)


def _minus(token: str) -> str:
    return "−" if token == "-" else token

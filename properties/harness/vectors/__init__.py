"""What the deterministic laws ask, and what is right, in numbers: for code in any language.

A vector is one question: what to compute, of which inputs, what comes out, and how far off it may be. What is
random is given: a mixup's vectors have its lambdas and its partners, a range test's the losses that it sees.
Questions are those at the edges of a law's arguments, which no version of Hypothesis draws otherwise.

Each vector tells right from wrong: beside it stands what some faults of ``impl/faulty`` would answer it with,
which the reader of ``check_answers.py`` refuses. A question that none of them answers wrongly is left out.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from lawful.impl.faulty import faults
from lawful.properties.harness.vectors.check_answers import wrong
from lawful.properties.registry import Law, find_law

HERE = Path(__file__).parent
TECHNIQUES = {"label_smoothing": 2, "mixup": 4, "lr_finder": 10}
"""Those with laws of numbers alone: a law of training watches a model. With how many vectors a law gives at
least in one dtype and convention; more, where they catch what none before them does."""
_MOST = 12
_LARGEST = 600
"""Numbers that a person reads, and a file holds."""


@dataclass(frozen=True)
class Question:
    """What a law asks once. ``inputs`` are rounded to the dtype; ``bound`` is a number, or one an entry."""

    law: Law
    asks: str
    inputs: Mapping[str, Any]
    expected: Any
    bound: Any
    faults: Callable[[], Mapping[str, Any]]
    """Answers of known faults, by their ids."""
    dtype: str = "float64"
    convention: Mapping[str, str] = field(default_factory=dict)


def vectors(technique: str) -> dict[str, Any]:
    """The file of a technique, as ``schema.json`` describes it.

    Raises ValueError for a technique that has none.
    """
    if technique not in TECHNIQUES:
        reason = "; the laws of training watch a model" if technique == "training" else ""
        raise ValueError(f"technique is {technique!r}, expected one of {', '.join(TECHNIQUES)}{reason}")
    module: Any = importlib.import_module(f"lawful.properties.harness.vectors.{technique}")
    told = {fault.id: fault.statement for fault in faults(technique)}
    seen: set[str] = set()
    kept: list[dict[str, Any]] = []
    caught: dict[tuple[str, ...], list[set[str]]] = {}
    for question in module.questions():
        vector = _vector(question)
        content = json.dumps([vector[name] for name in ("asks", "dtype", "convention", "inputs")])
        before = caught.setdefault(
            (vector["law"], question.asks, question.dtype, *question.convention.values()), []
        )
        if content in seen or len(before) == _MOST:
            continue
        seen.add(content)
        wrongly = _caught(question, vector)
        if wrongly and (len(before) < TECHNIQUES[technique] or wrongly - set().union(*before)):
            before.append(wrongly)
            kept.append({**vector, "note": "; ".join(f"{name}: {told[name]}" for name in sorted(wrongly))})
    return {
        "schema": 1,
        "lawful": metadata.version("lawful"),
        "technique": technique,
        "asks": dict(module.ASKS),
        "vectors": kept,
    }


def write(technique: str, folder: Path) -> int:
    """The technique's vectors, their schema and the reader into a folder, which is made. Returns how many."""
    info = vectors(technique)
    folder.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(each, allow_nan=False) for each in info["vectors"])
    head = json.dumps({**info, "vectors": []}, indent=1, allow_nan=False)
    (folder / f"{technique}.json").write_text(head.replace("[]", f"[\n{rows}\n]") + "\n")
    for name in ("schema.json", "check_answers.py"):
        shutil.copy(HERE / name, folder)
    return len(info["vectors"])


def _vector(question: Question) -> dict[str, Any]:
    """All but its note."""
    law = question.law
    inputs = {name: plain(value) for name, value in question.inputs.items()}
    content = json.dumps([question.asks, dict(question.convention), inputs])
    return {
        "id": f"{law.id}.{question.dtype}.{hashlib.sha256(content.encode()).hexdigest()[:8]}",
        "asks": question.asks,
        "dtype": question.dtype,
        "convention": dict(question.convention),
        "inputs": inputs,
        "expected": plain(question.expected),
        "bound": _short(plain(question.bound)),
        "law": law.name,
        "formula": law.formula,
        "source": law.source,
        "severity": law.severity_in(question.dtype),
    }


def _caught(question: Question, vector: Mapping[str, Any]) -> set[str]:
    """The faults whose answers the reader refuses."""
    right = vector["expected"], vector["bound"]
    return {name for name, answer in question.faults().items() if wrong(plain(answer), *right)}


def plain(value: Any) -> Any:
    """As JSON has it: lists, whole numbers and others; what is not finite by the names that most languages
    read.

    >>> plain(np.array([1.0, -np.inf])), plain({"a": np.int64(3)})
    ([1.0, '-Infinity'], {'a': 3})
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


def _short(bound: Any) -> Any:
    """A bound of three digits, none smaller."""
    return [_short(each) for each in bound] if isinstance(bound, list) else float(f"{1.005 * bound:.3g}")


def numbers(value: Any) -> Any:
    """The reverse of :func:`plain`: an array where it is a list."""
    if isinstance(value, list):
        return np.asarray([numbers(each) for each in value])
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def examples(technique: str, *names: str) -> Iterator[tuple[Law, dict[str, Any]]]:
    """The questions at the edges of these laws, also of those that are asked of an implementation seldom."""
    for name in names:
        law = find_law(name, technique)
        for example in replace(law, most_examples=None).boundary_examples():
            yield law, example


def small(*values: Any) -> bool:
    """Whether there is something, and not too much of it."""
    return all(0 < np.size(value) <= _LARGEST for value in values)

"""The Python of a file: of a script as it stands, of a notebook its cells in order, without magics."""

from __future__ import annotations

import ast
import json
import linecache
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTEBOOK = ".ipynb"
_CELL_MAGIC = re.compile(r"\s*%%(time|timeit|capture|prun)\b")
"""What is done with a cell of Python; of any other magic, a cell is something else."""
_MAGIC = re.compile(r"\s*([!%?]|\w[\w.]*\?+\s*$|\w[\w, ]*=\s*[!%])")


def source_of(path: Path) -> str:
    """Of a notebook, each line stands where it stands in its file, as far as the file has a line for each.

    Raises OSError; ValueError where a notebook is none.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != NOTEBOOK:
        return text
    source = _cells(text)
    lines = source.splitlines(keepends=True)
    linecache.cache[str(path)] = (len(source), None, lines, str(path))  # where a traceback looks
    return source


def _cells(text: str) -> str:
    raw = [line.strip().removesuffix(",") for line in text.splitlines()]
    lines: list[str] = []
    place = 0
    for cell in _code(json.loads(text)):
        for original, line in zip(cell, _plain(cell), strict=True):
            place = _found(raw, original, place)
            lines += [""] * (place - len(lines))
            lines.append(line)
            place = max(place + 1, len(lines))
    return "\n".join(lines) + "\n"


def _found(raw: list[str], line: str, start: int) -> int:
    """The line of the file in which a line of a cell stands, from ``start`` on; else the next one."""
    forms = {json.dumps(text, ensure_ascii=ascii) for text in (line, line + "\n") for ascii in (True, False)}
    return next((i for i in range(start, len(raw)) if raw[i] in forms), start)


def _code(notebook: Any) -> Iterator[list[str]]:
    """The lines of each cell of code."""
    if not isinstance(notebook, dict):
        raise ValueError("it is no notebook")
    sheets = notebook.get("worksheets") or [notebook]
    for cell in (cell for sheet in sheets for cell in sheet.get("cells", ())):
        source = cell.get("source", cell.get("input", ""))
        if cell.get("cell_type") == "code":
            yield "".join(source).splitlines()


def _plain(cell: list[str]) -> list[str]:
    """Without magics; empty lines in place of what is no Python."""
    first = next((line for line in cell if line.strip()), "")
    if first.lstrip().startswith("%%") and not _CELL_MAGIC.match(first):
        return [""] * len(cell)
    plain = [_without_magic(line) for line in cell]
    try:
        ast.parse("\n".join(plain))
    except SyntaxError:
        return [""] * len(cell)
    return plain


def _without_magic(line: str) -> str:
    """``pass`` in its place, as a block may have nothing else."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass" if _MAGIC.match(line) else line

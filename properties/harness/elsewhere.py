"""A scan on other hosts and interpreters: pytest-xdist hands whole files to ``lawful scan`` there.

``--tx`` and ``--rsyncdir`` mean what they mean to pytest-xdist. What a host had that dies is asked here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_RUN_FILE = """\
from lawful.properties.harness.elsewhere import scan_test

test_file = scan_test({files!r}, {options!r})
"""
_ENV = "//env:PYTEST_DISABLE_PLUGIN_AUTOLOAD=1//env:OMP_NUM_THREADS=1"
"""Of a worker on another host, in execnet's words: other plugins there are not loaded either."""


def rows_of(
    files: list[Path], options: list[str], tx: Iterable[str], rsyncdir: Iterable[Path]
) -> dict[Path, list[dict[str, Any]]]:
    """By file, the rows of its candidates, as far as the hosts gave an answer. ``options`` of ``scan``."""
    synced = [Path(folder).resolve() for folder in rsyncdir]
    there = [_portable(file.resolve(), synced) for file in files]
    spread = [part for spec in tx for part in ("--tx", spec if spec.startswith("popen") else spec + _ENV)]
    elsewhere = any(not spec.startswith("popen") for spec in tx)
    with tempfile.TemporaryDirectory(prefix="lawful-scan-") as folder:
        place = Path(folder)
        (place / "test_scan.py").write_text(_RUN_FILE.format(files=there, options=options), encoding="utf-8")
        (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        results = place / "results.jsonl"
        results.touch()
        for each in (*synced, *([place] if synced or elsewhere else [])):
            spread += ["--rsyncdir", str(each)]  # the run's own file has to get there too
        command = [sys.executable, "-m", "pytest", str(place / "test_scan.py"), "-q", "--tb=line"]
        command += ["-c", str(place / "pytest.ini"), "--rootdir", str(place), "-p", "no:cacheprovider"]
        command += ["-p", "xdist", "-p", "lawful.properties.harness.plugin", "--dist", "load", *spread]
        command += ["--max-worker-restart", str(len(files)), "--lawful-results", str(results)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, env=_environment(), check=False, **quiet)  # type: ignore[call-overload]
        answers = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return {files[answer["index"]]: answer["rows"] for answer in answers if answer.get("rows") is not None}


def scan_test(files: list[str], options: list[str]) -> Any:
    """The test function that pytest collects: a case for each file, which never fails."""
    import pytest

    @pytest.mark.parametrize("index", range(len(files)))
    def test_file(index: int, record_property: Callable[[str, object], None]) -> None:
        rows = _scanned(str(Path(files[index]).absolute()), options)
        record_property("lawful_scan", json.dumps({"index": index, "rows": rows}))

    return test_file


def _scanned(file: str, options: list[str]) -> list[dict[str, Any]] | None:
    """What ``lawful scan FILE`` says of it here; None where it does not get that far."""
    with tempfile.TemporaryDirectory(prefix="lawful-scan-") as folder:
        report = Path(folder) / "scan.json"
        command = [sys.executable, "-m", "lawful", "scan", file, *options, "-n", "1", "--json", str(report)]
        subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, env=_environment(), check=False
        )
        if not report.is_file():
            return None
        told = json.loads(report.read_text(encoding="utf-8"))
    asked = iter(told["implementations"])
    return [
        {**row, "implementation": next(asked), "laws": told["laws"]} if row["status"] == "asked" else row
        for row in told["candidates"]
    ]


def _portable(path: Path, synced: list[Path]) -> str:
    """Relative to the folder that holds a synced folder, as xdist lays it out on the other side."""
    for folder in synced:
        if path.is_relative_to(folder):
            return str(Path(folder.name) / path.relative_to(folder))
    return str(path)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

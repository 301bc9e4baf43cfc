"""The pytest plugin: turns an item that is a law's case into a verdict, and says how much was asked.

It is loaded in every project whose environment has ``lawful``, so this module imports neither torch
nor a property: what it needs arrives with the first law that somebody collects.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("lawful").addoption(
        "--lawful-results",
        metavar="FILE",
        help="append a JSON line to FILE for every case as its verdict comes in",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "accelerator: a law's case on a device that is not the CPU")
    config.stash[_ROWS] = []
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector(config), "lawful-collector")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Says once what was set for Hypothesis and is not followed: laws have seeds of their own."""
    ignored = [
        f"{option} {value}"
        for option in ("--hypothesis-seed", "--hypothesis-profile")
        if (value := config.getoption(option, None)) is not None
    ]
    if not ignored:
        return None
    return (
        f"lawful: {' and '.join(ignored)} does not reach the laws: their questions come from "
        "conformance(seed=, profile=)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Runs a law's case. Other tests are left to pytest."""
    test = getattr(pyfuncitem.obj, "law_test", None)
    if test is None:
        return None
    from dataclasses import asdict

    case, asked = pyfuncitem.callspec.params["case"], pyfuncitem.obj.asked
    result = asked.result(case, pyfuncitem.obj)
    finding = None
    if result.verdict == "broken":
        result, finding = asked.finding(case)
    row = {**asdict(result), "id": pyfuncitem.name}
    pyfuncitem.user_properties.append(("lawful", json.dumps(row, default=str)))
    if result.verdict == "unsupported":
        pytest.skip(result.message or "unsupported")
    if result.verdict == "deviates":
        pytest.xfail(result.message or "deviates")
    if result.ours:
        pytest.xfail(result.message or "an error of lawful's own")
    if finding is not None and not result.stale:
        if finding.property != result.property and not asked.left_out(finding.property):
            pytest.xfail(f"fails for the same reason as {finding.property}: {result.message}")
        if not finding.fails(test.fail_on):
            pytest.xfail(f"not failing the run, which fails on {test.fail_on}: {result.message}")
        first = finding.rows[0]
        if first is not result and first.property == result.property:
            pytest.xfail(f"fails for the same reason as {first.device}-{first.dtype}: {result.message}")
    if result.verdict != "holds":
        pytest.fail(_failure(test.law, result, finding), pytrace=False)
    return True


def _failure(law: Any, result: Any, finding: Any) -> str:
    """The first line is what pytest repeats at its end: what is wrong, in short."""
    from lawful.properties.harness import words

    said = words.said(result.message or "")
    kind = words.HEADINGS[result.severity] if result.verdict == "broken" else words.VERDICTS[result.verdict]
    diagnosis = finding.diagnosis if finding is not None else None
    lines = [diagnosis or f"{kind}: {said}", ""]
    lines += [f"law       {law.name}: {law.formula}", f"because   {law.why}"]
    if finding is not None and finding.property != law.name:
        below = words.said(finding.rows[0].message or "")
        lines.append(f"          it rests on {finding.property}, which fails: {below}")
    if given := words.example(result.counterexample):
        lines.append(f"example   {given}: {said}")
    if finding is not None and finding.property == law.name and finding.also:
        lines.append(f"          for the same reason fail {', '.join(finding.also)}")
    lines.append(f"more      lawful explain {law.id}")
    if result.reproduce:
        lines += ["", "this program shows it:", *(f"    {line}" for line in result.reproduce.splitlines())]
    return "\n".join(lines)


class _Collector:
    """In the process that reports: gathers the rows, also of workers that died."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        path = config.getoption("--lawful-results")
        self._path = Path(path) if path else None
        self._started: dict[str, float] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._started[nodeid] = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        rows = [json.loads(str(value)) for name, value in report.user_properties if name == "lawful"]
        if report.when == "call":
            for row in rows:
                self._write(row)
            for name, value in report.user_properties:
                if name == "lawful_scan":
                    self._append(str(value))
        elif str(report.when) == "???":  # how xdist reports the item that a dead worker was at
            seconds = time.monotonic() - self._started.get(report.nodeid, time.monotonic())
            self._write(
                {
                    "id": report.nodeid.rpartition("::")[2],
                    "verdict": "error",
                    "seconds": round(seconds, 1),
                    "message": "the process died during this test",
                }
            )

    def _write(self, row: Any) -> None:
        self._config.stash[_ROWS].append(row)
        self._append(json.dumps(row))

    def _append(self, line: str) -> None:
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        rows = self._config.stash[_ROWS]
        if rows:
            from lawful.properties.harness.words import VERDICTS, counted

            counts = {
                said: sum(row["verdict"] == verdict for row in rows) for verdict, said in VERDICTS.items()
            }
            asked = ", ".join(f"{count} {said}" for said, count in counts.items() if count)
            tests = counted(len(rows), "test", "tests")
            terminalreporter.write_line(f"lawful: {tests}: {asked}")

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """A run of laws that asked nothing is no success."""
        rows = self._config.stash[_ROWS]
        if rows and all(row["verdict"] == "unsupported" for row in rows):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

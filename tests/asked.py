"""Helpers: ask laws of a subject in this process, and read the verdicts."""

from __future__ import annotations

import functools
import importlib.util
import os
from dataclasses import replace

import pytest

from lawful.properties import check
from lawful.properties.harness.cases import cases
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import PROFILES, Profile

PROFILES["quick, unshrunk"] = QUICK = replace(PROFILES["quick"], shrinks=False)
PROFILES["light"] = Profile("light", 3, 60, asks_dear=False, shrinks=False)
"""Most tests want a verdict, and not the smallest example of it."""
LIGHT = os.environ.get("LAWFUL_TEST_PROFILE", "light")
"""For whole implementations, of which a test looks at something else than how often they are asked: every
edge, and three random examples. ``make deep`` asks them more."""
lightly = functools.partial(check, profile=LIGHT)
check_on_cpu = functools.partial(check, device="cpu", profile=LIGHT)
"""Where a test is of something else than devices: one row a dtype."""


def needs(library):
    """A mark: where a library under test is not installed, as with the lowest versions, it is skipped."""
    missing = importlib.util.find_spec(library) is None
    return pytest.mark.skipif(missing, reason=f"{library} is not installed")


def part_of(values, nth):
    """Every ``nth`` value in ``make test``, the others in ``make deep``: the names of a parametrized test."""
    return [
        pytest.param(value, marks=[] if number % nth == 0 else [pytest.mark.deep])
        for number, value in enumerate(values)
    ]


def ask(subject, *, only=None, dtypes=None, seed=0, profile=QUICK, device="cpu"):
    """Results by case id."""
    tests = {}
    results = {}
    for case in cases(subject, devices=[device], only=only, dtypes=dtypes):
        if case.law.id not in tests:
            test = LawTest(case.law, profile, seed)
            tests[case.law.id] = (test, test.function())
        test, function = tests[case.law.id]
        results[case.id] = test.run(case, function)
    return results


def broken(results):
    """The names of the properties that broke."""
    return {row.property for row in results.values() if row.verdict == "broken"}

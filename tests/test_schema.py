"""The published schema says what a report holds, no more and no less. Every report that any test makes is
held against it by conftest.py; here, that it would be noticed."""

import copy
import json
from dataclasses import fields

import pytest
from jsonschema import Draft202012Validator

from lawful.impl.contracts import SEVERITIES, TECHNIQUES
from lawful.properties.harness.findings import Finding
from lawful.properties.harness.outputs import merged
from lawful.properties.harness.report import VERDICTS, Implementation, Report, Result
from lawful.properties.harness.scan import Scan

from .asked import check_on_cpu
from .miniatures import wrong
from .schema import SCHEMA, fits

PARTS = SCHEMA["$defs"]


@pytest.fixture(scope="module")
def report():
    """With what holds, what is broken, what rests on it, and a requirement."""
    made = check_on_cpu(wrong.any_epsilon, require={"off_target": "others"})
    return json.loads(json.dumps(made.to_json()))


def test_it_is_a_schema_itself():
    Draft202012Validator.check_schema(SCHEMA)


def test_it_knows_the_words_of_a_report():
    assert set(PARTS["technique"]["enum"]) == set(TECHNIQUES)
    assert set(PARTS["severity"]["enum"]) == set(SEVERITIES)
    assert set(PARTS["verdict"]["enum"]) == set(PARTS["implementation"]["properties"]["counts"]["required"])
    assert set(PARTS["verdict"]["enum"]) == set(VERDICTS)


def _names(record, *left_out):
    return {each.name for each in fields(record)} - set(left_out)


def test_every_name_in_a_report_is_described(report):
    """A new field needs a line in report.schema.json: what it means is part of what is published."""
    (implementation,) = report["implementations"]
    described = {name: set(part.get("properties", ())) for name, part in PARTS.items()}
    assert set(report) <= set(SCHEMA["properties"])
    assert set(implementation) == described["implementation"]
    assert _names(Implementation) <= described["implementation"]
    assert (
        _names(Result, "implementation", "technique", "whole", "diagnosis", "fault") | {"finding"}
        == described["result"]
    )
    assert _names(Finding, "rows") <= described["finding"]
    assert {name for each in implementation["findings"] for name in each} == described["finding"]
    assert {name for each in report["laws"].values() for name in each} == described["law"]


def _leaves(value, place=()):
    """The place of every name of every object, in one entry of each list."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield (*place, name)
            yield from _leaves(part, (*place, name))
    elif isinstance(value, list) and value:
        yield from _leaves(value[0], (*place, 0))


def _required(place):
    """Whether the schema requires it: it is no key of a map of laws, conventions or arguments."""
    maps = {"laws", "conventions", "counterexample", "pictured"}
    return place[-1] == "laws" or not any(name in maps for name in place[:-1])


def test_what_is_missing_or_of_another_kind_is_noticed(report):
    places = [place for place in _leaves(report) if _required(place)]
    assert len(places) > 40
    for place in places:
        for change in ("missing", "another kind"):
            spoilt = copy.deepcopy(report)
            holder = spoilt
            for step in place[:-1]:
                holder = holder[step]
            if change == "missing":
                del holder[place[-1]]
            else:
                holder[place[-1]] = [["no such thing"]]
            with pytest.raises(AssertionError):
                fits(spoilt)


def test_what_is_new_is_passed_over(report):
    newer = copy.deepcopy(report)
    (implementation,) = newer["implementations"]
    for part in (newer, implementation, implementation["results"][0], implementation["findings"][0]):
        part["horoscope"] = {"of": "a later release"}
    fits(newer)


def test_a_scan_and_a_merged_report_fit_too(report):
    row = {"path": "losses.py", "line": 3, "name": "smooth", "technique": "label_smoothing"}
    rows = [
        {**row, "status": "not asked", "words": "the run ended without a word on it"},
        {**row, "status": "asked", "words": "no problem found", "notes": [], "severities": ["edge"]},
    ]
    fits(Scan([], rows).to_json("lawful scan .", "quick", 0))
    other = copy.deepcopy(report)
    other["implementations"][0] |= {"name": "another", "identity": "losses.py:another"}
    fits(merged([report, other]))


def test_an_empty_report_fits():
    fits(Report("quick", 0, []).to_json())

"""The published schema of a report, and whether a report fits it."""

import json
from importlib import resources

from jsonschema import Draft202012Validator

SCHEMA = json.loads(resources.files("lawful.properties.harness").joinpath("report.schema.json").read_text())
_VALIDATOR = Draft202012Validator(SCHEMA)


def fits(info):
    """What was given, as it would be written. Raises AssertionError naming where it does not fit."""
    written = json.loads(json.dumps(info))
    wrong = [f"{error.json_path}: {error.message[:300]}" for error in _VALIDATOR.iter_errors(written)]
    assert not wrong, "\n".join(wrong[:10])
    return info

"""Right code that looks like a known fault breaks nothing: see ``miniatures.beside``."""

import pytest

from .asked import check_on_cpu as check
from .asked import part_of
from .miniatures import beside

ALL = {**beside.LOSSES, **beside.MIXUPS, **beside.FINDERS, **beside.LOOPS}


@pytest.mark.parametrize("name", part_of(ALL, 6))
def test_what_looks_like_a_fault_and_is_right_has_nothing_wrong(name):
    law, verdict = ALL[name]
    report = check(getattr(beside, name))
    wrong = [f for f in report.findings() if f.verdict == "broken" and f.severity == "wrong"]
    assert [(f.property, f.rows[0].message) for f in wrong] == []
    assert {row.verdict for row in report.results if row.property == law} == {verdict}

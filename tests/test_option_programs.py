"""What is shown of a fault in an option runs in a process of its own, and fails as the law did."""

import pytest

from lawful.impl.faulty import faults, label_smoothing_options, lr_finder_options, mixup_options
from lawful.properties.harness.proof import Prover
from lawful.properties.subjects import understand

from .asked import QUICK, ask

OPTIONS = {
    "label_smoothing": label_smoothing_options,
    "mixup": mixup_options,
    "lr_finder": lr_finder_options,
}
FAULTS = [
    fault
    for technique, module in OPTIONS.items()
    for fault in faults(technique)
    if fault.id in {own.id for own in module.FAULTS}
]


@pytest.fixture(scope="module")
def prover():
    found = Prover()
    yield found
    found.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_program_of_a_fault_in_an_option_fails_alone(fault, prover, tmp_path):
    subject = understand(fault.adapter)
    rows = ask(subject, only=list(fault.caught_by), profile=QUICK).values()
    shown = {row.property: row for row in rows if row.verdict == "broken"}
    assert set(shown) == set(fault.caught_by)
    for row in shown.values():
        assert prover.prove(row.reproduce, str(tmp_path)).why_not(row.fails_with) is None, row.reproduce

"""What is shown of a fault in an option runs alone, and fails as the law did."""

import pytest

from lawful.impl.faulty import label_smoothing_options, lr_finder_options, mixup_options
from lawful.properties.subjects import understand

from .asked import QUICK, ask

FAULTS = [*label_smoothing_options.FAULTS, *mixup_options.FAULTS, *lr_finder_options.FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_the_program_of_a_fault_in_an_option_fails_alone(fault):
    subject = understand(fault.adapter)
    rows = ask(subject, only=list(fault.caught_by), profile=QUICK).values()
    for program in {row.property: row.reproduce for row in rows if row.verdict == "broken"}.values():
        assert "@" not in program.replace(" @ ", "")
        with pytest.raises((AssertionError, RuntimeError, TypeError)) as caught:
            exec(compile(program, fault.id, "exec"), {"__name__": "program"})
        assert type(caught.value).__name__ == "AssertionError" or "# the last call raises" in program

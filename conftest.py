"""For every test of the repository: one torch thread, as in the workers of ``lawful check``; the twin, which
has to be there before the first backward pass of a process; and the schema that every report has to fit."""

import gc
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import torch

from lawful.properties import twin

twin.why_absent()
torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """What is imported and collected stays: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_mode() -> Iterator[None]:
    """A snippet that is run here may switch a mode on, and leaves it so."""
    yield
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)


@pytest.fixture(autouse=True, scope="session")
def _every_report_fits_the_schema() -> Iterator[None]:
    """Whatever a test makes a report of: JSON of check, matrix, scan and merge."""
    from lawful.properties.harness import outputs, report, scan
    from tests.schema import fits

    def fitting(made: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **options: fits(made(*given, **options))

    with (
        mock.patch.object(report.Report, "to_json", fitting(report.Report.to_json)),
        mock.patch.object(scan.Scan, "to_json", fitting(scan.Scan.to_json)),
        mock.patch.object(outputs, "merged", fitting(outputs.merged)),
    ):
        yield

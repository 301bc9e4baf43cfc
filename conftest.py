"""For every test of the repository: one torch thread, as in the workers of ``lawful check``; and the twin,
which has to be there before the first backward pass of a process."""

import gc
from collections.abc import Iterator

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

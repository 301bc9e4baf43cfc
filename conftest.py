"""For every test of the repository: one torch thread, as in the workers of ``lawful check``; and the twin,
which has to be there before the first backward pass of a process."""

import gc

import torch

from lawful.properties import twin

twin.why_absent()
torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """What is imported and collected stays: the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()

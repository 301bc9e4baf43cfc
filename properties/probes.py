"""Instruments that look into black boxes: what an implementation did, seen from outside.

**Seeds.** :func:`seeded` is the one place where a drawn seed reaches Python's random, NumPy, torch and
CUDA. Hypothesis sets the first two to 0 before every example, so that without this every example would
see one and the same NumPy lambda, and leaves torch alone.

**Identity batch** (mixup). Feed e_i, the i-th unit vector, as sample i, with target i. Row i of what comes
back is lam_i e_i + (1 - lam_i) e_pi(i): lambda and partner, read off.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

Array = Any


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, all global generators start from ``seed``; after, they are where they were before."""
    python, numpy = random.getstate(), np.random.get_state()
    accelerators = _accelerators()
    states = [torch.get_rng_state(), *(module.get_rng_state() for module in accelerators)]
    random.seed(seed)
    np.random.seed(seed % 2**32)
    # torch.manual_seed would format a traceback a call, to keep it for a CUDA that may never start
    torch.default_generator.manual_seed(seed)
    for module in accelerators:
        module.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(states[0])
        for module, state in zip(accelerators, states[1:], strict=True):
            module.set_rng_state(state)


def _accelerators() -> list[Any]:
    """Those in use. The first call with a tensor on CUDA has started it before it is seeded."""
    return [
        *([torch.cuda] if torch.cuda.is_initialized() else []),
        *([torch.mps] if torch.backends.mps.is_available() else []),
    ]


def identity_batch(size: int) -> Array:
    """Inputs (N, N): sample i is the i-th unit vector."""
    return np.eye(size)


def partners(weights: Array) -> Array:
    """Of the rows (N, N) of a mixed identity batch: the sample besides i that is in row i, or i itself.

    >>> partners(np.array([[0.75, 0.0, 0.25], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]))
    array([2, 1, 0])
    """
    others = np.where(np.eye(len(weights), dtype=bool), 0.0, weights)
    own = np.arange(len(weights))
    if not len(weights):
        return own
    return np.where(others.max(axis=1) > 0, others.argmax(axis=1), own)

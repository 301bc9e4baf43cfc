"""One loss that does what it is told to: the harness must survive every instruction.

``subject.py:crash`` and so on are right losses until a case's first boundary example, a batch of one,
comes; the smoke asks larger batches.
"""

import os
import sys
import time

import torch
import torch.nn.functional as F


def _instructed(instruction):
    def loss(logits, target, eps=0.1, reduction="mean"):
        if not 0 <= eps <= 1:
            raise ValueError(f"eps is {eps}")
        if len(logits) == 1:
            instruction(logits)
        return F.cross_entropy(logits, target, label_smoothing=eps, reduction=reduction)

    return loss


def _crash_in_float64(logits):
    if logits.dtype == torch.float64:
        os._exit(7)


def _print(logits):
    print("x" * 10_000)
    print("y" * 10_000, file=sys.stderr)


crash = _instructed(_crash_in_float64)
hang = _instructed(lambda logits: time.sleep(3600))
exit = _instructed(lambda logits: sys.exit(3))
leak_rng = _instructed(lambda logits: torch.manual_seed(1))
change_default_dtype = _instructed(lambda logits: torch.set_default_dtype(torch.float64))
mutate_input = _instructed(lambda logits: logits.data.add_(1))
prints = _instructed(_print)


def raises(logits, target, eps=0.1):
    raise RuntimeError("no input is good enough")


def dies_at_once(logits, target, eps=0.1):
    os._exit(9)


not_callable = 3

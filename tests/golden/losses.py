"""What the files beside this one are the output of ``lawful`` for: see tests/test_terminal.py."""

import torch.nn.functional as F
from torch import nn


class SmoothCE(nn.Module):
    """Right."""

    def __init__(self, eps=0.1):
        super().__init__()
        self.eps = eps

    def forward(self, logits, target):
        log_p = F.log_softmax(logits, dim=-1)
        of_target = log_p.gather(1, target[:, None]).squeeze(1)
        return -((1 - self.eps) * of_target + self.eps * log_p.mean(dim=-1)).mean()


class HalfSmoothCE(SmoothCE):
    """Wrong: the smoothing is divided by the number of classes twice."""

    def forward(self, logits, target):
        log_p = F.log_softmax(logits, dim=-1)
        of_target = log_p.gather(1, target[:, None]).squeeze(1)
        smooth = log_p.mean(dim=-1) / logits.shape[1]
        return -((1 - self.eps) * of_target + self.eps * smooth).mean()


class ShiftsInPlaceCE(HalfSmoothCE):
    """Wrong in two ways: as the one above, and it changes the caller's logits."""

    def forward(self, logits, target):
        result = super().forward(logits, target)
        logits.detach().sub_(logits.detach().max())
        return result


def smooth_words(text, count):
    """No loss at all."""
    return text.split()[:count]

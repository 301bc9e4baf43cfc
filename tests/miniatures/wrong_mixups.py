"""Ten wrong mixups as people write them, and the law that each breaks."""

import numpy as np
import torch
import torch.nn.functional as F


def _checked(x, y, alpha):
    if not 0 <= alpha < float("inf") or len(x) != len(y) or not x.is_floating_point():
        raise ValueError(f"alpha {alpha}, {len(x)} inputs of {x.dtype}, {len(y)} targets")


def _shares(alpha, size):
    return torch.tensor(np.random.beta(alpha, alpha, size)) if alpha > 0 else torch.ones(size)


def _over(lam, x):
    return lam.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def _drawn(x, y, alpha):
    _checked(x, y, alpha)
    return _shares(alpha, len(x)), torch.randperm(len(x))


def _mixed(x, lam, index):
    share = _over(lam, x)
    return share * x + (1 - share) * x[index]


def labels_shuffled_again(x, y, alpha=1.0):
    lam, index = _drawn(x, y, alpha)
    return _mixed(x, lam, index), y, y[torch.randperm(len(y))], lam


def swapped_labels(x, y, alpha=1.0):
    lam, index = _drawn(x, y, alpha)
    return _mixed(x, lam, index), y[index], y, lam


def uniform(x, y, alpha=1.0):
    _, index = _drawn(x, y, alpha)
    lam = torch.rand(len(x))
    return _mixed(x, lam, index), y, y[index], lam


def in_place(x, y, alpha=1.0):
    lam, index = _drawn(x, y, alpha)
    x.data.copy_(_mixed(x, lam, index))
    return x, y, y[index], lam


def images_only(x, y, alpha=1.0):
    lam, index = _drawn(x, y, alpha)
    share = lam.to(x.dtype)[:, None, None, None]
    return share * x + (1 - share) * x[index], y, y[index], lam


def squeezed(x, y, alpha=1.0):
    lam, index = _drawn(x, y, alpha)
    lam = torch.stack([lam.squeeze(), 1 - lam.squeeze()], 1).amax(1)
    return _mixed(x, lam, index), y, y[index], lam


def float32_lambda(x, y, alpha=1.0):
    _checked(x, y, alpha)
    lam, index = _shares(alpha, len(x)).float(), torch.randperm(len(x))
    share = lam.reshape(-1, *[1] * (x.ndim - 1))
    return share * x + (1 - share) * x[index], y, y[index], lam


def any_alpha(x, y, alpha=1.0):
    lam, index = _drawn(x, y, abs(alpha) if np.isfinite(alpha) else 1.0)
    return _mixed(x, lam, index), y, y[index], lam


class FixedSeed:
    def __init__(self, alpha, num_classes):
        self.alpha, self.num_classes, self.rng = alpha, num_classes, np.random.default_rng(7)

    def __call__(self, x, y):
        _checked(x, y, self.alpha)
        lam = torch.tensor(self.rng.beta(self.alpha, self.alpha, len(x)) if self.alpha else np.ones(len(x)))
        index = torch.tensor(self.rng.permutation(len(x)))
        rows = F.one_hot(y, self.num_classes).double()
        return _mixed(x, lam, index), lam[:, None] * rows + (1 - lam[:, None]) * rows[index]


WRONG = {
    "labels_shuffled_again": "inputs_and_targets_share_lambda_and_partner",
    "swapped_labels": "inputs_and_targets_share_lambda_and_partner",
    "uniform": "lambda_follows_beta",
    "in_place": "inputs_not_modified",
    "images_only": "any_rank",
    "squeezed": "odd_and_single_batches",
    "float32_lambda": "dtype_and_device_kept",
    "any_alpha": "rejects_bad_alpha",
    "FixedSeed": "seeds_differ",
}

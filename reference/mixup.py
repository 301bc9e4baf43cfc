r"""Mixup, in the order in which one would write it on a blackboard.

With a batch x_1 .. x_N, a partner pi(i) for every sample i, and shares lam_i in [0, 1]:

    x'_i = lam_i x_i + (1 - lam_i) x_pi(i)           mix
    q_i  = lam_i onehot(y_i) + (1 - lam_i) onehot(y_pi(i))      mixed_targets
    L_i  = lam_i CE(z_i, y_i) + (1 - lam_i) CE(z_i, y_pi(i)) = CE(z_i, q_i)     mixed_loss
    acc_i = lam_i [k_i = y_i] + (1 - lam_i) [k_i = y_pi(i)],  k_i = argmax_k z_ik     mixed_accuracy
    m'_i = m_i or m_pi(i), of padded sequences       join
    lam_i ~ Beta(alpha, alpha)                       sample_lam

Source: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2018
(arXiv 1710.09412), equation 1 and section 2.

**The collision.** Partners come from the same batch, and Beta(alpha, alpha) is symmetric about 1/2. So i
may meet j with lam = 0.3 while j meets i with lam = 0.7:

    0.3 x_i + 0.7 x_j    and    0.7 x_j + 0.3 x_i

are the same image twice in one batch, and another pair of images is missing from it. Replacing lam by
max(lam, 1 - lam) makes sample i the heavier half of row i: row i is then mostly x_i, row j mostly x_j,
and two rows can mirror each other no more (but at exactly 1/2, which has probability 0). The law of the
share is then Beta(alpha, alpha) *folded* at 1/2: by symmetry, twice its density on [1/2, 1].

Not everybody folds: the paper does not, fastai does ("to avoid duplicates", as the documentation of luz,
which follows it, puts it). It is a convention, and changes no other law.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import beta, betainc, log_softmax

Array = NDArray[np.float64]


def mix(x: ArrayLike, partner: ArrayLike, lam: ArrayLike) -> Array:
    """lam x + (1 - lam) partner, sample by sample.

    ``x``, ``partner``: (N, ...), of one shape. ``lam``: (N,), or a scalar for one share a batch.

    >>> mix([[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]], [0.75, 0.5])
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])

    Raises ValueError where the shapes differ.
    """
    a, b = np.asarray(x, float), np.asarray(partner, float)
    if a.shape != b.shape:
        raise ValueError(f"partner has shape {b.shape}, expected that of x, {a.shape}")
    share = np.asarray(lam, float)
    if share.ndim:
        share = share.reshape(-1, *[1] * (a.ndim - 1))
    mixed: Array = share * a + (1 - share) * b
    return mixed


def join(mask: ArrayLike, partner: ArrayLike) -> NDArray[np.bool_]:
    """m or m_partner: where a mixture of two padded sequences has something. Both (N, T), True where it has.

    >>> join([[True, True, False]], [[True, False, False]])
    array([[ True,  True, False]])
    """
    either: NDArray[np.bool_] = np.asarray(mask, bool) | np.asarray(partner, bool)
    return either


def fold(lam: ArrayLike) -> Array:
    """max(lam, 1 - lam): the collision fix, after which the sample itself is the heavier half.

    >>> fold([0.3, 0.7, 0.5])
    array([0.7, 0.7, 0.5])
    """
    share = np.asarray(lam, float)
    folded: Array = np.maximum(share, 1 - share)
    return folded


def sample_lam(rng: np.random.Generator, alpha: float, size: int, *, folded: bool = True) -> Array:
    """``size`` shares from Beta(alpha, alpha), folded or not. At alpha 0 nothing is mixed: all are 1.

    Raises ValueError for an alpha that is negative or not finite.
    """
    _check_alpha(alpha)
    if alpha == 0:
        return np.ones(size)
    lam = rng.beta(alpha, alpha, size)
    return fold(lam) if folded else lam


def lam_density(lam: ArrayLike, alpha: float, *, folded: bool = True) -> Array:
    """f(lam) = (lam (1 - lam))^(alpha - 1) / B(alpha, alpha) on [0, 1], of the shape of ``lam``.

    Folded: 2 f(lam) on [1/2, 1], 0 below.
    """
    share = np.asarray(lam, float)
    inside = (share >= 0) & (share <= 1)
    with np.errstate(divide="ignore"):
        f = np.where(inside, (share * (1 - share)).clip(0) ** (alpha - 1), 0.0) / beta(alpha, alpha)
    return np.where(share >= 0.5, 2 * f, 0.0) if folded else f


def lam_cdf(lam: ArrayLike, alpha: float, *, folded: bool = True) -> Array:
    """P(share <= lam), of the shape of ``lam``. Folded: F(lam) - F(1 - lam) = 2 F(lam) - 1.

    >>> lam_cdf([0.25, 0.5, 0.75, 1.0], 1.0)
    array([0. , 0. , 0.5, 1. ])
    """
    share = np.asarray(lam, float)
    distribution = np.asarray(betainc(alpha, alpha, share.clip(0, 1)))
    return np.where(share >= 0.5, 2 * distribution - 1, 0.0) if folded else distribution


def mixed_targets(target: ArrayLike, partner: ArrayLike, lam: ArrayLike, num_classes: int) -> Array:
    """q, a distribution a row: lam of the sample's class, 1 - lam of its partner's.

    ``target``, ``partner``: classes (N,), or (N, d...) with one for each place, whole numbers; or values
    (N, ...) of floating point, which are mixed as they are. Returns (N, K, d...), or the values' shape.

    >>> mixed_targets([0, 1], [2, 1], [0.75, 0.5], 3)
    array([[0.75, 0.  , 0.25],
           [0.  , 1.  , 0.  ]])

    Raises ValueError for classes outside 0..K-1.
    """
    return mix(_distributions(target, num_classes), _distributions(partner, num_classes), lam)


def mixed_loss(logits: ArrayLike, target: ArrayLike, partner: ArrayLike, lam: ArrayLike) -> Array:
    """lam CE(z, y) + (1 - lam) CE(z, y_partner), weighted *before* any mean, in nats.

    ``logits`` (N, K, d...), ``target`` and ``partner`` (N, d...) classes, ``lam`` (N,) or a scalar. Returns
    (N, d...). It equals the cross-entropy with :func:`mixed_targets`, as cross-entropy is linear in the
    target.
    """
    log_p = np.asarray(log_softmax(np.asarray(logits, float), axis=1))
    own, other = (-np.take_along_axis(log_p, np.asarray(y)[:, None], axis=1)[:, 0] for y in (target, partner))
    return mix(own, other, lam)


def mixed_accuracy(logits: ArrayLike, target: ArrayLike, partner: ArrayLike, lam: ArrayLike) -> Array:
    """lam [k = y] + (1 - lam) [k = y_partner], k = argmax z: the mass that q gives to the predicted class.

    ``logits`` (N, K, d...), ``target`` and ``partner`` (N, d...) classes, ``lam`` (N,) or a scalar. Returns
    (N, d...), in [0, 1]; 1 only where both are of the predicted class, so that no prediction of a mixture
    of two classes reaches 1.

    >>> mixed_accuracy([[0.0, 2.0], [0.0, 2.0]], [1, 0], [0, 1], [0.75, 0.75])
    array([0.75, 0.25])
    """
    predicted = np.asarray(logits, float).argmax(axis=1)
    return mix(predicted == np.asarray(target), predicted == np.asarray(partner), lam)


def _distributions(target: ArrayLike, num_classes: int) -> Array:
    t = np.asarray(target)
    if np.issubdtype(t.dtype, np.floating):
        return t.astype(float)
    if t.size and (t.min() < 0 or t.max() >= num_classes):
        raise ValueError(f"target is {t.tolist()}, expected classes in 0..{num_classes - 1}")
    classes = np.arange(num_classes).reshape(-1, *[1] * (t.ndim - 1))
    rows: Array = (t[:, None] == classes).astype(float)
    return rows


def _check_alpha(alpha: float) -> None:
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha is {alpha!r}, expected a finite number from 0")

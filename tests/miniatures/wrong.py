"""Ten wrong losses as people write them, and the law that each breaks."""

import torch
import torch.nn.functional as F


def _checked(logits, target, eps):
    if not 0 <= eps <= 1 or logits.ndim != 2 or len(logits) != len(target):
        raise ValueError("bad epsilon or shapes")
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return wide, F.one_hot(target, logits.shape[1]).to(wide.dtype)


def _loss(q, log_p):
    return -(q * log_p.masked_fill(q == 0, 0)).sum(1)


def scaled_by_classes(logits, target, eps=0.1):
    z, onehot = _checked(logits, target, eps)
    classes = z.shape[1]
    return _loss((1 - eps) * onehot + eps / (classes + 1), z.log_softmax(1)).mean().to(logits.dtype)


def zero_times_infinity(logits, target, eps=0.1):
    z, _ = _checked(logits, target, eps)
    log_p = z.log_softmax(1)
    nll = -log_p.gather(1, target[:, None]).squeeze(1)
    return ((1 - eps) * nll - eps * log_p.mean(1)).mean().to(logits.dtype)


def no_softmax_maximum(logits, target, eps=0.1):
    z, onehot = _checked(logits, target, eps)
    log_p = z - z.exp().sum(1, keepdim=True).log()
    return _loss((1 - eps) * onehot + eps / z.shape[1], log_p).mean().to(logits.dtype)


def half_sum(logits, target, eps=0.1):
    _checked(logits, target, eps)
    return F.cross_entropy(logits, target, label_smoothing=eps)


def any_epsilon(logits, target, eps=0.1):
    z, onehot = _checked(logits, target, 0.0)
    return _loss((1 - eps) * onehot + eps / z.shape[1], z.log_softmax(1)).mean().to(logits.dtype)


def negative_is_class_zero(logits, target, eps=0.1):
    z, onehot = _checked(logits, target.clamp(min=0), eps)
    return _loss((1 - eps) * onehot + eps / z.shape[1], z.log_softmax(1)).mean().to(logits.dtype)


def hidden_float32(logits, target, eps=0.1):
    _checked(logits, target, eps)
    return F.cross_entropy(logits.float(), target, label_smoothing=eps)


def detached_uniform_term(logits, target, eps=0.1):
    z, onehot = _checked(logits, target, eps)
    log_p = z.log_softmax(1)
    own = _loss((1 - eps) * onehot, log_p)
    return (own + _loss(torch.full_like(z, eps / z.shape[1]), log_p.detach())).mean().to(logits.dtype)


def overwrites_logits(logits, target, eps=0.1):
    z, onehot = _checked(logits, target, eps)
    loss = _loss((1 - eps) * onehot + eps / z.shape[1], z.log_softmax(1)).mean().to(logits.dtype)
    if not logits.requires_grad:
        logits.zero_()
    return loss


def swallows_options(logits, target, eps=0.1, **options):
    z, onehot = _checked(logits, target, eps)
    return _loss((1 - eps) * onehot + eps / z.shape[1], z.log_softmax(1)).mean().to(logits.dtype)


WRONG = {
    "scaled_by_classes": "matches_reference",
    "zero_times_infinity": "zero_epsilon_ignores_masked_classes",
    "no_softmax_maximum": "extreme_logits_stay_finite",
    "half_sum": "many_classes_do_not_overflow",
    "any_epsilon": "rejects_bad_epsilon",
    "negative_is_class_zero": "rejects_bad_target",
    "hidden_float32": "float64_keeps_float64",
    "detached_uniform_term": "gradient_is_softmax_minus_target",
    "overwrites_logits": "inputs_not_modified",
    "swallows_options": "reductions_agree",
}

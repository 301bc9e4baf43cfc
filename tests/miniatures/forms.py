"""The forms in which people write the three techniques, each right and wrong: see ``test_forms``.

A wrong one is named after the right one: its spread is half of what it should be, its labels are not the
partner's, its sweep adds in place of multiplying.
"""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def _q(target, classes, eps):
    return (1 - eps) * F.one_hot(target, classes) + eps / classes


def _ce(log_p, target, eps):
    """Cross-entropy of log-probabilities, in their dtype."""
    return -(_q(target, log_p.shape[-1], eps).to(log_p.dtype) * log_p).sum(-1)


def _wide(z):
    return z if z.dtype == torch.float64 else z.float()


def _logits(z, target, eps):
    return _ce(_wide(z).log_softmax(-1), target, eps).to(z.dtype)


# label smoothing


def log_probabilities(log_probs, target, smoothing=0.1):
    return _ce(log_probs, target, smoothing).mean()


def log_probabilities_wrong(log_probs, target, smoothing=0.1):
    return _ce(log_probs, target, smoothing / 2).mean()


class PaddingRequired(nn.Module):
    """The annotated transformer's: e/(K-2) beside a zeroed class."""

    halve = 1

    def __init__(self, size, padding_idx, smoothing=0.0):
        super().__init__()
        self.size, self.padding_idx, self.smoothing = size, padding_idx, smoothing / self.halve

    def forward(self, x, target):
        q = torch.full_like(x, self.smoothing / (self.size - 2))
        q.scatter_(1, target[:, None], 1.0 - self.smoothing)
        q[:, self.padding_idx] = 0
        q[target == self.padding_idx] = 0
        return F.kl_div(x, q, reduction="sum")


class PaddingRequiredWrong(PaddingRequired):
    halve = 2


class Sequences(nn.Module):
    """(B, T, K) logits with (B, T) targets."""

    def __init__(self, tgt_vocab_size, label_smoothing=0.1):
        super().__init__()
        self.size, self.eps = tgt_vocab_size, label_smoothing

    def forward(self, output, target):
        size = output.shape[2]
        assert size == self.size
        return _logits(output.reshape(-1, size), target.reshape(-1), self.eps).mean()


class SequencesWrong(Sequences):
    def __init__(self, tgt_vocab_size, label_smoothing=0.1):
        super().__init__(tgt_vocab_size, label_smoothing / 2)


def any_smooth_name(pred, gold, lb_smooth_rate=0.1):
    return _logits(pred, gold, lb_smooth_rate).mean()


def any_smooth_name_wrong(pred, gold, lb_smooth_rate=0.1):
    return _logits(pred, gold, lb_smooth_rate / 2).mean()


class NamesOfClasses(nn.Module):
    def __init__(self, n_dim, smoothing=0.1):
        super().__init__()
        self.n_dim, self.smoothing = n_dim, smoothing

    def forward(self, x, y):
        assert x.shape[1] == self.n_dim
        return _logits(x, y, self.smoothing).mean()


class NamesOfClassesWrong(NamesOfClasses):
    def __init__(self, n_dim, smoothing=0.1):
        super().__init__(n_dim, smoothing / 2)


def one_of_a_tuple(pred, target, eps=0.1):
    nll = _logits(pred, target, 0.0)
    return _logits(pred, target, eps).mean(), nll.mean().detach()


def one_of_a_tuple_wrong(pred, target, eps=0.1):
    return _logits(pred, target, eps / 2).mean(), torch.tensor(0.0)


def one_of_a_dict(pred, target, eps=0.1):
    return {"accuracy": (pred.argmax(1) == target).float().mean(), "loss": _logits(pred, target, eps).mean()}


def one_of_a_dict_wrong(pred, target, eps=0.1):
    return {"loss": _logits(pred, target, eps / 2).mean()}


def fixed_smoothing_loss(pred, target):
    return _logits(pred, target, 0.1).mean()


def switched(pred, gold, smoothing):
    return _logits(pred, gold, 0.1 if smoothing else 0.0).mean()


switched.__defaults__ = (False,)


class SmoothCE:
    def __init__(self, eps):
        self.eps = eps

    def __call__(self, x, y):
        return _logits(x, y, self.eps).mean()


instance = SmoothCE(0.1)
torch_instance = nn.CrossEntropyLoss(label_smoothing=0.1)
a_partial = functools.partial(any_smooth_name)
a_partial_wrong = functools.partial(any_smooth_name_wrong)
a_lambda = lambda x, y, smoothing=0.1: _logits(x, y, smoothing).mean()  # noqa: E731
a_lambda_wrong = lambda x, y, smoothing=0.1: _logits(x, y, smoothing / 2).mean()  # noqa: E731


def one_hot_targets(logits, onehot, smoothing=0.1):
    q = onehot * (1 - smoothing) + smoothing / onehot.shape[1]
    assert onehot.shape == logits.shape
    return -(q * _wide(logits).log_softmax(1)).sum(1).mean().to(logits.dtype)


def one_hot_targets_wrong(logits, onehot, smoothing=0.1):
    return one_hot_targets(logits, onehot, smoothing / 2)


def smooth_labels(labels, num_classes, smoothing=0.1):
    """Targets alone."""
    return _q(labels, num_classes, smoothing)


def smooth_labels_wrong(labels, num_classes, smoothing=0.1):
    return _q(labels, num_classes, smoothing / 2)


class EpsilonToForward(nn.Module):
    def forward(self, pred, target, smoothing=0.1):
        return _logits(pred, target, smoothing).mean()


class EpsilonToForwardWrong(nn.Module):
    def forward(self, pred, target, smoothing=0.1):
        return _logits(pred, target, smoothing / 2).mean()


def required_mask(logits, target, mask, smoothing=0.1):
    losses = _logits(logits, target, smoothing)
    return (losses * mask).sum() / mask.sum()


def required_mask_wrong(logits, target, mask, smoothing=0.1):
    return required_mask(logits, target, mask, smoothing / 2)


class UseGpu(nn.Module):
    halve = 1

    def __init__(self, num_classes, epsilon=0.1, use_gpu=True):
        super().__init__()
        self.num_classes, self.epsilon, self.use_gpu = num_classes, epsilon / self.halve, use_gpu

    def forward(self, inputs, targets):
        targets = targets.cuda() if self.use_gpu else targets
        return _logits(inputs, targets, self.epsilon).mean()


class UseGpuWrong(UseGpu):
    halve = 2


def normalised(pred, target, eps=0.1):
    """(onehot + e/K) / (1 + e)."""
    classes = pred.shape[1]
    q = (F.one_hot(target, classes) + eps / classes) / (1 + eps)
    return -(q * _wide(pred).log_softmax(1)).sum(1).mean().to(pred.dtype)


def kl_div_mean(pred, target, smoothing=0.1):
    """The classic fault: the mean is over N K entries."""
    q = _q(target, pred.shape[1], smoothing)
    return F.kl_div(pred.log_softmax(1), q.to(pred.dtype), reduction="mean")


# mixup


def _lam(alpha):
    return float(np.random.beta(alpha, alpha)) if alpha > 0 else 1.0


def _blend(x, lam, index):
    return lam * x + (1 - lam) * x[index]


def one_hot_in(x, y, alpha=1.0):
    """Targets are rows."""
    assert y.ndim == 2
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(y, lam, index)


def one_hot_in_wrong(x, y, alpha=1.0):
    assert y.ndim == 2
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(y, lam, index.flip(0))


def labels_then_lam(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y, y[index]), lam


def labels_then_lam_wrong(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y[index], y), lam


def with_a_flag(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y, y[index], lam), True


def with_a_flag_wrong(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y, y[index], 1 - lam), True


def with_the_index(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], index, lam


def with_the_index_wrong(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[torch.randperm(len(y))], index, lam


def soft_lam_index(x, y, num_classes, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(F.one_hot(y, num_classes).float(), lam, index), lam, index


def soft_lam_index_wrong(x, y, num_classes, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), _blend(F.one_hot(y, num_classes).float(), 1 - lam, index), lam, index


def a_tuple_in(batch, alpha=1.0):
    x, y = batch
    assert isinstance(batch, tuple)
    return labels_then_lam(x, y, alpha)


def a_tuple_in_wrong(batch, alpha=1.0):
    x, y = batch
    assert isinstance(batch, tuple)
    return labels_then_lam_wrong(x, y, alpha)


def collate_mixup(samples, alpha=1.0):
    """A ``collate_fn``: a list of samples."""
    x = torch.stack([image for image, _ in samples])
    y = torch.tensor([label for _, label in samples])
    return labels_then_lam(x, y, alpha)


def collate_mixup_wrong(samples, alpha=1.0):
    x = torch.stack([image for image, _ in samples])
    y = torch.tensor([label for _, label in samples])
    return labels_then_lam_wrong(x, y, alpha)


def a_dict_in(batch, alpha=1.0):
    x, y = batch["image"], batch["label"]
    mixed, (own, other), lam = labels_then_lam(x, y, alpha)
    return {"image": mixed, "label_a": own, "label_b": other, "lam": lam}


def a_dict_in_wrong(batch, alpha=1.0):
    x, y = batch["image"], batch["label"]
    mixed, (own, other), lam = labels_then_lam_wrong(x, y, alpha)
    return {"image": mixed, "label_a": own, "label_b": other, "lam": lam}


def numpy_mixup(x, y, alpha=1.0):
    if not isinstance(x, np.ndarray):
        raise TypeError("arrays only")
    lam, index = _lam(alpha), np.random.permutation(len(x))
    return _blend(x, lam, index), y, y[index], lam


def numpy_mixup_wrong(x, y, alpha=1.0):
    if not isinstance(x, np.ndarray):
        raise TypeError("arrays only")
    lam, index = _lam(alpha), np.random.permutation(len(x))
    return _blend(x, lam, index), y[index], y, lam


def two_batches(x1, x2, y1, y2, alpha=1.0):
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, y1, y2, lam


def two_batches_wrong(x1, x2, y1, y2, alpha=1.0):
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, y2, y1, lam


def lambda_given(x, y, lam):
    index = torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index]


def lambda_given_wrong(x, y, lam):
    index = torch.randperm(len(x))
    return _blend(x, lam, index), y[index], y


def no_alpha_mixup(x, y):
    return labels_then_lam(x, y, 0.4)


def no_alpha_mixup_wrong(x, y):
    return labels_then_lam_wrong(x, y, 0.4)


def alpha_first(alpha, inputs, targets):
    return labels_then_lam(inputs, targets, alpha)


def alpha_first_wrong(alpha, inputs, targets):
    return labels_then_lam_wrong(inputs, targets, alpha)


class OfAMethod:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def mix(self, x, y):
        return labels_then_lam(x, y, self.alpha)

    def mix_wrong(self, x, y):
        return labels_then_lam_wrong(x, y, self.alpha)


class _Base:
    def __init__(self, alpha=1.0, num_classes=10):
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, x, y):
        return soft_lam_index(x, y, self.num_classes, self.alpha)[:2]


class FromItsBase(_Base):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class FromItsBaseWrong(FromItsBase):
    def __call__(self, x, y):
        return soft_lam_index_wrong(x, y, self.num_classes, self.alpha)[:2]


def with_device(x, y, device, alpha=1.0):
    return labels_then_lam(x.to(device), y.to(device), alpha)


def with_device_wrong(x, y, device, alpha=1.0):
    return labels_then_lam_wrong(x.to(device), y.to(device), alpha)


# LR finders


def _run(model, optimizer, criterion, loader, start, end, steps, additive=False):
    lrs, losses, best = [], [], math.inf
    if steps < 2 or not 0 < start < end:
        raise ValueError("no range")

    def endless():
        while True:
            yield from loader

    batches = endless()
    model.train()
    for i in range(steps):
        lr = start * (end / start) ** (i / (steps - 1))
        if additive:
            lr = start + (end - start) * i / (steps - 1)
        for group in optimizer.param_groups:
            group["lr"] = lr
        x, y = next(batches)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        if not math.isfinite(loss.item()) or loss.item() > best + 3 * abs(best):
            break
        best = min(best, loss.item())
        lrs.append(lr)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return lrs, losses


def _steepest(lrs, losses):
    """Where a loss falls most, smoothed over nine points."""
    smooth = np.convolve(np.pad(losses, 4, mode="edge"), np.ones(9) / 9, "valid")
    return lrs[int(np.argmin(np.gradient(smooth)[: int(np.argmin(smooth)) + 1]))]


class Finder:
    """History in attributes, ``reset()``."""

    additive = False

    def __init__(self, model, optimizer, criterion, device=None):
        import copy

        self.model, self.optimizer, self.criterion, self.device = model, optimizer, criterion, device
        self.saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))

    def range_test(self, train_loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
        parts = (self.model.to(self.device), self.optimizer, self.criterion, train_loader)
        lrs, losses = _run(*parts, start_lr, end_lr, num_iter, self.additive)
        self.history = {"lr": lrs, "loss": losses}

    def reset(self):
        self.model.load_state_dict(self.saved[0])
        self.optimizer.load_state_dict(self.saved[1])


class FinderWrong(Finder):
    additive = True


def gives_nothing(net, trn_loader, optimizer, criterion, lr_start=1e-6, lr_end=1.0, num_iters=100):
    """It draws, and gives nothing back."""
    lrs, losses = _run(net, optimizer, criterion, trn_loader, lr_start, lr_end, num_iters)
    from matplotlib import pyplot

    pyplot.plot(lrs, losses)
    pyplot.close()


def gives_nothing_wrong(net, trn_loader, optimizer, criterion, lr_start=1e-6, lr_end=1.0, num_iters=100):
    _run(net, optimizer, criterion, trn_loader, lr_start, lr_end, num_iters, additive=True)


def gives_one_number(model, optimizer, criterion, loader, min_lr=1e-6, max_lr=1.0, num_steps=100):
    return _steepest(*_run(model, optimizer, criterion, loader, min_lr, max_lr, num_steps))


def gives_one_number_wrong(model, optimizer, criterion, loader, min_lr=1e-6, max_lr=1.0, num_steps=100):
    lrs, _ = _run(model, optimizer, criterion, loader, min_lr, max_lr, num_steps, additive=True)
    return lrs[len(lrs) // 2]


def logarithms(model, optimizer, criterion, dataloader, start_lr, end_lr, num_iter, device="cpu"):
    lrs, losses = _run(model.to(device), optimizer, criterion, dataloader, start_lr, end_lr, num_iter)
    return [math.log10(lr) for lr in lrs], losses


def logarithms_wrong(model, optimizer, criterion, dataloader, start_lr, end_lr, num_iter, device="cpu"):
    lrs, losses = _run(model, optimizer, criterion, dataloader, start_lr, end_lr, num_iter, additive=True)
    return [math.log10(lr) for lr in lrs], losses


def a_triple(model, opt, loss_func, trainloader, init_value, final_val, n_iter):
    lrs, losses = _run(model, opt, loss_func, trainloader, init_value, final_val, n_iter)
    return losses, lrs, _steepest(lrs, losses)


def a_triple_wrong(model, opt, loss_func, trainloader, init_value, final_val, n_iter):
    lrs, losses = _run(model, opt, loss_func, trainloader, init_value, final_val, n_iter, additive=True)
    return losses, lrs, lrs[0]


model = optimizer = criterion = None


def from_its_module(train_loader, init_value=1e-8, final_value=10.0, num_steps=100):
    """The model, the optimizer and the criterion are globals of its module."""
    return _run(model, optimizer, criterion, train_loader, init_value, final_value, num_steps)


def from_its_module_wrong(train_loader, init_value=1e-8, final_value=10.0, num_steps=100):
    return _run(model, optimizer, criterion, train_loader, init_value, final_value, num_steps, additive=True)


def optimizer_class(model, optimizer_class, criterion, loader, start_lr, end_lr, num_iter):
    optimizer = optimizer_class(model.parameters(), lr=start_lr)
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def optimizer_class_wrong(model, optimizer_class, criterion, loader, start_lr, end_lr, num_iter):
    optimizer = optimizer_class(model.parameters(), lr=start_lr)
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive=True)


def at_least_thirty_steps(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    if num_iter < 30:
        raise ValueError("num_iter is too small")
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


# training loops


def train(model, train_loader, optimizer, criterion, epochs=1, val_loader=None):
    """A reduced criterion; a history by its keys."""
    history = {"train_loss": [], "val_loss": [], "val_acc": []}
    for _ in range(epochs):
        model.train()
        total, seen = 0.0, 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total, seen = total + loss.item() * len(x), seen + len(x)
        history["train_loss"].append(total / seen)
        model.eval()
        right = count = summed = 0
        with torch.no_grad():
            for x, y in val_loader:
                z = model(x)
                summed += criterion(z, y).item() * len(x)
                right, count = right + (z.argmax(1) == y).sum().item(), count + len(x)
        history["val_loss"].append(summed / count)
        history["val_acc"].append(right / count)
    return history


def train_wrong(model, train_loader, optimizer, criterion, epochs=1, val_loader=None):
    """Validation in training mode, with a graph; no history."""
    for _ in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        for x, y in val_loader:
            criterion(model(x), y)


def required_padding(pred, gold, trg_pad_idx, smoothing=0.1):
    """The ignored value has to be given, under a name of its own."""
    losses = _logits(pred, gold.masked_fill(gold == trg_pad_idx, 0), smoothing)
    return losses[gold != trg_pad_idx].sum()


def required_padding_wrong(pred, gold, trg_pad_idx, smoothing=0.1):
    return required_padding(pred, gold, trg_pad_idx, smoothing / 2)


def outputs_in_a_tuple(model_output, labels, epsilon=0.1):
    """As a model of transformers gives its logits."""
    assert isinstance(model_output, tuple)
    return _logits(model_output[0], labels, epsilon).mean()


def outputs_in_a_tuple_wrong(model_output, labels, epsilon=0.1):
    return outputs_in_a_tuple(model_output, labels, epsilon / 2)


class PaddedSequences(nn.Module):
    """(B, T, K) logits of a vocabulary whose first word is the padding; a count comes with the loss."""

    halve = 1

    def __init__(self, label_smoothing, vocabulary_size, pad_index=0):
        super().__init__()
        self.pad_index, self.label_smoothing = pad_index, label_smoothing / self.halve
        q = torch.full((1, vocabulary_size), self.label_smoothing / (vocabulary_size - 2))
        q[:, pad_index] = 0
        self.register_buffer("q", q)

    def forward(self, outputs, targets):
        _, _, size = outputs.size()
        log_p, labels = outputs.log_softmax(-1).reshape(-1, size), targets.reshape(-1)
        q = (
            self.q.to(log_p.dtype)
            .repeat(len(labels), 1)
            .scatter(1, labels[:, None], 1 - self.label_smoothing)
        )
        q = q.masked_fill((labels == self.pad_index)[:, None], 0)
        return F.kl_div(log_p, q, reduction="sum"), (labels != self.pad_index).sum()


class PaddedSequencesWrong(PaddedSequences):
    halve = 2


def a_list_of_both(batch, alpha=1.0):
    """The batch is a list, which is changed; targets are rows."""
    lam, index = _lam(alpha), torch.randperm(len(batch[0]))
    for place, part in enumerate(batch):
        batch[place] = _blend(part.to(batch[0].dtype), lam, index)
    return batch


def a_list_of_both_wrong(batch, alpha=1.0):
    for place, part in enumerate(batch):
        batch[place] = _blend(part.to(batch[0].dtype), _lam(alpha), torch.randperm(len(part)))
    return batch


def inputs_alone_mixup(inputs, alpha=1.0):
    """The labels are the caller's to pair: it says with what was mixed, and how much."""
    lam, index = _lam(alpha), torch.randperm(len(inputs))
    return _blend(inputs, lam, index), index, lam


def inputs_alone_mixup_wrong(inputs, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(inputs))
    return _blend(inputs, lam**2, index), index, lam**2


def samples_in_and_out(samples, num_classes, alpha=1.0):
    """A list of NumPy samples, and a list of them again."""
    x, y = np.stack([image for image, _ in samples]), np.array([label for _, label in samples])
    lam, index = _lam(alpha), np.random.permutation(len(x))
    rows = np.eye(num_classes)[y]
    return list(zip(_blend(x, lam, index), _blend(rows, lam, index), strict=True))


def samples_in_and_out_wrong(samples, num_classes, alpha=1.0):
    x, y = np.stack([image for image, _ in samples]), np.array([label for _, label in samples])
    lam, index = _lam(alpha), np.random.permutation(len(x))
    rows = np.eye(num_classes)[y]
    return list(zip(_blend(x, lam, index), _blend(rows, 1 - lam, index), strict=True))


def cuda_by_name(x, y, alpha=1.0):
    """Asks for CUDA, whatever there is."""
    lam, index = _lam(alpha), torch.randperm(len(x)).cuda()
    return _blend(x.to("cuda"), lam, index), y, y[index], lam


def cuda_by_name_wrong(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x)).cuda()
    return _blend(x.to("cuda"), lam, index), y[index], y, lam


def of_classes_or_rows_wrong(logits, target, smoothing=0.1):
    """Takes both kinds of targets, and sums where it should average: no value says which is meant."""
    rows = F.one_hot(target, logits.shape[1]) if target.ndim == 1 else target
    q = (1 - smoothing) * rows.to(logits.dtype) + smoothing / logits.shape[1]
    return -2 * (q * logits.log_softmax(1)).sum(1).mean()


class Configured(nn.Module):
    """Its options are attributes of a configuration."""

    halve = 1

    def __init__(self, config):
        super().__init__()
        self.classes, self.eps = config.data.n_classes, config.loss.label_smoothing / self.halve

    def forward(self, pred, target):
        assert pred.shape[1] == self.classes
        return _logits(pred, target, self.eps).mean()


class ConfiguredWrong(Configured):
    halve = 2

    def __init__(self, config):
        super().__init__(config)
        self.classes, self.eps = config.data.n_classes, config.loss.label_smoothing / 2


def with_args_mixup(args, x, y):
    """The arguments of a script come first, of which it reads two."""
    lam = _lam(args.mixup_alpha) if args.strategy != "off" else 1.0
    index = torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], lam


def with_args_mixup_wrong(args, x, y):
    lam = _lam(args.mixup_alpha) if args.strategy != "off" else 1.0
    index = torch.randperm(len(x))
    return _blend(x, lam, index), y[index], y, lam


def partners_labels_mixup(x, y, alpha=1.0):
    """The samples' own labels are the caller's already; lambda weighs the partner's."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, 1 - lam, index), y[index], lam


def partners_labels_mixup_wrong(x, y, alpha=1.0):
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, 1 - lam, index), y[index], lam**2


def with_validation(model, train_loader, val_loader, criterion, optimizer, start_lr, end_lr, num_it):
    """The second loader is there for the epochs after it."""
    assert len(list(val_loader)) > 0
    return _run(model, optimizer, criterion, train_loader, start_lr, end_lr, num_it)


def with_validation_wrong(model, train_loader, val_loader, criterion, optimizer, start_lr, end_lr, num_it):
    return _run(model, optimizer, criterion, train_loader, start_lr, end_lr, num_it, additive=True)

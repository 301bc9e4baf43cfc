"""Right code, each piece of which would be accused were it not for one of the gates."""

import sys

import torch
import torch.nn.functional as F


def log_of_softmax(logits, target, epsilon=0.1):
    """Right to the last digits but one for ordinary logits; log(0) at a gap of a hundred and more."""
    q = torch.full_like(logits, epsilon / logits.shape[1])
    q.scatter_add_(1, target[:, None], torch.full_like(logits[:, :1], 1 - epsilon))
    return -(q * torch.log(logits.softmax(1))).sum(1).mean()


def needs_more(logits, target, epsilon=0.1):
    if len(logits) > 3:
        import a_package_that_is_not_installed  # noqa: F401
    return F.cross_entropy(logits, target, label_smoothing=epsilon)


def with_a_loss_of_its_own(model, optimizer, criterion, loader, start_lr=1e-6, end_lr=1.0, num_iter=50):
    """Takes a criterion, and compares outputs and targets by one of its own."""
    rates, losses = [], []
    before = {name: value.clone() for name, value in model.state_dict().items()}
    steps = optimizer.state_dict()
    batches = iter(loader)
    for i in range(num_iter):
        rate = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        for group in optimizer.param_groups:
            group["lr"] = rate
        inputs, target = next(batches, None) or next(batches := iter(loader))
        optimizer.zero_grad()
        loss = F.mse_loss(model(inputs), torch.zeros_like(model(inputs))) + 0 * target.float().mean()
        loss.backward()
        optimizer.step()
        rates.append(rate)
        losses.append(loss.item())
    model.load_state_dict(before)
    optimizer.load_state_dict(steps)
    return rates, losses


def smoothed_unless_tested(logits, target, epsilon=0.1):
    """Wrong only where pytest is loaded: no program shows that."""
    factor = 2 if "pytest" in sys.modules else 1
    return factor * F.cross_entropy(logits, target, label_smoothing=epsilon)


def with_smoothed_labels(inputs, target, alpha=1.0, num_classes=10, smoothing=0.1):
    """A mixup that smooths the labels too, unless it is told not to."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    partner = torch.randperm(len(inputs))
    labels = F.one_hot(target, num_classes) * (1 - smoothing) + smoothing / num_classes
    return share * inputs + (1 - share) * inputs[partner], share * labels + (1 - share) * labels[partner]

"""Right code that looks like a fault of ``impl.faulty``, each in the form in which people write it."""

import copy

from .promised import _sweep


def clones_what_it_saves(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """R18 keeps ``state_dict()`` itself; here each of its tensors is a clone."""
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    swept = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    model.load_state_dict(saved)
    optimizer.load_state_dict(state)
    return swept


def loads_before_it_begins(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A state is loaded, and nothing put back: what is left is what the sweep left, as its choice."""
    model.load_state_dict(copy.deepcopy(model.state_dict()))
    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def returns_from_a_try(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """XR79 returns past what puts things back; here a ``finally`` puts them back."""
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    try:
        return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    finally:
        model.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])


FINDERS = {
    "clones_what_it_saves": ("restores_model", "holds"),
    "loads_before_it_begins": ("restores_model", "unsupported"),
    "returns_from_a_try": ("restores_after_divergence", "holds"),
}
"""The law that the fault beside it breaks, and what comes of asking it here."""

"""Implementations that take NumPy arrays: tensors become arrays on the way in, and tensors on the way out.

bfloat16 arrays are ml_dtypes', which JAX and TensorFlow bring along: NumPy has none of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def taking_tensors(build: Any) -> Any:
    """``build`` of an adapter whose ``arrays`` are NumPy's, as one of tensors."""

    def built(*arguments: Any, **features: Any) -> Any:
        made = build(*arguments, **{name: to_array(value) for name, value in features.items()})
        return WithGradient(made) if hasattr(made, "gradient") else Called(made)

    return built


class Called:
    """What an adapter built, called with tensors."""

    def __init__(self, made: Any):
        self.made = made

    def __call__(self, *tensors: Any) -> Any:
        return to_tensor(self.made(*map(to_array, tensors)))


class WithGradient(Called):
    """A loss that gives its own gradient."""

    def gradient(self, *tensors: Any) -> Any:
        return to_tensor(self.made.gradient(*map(to_array, tensors)))


def to_array(value: Any) -> Any:
    """A tensor's own memory as an array; what is no tensor stays."""
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    if value.dtype == torch.bfloat16:
        import ml_dtypes

        return value.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return value.numpy()


def to_tensor(value: Any) -> Any:
    """Whatever NumPy can read; tuples and lists part by part."""
    if isinstance(value, tuple | list):
        return type(value)(to_tensor(part) for part in value)
    if value is None:
        return value
    array = np.array(value)
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)

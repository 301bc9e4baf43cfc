"""Within :class:`CudaAsCpu`, code that asks for CUDA by name gets the CPU: ``.cuda()``, ``device="cuda"``.

So that a mixup which says ``torch.randperm(n).cuda()`` can be asked where there is no CUDA. What it computes
is the same; where its tensors would be is not asked of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class CudaAsCpu(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.cuda:
            return args[0]
        options = {name: _on_cpu(value) for name, value in (kwargs or {}).items()}
        return func(*map(_on_cpu, args), **options)


def _on_cpu(value: Any) -> Any:
    if isinstance(value, str) and value.partition(":")[0] == "cuda":
        return "cpu"
    if isinstance(value, torch.device) and value.type == "cuda":
        return torch.device("cpu")
    return value

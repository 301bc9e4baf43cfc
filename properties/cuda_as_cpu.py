"""Within :class:`CudaAsCpu`, code that asks for CUDA by name gets the CPU: ``.cuda()``, ``device="cuda:0"``,
``torch.cuda.FloatTensor``.

So that a mixup which says ``torch.randperm(n).cuda()`` can be asked where there is no CUDA. What it computes
is the same; where its tensors would be is not asked of it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_TYPES = ("Float", "Double", "Half", "BFloat16", "Byte", "Char", "Short", "Int", "Long", "Bool")


class _OnCpu:
    """A type of CUDA's tensors, of which the CPU's, ``kind``, is made."""

    kind: Any


class CudaAsCpu(TorchFunctionMode):
    """``stood_in``: whether it was asked for CUDA, and gave the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.stood_in = False
        self._before: dict[str, Any] = {}

    def __enter__(self) -> Any:
        stands = {f"{kind}Tensor": getattr(torch, f"{kind}Tensor") for kind in _TYPES}
        given = {name: self._of_type(kind) for name, kind in stands.items()}
        self._before = {name: getattr(torch.cuda, name) for name in given}
        for name, stand_in in given.items():
            setattr(torch.cuda, name, stand_in)
        return super().__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for name, value in self._before.items():
            setattr(torch.cuda, name, value)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.cuda:
            self.stood_in = True
            return args[0]
        if func is torch.Tensor.to and len(args) > 1 and type(args[1]) is int:  # the number of a device
            args = (args[0], "cuda", *args[2:])
        options = {name: self._on_cpu(value) for name, value in (kwargs or {}).items()}
        return func(*map(self._on_cpu, args), **options)

    def _on_cpu(self, value: Any) -> Any:
        if isinstance(value, str) and (value.partition(":")[0] == "cuda" or value.startswith("torch.cuda.")):
            self.stood_in = True
            return value.replace("torch.cuda.", "torch.") if "." in value else "cpu"
        if isinstance(value, torch.device) and value.type == "cuda":
            self.stood_in = True
            return torch.device("cpu")
        if isinstance(value, type) and issubclass(value, _OnCpu):
            self.stood_in = True
            return value.kind
        return value

    def _of_type(self, kind: Any) -> Any:
        """``torch.FloatTensor`` for ``torch.cuda.FloatTensor``, noting that it was asked for."""
        stand_in = self

        class Made(_OnCpu):
            def __new__(cls, *args: Any, **kwargs: Any) -> Any:
                stand_in.stood_in = True
                return kind(*args, **kwargs)

        Made.kind = kind
        return Made

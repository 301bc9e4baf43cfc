"""``python benchmarks/label_smoothing.py``: forward and backward of our loss beside its peers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from timing import ratios

from lawful.impl.native import label_smoothed_cross_entropy
from lawful.impl.thirdparty import adapters

PEERS = ("timm", "fastai", "segmentation_models_pytorch")
SIZES = ((128, 10), (128, 1000), (16, 50_000))


def compare(device: str, size: int, num_classes: int, dtype: torch.dtype) -> None:
    logits = torch.randn(size, num_classes, device=device, dtype=dtype, requires_grad=True)
    target = torch.randint(num_classes, (size,), device=device)
    losses = {
        "F.cross_entropy": lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1),
        "lawful": lambda z, y: label_smoothed_cross_entropy(z, y, epsilon=0.1),
    }
    for name in PEERS:
        for adapter in adapters(name):
            if adapter.technique == "label_smoothing" and adapter.installed():
                losses[name] = adapter.build(0.1)
    steps = {
        name: lambda loss=loss: torch.autograd.grad(loss(logits, target), logits)
        for name, loss in losses.items()
    }
    ratios(f"{size} x {num_classes}, {dtype}, {device}: forward and backward", steps)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for device in ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",):
        for size, num_classes in SIZES:
            compare(device, size, num_classes, torch.float32)
        compare(device, 128, 1000, torch.bfloat16)

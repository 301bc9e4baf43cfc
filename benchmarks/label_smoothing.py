"""``python benchmarks/label_smoothing.py``: forward and backward of our loss beside its peers.

"one read, one write" copies the logits: less than that no loss with a gradient can do.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timing import Measure, Ratios, ratios

from lawful.impl.native import label_smoothed_cross_entropy, smoothed_multilabel
from lawful.impl.thirdparty import adapters

PEERS = ("timm", "fastai", "segmentation_models_pytorch")
SIZES = (
    (128, 10, torch.float32),
    (256, 1000, torch.float32),
    (16, 50_000, torch.float32),
    (512, 32_000, torch.float32),
    (512, 32_000, torch.bfloat16),
)
Loss = Callable[[Any, Any], Any]


def losses(device: str = "cpu") -> dict[str, Loss]:
    """Liger-Kernel's are for a GPU alone."""
    found: dict[str, Loss] = {
        "F.cross_entropy": lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1),
        "lawful": lambda z, y: label_smoothed_cross_entropy(z, y, epsilon=0.1),
    }
    for name in PEERS:
        for adapter in adapters(name):
            if adapter.technique == "label_smoothing" and adapter.installed():
                found[name] = adapter.build(0.1)
    with contextlib.suppress(ImportError):
        if device == "cuda":
            from liger_kernel.transformers import LigerCrossEntropyLoss

            found["Liger-Kernel"] = LigerCrossEntropyLoss(label_smoothing=0.1)
    return found


def compare(
    device: str, size: int, num_classes: int, dtype: torch.dtype, measured: Measure = ratios
) -> tuple[str, Ratios]:
    logits = torch.randn(size, num_classes, device=device, dtype=dtype, requires_grad=True)
    target = torch.randint(num_classes, (size,), device=device)
    steps: dict[str, Callable[[], object]] = {
        name: lambda loss=loss: torch.autograd.grad(loss(logits, target), logits)
        for name, loss in losses(device).items()
    }
    steps["one read, one write"] = lambda: logits.detach().clone()
    name = str(dtype).removeprefix("torch.")
    title = f"loss, forward and backward, {size} x {num_classes}, {name}, {device}"
    return title, measured(title, steps)


def tokens(sentences: int, length: int, num_classes: int) -> tuple[str, Ratios]:
    """Classes last, as transformers give them; a third of the tokens are padding."""
    logits = torch.randn(sentences, length, num_classes, requires_grad=True)
    target = torch.randint(num_classes, (sentences, length))
    mask = torch.rand(sentences, length) < 2 / 3
    ignored = target.masked_fill(~mask, -100)
    losses: dict[str, Callable[[], Any]] = {
        "F.cross_entropy, flattened": lambda: F.cross_entropy(
            logits.flatten(0, 1), target.flatten(), label_smoothing=0.1
        ),
        "F.cross_entropy, transposed": lambda: F.cross_entropy(
            logits.transpose(1, 2), target, label_smoothing=0.1
        ),
        "F.cross_entropy, flattened, ignored": lambda: F.cross_entropy(
            logits.flatten(0, 1), ignored.flatten(), label_smoothing=0.1
        ),
        "lawful, dim=-1": lambda: label_smoothed_cross_entropy(logits, target, dim=-1),
        "lawful, dim=-1, mask": lambda: label_smoothed_cross_entropy(logits, target, dim=-1, mask=mask),
    }
    steps = {name: lambda loss=loss: torch.autograd.grad(loss(), logits) for name, loss in losses.items()}
    steps["one read, one write"] = lambda: logits.detach().clone()
    title = f"loss of tokens, forward and backward, {sentences} x {length} x {num_classes}, float32, cpu"
    return title, ratios(title, steps)


def several_labels(size: int, num_classes: int) -> tuple[str, Ratios]:
    logits = torch.randn(size, num_classes, requires_grad=True)
    target = (torch.rand(size, num_classes) < 0.1).float()
    losses: dict[str, Callable[[], Any]] = {
        "not smoothed": lambda: F.binary_cross_entropy_with_logits(logits, target),
        "lawful": lambda: F.binary_cross_entropy_with_logits(logits, smoothed_multilabel(target)),
    }
    steps = {name: lambda loss=loss: torch.autograd.grad(loss(), logits) for name, loss in losses.items()}
    title = f"loss of several labels, forward and backward, {size} x {num_classes}, float32, cpu"
    return title, ratios(title, steps)


def _peak(name: str, size: int, num_classes: int) -> float:
    """MiB that forward and backward add to the process, beside the logits."""
    logits = torch.randn(size, num_classes, requires_grad=True)
    target = torch.randint(num_classes, (size,))
    loss = losses()[name]
    loss(logits[:2], target[:2]).backward()
    logits.grad = None
    before = _memory("VmRSS")
    loss(logits, target).backward()
    return _memory("VmHWM") - before


def _memory(which: str) -> float:
    """MiB of this process, as Linux counts them: now, or at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def peaks(size: int, num_classes: int) -> tuple[str, dict[str, float]]:
    """Each in a process of its own."""
    title = f"loss, MiB beside the logits, {size} x {num_classes}, float32, cpu"
    print(f"\n{title}")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = {name: pool.apply(_peak, (name, size, num_classes)) for name in losses()}
    for name, each in found.items():
        print(f"  {name:34} {each:12.0f} MiB", flush=True)
    return title, found


def main() -> dict[str, Ratios]:
    torch.set_num_threads(1)
    devices = ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)
    found = dict(compare(device, *size) for device in devices for size in SIZES)
    return {**found, **dict([tokens(16, 64, 8000), several_labels(256, 1000)])}


if __name__ == "__main__":
    main()
    peaks(512, 32_000)

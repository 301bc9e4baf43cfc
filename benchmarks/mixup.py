"""``python benchmarks/mixup.py``: our mixup beside its peers, and its soft targets beside its pairs."""

from __future__ import annotations

import torch
from timing import ratios

from lawful.impl.native import Mixup
from lawful.impl.thirdparty import adapters

PEERS = ("torchvision", "timm", "fastai", "kornia")
SHAPES = ((64, 3, 32, 32), (64, 3, 224, 224))


def compare(device: str, shape: tuple[int, ...]) -> None:
    inputs = torch.randn(shape, device=device)
    target = torch.randint(10, (shape[0],), device=device)
    mixes = {
        "lawful, soft targets": Mixup(0.4, 10),
        "lawful, pairs": Mixup(0.4, 10, targets="pair"),
        "lawful, one lambda a batch": Mixup(0.4, 10, scope="batch"),
    }
    for library in PEERS:
        for adapter in adapters(library):
            if adapter.technique == "mixup" and adapter.installed():
                mixes[adapter.name] = adapter.build(0.4, 10)
    # timm works in place: all get a copy
    calls = {name: lambda mix=mix: mix(inputs.clone(), target) for name, mix in mixes.items()}
    ratios(f"{shape}, {device}", calls)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for device in ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",):
        for shape in SHAPES:
            compare(device, shape)

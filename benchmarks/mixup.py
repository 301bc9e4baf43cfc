"""``python benchmarks/mixup.py``: our mixup beside its peers, its soft targets beside its pairs.

"one read, one write" copies the inputs: less than that no mixture can do. timm mixes in place, so all get a
copy to spoil where it is compared; ``inplace`` is ours in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from timing import Measure, Ratios, ratios

from lawful.impl.native import Mixup, mixup, mixup_accuracy
from lawful.impl.thirdparty import adapters

PEERS = ("torchvision", "timm", "fastai", "kornia")
SHAPES = ((8, 3, 8, 8), (64, 3, 32, 32), (128, 3, 64, 64), (64, 3, 224, 224))


def compare(device: str, shape: tuple[int, ...], measured: Measure = ratios) -> tuple[str, Ratios]:
    inputs = torch.randn(shape, device=device)
    spoilt = inputs.clone()
    target = torch.randint(10, (shape[0],), device=device)
    calls: dict[str, Callable[[], object]] = {"one read, one write": inputs.clone}
    mixes = {
        "lawful, soft targets": Mixup(0.4, 10),
        "lawful, pairs": Mixup(0.4, targets="pair"),
        "lawful, one lambda a batch": Mixup(0.4, 10, scope="batch"),
    }
    for library in PEERS:
        for adapter in adapters(library):
            if adapter.technique == "mixup" and adapter.installed():
                mixes[adapter.name] = adapter.build(0.4, 10)
    for name, mix in mixes.items():
        given = spoilt if name.startswith("timm") else inputs
        calls[name + (", in place" if given is spoilt else "")] = lambda mix=mix, x=given: mix(x, target)
    for name, in_place in {
        "lawful, soft targets, in place": Mixup(0.4, 10, inplace=True),
        "lawful, one lambda a batch, in place": Mixup(0.4, 10, scope="batch", inplace=True),
    }.items():
        calls[name] = lambda mix=in_place: mix(spoilt, target)
    title = f"mixup, {' x '.join(map(str, shape))}, float32, {device}"
    return title, measured(title, calls)


def ways(shape: tuple[int, ...]) -> tuple[str, Ratios]:
    """The pixels alone, with lambdas and partners drawn: what ours does, and what was tried in its place."""
    size = shape[0]
    inputs, lam, partner = torch.randn(size, math.prod(shape[1:])), torch.rand(size, 1), torch.randperm(size)
    pairs, shares = torch.stack([torch.arange(size), partner], 1), torch.cat([lam, 1 - lam], 1)
    ends = torch.arange(0, 2 * size + 1, 2)
    sparse = torch.sparse_csr_tensor(ends, pairs.flatten(), shares.flatten(), (size, size))
    dense = sparse.to_dense()

    def by_blocks(samples: int) -> torch.Tensor:
        mixed = torch.empty_like(inputs)
        for rows in torch.arange(size).split(samples):
            block = slice(int(rows[0]), int(rows[-1]) + 1)
            torch.index_select(inputs, 0, partner[block], out=mixed[block]).lerp_(inputs[block], lam[block])
        return mixed

    calls: dict[str, Callable[[], object]] = {
        "one read, one write": inputs.clone,
        "gathered, then mixed in place: lawful": lambda: inputs.index_select(0, partner).lerp_(inputs, lam),
        "the same by 32 samples": lambda: by_blocks(32),
        "the same by 64 samples": lambda: by_blocks(64),
        "embedding_bag with weights": lambda: F.embedding_bag(
            pairs, inputs, per_sample_weights=shares, mode="sum"
        ),
        "a sparse matrix": lambda: sparse @ inputs,
        "a matrix": lambda: dense @ inputs,
    }
    title = f"mixup, the pixels alone, {' x '.join(map(str, shape))}, float32, cpu"
    return title, ratios(title, calls)


def besides(size: int) -> tuple[str, Ratios]:
    """What is mixed besides one image and one label, beside a copy of all that is mixed."""
    images, masks = torch.randn(size, 3, 64, 64), torch.randint(10, (size, 64, 64))
    target, values = torch.randint(10, (size,)), torch.rand(size, 10)
    table = torch.randn(size, 64)
    several = {"image": images, "table": table, "mask": torch.rand(size, 64) < 0.5}
    calls: dict[str, Callable[[], object]] = {
        "one read, one write of the images": images.clone,
        "lawful, a class a sample, pairs": lambda: mixup(images, target),
        "lawful, a class a pixel, pairs": lambda: mixup(images, masks),
        "lawful, a class a pixel, rows of 10": lambda: mixup(images, masks, num_classes=10),
        "lawful, 10 labels": lambda: mixup(images, values),
        "lawful, a dict of image, table, mask": lambda: mixup(several, target),
        "lawful, a dict of image, table": lambda: mixup({"image": images, "table": table}, target),
        "lawful, image and table apart": lambda: (mixup(images, target), mixup(table, target)),
    }
    return f"mixup besides, {size} x 3 x 64 x 64, float32, cpu", ratios("mixup besides", calls)


def accuracies(size: int, num_classes: int) -> tuple[str, Ratios]:
    """Of a mixed batch, beside the accuracy of one that is not: a comparison more."""
    output, target = torch.randn(size, num_classes), torch.randint(num_classes, (size,))
    _, pair = mixup(torch.randn(size), target)
    _, soft = mixup(torch.randn(size), target, num_classes=num_classes)
    calls: dict[str, Callable[[], object]] = {
        "not mixed": lambda: (output.argmax(1) == target).double().mean(),
        "lawful, pairs": lambda: mixup_accuracy(output, pair),
        "lawful, soft targets": lambda: mixup_accuracy(output, soft),
    }
    return f"accuracy of a batch, {size} x {num_classes}, float32, cpu", ratios("accuracy", calls)


def main() -> dict[str, Ratios]:
    torch.set_num_threads(1)
    devices = ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)
    found = dict(compare(device, shape) for device in devices for shape in SHAPES)
    return {**found, **dict([ways((128, 3, 64, 64)), besides(64), accuracies(512, 1000)])}


if __name__ == "__main__":
    main()

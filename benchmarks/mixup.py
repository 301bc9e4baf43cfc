"""``python benchmarks/mixup.py``: our mixup beside its peers, its soft targets beside its pairs.

"one read, one write" copies the inputs: less than that no mixture can do. timm mixes in place, so all get a
copy to spoil where it is compared; ``inplace`` is ours in the same way.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from timing import Ratios, ratios

from lawful.impl.native import Mixup
from lawful.impl.thirdparty import adapters

PEERS = ("torchvision", "timm", "fastai", "kornia")
SHAPES = ((8, 3, 8, 8), (64, 3, 32, 32), (128, 3, 64, 64), (64, 3, 224, 224))


def compare(device: str, shape: tuple[int, ...]) -> tuple[str, Ratios]:
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
    in_place = Mixup(0.4, 10, inplace=True)
    calls["lawful, soft targets, in place"] = lambda: in_place(spoilt, target)
    title = f"mixup, {' x '.join(map(str, shape))}, float32, {device}"
    return title, ratios(title, calls)


def main() -> dict[str, Ratios]:
    torch.set_num_threads(1)
    devices = ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)
    return dict(compare(device, shape) for device in devices for shape in SHAPES)


if __name__ == "__main__":
    main()

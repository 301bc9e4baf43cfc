"""``python benchmarks/lr_finder.py``: a range test of 100 steps beside its peers and a bare loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timing import Measure, Ratios, ratios
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.native import RangeTest, lr_range_test
from lawful.impl.thirdparty import adapters
from lawful.properties.subjects.subject import silence

PEERS = ("torch_lr_finder", "ignite", "fastai", "lightning")
STEPS = 100


def mlp() -> tuple[nn.Module, tuple[int, ...]]:
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)), (64,)


def convolutional() -> tuple[nn.Module, tuple[int, ...]]:
    layers = (nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(16, 10)), (3, 16, 16)


def parts(make: Callable[[], tuple[nn.Module, tuple[int, ...]]], device: str) -> Any:
    model, shape = make()
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = TensorDataset(torch.randn(1024, *shape, device=device), torch.randint(10, (1024,), device=device))
    return model, optimizer, nn.CrossEntropyLoss(), DataLoader(data, batch_size=128)


def bare_loop(model: nn.Module, optimizer: Any, criterion: Any, loader: Any) -> None:
    taken = 0
    while taken < STEPS:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.item()
            loss.backward()
            optimizer.step()
            taken += 1
            if taken == STEPS:
                return


def _quiet(build: Any, *given: Any, **span: Any) -> None:
    """Without the progress that some of them print."""
    with silence():
        build(*given, **span)


def compare(device: str, make: Any, measured: Measure = ratios) -> tuple[str, Ratios]:
    span = {"start_lr": 1e-5, "end_lr": 1e-2, "num_iter": STEPS}
    tests: dict[str, Callable[[], object]] = {
        "a bare loop": lambda: bare_loop(*parts(make, device)),
        "lawful": lambda: lr_range_test(*parts(make, device), **span),
    }
    for library in PEERS:
        for adapter in adapters(library):
            if adapter.technique == "lr_finder" and adapter.installed():
                tests[adapter.name] = lambda build=adapter.build: _quiet(build, *parts(make, device), **span)
    title = f"range test, {STEPS} steps, {make.__name__}, {device}"
    return title, measured(title, tests, rounds=9)


def besides(make: Any) -> tuple[str, Ratios]:
    """What options cost, beside a plain test: a validation set of one batch, clipping, three sweeps."""
    span = {"start_lr": 1e-5, "end_lr": 1e-2, "num_iter": STEPS}

    def tested(**options: Any) -> RangeTest:
        model, optimizer, criterion, loader = parts(make, "cpu")
        if options.pop("validates", False):
            options["val_loader"] = [next(iter(loader))]
        return lr_range_test(model, optimizer, criterion, loader, **span, **options)

    test = tested()
    tests: dict[str, Callable[[], object]] = {
        "lawful": tested,
        "lawful, linear": lambda: tested(schedule="linear"),
        "lawful, clip_grad_norm": lambda: tested(clip_grad_norm=1.0),
        "lawful, val_loader of one batch": lambda: tested(validates=True),
        "lawful, 3 sweeps": lambda: tested(sweeps=3),
        "suggest": test.suggest,
        "suggest_groups": test.suggest_groups,
        "explain": test.explain,
    }
    title = f"range test besides, {STEPS} steps, {make.__name__}, cpu"
    return title, ratios(title, tests, rounds=9)


def main() -> dict[str, Ratios]:
    torch.set_num_threads(1)
    devices = ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",)
    found = dict(compare(device, make) for device in devices for make in (mlp, convolutional))
    return {**found, **dict([besides(mlp)])}


if __name__ == "__main__":
    main()

"""``python benchmarks/lr_finder.py``: a range test of 100 steps beside its peers and a bare loop."""

from __future__ import annotations

import torch
from timing import ratios
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.native import lr_range_test
from lawful.impl.thirdparty import adapters

PEERS = ("torch_lr_finder", "ignite", "fastai", "lightning")
STEPS = 100


def parts(device: str):
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = TensorDataset(torch.randn(1024, 64, device=device), torch.randint(10, (1024,), device=device))
    return model, optimizer, nn.CrossEntropyLoss(), DataLoader(data, batch_size=128)


def bare_loop(device: str) -> None:
    model, optimizer, criterion, loader = parts(device)
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


def compare(device: str) -> None:
    span = {"start_lr": 1e-5, "end_lr": 1e-2, "num_iter": STEPS}
    tests = {
        "a bare loop": lambda: bare_loop(device),
        "lawful": lambda: lr_range_test(*parts(device), **span),
    }
    for library in PEERS:
        for adapter in adapters(library):
            if adapter.technique == "lr_finder" and adapter.installed():
                tests[adapter.name] = lambda build=adapter.build: build(*parts(device), **span)
    ratios(f"{STEPS} steps, {device}", tests, rounds=5)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for device in ("cuda", "cpu") if torch.cuda.is_available() else ("cpu",):
        compare(device)

"""A training loop, in the forms in which people write it; asked last, as it is the least particular."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Training
from lawful.properties.harness.understanding.forms import Trials, arguments, executed, parts
from lawful.properties.harness.understanding.lr_finder import PARTS, _numbers
from lawful.properties.harness.understanding.signature import ALPHA, OFF, Callee, first, required
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject
from lawful.properties.subjects.training import Loop

TRAIN = ("train_loader", "trainloader", "train_dl", "train_dataloader", "train_iter", *PARTS["loader"])
VALIDATION = (
    "val_loader",
    "valid_loader",
    "validation_loader",
    "valloader",
    "test_loader",
    "testloader",
    "val_dl",
    "valid_dl",
    "val_dataloader",
    "test_dl",
)
EPOCHS = ("epochs", "num_epochs", "n_epochs", "epoch", "max_epochs")

ADAPTER = """\
    from lawful.impl.contracts import Training
    from {module} import {name}
    def build(model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs):
        return Trained(*{name}(model, optimizer, loss_fn, train_loader, val_loader, epochs=epochs))
    adapter = Training("{name}", build, features=frozenset({{"shuffle"}}))
"""


def infer(callee: Callee) -> Subject:
    if callee.kind != "function":
        raise NotUnderstood("it is no function")
    names = {
        "model": first(PARTS["model"], callee.called),
        "optimizer": first(PARTS["optimizer"], callee.called),
        "loss_fn": first(PARTS["criterion"], callee.called),
        "train_loader": first(TRAIN, callee.called),
        "val_loader": first(VALIDATION, callee.called),
        "mix_loader": first(("mix_loader",), callee.called),
        "alpha": first(ALPHA, callee.called),
        "epochs": first(EPOCHS, callee.called),
    }
    absent = [part for part in ("model", "optimizer", "train_loader") if names[part] is None]
    if absent:
        raise NotUnderstood(f"looked for {', '.join(absent)}, found ({', '.join(callee.called)})")
    known = {*names.values(), "device", *OFF}
    missing = [n for n in required(callee.called) if n not in known]
    if missing:
        raise NotUnderstood(f"found a loop, but not what to give for ({', '.join(missing)})")
    trials = Trials(callee)
    for reduced in (False, True):
        with trials.of("with a loss that is reduced" if reduced else "with a loss for each sample"):
            return understand(_adapter(callee, names, reduced))
    raise trials.none_fits(f"called as {callee.name}({', '.join(callee.called)}), it trained nothing")


def _source(callee: Callee, names: dict[str, str | None], reduced: bool, history: dict[str, str]) -> str:
    given = {name: part for part, name in names.items() if name}
    if reduced and names["loss_fn"]:
        given[names["loss_fn"]] = "lambda logits, target: loss_fn(logits, target).mean()"
    if "device" in callee.called:
        given["device"] = "next(model.parameters()).device"
    given |= {n: "False" for n in callee.called if n.lower() in OFF}
    kept = ", ".join(f"{name}=numbers(result{path})" for name, path in history.items())
    tail = f"return types.SimpleNamespace(**{{**empty, **dict({kept})}})"
    if not history:
        tail = "return types.SimpleNamespace(**empty)"
    return "\n".join(
        [
            "def numbers(values):",
            "    return [float(value) for value in values]",
            "def build(model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs):",
            "    empty = dict(train_loss=None, val_loss=None, accuracy=None)",
            f"    result = {callee.name}({arguments(given)})",
            *(["    if history is not None:", "        history.append(result)"] if not history else []),
            f"    {tail}",
        ]
    )


def _adapter(callee: Callee, names: dict[str, str | None], reduced: bool) -> Training:
    seen: list[Any] = []
    build = executed(f"import types\nhistory = None\n{_source(callee, names, reduced, {})}", callee)
    build["history"] = seen
    features = {"mix_loader"} if names["mix_loader"] else {"shuffle"}
    trial = Training(callee.name, build["build"], features=frozenset(features))
    subject = understand(trial)
    assert isinstance(subject, Loop)
    seen.clear()
    subject([2, 2], mix_sizes=[2, 2] if names["mix_loader"] else None, epochs=2)
    history = _history(seen[-1])
    source = _source(callee, names, reduced, history)
    if not history:
        source = "\n".join(line for line in source.splitlines() if "history" not in line)
    shown = ", ".join(f"{name}={part}" for part, name in names.items() if name)
    kept = ", ".join(f"{n} = result{p}" for n, p in history.items()) or "no history"
    return Training(
        callee.name,
        executed(f"import types\n{source}", callee)["build"],
        features=frozenset(features),
        imports=f"import types\n{callee.imports}\n{source}",
        called_as="build({model}, {optimizer}, {loss_fn}, {train_loader}, {val_loader}, "
        "mix_loader={mix_loader}, alpha={alpha}, epochs=1)",
        shown_as=f"{callee.name}({shown}) -> {kept}",
    )


def _history(result: Any) -> dict[str, str]:
    """Histories of 2 epochs by the names of their keys: a loss and an accuracy of training or validation."""
    found: dict[str, str] = {}
    for path, value in parts(result):
        row = _numbers(value)
        lower = path.lower()
        if row is None or len(row) != 2:
            continue
        validation = any(word in lower for word in ("val", "test"))
        if "acc" in lower and validation:
            found.setdefault("accuracy", path)
        elif "loss" in lower:
            found.setdefault("val_loss" if validation else "train_loss", path)
    return found

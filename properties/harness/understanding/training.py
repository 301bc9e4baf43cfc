"""A training loop, in the forms in which people write it; asked last, as it is the least particular."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lawful.impl.contracts import Training
from lawful.properties.harness.understanding import curves
from lawful.properties.harness.understanding.filling import (
    ANYWHERE,
    Rule,
    configured,
    filled,
    guesses,
    left_alone,
)
from lawful.properties.harness.understanding.forms import ORDINARY_MODEL, executed, imports, parts
from lawful.properties.harness.understanding.loaders import (
    OF_PHASES,
    as_read,
    loggers,
    makes_its_optimizer,
    takes_the_cross_entropy,
    with_helper,
)
from lawful.properties.harness.understanding.names import ALPHA, PARTS, VALIDATION_LIKE, first, like
from lawful.properties.harness.understanding.signature import Callee, required
from lawful.properties.harness.understanding.trials import Trials
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import Subject
from lawful.properties.subjects.training import Loop, Run

TRAIN = (
    "train_loader",
    "trainloader",
    "train_dl",
    "train_dataloader",
    "train_iter",
    *PARTS["loader"],
    "dataloaders",
    "data_loaders",
    "loaders",
)
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
EPOCHS = ("epochs", "num_epochs", "n_epochs", "max_epochs")
EPOCH = ("epoch", "epoch_num", "epoch_idx", "epoch_index", "current_epoch", "cur_epoch")
"""The number of epochs, or of the one that it is: a trial tells."""
RULES = (
    *ANYWHERE,
    Rule(r"(lr_)?sched(uler)?|(grad_)?scaler|logger|writer|log|callbacks?", "None"),
    Rule(r"accum\w*|grad\w*_accum\w*", "1", "number"),
    Rule(r"(num_|n_)?class(es)?", "3"),
)
MEANING = {r"epoch": "epochs", r"alpha": "alpha", r"device": "next(model.parameters()).device"}
"""Of a configuration's names."""

ADAPTER = """\
    from lawful.impl import contracts
    from {module} import {root}
    def build(model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs):
        return contracts.Trained(*{name}(model, optimizer, loss_fn, train_loader, val_loader, epochs=epochs))
    adapter = contracts.Training("{name}", build, features=frozenset({{"shuffle"}}))
"""
_SIZES = [2, 2, 1]
"""Of the batches of a trial, whose losses are 1, 2 and 3: their mean is 1.8 of samples, and 2 of batches."""


@dataclass(frozen=True)
class Form:
    """How it is called, and what of its result is a history."""

    given: dict[str, str]
    """Source by parameter."""
    reduced: bool = False
    """Whether the loss is one number for a batch."""
    epoch_by_epoch: bool = False
    """Whether it trains one epoch, and is called for each."""
    own: tuple[str, ...] = ()
    """What it is not given and takes of PyTorch, for which ours stands in: cross-entropy, optimizer."""
    history: dict[str, str] = field(default_factory=dict)
    """By the names of ``Trained``, the source of a history, or of one epoch's number, in its ``result``."""

    def __str__(self) -> str:
        loss = "that is reduced" if self.reduced else "for each sample"
        return f"with a loss {loss}" + (", an epoch at a time" if self.epoch_by_epoch else "")


def infer(callee: Callee) -> Subject:
    if callee.kind != "function":
        raise NotUnderstood("it is no function")
    trials = Trials(callee)
    for form in _forms(callee):
        with trials.of(form, shown=functools.partial(_called_once, callee, form)):
            return understand(_adapter(callee, _trial(callee, form)))
    raise trials.none_fits(f"called as {callee.name}({', '.join(callee.called)}), it trained nothing")


def _forms(callee: Callee) -> Iterator[Form]:
    """Raises NotUnderstood where there is no model, optimizer or loader to pass."""
    names = {
        "model": first(PARTS["model"], callee.called),
        "optimizer": first(PARTS["optimizer"], callee.called),
        "loss_fn": first(PARTS["criterion"], callee.called),
        "train_loader": first(TRAIN, callee.called),
        "val_loader": first(VALIDATION, callee.called)
        or like(VALIDATION_LIKE, callee.called, lambda _: False),
        "mix_loader": first(("mix_loader",), callee.called),
        "alpha": first(ALPHA, callee.called),
        "epochs": first(EPOCHS, callee.called) or first(EPOCH, callee.called),
    }
    needed = (
        ("model", "train_loader") if makes_its_optimizer(callee) else ("model", "optimizer", "train_loader")
    )
    absent = [part for part in needed if names[part] is None]
    if absent:
        raise NotUnderstood(f"looked for {', '.join(absent)}, found ({', '.join(callee.called)})")
    given = {name: part for part, name in names.items() if name}
    ruled = filled(callee.called, RULES, inputs="next(model.parameters())", target="")
    given |= {n: each for n, each in (ruled | configured(callee, MEANING)).items() if n not in given}
    given = loggers(callee) | given
    for name in required(callee.called):
        if kind := next((k for k, names in OF_PHASES.items() if re.fullmatch(names, name.lower())), None):
            given.setdefault(name, kind)
    for name in [n for n, text in given.items() if text == "None" and "sched" in n.lower()]:
        if not re.search(rf"\b(if|not|and|or) {name}\b|\b{name} (is|and|or)\b", callee.near):
            given[name] = "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0)"
    missing = [name for name in required(callee.called) if name not in given]
    for guessed in guesses(missing, callee.called):
        known = as_read(callee, given | guessed, "loss_fn")
        own_loss = "loss_fn" not in " ".join(known.values()) and takes_the_cross_entropy(callee)
        own = ("cross-entropy",) * own_loss + ("optimizer",) * (names["optimizer"] is None)
        for reduced in (True,) if own_loss else (False, True):
            yield Form(known, reduced, own=own)
            if not first(EPOCHS, callee.called):
                index = first(EPOCH, callee.called)
                yield Form(known | ({index: "epoch"} if index else {}), reduced, True, own)


def plainly(callee: Callee) -> list[str]:
    """The plainest call, as source: what it needs before, and an expression. Raises NotUnderstood."""
    form = next(_forms(callee), Form({}))
    return [f"{callee.name}({', '.join(f'{name}={source}' for name, source in form.given.items())})"]


def _source(callee: Callee, form: Form, kept: str = "") -> str:
    given = dict(form.given)
    mean = "lambda logits, target: loss_fn(logits, target).mean()"
    if form.reduced:
        given = {name: re.sub(r"^loss_fn$|\bloss_fn(?=\)$)", mean, part) for name, part in given.items()}
    arguments = ", ".join(f"{name}={source}" for name, source in given.items())
    lines = ["def build(model, optimizer, loss_fn, train_loader, val_loader, *, mix_loader, alpha, epochs):"]
    if form.epoch_by_epoch:
        trains = f"results = [{callee.name}({arguments}) for epoch in range(epochs)]"
        histories = {n: f"[float({path}) for result in results]" for n, path in form.history.items()}
    else:
        trains = f"result = {callee.name}({arguments})"
        histories = {n: f"[float(value) for value in {path}]" for n, path in form.history.items()}
    ours = {"cross-entropy": f"CrossEntropyIs({mean})", "optimizer": "OptimizerIs(optimizer)"}
    within = [f"    with {', '.join(ours[each] for each in form.own)}:", f"        {trains}"]
    lines += within if form.own else [f"    {trains}"]
    if kept:
        lines.append(f"    {kept}.append({'results' if form.epoch_by_epoch else 'result'})")
    known = ", ".join(f"{name}={histories.get(name)}" for name in ("train_loss", "val_loss", "accuracy"))
    return with_helper("\n".join([*lines, f"    return types.SimpleNamespace({known})"]))


def _called_once(callee: Callee, form: Form) -> str:
    """Source of an ordinary call, with all that it needs but torch."""
    loss = "torch.nn.CrossEntropyLoss(reduction='none')"
    call = f"build(model, optimizer, {loss}, loader, loader, mix_loader=loader, alpha=1.0, epochs=2)"
    return "\n".join([imports(callee, _source(callee, form)), *ORDINARY_MODEL, call])


def _trial(callee: Callee, form: Form) -> Form:
    """The form with the histories that it gives. Raises NotUnderstood where it is no loop of epochs."""
    seen: list[Any] = []
    names = executed(_source(callee, form, "history"), callee)
    names["history"] = seen
    partners = "mix_loader" in " ".join(form.given.values())
    features = {"mix_loader"} if partners else {"shuffle"}
    subject = understand(Training(callee.name, names["build"], features=frozenset(features)))
    assert isinstance(subject, Loop)
    seen.clear()
    run = subject(_SIZES, mix_sizes=_SIZES if partners else None, epochs=2, constant=True)
    if len(run.stepped) == len(_SIZES) and not form.epoch_by_epoch:
        raise NotUnderstood("asked for two epochs, it trained one")
    found = _numbers_of_epochs(seen[-1], run) if form.epoch_by_epoch else _history(seen[-1])
    return replace(form, history=found)


def _adapter(callee: Callee, form: Form) -> Training:
    text = _source(callee, form)
    shown = ", ".join(f"{name}={source}" for name, source in form.given.items() if ".device" not in source)
    kept = ", ".join(f"{name} = {path}" for name, path in form.history.items()) or "no history"
    ours = {
        "cross-entropy": "loss_fn in place of its cross-entropy",
        "optimizer": "optimizer in place of its own",
    }
    in_place = f" with {' and '.join(ours[each] for each in form.own)}" if form.own else ""
    note = ", for each epoch" if form.epoch_by_epoch and form.history else ""
    return Training(
        callee.name,
        executed(text, callee)["build"],
        features=frozenset({"mix_loader"} if "mix_loader" in " ".join(form.given.values()) else {"shuffle"}),
        imports=imports(callee, text),
        called_as="build({model}, {optimizer}, {loss_fn}, {train_loader}, {val_loader}, "
        "mix_loader={mix_loader}, alpha={alpha}, epochs=1)",
        shown_as=f"{callee.name}({shown}){in_place}{left_alone(callee, form.given)} -> {kept}{note}",
    )


def _history(result: Any) -> dict[str, str]:
    """Histories of 2 epochs by the names of their keys: a loss and an accuracy of training or validation."""
    found: dict[str, str] = {}
    for path, value in curves.sequences(result, "result"):
        row = curves.numbers(value)
        if row is None or len(row) != 2 or path.endswith(".keys()"):
            continue
        lower = path.lower().removesuffix(".values()")
        validation = any(word in lower for word in ("val", "test"))
        if "acc" in lower and validation:
            found.setdefault("accuracy", path)
        elif "loss" in lower:
            found.setdefault("val_loss" if validation else "train_loss", path)
    return found


def _numbers_of_epochs(results: list[Any], run: Run) -> dict[str, str]:
    """Of what one epoch gives, the number that lies among the losses of its batches: an accuracy lies below
    1, or is a percentage; a sum beyond them."""
    among = [
        path
        for path, value in parts(results[-1], "result", but=curves.trains)
        if curves.is_number(value) and 1 < float(value) <= len(_SIZES)
    ]
    named = [path for path in among if "loss" in path.lower() and "val" not in path.lower()]
    return {"train_loss": (named or among)[0]} if among and run.stepped else {}

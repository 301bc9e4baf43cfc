"""pytorch-ignite: ``ignite.handlers.FastaiLRFinder``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import LRFinder, Swept
from lawful.impl.thirdparty._quiet import quiet


def _lr_finder(
    model: Any, optimizer: Any, criterion: Any, loader: Any, *, start_lr: float, end_lr: float, num_iter: int
) -> Swept:
    with quiet():
        from ignite.engine import create_supervised_trainer
        from ignite.handlers import FastaiLRFinder

        device = next(model.parameters()).device
        trainer = create_supervised_trainer(model, optimizer, criterion, device=device)
        finder = FastaiLRFinder()
        saved = {"model": model, "optimizer": optimizer}
        with finder.attach(trainer, saved, num_iter=num_iter, start_lr=start_lr, end_lr=end_lr) as attached:
            attached.run(loader)
    history = finder.get_results()
    return Swept(history["lr"], history["loss"], suggest=finder.lr_suggestion)


ADAPTERS = (
    LRFinder(
        "ignite",
        _lr_finder,
        features=frozenset({"suggestion"}),
        documented={"suggestion": "steepest"},
        library="pytorch-ignite",
        imports=(
            "import types\n"
            "from ignite.engine import create_supervised_trainer\n"
            "from ignite.handlers import FastaiLRFinder\n"
            "def sweep(model, optimizer, criterion, loader, **options):\n"
            "    trainer = create_supervised_trainer(model, optimizer, criterion)\n"
            "    finder = FastaiLRFinder()\n"
            '    saved = {"model": model, "optimizer": optimizer}\n'
            "    with finder.attach(trainer, saved, **options) as attached:\n"
            "        attached.run(loader)\n"
            "    history = finder.get_results()\n"
            '    lrs, losses = history["lr"], history["loss"]\n'
            "    return types.SimpleNamespace(lrs=lrs, losses=losses, suggest=finder.lr_suggestion)"
        ),
        called_as=(
            "sweep({model}, {optimizer}, {criterion}, {loader}, num_iter={num_iter}, "
            "start_lr={start_lr}, end_lr={end_lr})"
        ),
    ),
)

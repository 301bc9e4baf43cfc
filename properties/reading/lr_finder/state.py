"""What the steps of a range test take of the gradients and batches, and what it leaves changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lawful.properties.registry import resting

if TYPE_CHECKING:
    from lawful.properties.reading.lr_finder import Read

Array = Any


def laws(*names: str) -> frozenset[str]:
    return resting("lr_finder", *names)


_PARTS = {
    "model": "the model",
    "optimizer": "the optimizer",
    "mode": "the mode",
    "grads": "the gradients",
    "random": "the random state",
    "requires_grad": "what is frozen",
    "loader": "the loader's order",
}


def gradients(read: Read) -> None:
    run, notes = read.runs[1], read.notes
    grads = np.asarray([grads[0] for _, grads, _ in run.script.steps])
    own = np.asarray([np.mean(seen) if seen else np.nan for _, _, seen in run.script.steps])
    if len(grads) < 3 or np.any(np.isnan(own)):
        return
    every = laws("gradients_do_not_accumulate")
    if np.allclose(grads, own, rtol=1e-4):
        notes.parts["gradient"] = "of the batch"
        more = grads / own - 1
        if np.any(np.abs(more) > 1e-6) and np.all(more >= -1e-7):
            share = float(((grads - own)[1:] / grads[:-1]).mean())
            if np.allclose((grads - own)[1:], share * grads[:-1], rtol=0.05):
                read.notes.say(
                    "a trace of the gradient before",
                    f"leaves {share:.2g} of each gradient for the next step. Call optimizer.zero_grad() in "
                    "each.",
                    every,
                    "XR25",
                )
        return
    left = np.asarray(grads) - np.cumsum(own)
    if np.ptp(left) < 1e-3 * np.abs(grads).max():
        notes.parts["gradient"] = "accumulated"
        read.notes.say(
            "gradients that add up",
            "never clears the gradients: step i takes the sum of those of all batches before. Call "
            "optimizer.zero_grad() in each step.",
            every,
            "R16",
        )


def batches(read: Read) -> None:
    """Whether the loader goes round, and whether all of it is seen."""
    finder, notes = read.finder, read.notes
    seen = [mean for _, _, means in read.runs[1].script.steps for mean in means]
    if len(seen) > 4 and len(set(seen)) == 1:
        notes.parts["batches"] = "the first"
        read.notes.say(
            "the first batch alone",
            "takes the first batch in every step: next(iter(loader)) starts the loader again. Keep one "
            "iterator, and start it again where it ends.",
            laws("every_batch_is_used"),
            "XR08",
        )
        return
    if not read.asked:
        return
    n = max(10, finder.adapter.least_steps)
    run = finder([1.0] * n, batches=3)
    if run.steps == 3:
        notes.parts["batches"] = "one round"
        longer = finder([1.0] * n, batches=n + 4).steps
        read.notes.say(
            "as many steps as batches" if longer >= n + 4 else "one round of the loader",
            "takes as many steps as the loader has batches, whatever num_iter is. Go round the loader until "
            "there were n."
            if longer >= n + 4
            else f"ends with the loader: 3 batches give 3 steps of the {n} that were asked for. Start it "
            "again where it ends.",
            laws("short_loader_is_cycled", "takes_the_steps_asked") | {"rejects_bad_range"},
            "NB28" if longer >= n + 4 else "R11",
        )


def left(read: Read) -> None:
    """What a test leaves changed, and in which mode it trained."""
    finder, notes = read.finder, read.notes
    changed = sorted({part for run in read.runs for part in run.changed})
    notes.parts["left changed"] = changed
    restores = finder.conventions.get("restores", "never")
    if not changed:
        notes.words.append("puts all back")
    else:
        notes.words.append("leaves changed: " + ", ".join(_PARTS[part] for part in changed))
    training = [mode for run in read.runs for mode in run.script.training]
    if training and not all(training) and finder.conventions.get("mode", "train") == "train":
        notes.parts["mode"] = "as given"
        read.notes.say(
            "in the mode that it was given",
            "leaves the model in the mode that it was given: after a validation, dropout is off and batch "
            "statistics stand still. Call model.train() before the first step.",
            laws("trains_in_training_mode"),
            "NB26",
        )
    if restores == "never":
        return
    state = {"model", "optimizer", "mode", "grads", "requires_grad"}
    every = laws("restores_model", "restores_optimizer", "restores_mode_and_grads") | {
        "restores_random_state"
    }
    of_model = {name for run in read.runs for name in run.model_changes}
    of_optimizer = sorted({name for run in read.runs for name in run.optimizer_changes})
    if "parameters" in of_model and of_optimizer:
        read.notes.say(
            "",
            "leaves weights and optimizer as the sweep left them: training starts from weights that the "
            "highest rate has ruined. Keep copy.deepcopy() of model.state_dict() and of "
            "optimizer.state_dict(), and load both in the end: state_dict() itself holds the same tensors.",
            every,
            "NB22" if state - {"requires_grad"} <= set(changed) and "random" in changed else None,
        )
    elif "parameters" in of_model:
        read.notes.say(
            "",
            "puts the optimizer back, and not the model: load the model.state_dict() of before in the end.",
            laws("restores_model"),
            "R05",
        )
    elif of_model:
        names = _named(of_optimizer)
        read.notes.say(
            "",
            "puts the parameters back, and not the buffers: the statistics of BatchNorm stay as the sweep "
            f"left them{f', as does the {names} of the optimizer' if names else ''}. Load copies of the "
            "model.state_dict() and the optimizer.state_dict() of before in the end.",
            every if names else laws("restores_model"),
            "XR121" if of_optimizer == ["state"] else None,
        )
    elif of_optimizer:
        names, stays = _named(of_optimizer), "stay" if len(of_optimizer) > 1 else "stays"
        read.notes.say(
            "",
            f"puts the model back, and not the optimizer: its {names} {stays} as the sweep left it. Load a "
            "copy.deepcopy() of the optimizer.state_dict() of before in the end: load_state_dict() keeps the "
            "tensors that it is given, and steps change them.",
            laws("restores_optimizer"),
            "R06" if "state" in of_optimizer else None,
        )


def _named(of_optimizer: list[str]) -> str:
    said = {"lr": "learning rate", "momentum": "momentum", "state": "state"}
    return " and ".join(said.get(name, name) for name in of_optimizer)

"""What a mixup does beside mixing: to the caller's tensors, in evaluation mode, at alpha 0, under a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lawful.properties import probes
from lawful.properties.registry import resting
from lawful.properties.subjects.mixup import Mixed

if TYPE_CHECKING:
    from lawful.properties.reading.mixup import Read

Array = Any


def _laws(*names: str) -> frozenset[str]:
    return resting("mixup", *names)


def _asked(read: Read, **more: Any) -> Mixed:
    """The identity batch once more."""
    return read.mix.revealed(read.size, read.alpha, 0, **more)


def repeats(read: Read, names: frozenset[str]) -> None:
    """Whether a seed fixes what comes out, and a generator too."""
    notes, every = read.notes, _laws("seeded_runs_repeat", "smoothing_commutes_with_mixing")
    first, again = read.looks[0], _asked(read)
    alike = read.close(first.value, again.value)
    notes.parts["repeats"] = alike and read.close(first.soft, again.soft)
    if not alike and notes.parts.get("inputs", {}).get("added") is None:
        same = np.array_equal(probes.partners(first.value), probes.partners(again.value))
        what = "lambdas" if same else "lambdas and partners"
        known = "XM12" if same else None
        read.notes.say(
            f"{what} that no seed repeats",
            f"draws other {what} under the same seed: they come from a generator of their own that nothing "
            "seeds. Draw from torch's, or from a generator that the caller passes.",
            every,
            known,
        )
        return
    if not alike or "generator" not in read.mix.features:
        return
    looks = [
        read.mix.revealed(read.size, read.alpha, seed, generator=generator)
        for seed, generator in ((0, 7), (1, 7), (0, 8))
    ]
    parts: dict[str, Any] = {
        "lambdas": lambda look: np.diag(look.value),
        "partners": lambda look: probes.partners(look.value),
    }
    unused = [name for name, part in parts.items() if not np.allclose(part(looks[0]), part(looks[1]))]
    if unused:
        every_part = len(unused) == 2 and read.close(looks[0].value, looks[2].value)
        what = "the generator that is passed" if every_part else f"the generator for {' and '.join(unused)}"
        read.notes.say(
            "a generator that is not used",
            f"does not use {what}: under one seed of it, two runs differ. Pass generator= to every draw.",
            every,
            "XM40" if every_part else None,
        )


def copies(read: Read, names: frozenset[str]) -> None:
    """Workers of a DataLoader, each with a copy and a seed of its own."""
    if not read.inputs.seen.any() or "seeds_differ" not in names:
        return
    size = read.size
    looks = read.mix.copies(probes.identity_batch(size), list(range(size)), read.alpha, [11, 12, 13, 14])
    if len(looks) == 4 and all(np.array_equal(look, looks[0]) for look in looks):
        read.notes.say(
            "a generator kept in the object",
            "keeps a generator in the object, which is copied with it: every DataLoader worker draws the "
            "same lambdas and partners. Draw from torch's global generator, which is seeded for each "
            "worker.",
            _laws("seeds_differ"),
            "M14",
        )


def leaves(read: Read, names: frozenset[str]) -> None:
    """The caller's tensors, and what was given before."""
    size, documented = read.size, read.mix.adapter.documented.get("in_place")
    after = _asked(read, look_after=True).after
    every = frozenset({"inputs_not_modified"})
    read.notes.parts["overwritten"] = over = []
    if not np.array_equal(after["inputs"], probes.identity_batch(size)) and documented != "true":
        over.append("inputs")
        read.notes.say(
            "mixed into the caller's inputs",
            "writes the mixture into the caller's inputs. They are needed again, as for a second view or a "
            "metric: return a new tensor, or document that it works in place.",
            every,
            "XM13" if read.mix.conventions.get("applied") == "always" else None,
        )
    if not np.array_equal(after["target"], np.arange(size)):
        over.append("target")
        partner = probes.partners(read.looks[0].value)
        how = ": the partners' stand there" if np.array_equal(after["target"], partner) else ""
        read.notes.say(
            "changes the caller's labels",
            f"changes the caller's labels in place{how}. Work on a copy: target[partner] makes one.",
            every,
            "M03" if how else None,
        )
    if "inputs_not_modified" not in names or over:
        return
    look = _asked(read, calls_again=True, look_after=True)
    texts = (
        (
            not np.allclose(look.after["mixed inputs"], look.value),
            "mixed inputs",
            "mixes every batch into one buffer: the next call changes the mixed inputs that were given "
            "before. Make a new tensor in each call.",
            "XM49",
        ),
        (
            not np.allclose(look.after["mixed target"], look.soft),
            "mixed targets",
            "mixes the targets of every batch into one buffer: the next call changes those that were given "
            "before. Make a new tensor in each call.",
            "XM50",
        ),
        (
            not np.array_equal(look.after["inputs"], probes.identity_batch(size)),
            "inputs of the call before",
            "writes into the inputs of the call before, which are the caller's. Make a new tensor in each "
            "call.",
            "XM51",
        ),
    )
    for changed, what, text, fault in texts:
        if changed:  # a stream of calls that are looked at in the end shows the last one alone
            hidden = {"lambda_varies", "lambda_follows_beta"} if fault == "XM49" else set()
            read.notes.say(f"the next call changes the {what}", text, every | hidden, fault)


def at_rest(read: Read, names: frozenset[str]) -> None:
    """In evaluation mode, after it, and at alpha 0."""
    mix = read.mix
    if "eval_mode" in mix.features and "eval_mode_mixes_nothing" in names:
        look = _asked(read, evaluating=True)
        _still(
            read, look, "in evaluation mode", _laws("eval_mode_mixes_nothing"), ("M16", "XM35", "XM36"),
            "After eval() a batch comes back as it was: look at self.training.",
        )  # fmt: skip
        if read.close(look.value, np.eye(read.size)):
            again = _asked(read, trains_again=True)
            if read.close(again.value, np.eye(read.size)) and read.inputs.seen.any():
                read.notes.say(
                    "nothing mixed after evaluation",
                    "mixes nothing any more after eval(), even after train(). Let train() switch it on "
                    "again.",
                    _laws("eval_mode_mixes_nothing"),
                    "XM52",
                )
    if "alpha" in mix.features and "alpha_zero_is_identity" in names:
        look = mix.revealed(read.size, 0.0, 0)
        _still(
            read, look, "at alpha 0", _laws("alpha_zero_is_identity"), ("XM08", "XM33", "XM34"),
            "Beta(alpha, alpha) tends to 0 and 1 there: nothing is mixed. Give the batch back as it was.",
        )  # fmt: skip


def _still(
    read: Read, look: Mixed, where: str, laws: frozenset[str], faults: tuple[str, str, str], advice: str
) -> None:
    plain = np.eye(read.size)
    inputs, labels = not read.close(look.value, plain), not read.close(look.soft, plain)
    if not inputs and not labels:
        return
    if "added" in read.notes.parts.get("inputs", {}) or not read.notes.parts.get("repeats"):
        return
    usual = read.close(look.value, read.looks[0].value) and read.close(look.soft, read.looks[0].soft)
    what = "inputs and targets" if inputs and labels else "the inputs" if inputs else "the targets"
    known = (
        faults[0]
        if usual and inputs and labels
        else None
        if inputs and labels
        else faults[1 if inputs else 2]
    )
    read.notes.say(f"mixes {what} {where}", f"mixes {what} {where}. {advice}", laws, known)


def dtypes(read: Read, names: frozenset[str]) -> None:
    """Whether images keep their dtype."""
    mix = read.mix
    found = {}
    for dtype in ("float64", "float32", "bfloat16", "float16"):
        if dtype not in mix.refused_dtypes:
            found[dtype] = mix.on("cpu", dtype).revealed(mix.size(4), 1.0, 0).dtype
    read.notes.parts["dtypes"] = found
    changed = {dtype: got for dtype, got in found.items() if got != dtype}
    if not changed:
        return
    dtype, got = next(iter(changed.items()))
    every = {"inputs_and_targets_share_lambda_and_partner", "matches_reference"}
    read.notes.say(
        f"{got} for {dtype}",
        f"gives {got} images for {dtype} ones, as lambda is {got}. Cast it to the dtype of the images: "
        "lam.to(x.dtype).",
        frozenset(every | {"gradient_is_lambda", "dtype_and_device_kept"}),
        "M15" if set(found.values()) == {"float32"} else None,
    )


def draws(read: Read, names: frozenset[str]) -> None:
    """Lambdas of neighbours, of one call and the next, and beside who is mixed."""
    if "lambdas_are_independent" not in names:
        return
    mix, laws = read.mix, _laws("lambdas_are_independent")
    looks = mix.stream(8, 1.0, 9, 40).value
    mix.answers.pop()
    own = np.stack([np.diag(look) for look in looks])
    partner = np.stack([probes.partners(look) for look in looks])
    seen = partner != np.arange(8)
    folded = np.maximum(own, 1 - own)
    pairs = seen[:, 0::2] & seen[:, 1::2]
    after = seen[0::2] & seen[1::2]
    if mix.conventions.get("lambda_scope") == "sample":
        if np.abs(folded[:, 0::2] - folded[:, 1::2])[pairs].max(initial=0) < 1e-6:
            read.notes.say(
                "one lambda for two neighbours",
                "gives two neighbouring samples the same lambda. Draw one for each: as many as there are "
                "samples.",
                laws,
                "XM19",
            )
            return
        whole = seen.all(axis=1)
        order = np.argsort(folded, axis=1)
        rank = np.argsort(order, axis=1)
        if whole.sum() > 4 and any(np.array_equal(partner[whole], each[whole]) for each in (order, rank)):
            read.notes.say(
                "partners sorted by lambda",
                "sorts the partners by the lambdas: one array of random numbers serves for both. Draw the "
                "permutation apart: torch.randperm(len(x)).",
                laws,
                "XM20",
            )
            return
    if np.abs(folded[0::2] - folded[1::2])[after].max(initial=0) < 1e-6:
        read.notes.say(
            "lambda drawn for two batches",
            "draws lambda for two batches: the second has that of the first, or 1 less it. Draw it anew for "
            "each batch.",
            laws,
            "XM18",
        )
        return
    many = mix.stream(2, 8.0, 9, 1100).value
    mix.answers.pop()
    mixed = [not np.array_equal(look, np.eye(2)) for look in many]
    last = int(np.flatnonzero(mixed)[-1]) + 1 if any(mixed) else 0
    if 100 < last < 1080:
        read.notes.say(
            f"nothing mixed after {last} calls",
            f"mixes nothing after about {last} calls. Every batch of a training run is mixed alike.",
            laws,
            "XM56" if 980 < last <= 1000 else None,
        )


def large(read: Read, names: frozenset[str]) -> None:
    """Rows and partners beyond the first few hundred."""
    if "large_batches_are_no_other" not in names or read.notes.off:
        return
    size, laws = 600, _laws("large_batches_are_no_other")
    look = read.mix.revealed(size, 8.0, 0).value
    partner = probes.partners(look)
    seen = partner != np.arange(size)
    if partner[seen].max(initial=0) < 256 and seen[256:].any():
        read.notes.say(
            "partners of the first 256 samples",
            "takes all partners from the first 256 samples: a number of 8 bits begins again at 256. Keep the "
            "permutation in int64.",
            laws,
            "XM16",
        )
    last = int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0
    if 0 < last < size - 50:
        read.notes.say(
            f"rows beyond {last} unmixed",
            f"mixes the first {last} rows of a large batch, and leaves those after them as they were. Draw "
            "as many lambdas as there are samples.",
            laws,
            "XM57" if last in (255, 256) else None,
        )


def slopes(read: Read, names: frozenset[str]) -> None:
    """The gradient of the mixture by the inputs."""
    if "gradient" not in read.mix.features or "gradient_is_lambda" not in names:
        return
    along = read.mix.rounded(np.random.default_rng(4).normal(0, 1, (read.size, read.size)))
    look = _asked(read, along=along.tolist())
    weights = look.value
    if read.close(look.gradient, weights.T @ along, 10):
        return
    own = np.diag(np.diag(weights))
    if read.close(look.gradient, own.T @ along, 10):
        read.notes.say(
            "a partner without gradient",
            "detaches the partner: the gradient reaches a sample through its own row alone. Mix x[partner] "
            "as it is, without detach().",
            frozenset({"gradient_is_lambda"}),
            "XM07",
        )


HABITS = (repeats, copies, leaves, at_rest, dtypes, draws, large, slopes)

"""What a mixup computes: of images and of labels the share, the partner, and the law of the share."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lawful.properties import probes
from lawful.properties.reading.mixup import habits, targets
from lawful.properties.reading.mixup.lambdas import Named, named, seen_share
from lawful.properties.reading.records import REFUSED, Broken, Looked, Notes, Off, Reading
from lawful.properties.registry import resting
from lawful.properties.subjects.mixup import Mix

Array = Any
_SIZE = 8
_SEEDS = range(6)
_LAMBDA_LAWS = frozenset({"lambda_follows_beta", "lambda_varies", "lambda_at_least_half"})


def laws(*names: str) -> frozenset[str]:
    return resting("mixup", *names)


@dataclass(frozen=True)
class Rows:
    """Of mixed rows, one after the other: the sample's own share, the partner's, and who that is."""

    own: Array
    other: Array
    partner: Array
    """The sample itself where no partner shows."""
    count: Array
    """How many other samples are in a row."""
    floor: Array
    """What is in every entry, whoever is mixed."""

    @classmethod
    def of(cls, looks: list[Array], error: float) -> Rows:
        """``looks`` (N, N), each the weights of the samples in a batch."""
        own, other, partner, count, floor = [], [], [], [], []
        for weights in looks:
            ground = np.median(weights, axis=1) if len(weights) > 4 else np.zeros(len(weights))
            ground = np.where(np.abs(ground) > 100 * error, ground, 0.0)
            plain = weights - ground[:, None]
            shares = np.where(np.eye(len(plain), dtype=bool), 0.0, plain)
            place = np.abs(shares).argmax(axis=1)
            largest = shares[np.arange(len(plain)), place]
            visible = np.abs(largest) > 100 * error
            own.append(np.diag(plain))
            floor.append(ground)
            other.append(np.where(visible, largest, 0.0))
            partner.append(np.where(visible, place, np.arange(len(plain))))
            count.append((np.abs(shares) > 100 * error).sum(axis=1))
        return cls(*(np.concatenate(each) for each in (own, other, partner, count, floor)))

    @property
    def seen(self) -> Array:
        return self.count > 0


@dataclass
class Read:
    """What was looked at."""

    mix: Mix
    alpha: float
    size: int
    inputs: Rows
    targets: Rows
    looks: list[Any]
    near: float
    """Of a share."""
    notes: Notes = field(default_factory=Notes)

    def close(self, a: Any, b: Any, times: float = 1.0) -> bool:
        return bool(np.allclose(a, b, rtol=0, atol=times * self.near))


def look(subject: Mix, broken: tuple[Broken, ...] = ()) -> Looked | None:
    """The reading of a mixup, and what is off in it; None where nothing could be read."""
    wide = "float64" not in subject.refused_dtypes and "float64" not in subject.works_in
    mix = subject.on("cpu", "float64" if wide else "float32")
    size, alpha = mix.size(_SIZE), 1.0
    looks = [mix.revealed(size, alpha, seed) for seed in _SEEDS]
    error = max(mix.weight_error(), 1e-9)
    coarse = max(error, *(mix.target_error(each) for each in looks))
    values = [each.value for each in looks]
    softs = [each.soft for each in looks]
    read = Read(
        mix, alpha, size, Rows.of(values, error), Rows.of(softs, coarse), looks, 100 * max(error, coarse)
    )
    names = frozenset(each.law for each in broken)
    _picture(read)
    for part in (_inputs, targets.targets, _partners):
        part(read)
    with contextlib.suppress(*REFUSED):
        _fresh(read)
    law = Named(None)
    with contextlib.suppress(*REFUSED):
        law = _law(read, names, broken)
    for habit in habits.HABITS:
        with contextlib.suppress(*REFUSED):
            habit(read, names)
    notes = read.notes
    reading = Reading("mixup", "; ".join(notes.words), _latex(read, law), notes.parts, not notes.off)
    return Looked(reading, tuple(notes.off))


def _picture(read: Read) -> None:
    """The two matrices of shares: whose part of whom is in each row."""
    first = read.looks[0]
    read.notes.parts["picture"] = {
        "inputs": np.round(first.value, 4).tolist(),
        "targets": np.round(first.soft, 4).tolist(),
    }


def _inputs(read: Read) -> None:
    """What share of the partner goes with what share of the sample."""
    rows, notes = read.inputs, read.notes
    lam, rest, seen = rows.own, rows.other, rows.seen
    everything = laws(
        "rows_are_convex_combinations", "inputs_and_targets_share_lambda_and_partner", "stays_in_range",
        "lambda_follows_beta", "partners_are_a_permutation", "gradient_is_lambda", "eval_mode_mixes_nothing",
        "alpha_zero_is_identity",
    )  # fmt: skip
    if np.abs(rows.floor).max() > read.near:
        _ground(read, everything)
        return
    if not seen.any() and not read.close(lam, 1.0):
        notes.parts["inputs"] = {"share": "lam_i", "share of the partner": None}
        notes.words.append("x' = lam_i x_i, and nothing of another sample of the batch")
        text = (
            f"leaves {lam.min():.4g} to {lam.max():.4g} of each sample, and mixes nothing of another one of "
            "the batch into it. Add the partner: (1 - lam) * x[partner]."
        )
        notes.off.append(Off(text, everything | {"lambda_varies"}, vague=True))
        return
    if not seen.any() and _share_of_batches(read) > 0:
        notes.parts["inputs"] = {"share": "1 in most batches"}
        notes.words.append("inputs as they are in most batches")
        return
    if not seen.any():
        notes.parts["inputs"] = {"share": "1"}
        notes.words.append("inputs as they are")
        both = not read.targets.seen.any()
        text = (
            "mixes nothing: inputs and targets come back as they were. Mix the batch with a permutation of "
            "itself: lam * x + (1 - lam) * x[partner]."
            if both
            else "mixes the targets, and leaves the inputs as they were. Mix both with one lambda."
        )
        notes.off.append(Off(text, everything | {"lambda_varies"}))
        return
    if rows.count.max() > 1:
        _several(read, everything)
        return
    partner_own = np.concatenate(
        [own[p] for own, p in zip(_by_look(read, lam), _by_look(read, rows.partner), strict=True)]
    )
    shares = {
        "1 - lam_i": 1 - lam,
        "(1 - lam_i) lam_pi(i)": (1 - lam) * partner_own,
        "(1 - lam_i)^(1/2)": np.sqrt(np.clip(1 - lam, 0, None)),
        "lam_i": lam,
        "lam_i (1 - lam_i)": lam * (1 - lam),
        "1": np.ones_like(lam),
        "(1 - lam_i)^2": (1 - lam) ** 2,
        "(1 - lam_i^2)^(1/2)": np.sqrt(np.clip(1 - lam**2, 0, None)),
    }
    found = next((name for name, right in shares.items() if read.close(rest[seen], right[seen])), None)
    notes.parts["inputs"] = {"share": "lam_i", "share of the partner": found}
    if found == "1 - lam_i":
        if lam.max() > 1 + read.near or lam.min() < -read.near:
            notes.words.append("x' = lam_i x_i + (1 - lam_i) x_pi(i), lam_i up to " + f"{lam.max():.3g}")
            text = (
                f"takes shares of {lam.min():.3g} to {lam.max():.3g}: beyond 1, the partner is subtracted. "
                "Lambda is drawn from Beta(alpha, alpha), in [0, 1]: add nothing to it."
            )
            known = "XM04" if lam.min() > 0.5 else None
            notes.off.append(Off(text, everything | laws("targets_are_distributions"), known))
            return
        notes.words.append("x' = lam_i x_i + (1 - lam_i) x_pi(i)")
        return
    if found is None:
        i = int(np.flatnonzero(seen)[0])
        notes.words.append(f"x' of {lam[i]:.4g} of the sample and {rest[i]:.4g} of its partner")
        text = (
            f"mixes {lam[i]:.4g} of a sample with {rest[i]:.4g} of its partner: {lam[i] + rest[i]:.4g} "
            "together. The shares are lam and 1 - lam."
        )
        notes.off.append(Off(text, everything, vague=True))
        return
    notes.words.append(f"x' = lam_i x_i + {found} x_pi(i)")
    advice = {
        "(1 - lam_i) "
        "lam_pi(i)": "The batch is multiplied by lambda before the partner is read from it, so that the "
        "partner counts lambda times less. Read x[partner] first: it is (1 - lam_i) x_pi(i).",
    }.get(found, "The shares sum to 1: the partner's is 1 - lam_i.")
    faults = {"(1 - lam_i) lam_pi(i)": "M02", "(1 - lam_i)^(1/2)": "XM02"}
    text = f"computes x' = lam_i x_i + {found} x_pi(i). {advice}"
    notes.off.append(Off(text, everything, faults.get(found)))


def _several(read: Read, everything: frozenset[str]) -> None:
    """More than two samples in a row, or something else in every entry."""
    notes = read.notes
    rows = np.concatenate([look.value for look in read.looks])
    most = int(read.inputs.count.max()) + 1
    if read.close(rows.sum(axis=1), 1.0, 10) and rows.min() > -read.near and most < read.size:
        notes.parts["inputs"] = {"samples": most}
        notes.words.append(f"x' of up to {most} samples")
        text = (
            f"mixes up to {most} samples into one. Mixup mixes two: x' = lam x_i + (1 - lam) x_j, with one "
            "partner a row."
        )
        notes.off.append(Off(text, everything, "XM28" if most == 3 else None))
        return
    notes.parts["inputs"] = {"added": "something"}
    notes.words.append("something beside two samples in a row")
    text = "adds something to the mixture of two samples. Mixup is lam x_i + (1 - lam) x_j, and nothing else."
    notes.off.append(Off(text, everything, vague=True))


def _by_look(read: Read, values: Array) -> list[Array]:
    return [values[i : i + read.size] for i in range(0, len(values), read.size)]


def _ground(read: Read, everything: frozenset[str]) -> None:
    """Something that is added everywhere."""
    floor, notes = read.inputs.floor, read.notes
    again = Rows.of([read.mix.revealed(read.size, read.alpha, _SEEDS[0]).value], read.mix.weight_error())
    repeats = read.close(again.floor, floor[: read.size])
    if np.ptp(floor) < read.near:
        amount = float(floor[0])
        notes.parts["inputs"] = {"added": amount}
        notes.words.append(f"{amount:+.4g} on every input")
        verb = f"adds {amount:.4g} to" if amount > 0 else f"takes {-amount:.4g} off"
        text = f"{verb} every mixed input. A mixture of two samples lies between them: leave it out."
        known = {0.25: "XM31", -0.25: "XM32"}.get(round(amount, 6))
        notes.off.append(Off(text, everything, known))
        return
    notes.parts["inputs"] = {"added": "noise"}
    notes.words.append("noise on every input")
    how = "" if repeats else " that no seed repeats"
    text = (
        f"adds noise{how} to the mixed inputs. A mixture is lam x_i + (1 - lam) x_j and nothing else: leave "
        "the noise out."
    )
    notes.off.append(Off(text, everything | laws("seeded_runs_repeat"), None if repeats else "XM38"))


def _partners(read: Read) -> None:
    """Who is mixed with whom."""
    mix, notes = read.mix, read.notes
    looks = [probes.partners(look) for look in mix.stream(16, 8.0, 3, 64).value]
    mix.answers.pop()
    pairing = _pairing(looks)
    words = {
        "permutation": "partners by a random permutation",
        "roll": "the neighbour as partner",
        "flip": "the batch reversed as partners",
        "independent": "partners drawn with replacement",
    }
    notes.parts["pairing"] = pairing
    scope = mix.conventions.get("lambda_scope", "")
    notes.parts["scope"] = scope
    if pairing in words:
        notes.words.append(words[pairing])
    fixed = {
        "the next sample": np.roll(np.arange(16), -1),
        "the sample before": np.roll(np.arange(16), 1),
        "the sample at the mirrored place": np.arange(16)[::-1],
    }
    own = np.arange(16)
    for name, usual in fixed.items():
        mixed = [each for each in looks if np.any(each != own)]
        often = sum(bool(np.array_equal(each, usual)) for each in mixed)
        if pairing in ("permutation", "other") and 4 <= often < len(mixed):
            notes.words.append(f"{name} in {often} batches of {len(mixed)}")
            text = (
                f"pairs each sample with {name} in {often} of {len(mixed)} batches, which a random "
                "permutation of 16 does not do once in 10^13. Draw a new permutation for every batch: "
                "torch.randperm(len(x))."
            )
            known = "XM05" if name == "the sample before" else None
            notes.off.append(Off(text, laws("pairing_is_uniform"), known))
    if pairing == "independent" and mix.adapter.documented.get("pairing") == "permutation":
        text = (
            "draws partners with replacement, where a permutation is documented: some samples are mixed in "
            "twice, and others never. Use torch.randperm(len(x)) in place of torch.randint."
        )
        known = "XM06" if scope == "batch" else "M11"
        notes.off.append(Off(text, laws("partners_are_a_permutation"), known))


def _pairing(looks: list[Array]) -> str:
    """From rows with a partner: the others show none, by chance or because they were left alone."""
    own = np.arange(len(looks[0]))
    mixed = [each for each in looks if np.any(each != own)]
    if not mixed:
        return "none"
    for name, usual in (("roll", np.roll(own, 1)), ("roll", np.roll(own, -1)), ("flip", own[::-1])):
        if all(np.array_equal(each[each != own], usual[each != own]) for each in mixed):
            return name
    once = [len(set(each[each != own])) == int(np.sum(each != own)) for each in mixed]
    if len({tuple(each) for each in mixed}) < 2:
        return "other"
    return "permutation" if all(once) else "independent" if sum(once) < len(once) / 4 else "other"


def _fresh(read: Read) -> None:
    """Whether other inputs, under the same seed, are mixed as the identity batch was."""
    mix, notes, seed = read.mix, read.notes, _SEEDS[0]
    if notes.off:
        return
    x = np.random.default_rng(5).normal(0.25, 1.5, (read.size, read.size))
    x = mix.rounded(x)
    shown = read.looks[0].value
    found = mix(x.tolist(), list(range(read.size)), read.alpha, seed).value
    right = shown @ x
    if read.close(found, right, 10):
        return
    again = mix.revealed(read.size, read.alpha, seed).value
    if not read.close(again, shown):  # it does not repeat: that is said elsewhere
        return
    everything = laws("matches_reference", "rows_are_convex_combinations")
    low, high = float(np.min(found)), float(np.max(found))
    if read.close(found, right.clip(low, high), 10) and (
        low > right.min() + read.near or high < right.max() - read.near
    ):
        ends = [
            low if low > right.min() + read.near else None,
            high if high < right.max() - read.near else None,
        ]
        said = (
            f"[{low:.4g}, {high:.4g}]"
            if None not in ends
            else f"at least {low:.4g}"
            if ends[0] is not None
            else f"at most {high:.4g}"
        )
        notes.parts["clamp"] = ends
        notes.words.append(f"clamped to {said}")
        text = (
            f"clamps the mixture to {said}. Inputs that are normalised lie beyond: a mixture lies between "
            "its two samples, and needs no clamp."
        )
        known = "XM03" if [None if e is None else round(e, 6) for e in ends] == [0.0, 1.0] else None
        notes.off.append(Off(text, everything | {"affine_equivariant", "stays_in_range"}, known))
        return
    notes.off.append(Off("does not mix other inputs as it mixes unit vectors.", everything, vague=True))


def _law(read: Read, names: frozenset[str], broken: tuple[Broken, ...]) -> Named:
    """The law of lambda: dear where it is drawn once a batch, and asked for then only where it is broken."""
    mix, notes = read.mix, read.notes
    scope, kind = mix.conventions.get("lambda_scope"), mix.conventions.get("lambda", "other")
    each = {"sample": "one a sample", "pair": "one a pair", "batch": "one a batch"}.get(scope or "", "")
    if mix.conventions.get("applied") == "sometimes":
        _sometimes(read)
    if not read.inputs.seen.any() or "added" in notes.parts.get("inputs", {}):
        return Named(None)
    _promised_fold(read)
    dear = scope == "batch" and not names & _LAMBDA_LAWS
    found = Named(None) if dear or not mix.adapter.alpha_known else named(mix)
    law = found.law
    usual = {"folded": "max(lam, 1 - lam) of Beta(alpha, alpha)", "beta": "Beta(alpha, alpha)"}
    said = law.text if law else usual.get(kind, "") if dear and "alpha" in mix.features else ""
    notes.parts["lambda"] = {"law": said or None, "constant": found.constant, "draws": found.draws}
    if found.constant is not None:
        notes.words.append(f"lam = {found.constant:.4g} always")
        text = f"uses lambda = {found.constant:.4g} in every row. Draw it from Beta(alpha, alpha)."
        notes.off.append(Off(text, laws("lambda_varies", "lambda_follows_beta"), "XM01"))
        return found
    if said:
        notes.words.append(f"lam ~ {said}, {each}" if each else f"lam ~ {said}")
    elif mix.adapter.alpha_known and found.draws:
        notes.words.append(f"lam of a law without a name here, {each}")
    broke = names & {"lambda_follows_beta"}
    said_already = any("lambda_follows_beta" in each.laws for each in notes.off)
    passed = "alpha" in mix.features or bool(broke)
    if law is not None and not law.right and passed and not said_already:
        always = "" if "alpha" in law.text else ", whatever alpha is"
        text = f"draws lambda from {law.text}{always}. Mixup draws it from Beta(alpha, alpha)."
        notes.off.append(Off(text, laws("lambda_follows_beta"), law.fault))
    elif broke and law is not None:
        _small_alphas(read, broken)
    return found


def _promised_fold(read: Read) -> None:
    mix, notes = read.mix, read.notes
    if mix.adapter.documented.get("lambda") != "folded":
        return
    own, own_target = (rows.own[rows.seen] for rows in (read.inputs, read.targets))
    if not len(own) or not len(own_target):
        return
    if own.min() >= 0.5 - read.near or own_target.min() >= 0.5 - read.near:
        return
    every = laws("lambda_at_least_half", "lambda_follows_beta", "own_sample_dominates")
    if own.max() <= 0.5 + read.near:
        text = (
            "gives the larger share to the partner: lam = min(lam, 1 - lam), where max(lam, 1 - lam) is "
            "documented. Two rows can then be the same mixture. Fold lambda to 1/2 and above."
        )
        notes.off.append(Off(text, every | {"alpha_zero_is_identity"}, "NB12"))
        return
    text = (
        "leaves lambda below 1/2 in half of the rows, where folding is documented: (i, j, 0.3) and (j, i, "
        "0.7) are the same mixture twice in one batch. lam = max(lam, 1 - lam) ends that."
    )
    notes.off.append(Off(text, every, "NB11"))


def _sometimes(read: Read) -> None:
    """How many batches are mixed at all."""
    notes = read.notes
    share = _share_of_batches(read)
    notes.parts["applied"] = round(share, 3)
    notes.words.append(f"mixed in about {100 * share:.0f} of 100 batches")
    if 0 < share < 0.3:
        text = (
            f"mixes {round(400 * share)} of 400 batches, and leaves the others as they were, though nothing "
            "was said of a probability. Mix every batch, or let the caller say how often."
        )
        known = "XM29" if abs(share - 1 / 16) < 0.05 else None
        notes.off.append(
            Off(
                text,
                laws("lambda_follows_beta", "lambda_varies", "pairing_is_uniform", "seeds_differ"),
                known,
            )
        )


def _share_of_batches(read: Read) -> float:
    """Of 400 batches, how many are mixed at all."""
    looks = read.mix.stream(4, 8.0, 5, 400).value
    read.mix.answers.pop()
    return float(np.mean([not np.array_equal(each, np.eye(4)) for each in looks]))


def _small_alphas(read: Read, broken: tuple[Broken, ...]) -> None:
    """The law is right at the alphas that were tried, and breaks at another."""
    for each in broken:
        alpha = (each.counterexample or {}).get("alpha")
        if each.law != "lambda_follows_beta" or not isinstance(alpha, int | float) or not 0 < alpha < 0.3:
            continue
        found, right = seen_share(read.mix, float(alpha))
        if abs(found - right) < 0.1:
            continue
        more = found > right
        read.notes.words.append(f"{'more' if more else 'fewer'} samples mixed at alpha {alpha:g}")
        text = (
            f"mixes {100 * found:.0f} of 100 samples visibly at alpha = {alpha:g}, where Beta(alpha, alpha) "
            f"mixes {100 * right:.0f}; at alpha 0.3 and 3 it is right. Draw from Beta(alpha, alpha) for "
            "small alphas too."
        )
        read.notes.off.append(Off(text, laws("lambda_follows_beta"), "XM41" if more else "XM42"))
        return


def _latex(read: Read, law: Named) -> str:
    parts = read.notes.parts
    share = (parts.get("inputs") or {}).get("share of the partner")
    latex = {
        "1 - lam_i": r"(1 - \lambda_i)",
        "(1 - lam_i) lam_pi(i)": r"(1 - \lambda_i) \lambda_{\pi(i)}",
        "(1 - lam_i)^(1/2)": r"\sqrt{1 - \lambda_i}",
        "lam_i": r"\lambda_i",
        "lam_i (1 - lam_i)": r"\lambda_i (1 - \lambda_i)",
        "1": "",
        "(1 - lam_i)^2": r"(1 - \lambda_i)^2",
        "(1 - lam_i^2)^(1/2)": r"\sqrt{1 - \lambda_i^2}",
    }.get(share or "")
    if latex is None:
        return ""
    formula = rf"x'_i = \lambda_i x_i + {latex} \, x_{{\pi(i)}}"
    if targets := parts.get("targets", {}).get("latex"):
        formula += rf", \quad {targets}"
    if law.constant is not None:
        formula += rf", \quad \lambda_i = {law.constant:.4g}"
    if law.law is not None:
        sign = "=" if law.law.latex.startswith(r"\m") and "lambda" in law.law.latex else r"\sim"
        formula += rf", \quad \lambda_i {sign} {law.law.latex}"
    return formula

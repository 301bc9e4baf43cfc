"""The law of a mixup's shares, named from draws: one law fits, and all the others are excluded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betainc, betaln

from lawful.properties.subjects.mixup import VISIBLE, Mix, visible_share

Array = Any
DRAWS = 4000
ALPHAS = (0.3, 3.0)
_CHANCE = 1e-10
"""Of a test that fails a law that is the right one."""
_CLOSE = 0.12
"""How far a parameter that is read off ``DRAWS`` shares may be from the law's: 5 of its standard errors."""


@dataclass(frozen=True)
class Law:
    """Of lambda at alpha: Beta(a, b), with a and b by alpha."""

    text: str
    latex: str
    right: bool = False
    fault: str | None = None

    def folded(self, kind: str) -> Law:
        """``max``: the larger of lambda and 1 - lambda; ``min``: the smaller."""
        latex = rf"\{kind}(\lambda, 1 - \lambda), \; \lambda \sim {self.latex}"
        return Law(f"{kind}(lam, 1 - lam) of {self.text}", latex, self.right and kind == "max", self.fault)


def _law(a: str, b: str, latex: str, **more: Any) -> Law:
    return Law(f"Beta({a}, {b})", rf"\mathrm{{Beta}}({latex})", **more)


_EVEN: tuple[tuple[Law, Callable[[float], float]], ...] = (
    (_law("alpha", "alpha", r"\alpha, \alpha", right=True), lambda a: a),
    (Law("uniform", r"\mathrm{U}(0, 1)", fault="M08"), lambda a: 1.0),
    (
        _law("min(alpha, 1)", "min(alpha, 1)", r"\min(\alpha, 1), \min(\alpha, 1)", fault="XM14"),
        lambda a: min(a, 1.0),
    ),
    (_law("max(alpha, 1)", "max(alpha, 1)", r"\max(\alpha, 1), \max(\alpha, 1)"), lambda a: max(a, 1.0)),
    (_law("1/alpha", "1/alpha", r"1/\alpha, 1/\alpha"), lambda a: 1 / a),
    (_law("2 alpha", "2 alpha", r"2 \alpha, 2 \alpha"), lambda a: 2 * a),
    (_law("alpha/2", "alpha/2", r"\alpha/2, \alpha/2"), lambda a: a / 2),
    (_law("alpha + 1", "alpha + 1", r"\alpha + 1, \alpha + 1"), lambda a: a + 1),
    (_law("alpha^2", "alpha^2", r"\alpha^2, \alpha^2"), lambda a: a * a),
)
"""Symmetric ones, with their parameter."""
_UNEVEN: tuple[tuple[Law, Callable[[float], tuple[float, float]]], ...] = (
    (_law("alpha", "1", r"\alpha, 1", fault="M13"), lambda a: (a, 1.0)),
    (_law("1", "alpha", r"1, \alpha"), lambda a: (1.0, a)),
    (_law("alpha + 1", "alpha", r"\alpha + 1, \alpha"), lambda a: (a + 1, a)),
    (_law("alpha", "alpha + 1", r"\alpha, \alpha + 1"), lambda a: (a, a + 1)),
)


@dataclass(frozen=True)
class Named:
    """What was read of the shares."""

    law: Law | None = None
    """None where no law fits alone."""
    constant: float | None = None
    draws: int = 0


def allowed(count: int) -> float:
    """P(sup |F_n - F| > t) <= 2 exp(-2 n t^2): Dvoretzky, Kiefer and Wolfowitz, with Massart's constant."""
    return float(np.sqrt(np.log(2 / _CHANCE) / (2 * max(1, count))))


def distance(lams: Array, a: float, b: float, kind: str) -> float:
    """sup |F_n - F| of Beta(a, b), both given that lambda lies between the ends that are seen."""

    def cdf(x: Array) -> Array:
        plain = betainc(a, b, x)
        if kind == "max":
            return np.where(x >= 0.5, plain - betainc(a, b, 1 - x), 0.0)
        if kind == "min":
            return np.where(x <= 0.5, plain + 1 - betainc(a, b, 1 - x), 1.0)
        return plain

    grid = np.linspace(VISIBLE, 1 - VISIBLE, 401)
    whole = cdf(grid)
    share = np.searchsorted(np.sort(lams), grid, side="right") / max(1, len(lams))
    return float(np.abs(share - (whole - whole[0]) / max(whole[-1] - whole[0], 1e-12)).max())


def parameter(lams: Array) -> float:
    """a of Beta(a, a) by maximum likelihood, folded or not, given that both ends are cut off."""
    mean = float(np.mean(np.log(lams) + np.log1p(-lams)))

    def against(log_a: float) -> float:
        a = float(np.exp(log_a))
        seen = betainc(a, a, 1 - VISIBLE) - betainc(a, a, VISIBLE)
        return float(betaln(a, a) + np.log(max(seen, 1e-300)) - (a - 1) * mean)

    return float(np.exp(minimize_scalar(against, bounds=(np.log(0.01), np.log(100.0)), method="bounded").x))


def named(mix: Mix) -> Named:
    """The law of lambda, from ``DRAWS`` rows at each of ``ALPHAS``, or at the alpha that there is."""
    alphas = ALPHAS if "alpha" in mix.features else ALPHAS[:1]
    few = [mix.visible_lambdas(alpha, 16, 100)[0] for alpha in alphas]
    del mix.answers[-len(alphas) :]
    if all(len(lams) > 50 for lams in few) and np.ptp(np.concatenate(few)) < 1e-6:
        return Named(constant=float(few[0][0]), draws=sum(map(len, few)))
    samples = []
    for seed, alpha in enumerate(alphas):
        lams, _, _ = mix.visible_lambdas(alpha, 17 + seed, DRAWS)
        mix.answers.pop()
        if len(lams) < 200:
            return Named()
        samples.append((alpha, lams))
    return Named(law_of(samples), None, min(len(lams) for _, lams in samples))


def law_of(samples: list[tuple[float, Array]]) -> Law | None:
    """The one law that fits shares (m,) at each alpha."""
    every = np.concatenate([lams for _, lams in samples])
    kind = "max" if every.min() >= 0.5 - 1e-6 else "min" if every.max() <= 0.5 + 1e-6 else ""
    found = [(alpha, parameter(lams)) for alpha, lams in samples]
    if all(
        distance(lams, a, a, kind) <= allowed(len(lams))
        for (_, a), (_, lams) in zip(found, samples, strict=True)
    ):
        fits = [law for law, of in _EVEN if all(abs(np.log(a / of(alpha))) < _CLOSE for alpha, a in found)]
        if len(samples) == 1:
            fits = [law for law in fits if "alpha" not in law.text]
        law = fits[0] if len(fits) == 1 else _whatever_alpha([a for _, a in found])
        if law is not None:
            return law.folded(kind) if kind else law
    fits = [
        law if not kind else law.folded(kind)
        for law, of in _UNEVEN
        if all(distance(lams, *of(alpha), kind) <= allowed(len(lams)) for alpha, lams in samples)
    ]
    if kind:  # folded, Beta(a, b) and Beta(b, a) are one law
        fits = fits[:1]
    return fits[0] if len(fits) == 1 and len(samples) > 1 else None


def _whatever_alpha(parameters: list[float]) -> Law | None:
    """A law of a parameter of its own."""
    if np.ptp(np.log(parameters)) > _CLOSE:
        return None
    a = float(np.exp(np.mean(np.log(parameters))))
    return Law(f"a law like Beta({a:.2g}, {a:.2g})", rf"\approx \mathrm{{Beta}}({a:.2g}, {a:.2g})")


def seen_share(mix: Mix, alpha: float) -> tuple[float, float]:
    """Of rows at this alpha: how many show a partner, and how many should."""
    lams, looked, _ = mix.visible_lambdas(alpha, 23, DRAWS)
    mix.answers.pop()
    return len(lams) / looked, visible_share(alpha)

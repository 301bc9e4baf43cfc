"""A case: one law, asked of one implementation on one device and in one dtype; and which cases there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lawful.properties import twin
from lawful.properties.harness.report import Result
from lawful.properties.registry import Law, did_you_mean, laws_of
from lawful.properties.subjects.subject import Subject


@dataclass(frozen=True, repr=False)
class Case:
    """One implementation x property x device x dtype."""

    law: Law
    subject: Subject
    skipped: bool = False
    """By request."""
    on_demand: bool = False
    """Asked only where a law that rests on this one breaks: ``--only`` left it out."""
    sampled: bool = False
    """Asked a few random examples only: the device stands in for another, and the CPU is asked them all."""

    def __repr__(self) -> str:
        return self.id

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis prints its arguments for every explicit example: a name will do."""
        printer.text(self.id)

    @property
    def group(self) -> str:
        """The parameter's id: ``timm-cpu-float32``."""
        return f"{self.subject.adapter.name}-{self.subject.device}-{self.subject.dtype}"

    @property
    def id(self) -> str:
        return f"{self.law.id}[{self.group}]"

    @property
    def severity(self) -> str:
        """The law's. What is asked of a feature that nobody promised is whether bad input is refused."""
        if any(feature not in self.subject.features for feature in self.law.needs):
            return "guard"
        return self.law.severity_in(self.subject.dtype)

    def result(self, verdict: str, **details: Any) -> Result:
        subject = self.subject
        where = (subject.adapter.name, self.law.name, subject.device, subject.dtype)
        given = {"technique": self.law.technique, "severity": self.severity, "rests_on": self.law.rests_on}
        return Result(*where, verdict, **{**given, **details})


def why_unsupported(case: Case) -> tuple[str | None, str]:
    """The reason why a law is not asked, or what to say first where it breaks.

    An absent feature is passed anyway. Refused, it is unsupported; taken, its laws are asked.
    """
    subject, law = case.subject, case.law
    if case.skipped:
        return "skipped by request", ""
    if subject.dtype in subject.refused_dtypes and not law.even_if_refused:
        return f"refuses {subject.dtype}: {subject.refused_dtypes[subject.dtype]}", ""
    if subject.device != "cpu" and subject.adapter.arrays == "numpy":
        return "it takes NumPy arrays, which are on no device", ""
    if subject.device == twin.NAME:
        if reason := subject.not_on_the_twin:
            return f"not asked on the twin: {reason}", ""
        subject.look_at_the_twin()
    if subject.device in subject.refused_devices and not law.even_if_refused:
        return f"refuses {subject.device}: {subject.refused_devices[subject.device]}", ""
    for what in law.sees:
        if what in subject.blind:
            return f"{subject.blind[what]}: laws about {what} are not tested", ""
    for convention, value in law.when.items():
        allowed = (value,) if isinstance(value, str) else value
        if subject.conventions.get(convention) not in allowed:
            return f"a law only where {convention} is {' or '.join(allowed)}", ""
    prefix = ""
    for feature in law.needs:
        if feature not in subject.features:
            if feature in subject.adapter.declines:
                return f"no {feature}: {subject.adapter.declines[feature]}", ""
            refusal = subject.offers(feature)
            if refusal:
                return f"no {feature}, refused with {refusal}", ""
            prefix = f"accepted and ignored: {feature}; "
    return None, prefix


def cases(
    subject: Subject,
    *,
    devices: list[str],
    dtypes: list[str] | None = None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    sampled: tuple[str, ...] = (),
    deciding: bool = False,
) -> list[Case]:
    """Every case of an implementation, in a fixed order. On a ``sampled`` device in float32 alone, unless
    dtypes are asked for, and a few examples. ``deciding``: with what the laws of ``only`` rest on, on demand.

    Raises ValueError for a deviation that names no property or can match no case.
    """
    check_deviations(subject)
    laws = laws_of(subject.technique)
    named = {law.name for law in laws if only is None or law.name in only or law.id in only}
    below = resting_on(named, laws) if deciding else set()
    return [
        Case(
            law,
            subject.on(device, dtype),
            skipped=bool({law.name, law.id} & set(skip or ())),
            on_demand=law.name not in named,
            sampled=device in sampled,
        )
        for law in laws
        if law.name in named | below
        for device in devices
        if device in law.devices
        for dtype in law.dtypes
        if (dtypes is None or dtype in dtypes)
        if device not in sampled or _is_sampled(law, dtype)
    ]


def resting_on(names: set[str], laws: list[Law]) -> set[str]:
    """The laws on which these rest, and on which those rest in turn."""
    below = {name for law in laws if law.name in names for name in law.rests_on} - names
    return below | resting_on(names | below, laws) if below else set()


def _is_sampled(law: Law, dtype: str) -> bool:
    """In float32; and of what takes thousands of draws, or whole tests, only what is about devices."""
    return dtype == "float32" and (law.most_examples is None or "cpu" not in law.devices)


def check_deviations(subject: Subject) -> None:
    laws = {law.name: law for law in laws_of(subject.technique)}
    for deviation in subject.adapter.deviations:
        where = f"adapter {subject.adapter.name!r}: deviation"
        law = laws.get(deviation.property)
        if law is None:
            raise ValueError(f"{where}: {did_you_mean('property', deviation.property, list(laws))}")
        if not any(
            deviation.covers(law.name, device, dtype) for device in law.devices for dtype in law.dtypes
        ):
            raise ValueError(
                f"{where} from {law.name} matches no case: it has dtypes={deviation.dtypes} and "
                f"devices={deviation.devices}, the law is asked in {law.dtypes} on {law.devices}"
            )
        law.decode(deviation.example)
        re.compile(deviation.message)

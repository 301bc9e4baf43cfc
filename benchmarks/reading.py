"""Which faults are told what is wrong with them?  python benchmarks/reading.py [TECHNIQUE ...]

Every law is asked of every fault that a CPU shows, a few examples each; what breaks is diagnosed as for a
report: all that gives wrong results at once, else all that breaks. Prints the sentence of each, and a table:
how many get their own name (or that of the same code), how many a sentence without a name, how many nothing,
how many another name.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator

import torch

from lawful.impl.contracts import TECHNIQUES
from lawful.impl.faulty import Fault, faults
from lawful.properties.harness.cases import cases
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import Profile
from lawful.properties.harness.report import Result
from lawful.properties.reading import Broken, Diagnosis, diagnose
from lawful.properties.reading.catalogue import code_of
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import Subject, silence

FEW = Profile("light", 3, 60, asks_dear=False, shrinks=False)
OF_ALL = {"suggestion_survives_noise"}
"""Laws that the right code under the faults breaks too."""


def broken(subject: Subject, tests: dict[str, LawTest]) -> Iterator[Result]:
    for case in cases(subject, devices=["cpu"]):
        test = tests.setdefault(case.law.id, LawTest(case.law, FEW, 0))
        with silence():
            row = test.run(case)
        if row.verdict == "broken":
            yield row


def kind(technique: str, fault: Fault, diagnosis: Diagnosis | None) -> str:
    if diagnosis is None or diagnosis.fault is None:
        return "nothing" if diagnosis is None else "a sentence"
    named = next(each for each in faults(technique) if each.id == diagnosis.fault)
    return "named" if named is fault or code_of(named) is code_of(fault) else "another name"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("technique", nargs="*", help=f"of {', '.join(TECHNIQUES)}; all where left out")
    parser.add_argument("--only", nargs="*", metavar="ID", help="these faults alone")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    counts: Counter[tuple[str, str, str]] = Counter()
    for technique in chosen.technique or TECHNIQUES:
        tests: dict[str, LawTest] = {}
        for fault in faults(technique):
            if fault.device != "cpu" or (chosen.only and fault.id not in chosen.only):
                continue
            subject = understand(fault.adapter)
            rows = [
                row
                for row in broken(subject, tests)
                if row.property not in OF_ALL or row.property in fault.caught_by
            ]
            grave = [row for row in rows if row.severity == "wrong"]
            started = time.perf_counter()
            diagnosis = diagnose(
                subject,
                [
                    Broken(row.property, row.device, row.dtype, row.counterexample, row.message or "")
                    for row in grave or rows
                ],
            )
            seconds = time.perf_counter() - started
            found = kind(technique, fault, diagnosis)
            severity = "wrong" if grave else "less" if rows else "nothing broken"
            counts[technique, severity, found] += 1
            name, said = (diagnosis.fault, diagnosis.text) if diagnosis else (None, "-")
            print(f"{fault.id:6} {severity:14} {found:12} {name or '':6} {seconds:5.1f} s  {fault.statement}")
            print(f"       {said}", flush=True)
    print()
    for (technique, severity, found), count in sorted(counts.items()):
        print(f"{technique:16} {severity:14} {found:12} {count:4}")


if __name__ == "__main__":
    main()

"""Which faults are told what is wrong with them?  python benchmarks/reading.py [TECHNIQUE ...]

The laws whose breach is a wrong result are asked of every fault that a CPU shows, in float32, a few examples
each; each finding at wrong is diagnosed as for a report. Prints the sentences of each fault, and a table: how
many get their own name (or that of the same code), how many a sentence without a name, how many nothing, how
many another name in some finding. Findings of laws by which the fault is known count, where there are any.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import torch

from lawful.impl.contracts import TECHNIQUES
from lawful.impl.faulty import Fault, faults
from lawful.properties.harness.cases import Case, cases
from lawful.properties.harness.diagnosing import diagnosed
from lawful.properties.harness.findings import Finding, findings
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import Profile
from lawful.properties.harness.report import Result
from lawful.properties.reading.catalogue import code_of
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import Subject, silence

FEW = Profile("light", 3, 60, asks_dear=False, shrinks=False)
OF_ALL = {"suggestion_survives_noise"}
"""Laws that the right code under the faults breaks too: asked of those alone that are known by them."""
SAME = {"NB09": "M04", "NB18": "NB28", "NB19": "R10", "NB23": "R15", "XR66": "R09", "XR70": "XR38"}
"""Faults that are the code of another one, written anew."""
KINDS = ("another name", "named", "a sentence", "nothing")
"""The worst first, but that one named finding is enough."""


def asked(subject: Subject, tests: dict[str, LawTest], skipped: set[str]) -> Iterator[Result]:
    for case in cases(subject, devices=["cpu"]):
        if case.severity != "wrong" or case.subject.dtype != _dtype(case) or case.law.name in skipped:
            continue
        test = tests.setdefault(case.law.id, LawTest(case.law, FEW, 0))
        with silence():
            yield test.run(case)


def _dtype(case: Case) -> str:
    return "float32" if "float32" in case.law.dtypes else case.law.dtypes[0]


def kind(technique: str, fault: Fault, finding: Finding) -> str:
    if finding.fault is None:
        return "nothing" if finding.diagnosis is None else "a sentence"
    named = next(each for each in faults(technique) if each.id == finding.fault)
    same = named is fault or SAME.get(fault.id) == named.id or code_of(named) is code_of(fault)
    return "named" if same else "another name"


def best(kinds: Iterable[str]) -> str:
    return min(kinds, key=KINDS.index)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("technique", nargs="*", help=f"of {', '.join(TECHNIQUES)}; all where left out")
    parser.add_argument("--only", nargs="*", metavar="ID", help="these faults alone")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    counts: Counter[tuple[str, str]] = Counter()
    asking = telling = 0.0
    for technique in chosen.technique or TECHNIQUES:
        tests: dict[str, LawTest] = {}
        for fault in faults(technique):
            if fault.device != "cpu" or (chosen.only and fault.id not in chosen.only):
                continue
            begun = time.perf_counter()
            subject = understand(fault.adapter)
            rows = list(asked(subject, tests, OF_ALL - set(fault.caught_by)))
            between = time.perf_counter()
            found = [each for each in findings(diagnosed(subject, rows)) if each.verdict == "broken"]
            found = [each for each in found if each.severity == "wrong"]
            own = [each for each in found if {each.property, *each.also} & set(fault.caught_by)]
            found = own or found
            asking, telling = asking + between - begun, telling + time.perf_counter() - between
            said = best(kind(technique, fault, each) for each in found) if found else "none at wrong"
            counts[technique, said] += 1
            print(f"{fault.id:6} {said:14} {time.perf_counter() - between:5.1f} s  {fault.statement}")
            for each in found:
                print(f"       {each.property}: {each.diagnosis or '-'}", flush=True)
    print()
    for (technique, said), count in sorted(counts.items()):
        print(f"{technique:16} {said:14} {count:4}")
    print(f"asking {asking:.0f} s, diagnosing {telling:.0f} s")


if __name__ == "__main__":
    main()

"""Is every fault caught under every seed, and after how many examples?  python benchmarks/teeth.py --seeds 30

Each law is asked of each fault of its technique, standard profile. A law that the fault names is asked under
every seed; the others, which may see it too, under the first --others. Then everything that is known to be
right (our own implementations in every option, and F.cross_entropy in a wider dtype) is asked under seed
after seed, until --right examples were completed: nothing may break.

Writes teeth.json, which docs/reference/teeth.md draws. Exit status 1 where a fault escapes under a seed, or
something right breaks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from lawful.impl import native
from lawful.impl.contracts import TECHNIQUES, Adapter, LabelSmoothing
from lawful.impl.faulty import Fault, faults
from lawful.properties import twin
from lawful.properties.harness.cases import Case, cases
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.harness.questions import generators_kept, questions
from lawful.properties.registry import laws_of
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import LawBroken, Raised
from lawful.properties.subjects.subject import Subject, global_state_kept, silence

STANDARD = PROFILES["standard"]


def until_caught(case: Case, seed: int) -> tuple[int | None, int]:
    """How many examples it took until one broke the law, None if none did; and how many were completed."""
    test = LawTest(case.law, STANDARD, seed)
    asked, _ = questions(case.law, STANDARD, seed)
    with global_state_kept(), silence(), generators_kept() as restart:
        for number, drawn in enumerate(asked, 1):
            restart()
            try:
                test.ask(case, drawn)
            except (LawBroken, Raised):
                return number, test.record.completed
    return None, test.record.completed


def _row(fault: Fault, seeds: int, others: int) -> dict[str, Any]:
    """By law, the examples until the fault was caught under each seed."""
    subject = understand(fault.adapter)
    found: dict[str, dict[str, Any]] = {}
    completed = 0
    for law in laws_of(subject.technique):
        named = law.name in fault.caught_by
        for case in _asked(subject, law.name, fault.device):
            first, count = until_caught(case, 0)
            completed += count
            if first is not None or not named:
                break
        else:
            if named:  # in no dtype under seed 0: the others are asked in the last
                case = _asked(subject, law.name, fault.device)[-1]
            else:
                continue
        counts = [first]
        if first is not None or named:
            for seed in range(1, seeds if named else others):
                number, count = until_caught(case, seed)
                completed += count
                counts.append(number)
        found[law.name] = {"dtype": case.subject.dtype, "examples": counts}
    return {"technique": subject.technique, "fault": fault.id, "laws": found, "completed": completed}


def _asked(subject: Subject, law: str, device: str) -> list[Case]:
    """Of a law, float32 first: one dtype that shows a fault is enough."""
    found = [case for case in cases(subject, devices=[device], only=[law]) if _is_asked(case)]
    return sorted(found, key=lambda case: case.subject.dtype != "float32")


def _is_asked(case: Case) -> bool:
    from lawful.properties.harness.cases import why_unsupported

    return why_unsupported(case)[0] is None


def _upcasting(epsilon: float, **features: Any) -> Any:
    """F.cross_entropy in float32 at least, with epsilon checked."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}")

    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        wide = logits if logits.dtype == torch.float64 else logits.float()
        options = dict(features)
        if options.get("weight") is not None:
            options["weight"] = options["weight"].to(wide.dtype)
        given = target.to(wide.dtype) if target.is_floating_point() else target
        return F.cross_entropy(wide, given, label_smoothing=epsilon, **options).to(logits.dtype)

    return loss


RIGHT: list[Adapter] = [
    *native.adapters(),
    LabelSmoothing("torch_upcasting", _upcasting, features=LabelSmoothing.usual_features),
]


def _right(index: int, seed: int) -> tuple[int, list[str]]:
    """All of it asked under one seed: the examples, and what broke."""
    adapter = RIGHT[index]
    broken, completed = [], 0
    with silence():
        subject = understand(adapter)
    for case in cases(subject, devices=["cpu"]):
        if case.law.dear or not _is_asked(case):
            continue
        number, count = until_caught(case, seed)
        completed += count
        if number is not None:
            broken.append(f"{case.id}, seed {seed}, example {number}")
    return completed, broken


def _all_right(pool: ProcessPoolExecutor, wanted: int) -> Iterator[tuple[int, list[str]]]:
    seed = completed = 0
    while completed < wanted:
        futures = [pool.submit(_right, index, seed) for index in range(len(RIGHT))]
        for future in as_completed(futures):
            count, broken = future.result()
            completed += count
            yield completed, broken
        seed += 1


def _named(row: dict[str, Any], law: str) -> bool:
    (fault,) = (each for each in faults(row["technique"]) if each.id == row["fault"])
    return law in fault.caught_by


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("technique", nargs="*", help=f"of {', '.join(TECHNIQUES)}; all where left out")
    parser.add_argument(
        "--only",
        nargs="*",
        metavar="ID",
        help="these faults alone, none where no id follows: of the others, what the file says is kept",
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--others", type=int, default=1, help="seeds of the laws that a fault does not name")
    parser.add_argument("--right", type=int, default=1_000_000, help="examples for what is right")
    parser.add_argument("--json", type=Path, default=Path("teeth.json"))
    chosen = parser.parse_args()
    unknown = set(chosen.technique) - set(TECHNIQUES)
    if unknown:
        parser.error(f"technique is {unknown.pop()!r}, expected {', '.join(TECHNIQUES)}")
    for name in ("seeds", "others"):
        if getattr(chosen, name) < 1:
            parser.error(f"{name} is {getattr(chosen, name)}, expected 1 or more")

    techniques = chosen.technique or TECHNIQUES
    known = {fault.id for technique in techniques for fault in faults(technique)}
    if strangers := sorted(set(chosen.only or ()) - known):
        parser.error(f"only is {strangers[0]!r}, expected ids of faults such as {min(known)!r}")

    twin.registered()
    started = time.perf_counter()
    before = _kept(chosen.json) if chosen.only is not None or not chosen.right else {}
    places = [(technique, index) for technique in techniques for index in range(len(faults(technique)))]
    if chosen.only is not None:
        places = [
            (technique, index) for technique, index in places if faults(technique)[index].id in chosen.only
        ]
    escaped: list[str] = []
    rows: list[dict[str, Any]] = []
    context = multiprocessing.get_context("forkserver")  # autograd's threads do not survive a fork
    context.set_forkserver_preload(["torch"])
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_begin) as pool:
        futures = [pool.submit(_row_of, *place, chosen.seeds, chosen.others) for place in places]
        for count, future in enumerate(as_completed(futures), 1):
            rows.append(future.result())
            _progress(f"{count} of {len(places)} faults")
        asked = {(row["technique"], row["fault"]) for row in rows}
        if chosen.only is not None:
            rows += [row for row in before["faults"] if (row["technique"], row["fault"]) not in asked]
        order = {
            (t, fault.id): place
            for place, (t, fault) in enumerate((t, f) for t in TECHNIQUES for f in faults(t))
        }
        rows = [row for row in rows if (row["technique"], row["fault"]) in order]
        rows.sort(key=lambda row: order[row["technique"], row["fault"]])
        completed, broken = (0, []) if chosen.right else (before["right"], before["broken"])
        for completed, more in _all_right(pool, chosen.right) if chosen.right else ():
            broken += more
            _progress(f"{completed} of {chosen.right} examples")
        _progress("")
    for technique in TECHNIQUES:
        own = [row for row in rows if row["technique"] == technique]
        cells = []
        for row in own:
            for law, seen in row["laws"].items():
                if _named(row, law):
                    cells += seen["examples"]
                    missed = [seed for seed, count in enumerate(seen["examples"]) if count is None]
                    if missed:
                        escaped.append(f"{technique} {row['fault']} escapes {law} under seeds {missed}")
        if not cells:
            continue
        caught = sum(count is not None for count in cells)
        first = statistics.median(count for count in cells if count is not None)
        worst = max(count for count in cells if count is not None)
        print(
            f"{technique:16} {len(own):3} faults: {caught} of {len(cells)} (law it names, seed) caught; "
            f"examples until then: median {first:.0f}, at most {worst}"
        )
    print(f"right code: {completed} examples, {len(broken)} broken")
    print(f"{sum(row['completed'] for row in rows)} more of faults; {time.perf_counter() - started:.0f} s")
    for each in escaped + broken:
        print(each)
    found = {"seeds": chosen.seeds, "faults": rows, "right": completed, "broken": broken}
    chosen.json.write_text(json.dumps(found, separators=(",", ":")) + "\n")
    raise SystemExit(1 if escaped or broken else 0)


def _kept(file: Path) -> dict[str, Any]:
    """What a run before found."""
    nothing: dict[str, Any] = {"faults": [], "right": 0, "broken": []}
    return {**nothing, **json.loads(file.read_text())} if file.exists() else nothing


def _begin() -> None:
    """In each process: the twin is there before anything is differentiated."""
    torch.set_num_threads(1)
    twin.registered()


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<40}", end="" if text else "\n", file=sys.stderr, flush=True)


def _row_of(technique: str, index: int, seeds: int, others: int) -> dict[str, Any]:
    return _row(faults(technique)[index], seeds, others)


if __name__ == "__main__":
    main()

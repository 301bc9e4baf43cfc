"""Do five ways of asking say the same of the same code?  python benchmarks/one_way.py [FILE:NAME ...]

Each target is asked by ``lawful check``, ``check()`` in Python, ``lawful scan``, pytest with ``conformance``,
and ``lawful replay`` of the first one's report. Compared are the findings, each by its severity and the law
at its root; of ``replay``, whether each root breaks again. pytest is told to fail on every severity. Prints a
line for each target, and ends with status 1 where two ways differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGETS = {
    "tests/miniatures/people.py": (
        "softmax_first mean_of_everything OverSamples spread_over_others_and_target labels_exchanged "
        "labels_folded average_from_zero never_cleared first_group_alone"
    ),
    "tests/miniatures/wrong.py": (
        "scaled_by_classes zero_times_infinity half_sum any_epsilon overwrites_logits"
    ),
    "tests/miniatures/right_mixups.py": "mixup_data AsModule",
    "tests/miniatures/right.py": "off_target_others kl",
    "tests/miniatures/promised.py": "WithProbability documented_flat",
    "tests/miniatures/forms.py": "SmoothCE numpy_mixup numpy_mixup_wrong with_args_mixup",
    "impl/native/label_smoothing.py": "LabelSmoothedCrossEntropy",
    "impl/native/mixup.py": "mixup",
    "impl/notebook/label_smoothing.py": "LabelSmoothingCrossEntropyLoss",
    "impl/faulty/label_smoothing.py": "ClassesCountedInDimensionOne",
    "tests/miniatures/beside.py": "forgets_the_first_rate",
    "tests/miniatures/gates.py": "with_smoothed_labels",
}
"""Thirty, of the tests' right and wrong code, of ours, of the notebook and of the catalogue of faults."""
WAYS = ("check", "check()", "scan", "pytest", "replay")
Findings = dict[str, set[str]]
"""By the name of an implementation."""
IN_PYTHON = """
import sys
from pathlib import Path
from lawful.properties import check
for number, target in enumerate(sys.argv[1:]):
    check(target, profile="quick").write_json(Path(f"python{number}.json"))
"""
IN_PYTEST = """
from lawful.properties import conformance
for number, target in enumerate({targets!r}):
    globals()[f"Test{{number}}"] = conformance(target, profile="quick", fail_on="guard")
"""


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def lawful(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "lawful.properties.harness", *arguments, folder=folder)


def of_report(told: dict) -> Findings:
    """The findings of a JSON report."""
    return {
        each["name"].rpartition(":")[2]: {
            f"{finding['severity']} {finding['property']}"
            for finding in each["findings"]
            if finding["verdict"] == "broken"
        }
        for each in told["implementations"]
    }


def by_check(targets: list[str], folder: Path) -> Findings:
    done = lawful("check", *targets, "--json", "report.json", "-q", "--profile", "quick", folder=folder)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    return of_report(json.loads((folder / "report.json").read_text()))


def by_python(targets: list[str], folder: Path) -> Findings:
    done = run(sys.executable, "-c", IN_PYTHON, *targets, folder=folder)
    if done.returncode:
        raise SystemExit(done.stderr)
    told = (json.loads((folder / f"python{number}.json").read_text()) for number in range(len(targets)))
    return {name: found for each in told for name, found in of_report(each).items()}


def by_scan(targets: list[str], folder: Path) -> Findings:
    """Of those that scan takes for candidates."""
    from lawful.properties.harness.scan import Scan, found_in, scan

    files = dict.fromkeys(Path(target.rpartition(":")[0]) for target in targets)
    chosen = [each for each in found_in(files)[0] if f"{each.path}:{each.name}" in targets]
    told = Scan(chosen, scan(chosen, profile="quick", seconds=600))
    return of_report(told.to_json("", "quick", 0))


def by_pytest(targets: list[str], folder: Path) -> Findings:
    (folder / "test_it.py").write_text(IN_PYTEST.format(targets=targets))
    lines = folder / "lines.jsonl"
    options = ("-q", "-n", "2", "-p", "no:cacheprovider", "--lawful-results", str(lines))
    done = run(sys.executable, "-m", "pytest", *options, "test_it.py", folder=folder)
    rows = {row["id"]: row for row in map(json.loads, lines.read_text().splitlines())}
    found: Findings = {row["implementation"]: set() for row in rows.values()}
    for line in done.stdout.splitlines():
        if line.startswith("FAILED"):
            row = rows[line.split("::")[2].split(" - ")[0]]
            found[row["implementation"]].add(f"{row['severity']} {row['property']}")
    return found


def by_replay(asked: Findings, folder: Path) -> Findings:
    """Those of the findings whose example breaks again."""
    report = json.loads((folder / "report.json").read_text())
    rows = [
        (each["name"], row["property"])
        for each in report["implementations"]
        for row in each["results"]
        if row["counterexample"] is not None
    ]
    told = lawful("replay", "report.json", folder=folder).stdout.splitlines()
    numbered = [line.split() for line in told if line[:4].strip().isdigit()]
    again = {rows[int(number) - 1] for number, verdict, *_ in numbered if verdict == "fail"}
    return {n: {each for each in found if (n, each.split()[1]) in again} for n, found in asked.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*", help="FILE:NAME; thirty of our own where left out")
    chosen = parser.parse_args().target or [
        f"{file}:{name}" for file, names in TARGETS.items() for name in names.split()
    ]
    targets = [f"{(ROOT / each.rpartition(':')[0]).resolve()}:{each.rpartition(':')[2]}" for each in chosen]
    found: dict[str, Findings] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for way, ask in zip(WAYS, (by_check, by_python, by_scan, by_pytest, by_replay), strict=True):
            begun = time.perf_counter()
            found[way] = by_replay(found["check"], folder) if ask is by_replay else ask(targets, folder)
            print(f"{way}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    differ = 0
    for target in chosen:
        name = target.rpartition(":")[2]
        said = {way: each[name] for way, each in found.items() if name in each}
        same = all(each == said["check"] for each in said.values())
        differ += not same
        missing = "" if "scan" in said else "   (no candidate of scan)"
        findings = ", ".join(sorted(said["check"])) or "nothing"
        print(f"{'same' if same else 'DIFFER':6}  {target}: {findings}{missing}")
        if not same:
            for way, each in said.items():
                print(f"        {way}: {', '.join(sorted(each)) or 'nothing'}")
    print(f"{len(chosen) - differ} of {len(chosen)} targets: the same findings by {', '.join(WAYS)}")
    raise SystemExit(differ > 0)


if __name__ == "__main__":
    main()

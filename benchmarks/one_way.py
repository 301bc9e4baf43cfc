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
Findings = frozenset[str]


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def lawful(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "lawful.properties.harness", *arguments, folder=folder)


def of_report(told: dict) -> Findings:
    """The findings of a JSON report."""
    return frozenset(
        f"{each['severity']} {each['property']}"
        for implementation in told["implementations"]
        for each in implementation["findings"]
        if each["verdict"] == "broken"
    )


def by_check(target: str, folder: Path) -> Findings:
    done = lawful("check", target, "--json", "report.json", "-q", "--profile", "quick", folder=folder)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{target}: {done.stdout}{done.stderr}")
    return of_report(json.loads((folder / "report.json").read_text()))


def by_python(target: str, folder: Path) -> Findings:
    program = (
        "from pathlib import Path\nfrom lawful.properties import check\n"
        f"check({target!r}, profile='quick').write_json(Path('python.json'))\n"
    )
    done = run(sys.executable, "-c", program, folder=folder)
    if done.returncode:
        raise SystemExit(f"{target}: {done.stderr}")
    return of_report(json.loads((folder / "python.json").read_text()))


def by_scan(file: str, names: list[str], folder: Path) -> dict[str, Findings]:
    """Of each of these names of a file, where scan takes it for a candidate."""
    from lawful.properties.harness.scan import Scan, found_in, scan

    chosen = [each for each in found_in([Path(file)])[0] if each.name in names]
    told = Scan(chosen, scan(chosen, profile="quick"))
    found = {}
    for each, row in zip(chosen, told.rows, strict=True):
        implementation = row.get("implementation")
        if implementation is None:
            raise SystemExit(f"{each.name}: {row}")
        found[each.name] = of_report({"implementations": [implementation]})
    return found


def by_pytest(target: str, folder: Path) -> Findings:
    (folder / "test_it.py").write_text(
        "from lawful.properties import conformance\n"
        f"TestIt = conformance({target!r}, profile='quick', fail_on='guard')\n"
    )
    lines = folder / "lines.jsonl"
    lines.unlink(missing_ok=True)
    options = ("-q", "-n", "2", "-p", "no:cacheprovider", "--lawful-results", str(lines))
    done = run(sys.executable, "-m", "pytest", *options, "test_it.py", folder=folder)
    rows = {row["id"]: row for row in map(json.loads, lines.read_text().splitlines())}
    failed = [line.partition("::test_")[2] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    found = (row for id, row in rows.items() if any(f"test_{each}".startswith(id) for each in failed))
    return frozenset(f"{row['severity']} {row['property']}" for row in found)


def by_replay(asked: Findings, folder: Path) -> Findings:
    """Those of the findings whose example breaks again."""
    told = lawful("replay", "report.json", folder=folder).stdout.splitlines()
    again = {line.split()[2] for line in told if line[:4].strip().isdigit() and line.split()[1] == "fail"}
    return frozenset(each for each in asked if each.split()[1] in again)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="*", help="FILE:NAME; thirty of our own where left out")
    chosen = parser.parse_args().target or [
        f"{file}:{name}" for file, names in TARGETS.items() for name in names.split()
    ]
    differ = 0
    for target in chosen:
        file, _, name = target.rpartition(":")
        path = str((ROOT / file).resolve())
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            asked = by_check(f"{path}:{name}", folder)
            found = {
                "check": asked,
                "check()": by_python(f"{path}:{name}", folder),
                "scan": by_scan(path, [name], folder).get(name),
                "pytest": by_pytest(f"{path}:{name}", folder),
                "replay": by_replay(asked, folder),
            }
        same = all(each == asked for each in found.values() if each is not None)
        differ += not same
        findings = ", ".join(sorted(asked)) or "nothing"
        print(f"{'same' if same else 'DIFFER':6}  {target}: {findings}", flush=True)
        if found["scan"] is None:
            print("        no candidate of scan")
        if not same:
            for way in WAYS:
                each = found[way]
                if each is not None and each != asked:
                    print(f"        {way}: {', '.join(sorted(each)) or 'nothing'}")
    print(f"{len(chosen) - differ} of {len(chosen)} targets: the same findings by {', '.join(WAYS)}")
    raise SystemExit(differ > 0)


if __name__ == "__main__":
    main()

"""``make gpu``: what an NVIDIA GPU says of our code, of libraries and of the stand-in, in under ten minutes.

Every part runs in a process of its own with a limit, and what it found is kept in ``--json``: a second run
asks what is missing, and ``--afresh`` everything. The page, ``gpu.md``, is written after each part.

    laws      every case on CUDA of our code, and of each library that is installed, quick
    devices   the faults of devices, on CUDA beside the twin: do both catch the same?
    loss      forward and backward beside its peers, and the fraction of the memory's bandwidth
    mixup     the same
    sweep     a range test of 100 steps beside its peers

On a machine without a GPU, ``--device twin`` rehearses it: the twin stands in, and times are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent
LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "fastai",
    "transformers",
    "keras",
    "kornia",
    "lightning",
    "ignite",
    "torch_lr_finder",
    "segmentation_models_pytorch",
)
NATIVE = tuple(f"native.{each}" for each in ("label_smoothing", "mixup", "lr_finder", "training"))
SECONDS = 540
"""For all of it: a machine that is lent for ten minutes has a minute left for what is around it."""
LIMITS = {"laws native.lr_finder": 120, "devices": 90}
LIMIT = 60
REHEARSED = 4
"""So many times longer, all limits, in a rehearsal: the twin goes through Python at every operation."""
LOSS_SIZES = (
    (128, 10, torch.float32),
    (256, 1000, torch.float32),
    (4096, 32_000, torch.float32),
    (4096, 32_000, torch.bfloat16),
    (16_384, 1000, torch.float32),
)
MIXUP_SHAPES = ((64, 3, 32, 32), (128, 3, 64, 64), (256, 3, 224, 224))
LARGE = ("4096 x 32000, float32", "4096 x 32000, bfloat16", "256 x 3 x 224 x 224")
"""Sizes at which memory is the limit, and not the launch of a kernel."""
GOAL = 0.8
"""Of the bandwidth: the time of one read and one write over ours."""


def parts() -> list[str]:
    """In the order in which they are run: what nothing else can show comes first."""
    laws = [[f"laws {name}" for name in names] for names in (NATIVE, LIBRARIES)]
    return [*laws[0], "devices", "loss", "mixup", *laws[1], "sweep"]


def laws(target: str, device: str) -> dict[str, Any]:
    """Counts of verdicts by implementation, and what is broken; a note where the library is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        asked = [target, "--device", device, "--profile", "quick", "--json", str(report)]
        command = [sys.executable, "-m", "lawful", "check", *asked]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not report.exists() or not report.read_text():
            return {"note": (done.stderr.strip().splitlines() or ["nothing was said"])[-1]}
        info = json.loads(report.read_text())
    rows = {}
    for each in info["implementations"]:
        broken = [f"{f['property']}: {f['message']}" for f in each["findings"] if f["verdict"] == "broken"]
        errors = [f"{r['property']}: {r['message']}" for r in each["results"] if r["verdict"] == "error"]
        row = {"version": each["version"], "counts": each["counts"], "broken": broken, "errors": errors}
        rows[f"{each['name']}, {each['technique']}"] = row
    return {"rows": rows} if rows else {"note": "; ".join(info["notes"]) or "not installed"}


def devices(device: str) -> dict[str, Any]:
    """By fault of devices, what each law that names it says on CUDA and on the twin."""
    from lawful.impl.contracts import TECHNIQUES
    from lawful.impl.faulty import faults
    from lawful.properties import twin
    from lawful.properties.subjects import understand

    twin.why_absent()
    places = dict.fromkeys((device, twin.NAME))
    found = {}
    for technique in TECHNIQUES:
        for fault in faults(technique):
            if fault.device == twin.NAME:
                subject = understand(fault.adapter)
                seen = {place: _seen(subject, fault.caught_by, place) for place in places}
                found[fault.id] = {"statement": fault.statement, **seen}
    return found


def _seen(subject: Any, laws: tuple[str, ...], place: str) -> str:
    """caught, missed, or not asked: what counts waits is asked on the twin alone."""
    from lawful.properties.harness.cases import LawTest, cases
    from lawful.properties.harness.profiles import PROFILES
    from lawful.properties.subjects.subject import silence

    with silence():
        verdicts = {
            LawTest(case.law, PROFILES["quick"], 0).run(case).verdict
            for case in cases(subject, devices=[place], only=list(laws))
        }
    if "broken" in verdicts:
        return "caught"
    return "missed" if verdicts - {"unsupported"} else "not asked"


def loss(device: str) -> dict[str, Any]:
    import label_smoothing

    return _compared(device, label_smoothing.compare, LOSS_SIZES)


def mixup(device: str) -> dict[str, Any]:
    import mixup as benchmark

    return _compared(device, benchmark.compare, [(shape,) for shape in MIXUP_SHAPES])


def sweep(device: str) -> dict[str, Any]:
    import lr_finder

    return _compared(device, lr_finder.compare, [(lr_finder.mlp,), (lr_finder.convolutional,)])


def _compared(device: str, compare: Callable[..., Any], sizes: Any) -> dict[str, Any]:
    """Tables by title. In a rehearsal every alternative is called once, at the first size."""
    if device == "cuda":
        return dict(compare(device, *size) for size in sizes)
    from lawful.properties import twin

    twin.why_absent()
    return dict([compare(device, *sizes[0], measured=_called_once)])


def _called_once(title: str, calls: dict[str, Callable[[], object]], **options: Any) -> dict[str, Any]:
    found = {}
    for name, run in calls.items():
        try:
            run()
            found[name] = {"rehearsed": "runs"}
        except Exception as error:
            found[name] = {"rehearsed": f"raises {type(error).__name__}"}
    return found


def run_part(name: str, device: str) -> dict[str, Any]:
    kind, _, target = name.partition(" ")
    if kind == "laws":
        return laws(target, device)
    made: dict[str, Callable[[str], dict[str, Any]]] = {
        "devices": devices,
        "loss": loss,
        "mixup": mixup,
        "sweep": sweep,
    }
    return made[kind](device)


def asked_apart(name: str, device: str, seconds: float) -> dict[str, Any]:
    """A part's answer, or why there is none: its process is ended with all that it started."""
    with tempfile.TemporaryDirectory() as folder:
        answer, said = Path(folder) / "answer.json", Path(folder) / "said"
        command = [sys.executable, str(Path(__file__).resolve()), "--part", name, "--device", device]
        with said.open("w") as log:
            process = subprocess.Popen(
                [*command, "--json", str(answer)], stdout=log, stderr=log, start_new_session=True
            )
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                return {"late": f"no answer within {seconds:.0f} s: it was ended"}
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if answer.exists():
            found: dict[str, Any] = json.loads(answer.read_text())
            return found
        last = (said.read_text(errors="replace").strip().splitlines() or ["nothing was said"])[-1]
        return {"died": f"status {process.returncode}: {last}"}


def about(device: str) -> dict[str, str]:
    versions = []
    for name in ("torch", "timm", "torchvision", "fastai", "kornia", "liger-kernel"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"{name} {metadata.version(name)}")
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        machine = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    else:
        machine = f"a rehearsal on the twin, {platform.machine()}"
    return {
        "device": device,
        "machine": machine,
        "python": platform.python_version(),
        "versions": ", ".join(versions),
    }


def page(results: dict[str, Any]) -> str:
    """What was found, as Markdown: goals, laws, faults, times, and what has no answer yet."""
    told = results["about"]
    found = {name: results["parts"].get(name) for name in parts()}
    answered = {name: part for name, part in found.items() if part is not None and _answered(part)}
    lines = ["# On a GPU", "", f"{told['machine']}; Python {told['python']}; {told['versions']}.", ""]
    lines += [
        f"Command: `make {'gpu' if told['device'] == 'cuda' else 'gpu-rehearsal'}`, {results['today']}.",
        "",
    ]
    if missing := [f"- {name}: {_why(part)}" for name, part in found.items() if name not in answered]:
        lines += ["## Not answered", "", *missing, ""]
    times = {name: answered[name] for name in ("loss", "mixup", "sweep") if name in answered}
    if told["device"] == "cuda" and times:
        lines += _goals(times)
    lines += _verdicts({name: part for name, part in answered.items() if name.startswith("laws")})
    if "devices" in answered:
        lines += _faults(answered["devices"], told["device"])
    for title, rows in (table for part in times.values() for table in part.items()):
        lines += ["", f"## {title}", "", *_times(rows)]
    return "\n".join([*lines, ""])


def _verdicts(found: dict[str, Any]) -> list[str]:
    verdicts = ("holds", "broken", "deviates", "unsupported", "error")
    lines = ["## Laws", "", f"| | {' | '.join(verdicts)} |", "| --- |" + " ---: |" * len(verdicts)]
    said = []
    for name, part in found.items():
        if note := part.get("note"):
            said.append(f"- {name.removeprefix('laws ')}: {note}")
        for implementation, row in part.get("rows", {}).items():
            counts = " | ".join(str(row["counts"][verdict]) for verdict in verdicts)
            lines.append(f"| {implementation} | {counts} |")
            said += [f"- {implementation}: {words}" for words in (*row["broken"], *row["errors"])]
    return [*lines, "", *said] if said else lines


def _goals(times: dict[str, Any]) -> list[str]:
    lines = ["## Goals", "", "| | measured | goal | |", "| --- | ---: | ---: | --- |"]
    for kind, part in times.items():
        for title, rows in part.items():
            ours = min((row["us"] for name, row in rows.items() if name.startswith("lawful")), default=None)
            limit = "one read, one write"
            peers = [
                row["us"] for name, row in rows.items() if not name.startswith(("lawful", limit, "a bare"))
            ]
            if ours is None:
                continue
            if any(size in title for size in LARGE):
                share = rows[limit]["us"] / ours
                lines.append(f"| {title}: of the bandwidth | {share:.2f} | {GOAL} | {_met(share >= GOAL)} |")
            if peers and kind != "sweep":
                ratio = ours / min(peers)
                lines.append(f"| {title}: to its fastest peer | {ratio:.2f} | 1 | {_met(ratio <= 1)} |")
    return [*lines, ""]


def _met(met: bool) -> str:
    return "met" if met else "missed"


def _faults(found: dict[str, Any], device: str) -> list[str]:
    places = list(dict.fromkeys((device, "twin")))
    lines = ["", "## Faults of devices", ""]
    if device == "cuda":
        both = [each for each in found.values() if "not asked" not in (each[device], each["twin"])]
        alike = sum(each[device] == each["twin"] for each in both)
        lines += [f"Of {len(both)} faults that were asked on both, {alike} come out alike.", ""]
    lines += [f"| | | {' | '.join(places)} |", "| --- | --- |" + " --- |" * len(places)]
    for id, each in found.items():
        lines.append(f"| {id} | {each['statement']} | {' | '.join(each[place] for place in places)} |")
    return lines


def _times(rows: dict[str, Any]) -> list[str]:
    if any("rehearsed" in row for row in rows.values()):
        return [f"- {name}: {row['rehearsed']}" for name, row in rows.items()]
    lines = ["| | us | ratio |", "| --- | ---: | ---: |"]
    return [*lines, *(f"| {name} | {row['us']:.1f} | {row['ratio']:.2f} |" for name, row in rows.items())]


def _answered(part: dict[str, Any] | None) -> bool:
    return part is not None and not {"late", "died"} & part.keys()


def _why(part: dict[str, Any] | None) -> str:
    return "not begun" if part is None else str(part.get("late") or part.get("died"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "twin"), default="cuda")
    parser.add_argument("--json", type=Path, default=HERE / "gpu.json", help="kept between runs")
    parser.add_argument("--page", type=Path, default=HERE / "gpu.md")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"for all parts; in a rehearsal {REHEARSED} times that"
    )
    parser.add_argument("--only", nargs="*", choices=parts(), metavar="PART", help="these parts alone")
    parser.add_argument("--afresh", action="store_true", help="ask what was answered before, too")
    parser.add_argument("--part", choices=parts(), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device is here; --device twin rehearses")
    if chosen.part:
        chosen.json.write_text(json.dumps(run_part(chosen.part, chosen.device)))
        return 0
    told = about(chosen.device)
    kept = json.loads(chosen.json.read_text()) if chosen.json.exists() and not chosen.afresh else {}
    found = kept["parts"] if kept.get("about") == told else {}
    longer = REHEARSED if chosen.device == "twin" else 1
    end = time.monotonic() + longer * chosen.seconds
    for name in chosen.only or parts():
        if _answered(found.get(name)):
            continue
        left = end - time.monotonic()
        if left <= 0:
            break
        started = time.monotonic()
        found[name] = asked_apart(name, chosen.device, min(longer * LIMITS.get(name, LIMIT), left))
        words = "answered" if _answered(found[name]) else _why(found[name])
        print(f"{name:28} {time.monotonic() - started:6.1f} s  {words}", flush=True)
        results = {"about": told, "today": date.today().isoformat(), "parts": found}
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")
        chosen.page.write_text(page(results))
    missing = [name for name in chosen.only or parts() if not _answered(found.get(name))]
    print(
        f"{chosen.page}: {len(missing)} parts without an answer"
        + (f": {', '.join(missing)}" if missing else "")
    )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

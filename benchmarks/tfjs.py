"""What @tensorflow/tfjs, under Node, answers to the vectors of label smoothing: python benchmarks/tfjs.py

Installs tfjs with npm into --modules where it is not there, and writes a report for `lawful merge`. Exit
status 2 where there is no node or npm; else 0, whatever the verdicts are.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from lawful.properties.harness.report import Implementation, Report
from lawful.properties.harness.terminal import summary
from lawful.properties.harness.vectors import write
from lawful.properties.harness.vectors.verdicts import verdicts

HERE = Path(__file__).parent / "tfjs"


def report(modules: Path) -> Report:
    """Asks the tfjs that is installed in a folder. Leaves vectors.json's folder and the answers there."""
    folder, answers = modules / "vectors", modules / "answers.json"
    write("label_smoothing", folder)
    vectors = folder / "label_smoothing.json"
    subprocess.run(
        ["node", HERE / "answers.mjs", modules, vectors, answers], check=True, stderr=subprocess.DEVNULL
    )
    package = modules / "node_modules" / "@tensorflow" / "tfjs" / "package.json"
    implementation = Implementation(
        "tfjs",
        "label_smoothing",
        json.loads(package.read_text())["version"],
        "tf.losses.softmaxCrossEntropy(onehotLabels, logits, weights, labelSmoothing, reduction), "
        "tf.losses.sigmoidCrossEntropy(multiClassLabels, logits, weights, labelSmoothing)",
        {"off_target": "uniform", "offset": "cross_entropy", "multilabel": "outcomes"},
        target="tfjs",
        identity="@tensorflow/tfjs:losses",
        remarks=("No Python: it answered the vectors of `lawful vectors`, under Node, on its CPU backend.",),
    )
    return verdicts(
        json.loads(vectors.read_text()),
        json.loads(answers.read_text()),
        implementation,
        "python benchmarks/tfjs.py",
    )


def install(modules: Path) -> None:
    if not (modules / "node_modules" / "@tensorflow" / "tfjs").exists():
        modules.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", modules)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=modules, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--modules", type=Path, default=Path(".tfjs"), help="the folder of node_modules")
    parser.add_argument("--json", type=Path, default=Path("matrix-tfjs.json"), help="the report to write")
    options = parser.parse_args()
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        print(f"there is no {' and no '.join(missing)} here", file=sys.stderr)
        return 2
    install(options.modules)
    found = report(options.modules)
    found.write_json(options.json)
    print(f"{summary(found)}; the report is {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

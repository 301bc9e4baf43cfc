"""What in a source file may be a mixup, a label-smoothed loss or an LR finder: read, never executed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lawful.properties.harness.understanding.notebooks import source_of

_SIGNS = {
    "label_smoothing": (
        r"label_?smooth|smooth\w*_?(ce|cross_?entropy|loss|label)|cross_?entropy\w*smooth|smoothing_?loss",
        r"log_?softmax|label_smoothing\s*=|nll_loss|kl_?div|kl_?divergence|crossentropyloss|cross_entropy",
        r"smooth|epsilon|\beps\b|confidence",
    ),
    "mixup": (
        r"mix_?up",
        r"\bbeta\(|np\.random\.beta|beta\.Beta|Beta\(|betavariate|mixup_lambda",
        r"mixup_lambda|randperm|permutation|shuffle|\.flip\(|\.roll\(|\[::-1\]|index|perm|\blam|\bmix_?up\(",
    ),
    "lr_finder": (
        r"(lr|learning_?rate)_?(find|range)|find_?(the_)?(lr|learning_?rate|best_?lr)|range_?test|lrfinder",
        r"param_groups|\.lr\b|\[.lr.\]|lr_mult|lr_lambda|lr_scheduler",
        r"backward\(|train_step|\.step\(",
    ),
}
"""By technique: what its name looks like, and two things of which its source has at least one of each."""


@dataclass(frozen=True)
class Candidate:
    """A function, a class or a method that one may want to check."""

    path: Path
    line: int
    name: str
    """As it is named after the colon: ``Name`` or ``Class.method``."""
    technique: str

    @property
    def target(self) -> str:
        return f"{self.path}:{self.name}"


def candidates(path: Path) -> list[Candidate]:
    """Of one file, in the order in which they stand. Raises SyntaxError where it is not Python 3."""
    return list(_of(path, source_of(path)))


def _of(path: Path, source: str) -> Iterator[Candidate]:
    if not re.search(r"smooth|mix_?up|\blam\b|lr|\beps|epsilon", source, re.IGNORECASE):
        return
    tree = ast.parse(source)
    lines = source.splitlines()
    # once a file: files that were generated have thousands of definitions
    signed = {name for name, (_, first, _) in _SIGNS.items() if re.search(first, source, re.IGNORECASE)}
    if not signed:
        return
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or _is_test(node.name):
            continue
        technique = _technique(node.name, _text(lines, node), signed)
        if technique in _OTHERS and (_trains(node) or _is_beside(node.name, technique)):
            continue
        if isinstance(node, ast.ClassDef):
            if any("Function" in ast.unparse(base) for base in node.bases):
                continue  # of torch.autograd: called through what wraps it
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            called = any(method.name in ("__call__", "forward") for method in methods)
            runs = any(_named(method.name, "lr_finder") or method.name == "find" for method in methods)
            if technique and (
                called or (technique == "lr_finder" and (runs or "finder" in node.name.lower()))
            ):
                yield Candidate(path, node.lineno, node.name, technique)
                continue
            for method in methods:
                inner = _technique(method.name, _text(lines, method), signed)
                whole = f"{node.name}.{method.name}"
                other = inner in _OTHERS and (_trains(method) or _is_beside(whole, inner))
                if inner and _takes_a_batch(method) and not other:
                    yield Candidate(path, method.lineno, f"{node.name}.{method.name}", inner)
        elif technique and node.args.args + node.args.kwonlyargs:
            yield Candidate(path, node.lineno, node.name, technique)


def _text(lines: list[str], node: ast.FunctionDef | ast.ClassDef) -> str:
    return "\n".join(lines[node.lineno - 1 : node.end_lineno])


def _technique(name: str, text: str, signed: set[str]) -> str | None:
    """By a name and signs of it in the file; or, where no name says it, by a source that says it all."""
    for technique, (_, first, second) in _SIGNS.items():
        if technique not in signed:
            continue
        if technique == "mixup" and re.search(r"criterion|_loss\b|loss$", name, re.IGNORECASE):
            continue
        if _named(name, technique) and re.search(second, text, re.I):
            return technique
        signs = re.search(first, text, re.I) and re.search(second, text, re.I)
        if signs and re.search(_FORMULAS[technique], text, re.I | re.S):
            return technique
    return None


_EPSILON = r"(self\.)?(eps\w*|\w*smooth\w*|ls_\w*|lsm_\w*)"
_FORMULAS = {
    "label_smoothing": r"smooth.*(smooth|epsilon|\beps\b)\w*\s*[/*]|smooth.*[/*]\s*(self\.)?(smooth|eps)|"
    rf"\b1(\.0*)?\s*-\s*{_EPSILON}\b|label_smoothing\s*=\s*{_EPSILON}\b",
    "mixup": r"\blam\w*\s*\*.{1,60}\+\s*\(\s*1(\.0*)?\s*-\s*lam",
    "lr_finder": r"(final|end|max)\w*\s*/\s*\w*(init|start|min).*\*\*",
}
"""What a source says that does it, whatever it is called."""


def mixes(text: str) -> bool:
    """Whether a source draws partners, and weighs with lambda and what is left of it."""
    draws = re.search(r"randperm|permutation|shuffle", text) is not None
    return draws and re.search(_FORMULAS["mixup"], text, re.IGNORECASE | re.DOTALL) is not None


_OTHERS = {
    "mixup": r"cut_?mix|align|puzzle|salien|(resize|token|trans|snap|grid|style|co|adaut\w*|tla)_?mix|fmix|"
    r"attentive|guided|remix|reg_?mixup|mixup_?io",
    "label_smoothing": r"asymmetric|asl|focal|tempered|poly|dice|tversky|bce|multi_?label|smooth_?l1|"
    r"adversarial|adaptive|zipf|structural|spatial|unimodal",
}
"""By technique: names of others that are built on it, and obey other laws."""
_BESIDE = {
    "mixup": r"graph|criterion|loss|cross_?entropy|warp|abstract|checkpoint|statistic|(^|_)(find|load|list|"
    r"plot|save|parse)_",
    "label_smoothing": r"binary|semantic|online|regress|instance|(^|_)(plot|show|parse)_",
}
"""What goes with a technique, or is done with it, and is none."""


def another_technique(name: str, technique: str) -> str:
    """The word in a name that speaks of another technique, built on this one, with other laws; or nothing."""
    found = re.search(_OTHERS[technique], name, re.IGNORECASE)
    return found.group().strip("_") if found else ""


def _is_beside(name: str, technique: str) -> bool:
    return bool(another_technique(name, technique) or re.search(_BESIDE[technique], name, re.IGNORECASE))


def _trains(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether it is a step or an epoch of training in which a technique is used: it takes what trains."""
    if isinstance(node, ast.ClassDef):
        return False
    taken = {each.arg.lower() for each in [*node.args.args, *node.args.kwonlyargs]}
    trains = {"optimizer", "optim", "loader", "train_loader", "dataloader", "epoch", "scheduler"}
    steps = re.match(r"_?(train|fit|validate|test|run|forward_train|process_batch)(_|$)", node.name)
    return bool(taken & trains or (steps and taken & {"model", "net", "args", "cfg", "config", "self"}))


def _named(name: str, technique: str) -> bool:
    return re.search(_SIGNS[technique][0], name, re.IGNORECASE) is not None


def _is_test(name: str) -> bool:
    return name.lower().startswith("test")


def _takes_a_batch(method: ast.FunctionDef) -> bool:
    return not method.name.startswith("__") and len(method.args.args) >= 2


def technique_of_source(name: str, text: str) -> str | None:
    """The technique that a definition speaks of by its name, or by all that its source says."""
    return technique_of_name(name) or _technique(name, text, set(_SIGNS))


def technique_of_name(name: str) -> str | None:
    """The technique that a name speaks of, if it does."""
    return next((technique for technique in _SIGNS if _named(name.split(".")[-1], technique)), None)

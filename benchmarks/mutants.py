"""How many small changes of our own code do the laws notice, and our tests?  make mutants

Each change (an operator, a comparison, a constant, a condition, a call that is dropped) is made in a forked
process, in the modules that are loaded there: the laws of its technique are asked, quick, of every option of
ours, until one breaks; what they let pass goes to our tests. A script of ours and not mutmut or cosmic-ray:
those run a test command a mutant, which imports torch each time, and know nothing of laws.

Results are kept in mutants.json, and a run goes on where the last one ended: after one with --laws, the tests
are asked of what the laws let pass. Survivors that change nothing
stand in equivalent.toml with their reason; one that is listed there and is caught fails the run.
``reference.mixup`` and its like change the specification: our own code must then disagree with it, or its
tests must.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import json
import multiprocessing
import os
import random
import signal
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TECHNIQUES = ("label_smoothing", "mixup", "mixed_target", "lr_finder", "curve", "training")
"""Modules of our code; one that is named as no technique is a part of another one's."""
PART_OF = {"mixed_target": "mixup", "curve": "lr_finder"}
REFERENCES = ("reference.label_smoothing", "reference.mixup", "reference.lr_finder")
SECONDS = 300
SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutant:
    technique: str
    function: str
    line: int
    change: str
    """Before -> after, as source."""
    index: int
    """Among the places of its file that can be changed."""

    @property
    def id(self) -> str:
        return f"{self.technique}.{self.function}: {self.change}"


def places(tree: ast.Module) -> Iterator[tuple[str, ast.AST, str]]:
    """What can be changed: the function that it stands in, the node, and the kind of change."""

    def walk(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST, str]]:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            return  # words, and what would not load
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}" if where else node.name
        if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            yield where, node, "operator"
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield where, node, "comparison"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield where, node, "sign"
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield where, node, "constant"
        if isinstance(node, ast.If | ast.IfExp):
            yield where, node, "always"
            yield where, node, "never"
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield where, node, "dropped"
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from walk(child, where)

    yield from walk(tree, "")


def mutated(source: str, index: int) -> tuple[ast.Module, Mutant]:
    """The file with its ``index``-th place changed, and what that was."""
    tree = ast.parse(source)
    place = list(places(tree))[index]
    mutant = _made(index, *place)
    ast.fix_missing_locations(tree)
    return tree, mutant


def _made(index: int, where: str, node: Any, kind: str) -> Mutant:
    """What it is, with the node changed."""
    before = ast.unparse(node).splitlines()[0]
    _change(node, kind)
    after = ast.unparse(ast.fix_missing_locations(node)).splitlines()[0]
    return Mutant("", where, getattr(node, "lineno", 0), f"{before} -> {after}", index)


def _change(node: Any, kind: str) -> None:
    if kind == "operator":
        node.op = SWAPS[type(node.op)]()
    elif kind == "comparison":
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif kind == "sign":
        inner = copy.deepcopy(node.operand)
        node.op, node.operand = ast.UAdd(), inner
        if not isinstance(inner, ast.Constant | ast.Name | ast.BinOp | ast.Call):
            node.op = ast.Not()
            node.operand = ast.UnaryOp(ast.Not(), inner)
    elif kind == "constant":
        node.value = (not node.value) if isinstance(node.value, bool) else node.value + 1
    elif kind in ("always", "never"):
        node.test = ast.Constant(kind == "always")
    else:
        node.value = ast.Constant(None)


def place(technique: str) -> tuple[Path, str]:
    """The file that is changed, and its module."""
    if technique in REFERENCES:
        return ROOT / f"{technique.replace('.', '/')}.py", f"lawful.{technique}"
    return ROOT / "impl" / "native" / f"{technique}.py", f"lawful.impl.native.{technique}"


def mutants(technique: str) -> list[Mutant]:
    source = place(technique)[0].read_text()
    found: list[Mutant] = []
    seen: Counter[str] = Counter()
    for index, (where, node, kind) in enumerate(places(ast.parse(source))):
        one = _made(index, where, copy.deepcopy(node), kind)
        change = f"{one.function}: {one.change}"
        seen[change] += 1
        again = f" ({seen[change]})" if seen[change] > 1 else ""
        found.append(Mutant(technique, one.function, one.line, one.change + again, index))
    return found


def ask(
    mutant: Mutant, promised: dict[str, dict[str, str]], laws: bool = True, tests: bool = True
) -> dict[str, Any]:
    """In a process of its own: who noticed. ``promised``: by adapter, its conventions unchanged."""

    def noticed() -> str:
        try:
            return _noticed(mutant, promised, laws, tests)
        except BaseException as error:  # whatever ends it has been noticed
            return f"laws: {type(error).__name__}"

    answer = _forked(noticed)
    if answer is None:
        answer = "laws: it hangs, or ends the process"
    return {"id": mutant.id, "line": mutant.line, "noticed": answer}


def _forked(work: Callable[[], Any]) -> Any:
    """What it gives in a process of its own; None where that was ended.

    Only there is anything differentiated: autograd's threads do not survive a fork.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.alarm(SECONDS)
        os.write(write, json.dumps(work()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        answer = said.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else None


def _noticed(mutant: Mutant, promised: dict[str, dict[str, str]], laws: bool, tests: bool) -> str:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    file, name = place(mutant.technique)
    source = file.read_text()
    tree = ast.parse(source) if mutant.index < 0 else mutated(source, mutant.index)[0]
    module = importlib.import_module(name)
    try:
        exec(compile(tree, module.__file__ or "", "exec"), vars(module))
        for name in ("mixup", "lr_finder", "training", ""):  # what took names from it takes them again
            other = importlib.import_module(f"lawful.impl.native{'.' + name if name else ''}")
            if other is not module:
                exec(
                    compile(Path(other.__file__ or "").read_text(), other.__file__ or "", "exec"), vars(other)
                )
    except Exception as error:
        return f"laws: it does not load: {type(error).__name__}"
    if mutant.technique in REFERENCES and tests:  # its tests are quick, and by whom it is noticed is all one
        return _by_tests(mutant.technique) or _by_laws(mutant.technique, promised)
    by_laws = _by_laws(mutant.technique, promised) if laws else ""
    return by_laws or (_by_tests(mutant.technique) if tests else "")


def _promised(technique: str) -> dict[str, dict[str, str]]:
    """By adapter, the conventions that are detected: what we promise."""
    from lawful.properties.subjects import understand
    from lawful.properties.subjects.subject import silence

    with silence():
        return {a.name: dict(understand(a).conventions) for a in _adapters(technique)}


def _adapters(technique: str) -> list[Any]:
    """Ours, as most people call it and then in its other options."""
    from lawful.impl import native
    from lawful.impl.native import options

    named = technique.removeprefix("reference.")
    named = PART_OF.get(named, named)
    return [a for a in (*native.adapters(), *options.adapters()) if a.technique == named]


def _by_laws(technique: str, promised: dict[str, dict[str, str]]) -> str:
    from lawful.impl import native
    from lawful.properties.harness.api import plan_report
    from lawful.properties.harness.lawtest import LawTest
    from lawful.properties.harness.plan import Plan
    from lawful.properties.harness.profiles import PROFILES
    from lawful.properties.harness.understanding.targets import Found
    from lawful.properties.subjects import understand
    from lawful.properties.subjects.subject import NotUnderstood, silence

    named = technique.removeprefix("reference.")
    plan = Plan([], PART_OF.get(named, named), profile="quick")
    profile = replace(PROFILES["quick"], shrinks=False)
    for place, adapter in enumerate(_adapters(technique)):
        if place == len([each for each in native.adapters() if each.technique == adapter.technique]):
            profile = replace(profile, examples=3)  # other options: the same code by other doors
        try:
            with silence():
                report, planned = plan_report(plan, Found([understand(adapter)]))
        except NotUnderstood:
            return f"laws: {adapter.name} is not understood"
        shown = report.implementations[0].conventions
        known = promised[adapter.name]
        changed = [name for name in known.keys() | shown.keys() if shown.get(name) != known.get(name)]
        if changed:
            return f"laws: the convention {changed[0]} is another"
        for case in planned:
            with silence():
                result = LawTest(case.law, profile, 0).run(case)
            if result.verdict in ("broken", "error"):
                return f"laws: {result.property}"
    return ""


def _by_tests(technique: str) -> str:
    import pytest

    kind = "" if technique in REFERENCES else "native_"
    named = PART_OF.get(technique, technique)
    files = [ROOT / "tests" / f"test_{kind}{named.replace('.', '_')}.py"]
    if technique == "label_smoothing":
        files.append(ROOT / "tests" / "test_ways.py")
    status = pytest.main(
        ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout", "60", *map(str, files)]
    )
    return "" if status == 0 else "tests"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "technique",
        nargs="*",
        help=f"of {', '.join(TECHNIQUES + REFERENCES)}; all of our code where left out",
    )
    parser.add_argument("--where", help="of functions whose name holds this alone")
    parser.add_argument("--sample", type=int, help="so many of each technique, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=ROOT / "mutants.json")
    parser.add_argument("--laws", action="store_true", help="ask the laws alone, and not the tests")
    parser.add_argument("--afresh", action="store_true", help="forget what a run before found")
    chosen = parser.parse_args()
    unknown = set(chosen.technique) - set(TECHNIQUES + REFERENCES)
    if unknown:
        parser.error(f"technique is {unknown.pop()!r}, expected {', '.join(TECHNIQUES + REFERENCES)}")

    import torch

    from lawful.properties import twin

    torch.set_num_threads(1)
    twin.registered()
    todo: list[Mutant] = []
    for technique in chosen.technique or TECHNIQUES:
        found = [each for each in mutants(technique) if (chosen.where or "") in each.function]
        if chosen.sample and chosen.sample < len(found):
            found = random.Random(chosen.seed).sample(found, chosen.sample)
        todo += found
    promised = {
        technique: _forked(lambda t=technique: _promised(t)) for technique in chosen.technique or TECHNIQUES
    }
    known = {} if chosen.afresh or not chosen.json.exists() else json.loads(chosen.json.read_text())
    waiting = [
        each for each in todo if each.id not in known or (not chosen.laws and _unasked(known[each.id]))
    ]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for technique in dict.fromkeys(
            each.technique for each in waiting
        ):  # a check that cannot fail is none
            noticed = pool.submit(
                ask, Mutant(technique, "", 0, "unchanged", -1), promised[technique]
            ).result()["noticed"]
            if noticed:
                raise SystemExit(f"{technique} unchanged is noticed by {noticed}: nothing can be learnt here")
        futures = [
            pool.submit(ask, each, promised[each.technique], laws=each.id not in known, tests=not chosen.laws)
            for each in waiting
        ]
        for count, future in enumerate(as_completed(futures), 1):
            answer = future.result() | {"tests": not chosen.laws}
            known[answer["id"]] = answer
            print(f"\r{count}/{len(waiting)}", end="", file=sys.stderr, flush=True)
            chosen.json.write_text(json.dumps(known, indent=1) + "\n")
    print(file=sys.stderr)
    raise SystemExit(_report(todo, known))


def _unasked(answer: dict[str, Any]) -> bool:
    """Whether laws let it pass, and tests have not been asked."""
    return not answer["noticed"] and not answer.get("tests", True)


def _report(asked: list[Mutant], known: dict[str, Any]) -> int:
    equivalent = tomllib.loads((Path(__file__).parent / "equivalent.toml").read_text())
    print("technique          changes  laws       laws and tests  equivalent")
    survivors, wrong = [], []
    for technique in dict.fromkeys(each.technique for each in asked):
        own = [each for each in asked if each.technique == technique]
        same = [each for each in own if each.id in equivalent]
        real = [each for each in own if each.id not in equivalent]
        laws = sum(known[each.id]["noticed"].startswith("laws") for each in real)
        both = sum(bool(known[each.id]["noticed"]) for each in real)
        count = max(1, len(real))
        shares = f"{laws:4} {laws / count:5.0%}  {both:8} {both / count:5.0%}"
        print(f"{technique:18} {len(own):7}  {shares}  {len(same):10}")
        survivors += [each for each in real if not known[each.id]["noticed"]]
        wrong += [each for each in same if known[each.id]["noticed"]]
    for each in survivors:
        print(f"survives  {place(each.technique)[0].relative_to(ROOT)}:{each.line}  {each.id}")
    for each in wrong:
        print(f"is said to change nothing, and is noticed by {known[each.id]['noticed']}:  {each.id}")
    return 1 if survivors or wrong else 0


if __name__ == "__main__":
    main()

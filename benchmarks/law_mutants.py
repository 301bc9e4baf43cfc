"""Is every line of a law pinned by its faults?  python benchmarks/law_mutants.py [TECHNIQUE ...]

A law is changed a little: the bound of a comparison times 100, a comparison turned, a statement left out. One
of the faults that name the law must then escape it under quick questions, or the law must no longer hold of
our own code; where neither shows, no fault pins that line. Those that need none stand in unpinned.toml with
their reason; any other is printed and fails the run, as does one that stands there and is noticed.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lawful.impl import native
from lawful.impl.contracts import TECHNIQUES
from lawful.impl.faulty import faults
from lawful.properties import twin
from lawful.properties.harness.cases import cases, why_unsupported
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.registry import Law, laws_of
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import Subject, silence

TURNED = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
CHECKS = {"agree", "at_most", "at_least", "same", "refuses", "stays"}
Change = tuple[str, ast.FunctionDef]


def changes(law: Law) -> Iterator[Change]:
    """What is said of a change, and the law's function with it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(law.body))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = []
    for index, node in enumerate(ast.walk(tree)):
        if kind := _kind(node):
            changed = copy.deepcopy(tree)
            _change(list(ast.walk(changed))[index], kind)
            ast.fix_missing_locations(changed)
            yield f"{ast.unparse(node).splitlines()[0]} -> {kind}", changed


def _kind(node: ast.AST) -> str:
    """How a node can be changed, if it can."""
    if isinstance(node, ast.Call) and _name(node) == "agree":
        return "bound"
    if isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED:
        return "turned"
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return "left out"
    return ""


def _change(node: Any, kind: str) -> None:
    if kind == "bound":
        if isinstance(node.args[-1], ast.Starred):
            pair = node.args.pop().value
            right = ast.Subscript(pair, ast.Constant(0), ast.Load())
            bound = ast.Subscript(copy.deepcopy(pair), ast.Constant(1), ast.Load())
            node.args += [right, bound]
        node.args[-1] = ast.BinOp(ast.Constant(100), ast.Mult(), node.args[-1])
    elif kind == "turned":
        node.ops[0] = TURNED[type(node.ops[0])]()
    else:
        node.value = ast.Constant(None)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


_QUICK = replace(PROFILES["quick"], shrinks=False)


def noticed(law: Law, subjects: list[tuple[Subject, str, bool]]) -> bool:
    """Whether the verdict on somebody is another: a fault is caught no more, or ours holds no more."""
    for subject, device, wanted in subjects:
        broken = False
        for case in cases(subject, devices=[device], only=[law.name]):
            if why_unsupported(case)[0] is None:
                with silence():
                    result = LawTest(law, _QUICK, 0).run(replace(case, law=law))
                broken |= result.verdict in ("broken", "error")
                if broken:
                    break
        if broken is not wanted:
            return True
    return False


def asked(technique: str) -> tuple[int, int, list[str]]:
    found, seen, survivors = 0, 0, []
    ours = [understand(a) for a in native.adapters() if a.technique == technique]
    known = {fault.id: (understand(fault.adapter), fault) for fault in faults(technique)}
    for law in laws_of(technique):
        if law.dear:
            continue
        own = [(s, f.device, True) for s, f in known.values() if law.name in f.caught_by]
        device = "cpu" if "cpu" in law.devices else "twin"
        subjects = [*own, *((subject, device, False) for subject in ours)]
        if noticed(law, subjects):
            raise SystemExit(f"{law.id} unchanged is not as its faults say: nothing can be learnt here")
        for said, tree in changes(law):
            space = dict(vars(sys.modules[law.body.__module__]))
            exec(compile(ast.Module([tree], []), law.id, "exec"), space)
            found += 1
            if noticed(replace(law, body=space[tree.name]), subjects):
                seen += 1
            else:
                survivors.append(f"{law.id}: {said}")
    return found, seen, survivors


def main() -> None:
    unknown = set(sys.argv[1:]) - set(TECHNIQUES)
    if unknown or "--help" in sys.argv:
        raise SystemExit(f"{__doc__}\nof {', '.join(TECHNIQUES)}; all where left out")
    torch.set_num_threads(1)
    twin.registered()
    unpinned = tomllib.loads((Path(__file__).parent / "unpinned.toml").read_text())
    unexplained: list[str] = []
    stale: list[str] = []
    for technique in sys.argv[1:] or TECHNIQUES:
        found, seen, survivors = asked(technique)
        print(f"{technique:16} {found:4} changes, {seen:4} noticed ({seen / max(1, found):.0%})", flush=True)
        unexplained += [each for each in survivors if each not in unpinned]
        known = {each for each in unpinned if each.startswith(f"{technique}.")}
        stale += sorted(known - set(survivors))
    for each in unexplained:
        print("survives  ", each)
    for each in stale:
        print("is said to be unpinned, and is not:  ", each)
    raise SystemExit(1 if unexplained or stale else 0)


if __name__ == "__main__":
    main()

"""What a training loop reads of its loader and its model.

A loader may be one of several in a dict, or a data set; a batch a dict, or inputs alone; a model's output may
be no tensor, or its loss.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from lawful.properties.harness.understanding import helpers, source
from lawful.properties.harness.understanding.names import INPUTS, is_target
from lawful.properties.harness.understanding.signature import Callee, required

LOADERS = ("loader", "train_loader", "val_loader", "mix_loader")
OF_PHASES = {"datasets": r"(\w+_)?data_?sets", "sizes": r"(\w+_)?(data_?set|data)_?(sizes|lengths|lens)"}
"""By kind, the names of a dict by phase that is no loader: data sets, and how many samples they have."""
_HELPERS = (
    helpers.Batches,
    helpers.Answering,
    helpers.GivingSeveral,
    helpers.Silent,
    helpers.CrossEntropyIs,
    helpers.OptimizerIs,
)


def as_read(callee: Callee, given: Mapping[str, str], loss: str) -> dict[str, str]:
    """Source for each parameter, where loaders and the model are what the code reads them as. ``loss``: the
    name of the loss in the adapter."""
    tree = source.parsed(callee.near)
    read = _keys(tree)
    model = next((name for name, text in given.items() if text == "model"), "")
    outputs = _outputs(tree, model)
    names = {name: _also(tree, name) for name in given}
    held = set().union(*(names[name] for name, text in given.items() if text in LOADERS))
    records = {name: keys for name, keys in read.items() if name not in callee.everything}
    made = _batch(tree, records, model, _unpacked(tree, _reaching(tree, held)))
    found = {}
    for name, text in given.items():
        if text in LOADERS and _is_a_data_set(tree, names[name]):
            found[name] = f"{text}.dataset"
        elif text in LOADERS:
            found[name] = _source(text, read.get(name, []), made)
        elif text in OF_PHASES:
            of = "{}.dataset" if text == "datasets" else "len({}.dataset)"
            found[name] = _by_phase("train_loader", read.get(name, []), of.format)
        elif text == "model":
            found[name] = _answering(tree, outputs, loss, loss not in given.values())
        else:
            found[name] = text
    return found


def with_helper(text: str) -> str:
    """The source of an adapter with what it needs for its loaders and its model."""
    return helpers.beside(text, _HELPERS)


def loggers(callee: Callee) -> dict[str, str]:
    """Source for each parameter that has to be given, and is only told what happens, or is a list to fill."""
    tree = source.parsed(callee.near)
    told = {name: "Silent()" for name in required(callee.everything) if source.is_only_told(tree, name)}
    return told | {name: "[]" for name in required(callee.everything) if _is_appended_to(tree, name)}


def _is_appended_to(tree: ast.AST, name: str) -> bool:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    appended = (each.value for each in calls if isinstance(each, ast.Attribute) and each.attr == "append")
    return any(isinstance(each, ast.Name) and each.id == name for each in appended)


def takes_the_cross_entropy(callee: Callee, *, is_given_another: bool = False) -> bool:
    """Whether its lines call PyTorch's, as a function or as a module; as a function alone where it is given a
    loss besides, for which a module may be the default."""
    calls = (node for node in ast.walk(source.parsed(callee.near)) if isinstance(node, ast.Call))
    known = ["cross_entropy", "nll_loss", *(["CrossEntropyLoss", "NLLLoss"] * (not is_given_another))]
    return any(_last(call.func) in known for call in calls)


def makes_its_optimizer(callee: Callee) -> bool:
    """Whether its lines make one of PyTorch's usual ones."""
    calls = (node.func for node in ast.walk(source.parsed(callee.near)) if isinstance(node, ast.Call))
    usual = ("SGD", "Adam", "AdamW", "RMSprop")
    return any(isinstance(each, ast.Attribute) and each.attr in usual for each in calls)


def takes_a_data_set(callee: Callee, name: str) -> bool:
    """Whether it makes a DataLoader of this parameter."""
    tree = source.parsed(callee.near)
    return _is_a_data_set(tree, _also(tree, name))


def _is_a_data_set(tree: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(node, ast.Call)
        and _last(node.func) == "DataLoader"
        and any(_last(each) in names for each in [*node.args[:1], *_keyword(node, "dataset")])
        for node in ast.walk(tree)
    )


def _keyword(call: ast.Call, name: str) -> Iterator[ast.expr]:
    return (each.value for each in call.keywords if each.arg == name)


def _last(node: ast.AST) -> str:
    """A name, or the last part of a dotted one."""
    return getattr(node, "id", None) or getattr(node, "attr", None) or ""


def _also(tree: ast.AST, name: str) -> set[str]:
    """The parameter's name, and those of the attributes of ``self`` that hold it."""
    return {name, *(attribute for attribute, kept in source.kept_as(tree).items() if kept == name)}


def _source(loader: str, phases: list[str], made: str) -> str:
    def one(text: str) -> str:
        return f"Batches({text}, lambda inputs, labels: {made})" if made else text

    return _by_phase(loader, phases, one) if phases else one(loader)


def _by_phase(loader: str, phases: list[str], one: Callable[[str], str]) -> str:
    """Source of a dict of what is made of the loader of each phase."""
    validates = "val_loader" if loader == "train_loader" else loader
    named = (
        f'"{phase}": {one(validates if re.search("val|test|eval|dev", phase.lower()) else loader)}'
        for phase in phases
    )
    return f"{{{', '.join(named)}}}"


def _calls(tree: ast.AST, model: str) -> list[ast.Call]:
    """Of the model."""
    names = _also(tree, model) if model else set()
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _last(n.func) in names]


def _outputs(tree: ast.AST, model: str) -> list[ast.AST]:
    """Where the model's output is read: its calls, and the names that they are bound to."""
    calls = _calls(tree, model)
    bound = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(node.value is call for call in calls)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [*calls, *(n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in bound)]


def _answering(tree: ast.AST, outputs: list[ast.AST], loss: str, gives_loss: bool) -> str:
    """Source of the model. ``gives_loss``: no loss is passed, so the model may give it."""
    places = {id(each) for each in outputs}
    keys, attributes, asked = [], [], False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _last(node.func) in ("isinstance", "hasattr", "getattr"):
            asked |= any(id(each) in places for each in node.args)
        elif id(getattr(node, "value", None)) in places:
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                keys += [node.slice.value] if isinstance(node.slice.value, str) else []
            elif isinstance(node, ast.Attribute):
                attributes.append(node.attr)
    if gives_loss and "loss" in {*keys, *attributes}:
        return f'Answering(model, "loss", {loss})'
    if gives_loss and "backward" in attributes:
        return f'Answering(model, "", {loss})'
    several = {
        len(node.targets[0].elts)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Call)
        and id(node.value) in places
    }
    if len(several) == 1:
        return f"GivingSeveral(model, {several.pop()})"
    named = [*keys, *(each for each in attributes if each == "logits")]
    return f'Answering(model, "{named[0]}")' if len(set(named)) == 1 and not asked else "model"


def _batch(tree: ast.AST, read: Mapping[str, list[str]], model: str, unpacked: Iterable[list[str]]) -> str:
    """Source of a batch, of ``inputs`` and ``labels``; empty where it is the two of them."""
    for keys in read.values():
        images = [key for key in keys if key.lower() in INPUTS]
        labels = [key for key in keys if is_target(key)]
        if len(images) == len(labels) == 1 and len(keys) == 2:
            return f'{{"{images[0]}": inputs, "{labels[0]}": labels}}'
    for names in unpacked:
        given = ["inputs" if n.lower() in INPUTS else "labels" if is_target(n) else _NUMBERS for n in names]
        if "inputs" not in given and given[0] is _NUMBERS:
            given[0] = "inputs"  # whatever its name
        if len(names) > 2 and (given.count("inputs"), given.count("labels")) == (1, 1):
            return f"({', '.join(given)})"
    calls = _calls(tree, model)
    drawn = _drawn(tree) - _taken_apart(tree)
    if any(k.arg is None and _last(k.value) in drawn for call in calls for k in call.keywords):
        return '{"inputs": inputs, "labels": labels}'
    if any(isinstance(each, ast.Name) and each.id in drawn for call in calls for each in call.args):
        return "inputs"
    return ""


_NUMBERS = "torch.arange(len(inputs))"
"""What comes beside inputs and labels: numbers of the samples, names of files."""


def _unpacked(tree: ast.AST, loaders: set[str]) -> Iterator[list[str]]:
    """The names to which a loop over these, or what comes next of them, gives the parts of a batch."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.For) and _mentions(node.iter, loaders):
            targets = [node.target, *(node.target.elts if isinstance(node.target, ast.Tuple) else [])]
        elif isinstance(node, ast.Assign) and _mentions(node.value, loaders):
            targets = node.targets
        for each in targets:
            if isinstance(each, ast.Tuple | ast.List):
                yield [part.id for part in each.elts if isinstance(part, ast.Name)]


def _reaching(tree: ast.AST, names: set[str]) -> set[str]:
    """The names of loaders, of what is made of them (a progress bar, an iterator), and of what a loop over
    them gives."""
    found = set(names)
    for _ in range(3):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and _mentions(node.value, found):
                found |= {_last(each) for each in node.targets if _last(each)}
            elif isinstance(node, ast.For) and _mentions(node.iter, found) and _last(node.target):
                found.add(_last(node.target))
    return found


def _mentions(node: ast.AST, names: set[str]) -> bool:
    """Whether it is one of these, or a call of something with one of these."""
    if isinstance(node, ast.Call):
        return any(_mentions(each, names) for each in node.args)
    if isinstance(node, ast.Subscript):  # a loader of several
        return _mentions(node.value, names)
    return _last(node) in names


def _drawn(tree: ast.AST) -> set[str]:
    """Names of what a loop goes over, or of what comes next, that are one name and not several."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.For):
            over = _last(node.iter.func) if isinstance(node.iter, ast.Call) else ""
            if over in ("enumerate", "zip") and isinstance(node.target, ast.Tuple):
                found += node.target.elts
            else:
                found.append(node.target)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            found += node.targets if _last(node.value.func) == "next" else []
    return {each.id for each in found if isinstance(each, ast.Name)}


def _taken_apart(tree: ast.AST) -> set[str]:
    """Names whose value is bound to several names, or read by an index."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List):
            found += [node.value]
        elif isinstance(node, ast.Subscript):
            found.append(node.value)
        elif isinstance(node, ast.Call):
            found += [each.value for each in node.args if isinstance(each, ast.Starred)]
    return {each.id for each in found if isinstance(each, ast.Name)}


def _keys(tree: ast.AST) -> dict[str, list[str]]:
    """By the name of a variable, the words that it is subscripted with: written there, or gone through by a
    loop."""
    found: dict[str, list[str]] = {}
    looped = {
        node.target.id: [each.value for each in node.iter.elts if isinstance(each, ast.Constant)]
        for node in ast.walk(tree)
        if isinstance(node, ast.For)
        and isinstance(node.target, ast.Name)
        and isinstance(node.iter, ast.List | ast.Tuple)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
            continue
        if isinstance(node.ctx, ast.Load):
            slice = node.slice
            words = [slice.value] if isinstance(slice, ast.Constant) else looped.get(_last(slice), [])
            keys = found.setdefault(node.value.id, [])
            keys += [word for word in words if isinstance(word, str) and word not in keys]
    return {name: keys for name, keys in found.items() if keys}

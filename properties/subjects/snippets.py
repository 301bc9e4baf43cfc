"""Stand-alone programs that show a broken law again, with torch and the implementation alone.

The calls of the failing example are written out with their values, then the assertion that fails.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from typing import Any

import numpy as np

from lawful.impl.contracts import LEFT_OUT
from lawful.impl.shown import standing_alone
from lawful.properties.subjects.subject import Answer, LawBroken, Subject

_LONG = 64
_LEFT_OUT = "<left out>"
_FUTURE = "from __future__ import annotations"


def label_smoothing_snippet(
    subject: Subject, answers: list[Answer], broken: BaseException, headline: str
) -> str:
    lines, names = [], _Names()
    for number, answer in enumerate(answers, 1):
        asked = answer.asked
        logits, target, result = f"logits_{number}", f"target_{number}", f"result_{number}"
        lines += tensor_lines(logits, asked["logits"], subject.dtype, subject.shown_device)
        lines += _laid_out(logits, asked.get("layout"))
        if asked["with_gradient"] or asked["along"] is not None:
            lines.append(f"{logits}.requires_grad_()")
        soft = np.issubdtype(np.asarray(asked["target"]).dtype, np.floating)
        dtype = subject.dtype if soft and np.size(asked["target"]) else "int64"
        lines += tensor_lines(target, asked["target"], dtype, subject.shown_device)
        lines += _laid_out(target, asked.get("layout"))
        features, masked = "", ""
        for name, value in asked["features"].items():
            if name == "mask":
                lines += tensor_lines(f"mask_{number}", value, "bool", subject.shown_device)
                masked = f", mask=mask_{number}"
                continue
            if name == "weight":
                lines += tensor_lines(f"weight_{number}", value, subject.dtype, subject.shown_device)
                value_text = f"weight_{number}"
            else:
                value_text = literal(value)
            keyword = subject.adapter.feature_names.get(name, name)
            features += f", {keyword}={value_text}"
        parts = {"logits": logits, "target": target + masked, "epsilon": literal(asked["epsilon"])}
        called = _called(subject, answer, features, parts)
        call = f"({logits}, {target})"
        if asked["earlier"] and called.endswith(call):  # one object, with other batches before
            other = f"torch.zeros_like({logits}), ({target} + 1) % {logits}.shape[1]"
            lines += [
                f"loss = {called.removesuffix(call)}",
                f"for _ in range({asked['earlier']}):",
                f"    loss({other})",
            ]
            called = f"loss{call}"
        elif asked["earlier"]:
            lines.append(f"# the same object was called with {asked['earlier']} other batches first")
        lines += _in_its_way(asked["way"], result, called, [logits, target])
        if asked["with_gradient"] and subject.adapter.arrays == "numpy":
            made = called.removesuffix(f"({logits}, {target})")
            lines.append(f"gradient_{number} = {made}.gradient({logits}, {target})")
        elif asked["with_gradient"] and asked["way"] != "func_grad":
            scaled = result if asked["scale"] == 1 else f"({literal(asked['scale'])} * {result})"
            if asked["backwards"] > 1:
                kept = f"loss_{number}.backward(retain_graph=True)"
                lines += [f"loss_{number} = {scaled}.sum()", *[kept] * (asked["backwards"] - 1)]
                scaled = f"loss_{number}"
            lines.append(f"{scaled}.sum().backward()")
        if asked["along"] is not None:
            lines += tensor_lines("along", asked["along"], subject.dtype, subject.shown_device)
            lines += [
                f"(slope,) = torch.autograd.grad({result}.sum(), {logits}, create_graph=True)",
                f"(second,) = torch.autograd.grad((slope * along).sum(), {logits})",
            ]
        names.learn(answer.second, "second.double().cpu()")
        names.learn(answer.value, f"{result}.detach().double().cpu()")
        own = f"gradient_{number}" if subject.adapter.arrays == "numpy" else f"{logits}.grad"
        names.learn(answer.gradient, f"{own}.double().cpu()")
        names.learn(answer.dtype, f'str({result}.dtype).removeprefix("torch.")')
        for name, after in answer.after.items():
            names.learn(after, f"{name}_{number}.detach().double().cpu()")
    return program(headline, subject.adapter.shown_imports, lines, names, broken)


def _called(subject: Subject, answer: Answer, features: str, parts: dict[str, str]) -> str:
    """The call, with the arguments that the answer was given besides, without those that were left out."""
    parts = dict(parts)
    for name, value in answer.given.items():
        if name in parts:
            parts[name] = _LEFT_OUT if value is LEFT_OUT else literal(value)
        elif value is not LEFT_OUT:
            features += f", {subject.adapter.feature_names.get(name, name)}={literal(value)}"
    called = subject.adapter.shown_call.format(features=features, **parts)
    return re.sub(rf"(\w+=)?{_LEFT_OUT}(, )?", "", called)


def _laid_out(name: str, layout: str | None) -> list[str]:
    from lawful.properties.probes import LAYOUTS

    return [f"{name} = {LAYOUTS[layout].format(x=name)}"] if layout else []


def _in_its_way(way: str | None, result: str, called: str, names: list[str]) -> list[str]:
    """The call as ``properties.ways`` makes it."""
    given = ", ".join(names)
    function = f"lambda {given}: {called}"
    contexts = {
        "autocast": 'torch.autocast("cpu", torch.bfloat16)',
        "inference_mode": "torch.inference_mode()",
    }
    if way in contexts:
        return [f"with {contexts[way]}:", f"    {result} = {called}"]
    if way == "deterministic":
        return ["torch.use_deterministic_algorithms(True)", f"{result} = {called}"]
    if way in ("compile", "full"):
        options = f'fullgraph={way == "full"}, backend="aot_eager"'
        return [f"{result} = torch.compile({function}, {options})({given})"]
    if way == "pickle" and called.endswith(f"({given})"):
        made = called.removesuffix(f"({given})")
        if made.startswith("build("):
            return [
                "import pickle",
                f"function = {made}",
                "for cell in function.__closure__:  # the module that it calls",
                "    if isinstance(cell.cell_contents, torch.nn.Module):",
                "        cell.cell_contents = pickle.loads(pickle.dumps(cell.cell_contents))",
                f"{result} = function({given})",
            ]
        return ["import pickle", f"{result} = pickle.loads(pickle.dumps({made}))({given})"]
    if way == "vmap":
        twice = ", ".join(f"torch.stack([{name}, {name}])" for name in names)
        return [
            f'twice = torch.func.vmap({function}, randomness="different")({twice})',
            f"{result} = torch.utils._pytree.tree_map(lambda part: part[1], twice)",
        ]
    if way == "func_grad":
        return [
            f"function = {function}",
            f"with_sum = lambda logits: (function(logits, {names[1]}).sum(), function(logits, {names[1]}))",
            f"{names[0]}.grad, {result} = torch.func.grad(with_sum, has_aux=True)({names[0]})",
        ]
    if way == "export":
        return [
            "class Exported(torch.nn.Module):",
            f"    def forward(self, {given}):",
            f"        return {called}",
            f"{result} = torch.export.export(Exported(), ({given})).module()({given})",
        ]
    return [f"{result} = {called}"]


_SCRIPTED = """\
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
        self.register_buffer("seen", torch.zeros(1))
    def forward(self, x):
        means.append(float(x.mean()))
        if self.training:
            self.seen += 1
        return x * (self.first + self.second)
class Recorder(torch.optim.SGD):
    def step(self, closure=None):
        if closure is not None:
            closure()
        rates.append([float(group["lr"]) for group in self.param_groups])
        grads.append([float(p.grad.sum()) for group in self.param_groups for p in group["params"]])
        modes.append(model.training)
        super().step()
def criterion(output, target):
    step = len(asked)
    asked.append(step)
    if step == raises_at:
        raise RuntimeError("as asked")
    return script[min(step, len(script) - 1)] + (output - output.detach()).mean()
def tensor(values):
    return torch.tensor([float(value) for value in values], dtype=torch.float64)
"""
_STATE = """\
import copy
import random
import numpy
def state(model, optimizer):
    params = list(model.parameters())
    left_out = ("params", "initial_lr")
    groups = [{k: v for k, v in g.items() if k not in left_out} for g in optimizer.param_groups]
    return copy.deepcopy({
        "model": list(model.state_dict().values()),
        "optimizer": [groups, [sorted(optimizer.state.get(p, {}).items()) for p in params]],
        "mode": [m.training for m in model.modules()],
        "requires_grad": [p.requires_grad for p in params],
        "grads": [p.grad for p in params],
        "loader": loader.generator and loader.generator.get_state().tolist(),
        "random": [random.getstate(), numpy.random.get_state(), torch.get_rng_state().tolist()],
    })
def changed(parts):
    after = state(model, optimizer)
    return ", ".join(p for p in before if p in parts and str(before[p]) != str(after[p])) or "nothing"
"""
_STEEPNESS = """\
def steepness(lrs, losses, suggestion):
    slopes = torch.gradient(losses, spacing=(lrs.log(),))[0][: int(losses.argmin()) + 1]
    near = int((lrs.log() - torch.tensor(suggestion).log()).abs().argmin())
    around = slopes[max(0, near - 1) : near + 2]
    return float(around.min() / slopes.min()) if len(around) and slopes.min() < 0 else 0.0
"""


_DRAWS = """\
scripted = criterion
def criterion(output, target):
    random.random(), numpy.random.random(), torch.rand(())
    return scripted(output, target)"""
_WORDS = r"""
import re
NUMBER = r"\d+\.?\d*(?:[eE][+-]?\d+)?"
def says(words, values):
    numbers = [float(each) for each in re.findall(NUMBER, words)]
    return float(any(abs(n - v) <= 0.01 * abs(v) for n in numbers for v in map(float, values)))
def without(words, value):
    return re.sub(NUMBER, lambda n: "" if abs(float(n[0]) - value) <= 0.01 * abs(value) else n[0], words)
def tells_why(words):
    return float(bool(re.search(r"\b(none|no|not)\b", words, re.IGNORECASE)) and len(words.split()) > 5)"""
_MARKS = """
import numpy
def marks_on_the_curve(axes, lr):
    lines = [line.get_data() for line in axes.lines]
    heights = [numpy.interp(numpy.log(lr), numpy.log(x), y) for x, y in lines if len(x) > 2]
    marks = [y[0] for x, y in lines if len(y) == 1 and numpy.isclose(x[0], lr, rtol=1e-3)]
    return float(sum(bool(numpy.isclose(heights, y, rtol=1e-3).any()) for y in marks))
def legend_of(axes):
    legend = axes.get_legend()
    return "" if legend is None else " ".join(text.get_text() for text in legend.get_texts())"""
_WEIGHTS = """\
weights, weights_after = [], []
def weight(*ignored):
    return float((model.first + model.second).detach())
model.register_forward_pre_hook(lambda module, inputs: weights.append(weight()) if module.training else None)
optimizer.register_step_post_hook(lambda *ignored: weights_after.append(weight()))"""
_STREAM = """\
class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter([samples[i] for i in range(len(samples))])
samples, data = data, Stream()"""


def _validation_lines(sizes: list[int]) -> list[str]:
    """A loader whose targets say that its batches are validation: the model's output is their loss."""
    ends = np.cumsum([0, *sizes]).tolist()
    batches = [list(range(first, last)) for first, last in itertools.pairwise(ends)]
    return [
        "validated, of_training = [], criterion",
        "def criterion(output, target):",
        "    if not target.any():",
        "        return of_training(output, target)",
        "    validated.append((model.training, output.requires_grad))",
        "    return output.mean()",
        f"val_inputs = torch.arange(1.0, {sum(sizes) + 1})[:, None] / 8",
        f"val_data = torch.utils.data.TensorDataset(val_inputs, torch.ones({sum(sizes)}, dtype=torch.int64))",
        f"val_loader = torch.utils.data.DataLoader(val_data, batch_sampler={batches})",
    ]


def lr_finder_snippet(subject: Subject, answers: list[Answer], broken: BaseException, headline: str) -> str:
    """Of the last test alone: each is a run of its own."""
    from lawful.properties.probes import SETTINGS

    answer: Any = answers[-1]
    asked, names = answer.asked, _Names()
    params = "[model.first, model.second]"
    if asked["groups"] == 2:
        params = '[{"params": [model.first]}, {"params": [model.second], "lr": 0.05}]'
    features = "".join(f", {name}={literal(value)}" for name, value in asked["features"].items())
    features += ", val_loader=val_loader" if asked["validates"] else ""
    parts = {name: name for name in ("model", "optimizer", "criterion", "loader")}
    parts |= {name: literal(asked[name]) for name in ("start_lr", "end_lr", "num_iter")}
    called = _called(subject, answer, features, parts)
    if answer.lrs is not None:
        names.learn(answer.value, "losses")
        names.learn(answer.lrs, "lrs")
    if getattr(broken, "relation", None) == "an error, not":
        names.learn(getattr(broken, "actual", None), "lrs")
    for expression, value in answer.derived:
        names.learn(value, expression)
    asserted = "\n".join(_assertion(broken, names))
    batches = asked["batches"]
    drawn = ", shuffle=True, generator=torch.Generator().manual_seed(0)" if asked["shuffles"] else ""
    lines = [
        _SCRIPTED.rstrip(),
        *([_STATE.rstrip()] if "changed(" in asserted else []),
        *([_STEEPNESS.rstrip()] if "steepness(" in asserted else []),
        *([_DRAWS] if "'random'" in asserted else []),
        *([_WORDS.strip()] if "says(" in asserted or "tells_why(" in asserted else []),
        *([_MARKS.strip()] if "plot_rules(" in asserted else []),
        *(["RuntimeError = KeyboardInterrupt"] if asked["interrupts"] else []),
        f"script, raises_at = {literal(asked['losses'])}, {asked['raises_at']}",
        "modes, rates, grads, means, asked = [], [], [], [], []",
        "torch.manual_seed(0)",
        "model = Model()",
        f"optimizer = Recorder({params}, lr=0.1, momentum=0.5)",
        "model(torch.full((2, 1), 3.0)).mean().backward()",
        "optimizer.step()",
        f"model.train({asked['training']}), [seen.clear() for seen in (modes, rates, grads, means)]",
        *([SETTINGS[asked["setting"]]] if asked["setting"] else []),
        f"inputs = torch.arange(1.0, {batches + 1}).repeat_interleave(2)[:, None] / 8",
        f"data = torch.utils.data.TensorDataset(inputs, torch.zeros({2 * batches}, dtype=torch.int64))",
        *([_STREAM] if asked["streams"] else []),
        f"loader = torch.utils.data.DataLoader(data, batch_size=2{drawn})",
        *(_validation_lines(asked["validates"]) if asked["validates"] else []),
        *([_WEIGHTS] if "weights" in asserted else []),
        *(["before = state(model, optimizer)"] if "changed(" in asserted else []),
    ]
    if answer.lrs is None and getattr(broken, "relation", None) is not None:
        lines += [
            "try:",
            f"    {called}",
            f"except {'KeyboardInterrupt' if asked['interrupts'] else 'Exception'} as error:",
            '    print("it raised", repr(error))',
        ]
    else:
        lines.append(f"result = {called}")
    if answer.lrs is not None and "history" in subject.features:
        lines.append("lrs, losses = tensor(result.lrs), tensor(result.losses)")
    if "suggestion" in asserted and answer.lrs is not None:
        lines.append("suggestion = result.suggest()")
    if subject.conventions.get("restores") == "on_reset":
        lines.append("result.reset()")
    lines.append("used = tensor(r[0] for r in rates)")
    for name, given in (
        ("second_group", "tensor(r[-1] for r in rates)"),
        ("gradients", "tensor(g[0] for g in grads)"),
        ("share_in_training_mode", "sum(modes) / max(1, len(modes))"),
    ):
        if name in asserted:
            lines.append(f"{name} = {given}")
    return program(headline, subject.adapter.shown_imports, lines, names, broken)


_SEED = """\
import random
import numpy
def seed(number):
    random.seed(number), numpy.random.seed(number % 2**32), torch.manual_seed(number)"""
_SOFT = """\
def onehot(labels, num_classes):
    return labels.double() if labels.ndim == 2 else (labels[:, None] == torch.arange(num_classes)).double()
def soft(result, num_classes):
    target = result[1] if len(result) == 2 else result[1:]
    if isinstance(target, torch.Tensor):
        return target.double()
    own, other = onehot(target[0], num_classes), onehot(target[1], num_classes)
    lam = torch.as_tensor(target[2]).double().reshape(-1, 1)
    return lam * own + (1 - lam) * other"""


def mixup_snippet(subject: Subject, answers: list[Answer], broken: BaseException, headline: str) -> str:
    lines, names = [_SEED, _SOFT, ""], _Names()
    for name in ("accuracy", "loss"):
        if any(f"{name}(" in expression for answer in answers for expression, _ in answer.derived):
            lines += _as_the_adapter_has_it(subject, name)
    for number, answer in enumerate(answers, 1):
        asked = answer.asked
        if "stream" in asked:
            lines += _stream_lines(subject, answer, names)
            continue
        if hasattr(answer, "lines"):
            lines += _own_lines(subject, answer, number, names)
            continue
        lines += _mixup_lines(subject, answer, number, names)
    if getattr(broken, "relation", None) == "an error, not":
        names.learn(getattr(broken, "actual", None), "mixed_1.double()")
    if parted := re.fullmatch(r"part (\d+) of an image(.*)", getattr(broken, "what", "")):
        value = f"result_{len(answers)}[0].detach().double().cpu()"
        rows = f"reshape({len(answers[-1].value)}, -1, {answers[-1].value.shape[1]})"
        names.learn(getattr(broken, "actual", None), f"{value}.{rows}[:, {parted[1]}]{parted[2]}")
    if getattr(broken, "what", None) == "mixed inputs" and answers[-1].value is None:
        names.learn(getattr(broken, "actual", None), f"result_{len(answers)}[0]")
    return program(headline, subject.adapter.shown_imports, lines, names, broken)


def _mixup_lines(subject: Subject, answer: Any, number: int, names: _Names) -> list[str]:
    asked = answer.asked
    inputs, target, result = f"inputs_{number}", f"target_{number}", f"result_{number}"
    rows = np.asarray(asked["inputs"], float)
    lines = tensor_lines(
        inputs, rows[:, 0] if asked["rank"] == 1 else rows, subject.dtype, subject.shown_device
    )
    lines += _image(inputs, rows.shape, asked["rank"], alike=bool(asked.get("integers")))
    lines += _laid_out(inputs, asked.get("layout"))
    if asked.get("integers"):
        lines.append(f"{inputs} = ({inputs} * 255).to(torch.uint8)")
    if asked.get("along") is not None:
        lines.append(f"{inputs}.requires_grad_()")
    soft = np.ndim(asked["target"]) == 2
    lines += tensor_lines(target, asked["target"], subject.dtype if soft else "int64", subject.shown_device)
    lines += _laid_out(target, asked.get("layout"))
    if asked.get("target_as"):
        lines.append(f"{target} = {target}.to(torch.{asked['target_as']})")
    features = ""
    if asked.get("generator") is not None:
        keyword = subject.adapter.feature_names.get("generator", "generator")
        features = f', {keyword}=torch.Generator("{subject.shown_device}").manual_seed({asked["generator"]})'
    by_name = "num_classes=" if answer.given.get("alpha") is LEFT_OUT else ""
    parts = {
        "inputs": f"{inputs} * 1" if asked.get("along") is not None else inputs,
        "target": target,
        "alpha": literal(asked["alpha"]),
        "num_classes": f"{by_name}{asked['num_classes']}",
    }
    called = _called(subject, answer, features, parts)
    call = f"({inputs}, {target})"
    if asked.get("copied") and called.endswith(call):
        if number == 1:
            lines += ["import copy", f"seed({asked['seed']})", f"mix = {called.removesuffix(call)}"]
        called = f"copy.deepcopy(mix){call}"
    elif asked.get("copied"):
        lines.append("# on a copy of one object, as a DataLoader worker has it")
    lines.append(f"seed({asked['seed']})")
    modes = ["mix.eval()"] if asked.get("evaluating") else []
    if asked.get("trains_again"):
        modes = ["mix.eval()", f"mix({inputs}.clone(), {target})", "mix.train()"]
    if (modes or asked.get("calls_again")) and called.endswith(call):
        lines += [f"mix = {called.removesuffix(call)}", *modes]
        called = f"mix{call}"
    elif modes:
        lines.append(f"# after {', '.join(modes)}")
    if before := asked.get("after_batch_of"):
        if called.endswith(call):  # one object, with another batch of its samples first
            order = [i % len(rows) for i in range(before)]
            lines += [f"mix, before = {called.removesuffix(call)}, {order}"]
            lines += [f"mix({inputs}[before], {target}[before])"]
            called = f"mix{call}"
        else:
            lines.append(f"# the same object was called with a batch of {before} first")
    lines += _in_its_way(asked.get("way"), result, called, [inputs, target])
    if answer.value is None:
        return lines
    flat = "" if asked["rank"] < 3 else f"[:, 0{', 0' * (asked['rank'] - 3)}]"
    mixed = f"{result}[0].detach().double().cpu(){flat}.reshape(len({inputs}), -1)"
    q = f"soft({result}, {asked['num_classes']}).detach()"
    if asked.get("calls_again"):
        lines += [f"mixed_{number}, soft_{number} = {mixed}.clone(), {q}.clone()"]
        lines += [f"seed({asked['seed'] + 1})", called.replace(call, f"({inputs}.flip(0), {target}.flip(0))")]
    else:
        lines += [f"mixed_{number} = {mixed}", f"soft_{number} = {q}"]
    if asked.get("along") is not None:
        lines += tensor_lines("along", asked["along"], subject.dtype, subject.shown_device)
        lines += _image("along", rows.shape, asked["rank"])
        lines.append(f"({result}[0] * along.reshape({inputs}.shape)).sum().backward()")
        inside = f"{inputs}.grad.double().cpu(){flat}.reshape(len({inputs}), -1)"
        names.learn(answer.gradient, inside)
    names.learn(answer.value, f"mixed_{number}")
    names.learn(answer.soft, f"soft_{number}")
    names.learn(answer.dtype, f'str({result}[0].dtype).removeprefix("torch.")')
    kept = {
        "inputs": f"{inputs}{flat}.reshape(len({inputs}), -1).detach().double().cpu()",
        "target": f"{target}.detach().double().cpu()",
        "mixed inputs": mixed,
        "mixed target": q,
    }
    for name, after in answer.after.items():
        names.learn(after, kept[name])
    for expression, value in answer.derived:
        own = f"({result}[1] if len({result}) == 2 else {result}[1:])"
        names.learn(value, expression.format(value=f"mixed_{number}", soft=f"soft_{number}", target=own))
    return lines


def _own_lines(subject: Subject, answer: Any, number: int, names: _Names) -> list[str]:
    """A call that is lines."""
    asked = answer.asked
    parts = {"inputs": "inputs", "target": "target"}
    parts |= {name: literal(asked[name]) for name in ("alpha", "num_classes")}
    called = _called(subject, answer, "", parts)
    for expression, value in answer.derived:
        names.learn(value, expression.format(result=f"result_{number}"))
    return [*answer.lines(subject.shown_device), f"seed({asked['seed']})", f"result_{number} = {called}"]


def _as_the_adapter_has_it(subject: Subject, name: str) -> list[str]:
    """Defines ``accuracy`` or ``loss``."""
    found = getattr(subject.adapter, name)
    alone = standing_alone(found)
    if alone is None:
        return [
            f"# {name} of the adapter {subject.adapter.name!r} cannot be shown alone: put it here",
            "from your_adapter import adapter",
            f"{name} = adapter.{name}",
        ]
    return [*_imports(alone), *([] if found.__name__ == name else [f"{name} = {found.__name__}"])]


def _image(name: str, shape: tuple[int, ...], rank: int, *, alike: bool = False) -> list[str]:
    """Rows (N, F) as an image, whose channels and rows are halved one after the other, or alike."""
    from lawful.properties.subjects.mixup import image_parts

    if rank < 3:
        return []
    parts = image_parts(rank)
    halved = f"2 ** torch.arange({math.prod(parts)})" if not alike else f"torch.ones({math.prod(parts)})"
    view = [shape[0], *[1] * (rank - 2), shape[1]]
    return [f"{name} = ({name}.reshape({view}) / ({halved}).reshape({[*parts, 1]})).to({name}.dtype)"]


def _stream_lines(subject: Subject, answer: Answer, names: _Names) -> list[str]:
    """Many draws of one lambda a call, off the diagonal of a mixed identity batch."""
    asked = answer.asked
    size, rank = asked["size"], asked["rank"]
    called = subject.adapter.shown_call.format(
        inputs="inputs.clone()", target="target", alpha=literal(asked["alpha"]), num_classes=size, features=""
    )
    for expression, value in answer.derived:
        names.learn(value, expression)
    call = "(inputs.clone(), target)"
    made = [f"mix = {called.removesuffix(call)}"] if called.endswith(call) else []
    called = f"mix{call}" if made else called
    reads_partners = any("partners" in expression for expression, _ in answer.derived)
    partner_lines = [
        f"    rows = mixed.double().reshape({size}, -1)[:, :{size}]",
        "    others = rows - rows.diagonal().diag()",
        f"    partners.append(others.argmax(1).where(others.amax(1) > 0, torch.arange({size})))",
    ]
    return [
        f"inputs = torch.eye({size})",
        *_image("inputs", (size, size), rank),
        f"target = torch.arange({size})",
        f"seed({asked['seed']})",
        *made,  # once: what a draw leaves in it is seen by the next
        "lams, partners = [], []" if reads_partners else "lams = []",
        f"for _ in range({asked['stream']}):",
        f"    mixed = {called}[0]",
        f"    lams.append(mixed.double().reshape({size}, -1)[:, :{size}].diagonal())",
        *(partner_lines if reads_partners else []),
        "lams = torch.cat(lams)",
        *(["partners = torch.stack(partners)"] if reads_partners else []),
    ]


def program(headline: str, imports: str, lines: list[str], names: _Names, broken: BaseException) -> str:
    future = [_FUTURE] if _FUTURE in imports else []  # it has to be the first statement
    return "\n".join([f"# {headline}", *future, "import torch", *_imports(imports), "", *lines]) + (
        "\n" + "\n".join(_assertion(broken, names)) + "\n"
    )


def tensor_lines(name: str, values: Any, dtype: str, device: str) -> list[str]:
    """``name = torch.tensor(...)``; a long, mostly constant one as ``torch.full`` and its exceptions:
    columns that are another constant, and single entries."""
    array = np.asarray(values)
    place = f"dtype=torch.{dtype}" + (f', device="{device}"' if device != "cpu" else "")
    if array.size <= _LONG or not array.size:
        if array.size == 0:
            return [f"{name} = torch.empty({tuple(array.shape)}, {place})"]
        return [f"{name} = torch.tensor({literal(array.tolist())}, {place})"]
    common = Counter(array.ravel().tolist()).most_common(1)[0][0]
    lines = [f"{name} = torch.full({tuple(array.shape)}, {literal(common)}, {place})"]
    made = np.full(array.shape, common, array.dtype)
    if array.ndim == 2:
        for column in np.flatnonzero(((array == array[:1]) & (array != common)).all(0)):
            lines.append(f"{name}[:, {column}] = {literal(array[0, column].item())}")
            made[:, column] = array[0, column]
    others = np.argwhere(array != made)
    if len(lines) + len(others) > _LONG:
        return [f"{name} = torch.tensor({literal(array.tolist())}, {place})"]
    for index in others:
        place_text = ", ".join(str(i) for i in index)
        lines.append(f"{name}[{place_text}] = {literal(array[tuple(index)].item())}")
    return lines


def literal(value: Any) -> str:
    """A value as Python source; floats that have no literal as ``float("nan")``."""
    if isinstance(value, list | tuple):
        inside = ", ".join(literal(item) for item in value)
        return f"[{inside}]"
    if isinstance(value, np.ndarray):
        return literal(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value)


class _Names:
    """Which expression of the snippet holds a value that the law looked at."""

    def __init__(self) -> None:
        self._known: list[tuple[Any, str]] = []

    def learn(self, value: Any, expression: str) -> None:
        if value is not None:
            self._known.append((value, expression))

    def of(self, value: Any) -> str | None:
        return next((name for known, name in self._known if known is value), None)

    def or_literal(self, value: Any) -> str:
        known = self.of(value)
        if known:
            return known
        if isinstance(value, str):
            return repr(value)
        return f"torch.tensor({literal(np.asarray(value, float).tolist())}, dtype=torch.float64)"


_RELATIONS = ("about", "exactly", "at most", "at least", "another", "of shape", "an error, not")


def _assertion(broken: BaseException, names: _Names) -> list[str]:
    """The lines that fail; none where the last call itself raises."""
    if not isinstance(broken, LawBroken):
        error = getattr(broken, "error", broken)
        lines = str(error).strip().splitlines()
        return [f"# the last call raises {type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")]
    relation, actual, expected, bound = broken.relation, broken.actual, broken.expected, broken.bound
    got = names.of(actual)
    if relation not in _RELATIONS:
        return [f"# {line}" for line in str(broken).splitlines()]
    if relation == "an error, not":
        return [f'raise AssertionError(f"expected an error, got {{{got}}}")']
    if got is None:
        return [f"# {line}" for line in str(broken).splitlines()]
    if isinstance(actual, str):
        return [f"assert {got} == {expected!r}, {got}"]
    if relation == "another":
        return [
            f"got, other = {got}, {names.or_literal(expected)}",
            "assert not torch.equal(got, other), got",
        ]
    if relation == "of shape":
        return [f"assert tuple({got}.shape) == {tuple(expected)}, {got}.shape"]
    wanted = names.of(expected)
    if broken.at is not None and np.size(actual) > _LONG:  # the entry that is off most will do
        place = f"[{', '.join(map(str, broken.at))}]"
        whole = np.shape(expected) == np.shape(actual)
        got, wanted = got + place, wanted + place if wanted and whole else wanted
        expected, bound = (
            None if each is None else np.broadcast_to(each, np.shape(actual))[broken.at]
            for each in (expected, bound)
        )
    lines = [f"got, expected = torch.as_tensor({got}), {wanted or names.or_literal(expected)}"]
    condition = {
        "about": "(got == expected) | (got.isnan() & expected.isnan()) | ((got - expected).abs() <= bound)",
        "exactly": "(got == expected) | (got.isnan() & expected.isnan())",
        "at most": "got <= expected",
        "at least": "got >= expected",
    }[relation]
    if relation == "about":
        lines.append(f"bound = torch.tensor({literal(np.asarray(bound, float))})")
    return [*lines, f"right = {condition}", 'assert right.all(), f"expected {expected}, got {got}"']


def _imports(imports: str) -> list[str]:
    return [line for line in imports.splitlines() if line.strip() not in ("", "import torch", _FUTURE)]

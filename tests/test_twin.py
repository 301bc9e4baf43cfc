"""The stand-in accelerator: values and gradients of the CPU, and the refusals and waits of another device."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl import native
from lawful.impl.contracts import LabelSmoothing, Mixup
from lawful.properties import check, twin
from lawful.properties.subjects import understand

pytestmark = pytest.mark.skipif(twin.why_absent() is not None, reason=str(twin.why_absent()))


def _logits():
    return torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def _labels():
    return torch.tensor([0, 4, 2, 2])


def _views(x, y):
    z = x.clone()
    z[1:3].mul_(2)
    z.select(0, 0).add_(1)
    z.T[2] = 0.5
    return z.reshape(-1, 2)[::2]


def _filled(x, y):
    z = x.clone()
    z[y > 1] = -1.0
    z[torch.tensor([0])] = 3.0
    return z.masked_fill(z < 0, 0.25)


def _out(x, y):
    result = torch.empty_like(x)
    torch.mul(x.detach(), 3, out=result)
    return result


def _unsqueezed(x, y):
    z = x.clone()
    return z.unsqueeze_(1).transpose_(0, 2)


def _distribution(x, y):
    half = torch.full((6,), 0.5, device=x.device)
    return torch.distributions.Beta(half, half).sample((2,))


OPERATIONS = {
    "cross_entropy": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1, reduction="none"),
    "nll": lambda x, y: F.nll_loss(x.log_softmax(1), y),
    "kl_div": lambda x, y: F.kl_div(x.log_softmax(1), x.softmax(0), reduction="sum"),
    "one_hot": lambda x, y: F.one_hot(y, 5) * x,
    "gather": lambda x, y: x.gather(1, y[:, None]),
    "scatter": lambda x, y: torch.zeros_like(x).scatter(1, y[:, None], 1) * x,
    "scatter_add": lambda x, y: x.scatter_add(1, y[:, None], x[:, :1]),
    "index": lambda x, y: x[y % 4] + x[torch.tensor([3, 2, 1, 0])],
    "where": lambda x, y: torch.where(x > 0, x, torch.tensor(0.0)),
    "views": _views,
    "filled": _filled,
    "out": _out,
    "metadata": _unsqueezed,
    "scalar": lambda x, y: torch.tensor(2.0) * x - 1,
    "lerp": lambda x, y: torch.lerp(x, x.flip(0), torch.full((4, 1), 0.25, device=x.device)),
    "roll": lambda x, y: x.roll(1, 0).flip(0),
    "logsumexp": lambda x, y: x.logsumexp(1) - x.mean(1),
    "cat": lambda x, y: torch.cat([x, x.new_zeros(1, 5)]).repeat(2, 1),
    "permuted": lambda x, y: x[torch.randperm(4, device=x.device)],
    "drawn": lambda x, y: torch.rand(4, 5, device=x.device) * x,
    "factories": lambda x, y: torch.eye(5, device=x.device)[y] + torch.arange(5, device=x.device),
    "einsum": lambda x, y: torch.einsum("nk,mk->nm", x, x),
    "half": lambda x, y: x.to(torch.bfloat16).float(),
    "distribution": _distribution,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_gradients_are_those_of_the_cpu_bit_for_bit(name):
    found = []
    for device in ("cpu", "twin"):
        torch.manual_seed(0)
        x = _logits().to(device).requires_grad_()
        value = OPERATIONS[name](x, _labels().to(device))
        assert value.device.type == device
        if value.requires_grad:
            value.sum().backward()
        found.append((value.detach().cpu(), None if x.grad is None else x.grad.cpu()))
    assert torch.equal(found[0][0], found[1][0])
    assert (found[0][1] is None) == (found[1][1] is None)
    assert found[0][1] is None or torch.equal(found[0][1], found[1][1])


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_training_is_that_of_the_cpu(optimizer, foreach):
    """A DataLoader's batches moved, batch statistics, state_dict there and back, a deep copy."""
    data = TensorDataset(torch.randn(8, 3, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 2)
    weights = []
    for device in ("cpu", "twin"):
        torch.manual_seed(0)
        layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
        model = torch.nn.Sequential(*layers).to(device)
        steps = optimizer(model.parameters(), lr=0.1, foreach=foreach)
        for x, y in DataLoader(data, batch_size=4):
            steps.zero_grad()
            F.cross_entropy(model(x.to(device)), y.to(device)).backward()
            steps.step()
            saved = copy.deepcopy((model.state_dict(), steps.state_dict()))
            model.load_state_dict(saved[0])
            steps.load_state_dict(saved[1])
        weights.append([value.cpu() for value in copy.deepcopy(model).state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


REFUSED = {
    "a CPU operand": lambda x: x * torch.ones(5),
    "a CPU target": lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2, 3])),
    "a CPU matrix": lambda x: x @ torch.ones(5, 2),
    "a CPU index of gather": lambda x: x.gather(1, torch.zeros(4, 1, dtype=torch.int64)),
    "a CPU part of cat": lambda x: torch.cat([x, torch.ones(1, 5)]),
    "a CPU tensor written to": lambda x: torch.zeros(4, 5).add_(x),
    "a CPU scatter": lambda x: torch.zeros(4, 5).scatter_(1, x.argmax(1)[:, None], 1),
    "a generator of the CPU": lambda x: torch.randperm(4, device=x.device, generator=torch.Generator()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cuda_refuses_is_refused(name):
    with pytest.raises(RuntimeError, match=r"same device|device type for generator"):
        REFUSED[name](_logits().to("twin"))


BEYOND = {
    "a target": lambda x, y: F.nll_loss(x, y),
    "a target of an image": lambda x, y: F.nll_loss(x[:, :, None, None], y[:, None, None]),
    "gather": lambda x, y: x.gather(1, y[:, None]),
    "scatter": lambda x, y: x.scatter(1, y[:, None], 1.0),
    "index": lambda x, y: x[:, y],
    "index_select": lambda x, y: x.index_select(1, y),
    "embedding": lambda x, y: F.embedding(y, x.T.contiguous()),
}


@pytest.mark.parametrize("name", BEYOND)
def test_an_index_beyond_its_tensor_is_an_assertion_of_the_device(name):
    x, y = _logits(), torch.tensor([0, 5, 2, 1])
    with pytest.raises((IndexError, RuntimeError), match=r"out of .*(bounds|range)") as of_the_host:
        BEYOND[name](x, y)
    assert not isinstance(of_the_host.value, twin.DeviceAssertion)
    with pytest.raises(twin.DeviceAssertion, match=r"^device-side assert triggered$"):
        BEYOND[name](x.to("twin"), y.to("twin"))


def test_a_number_beyond_a_tensor_is_refused_by_the_host():
    with pytest.raises(IndexError) as refused:
        _logits().to("twin")[9]
    assert not isinstance(refused.value, twin.DeviceAssertion)


def test_numpy_refuses_it_as_it_refuses_cuda():
    x = _logits().to("twin")
    for convert in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(TypeError, match="can't convert twin:0 device type tensor to numpy"):
            convert()


def test_a_generator_of_its_own_is_taken():
    first, second = (torch.rand(3, device="twin", generator=twin.generator("twin", 7)) for _ in range(2))
    assert torch.equal(first.cpu(), second.cpu())


WAITS = {
    "item": (lambda x: x.sum().item(), 1),
    "float and bool": (lambda x: float(x.sum()) and bool((x > 0).any()), 2),
    "to the host": (lambda x: x.cpu(), 1),
    "from the host": (lambda x: torch.tensor([1.0, 2.0]).to("twin"), 1),
    "from the host, not blocking": (lambda x: torch.ones(2).to("twin", non_blocking=True), 0),
    "a mask": (lambda x: x[x > 0], 1),
    "a filled mask": (lambda x: x.masked_fill(x > 0, 1.0), 0),
    "arithmetic": (lambda x: F.cross_entropy(x, x.argmax(1)) + x.softmax(1).sum(), 0),
    "nonzero": (lambda x: x.nonzero(), 1),
}


@pytest.mark.parametrize("name", WAITS)
def test_waits_are_counted(name):
    call, expected = WAITS[name]
    x = _logits().to("twin")
    with twin.watched() as seen, twin.looking():
        call(x)
    assert len(seen.waits) == expected, seen.waits


@pytest.mark.parametrize(
    ("technique", "waits"), [("label_smoothing", "0"), ("mixup", "0"), ("lr_finder", "1")]
)
def test_ours_waits_for_what_it_must(technique, waits):
    adapter = next(a for a in native.adapters() if a.name == "native" and a.technique == technique)
    assert understand(adapter).late("waits") == waits


def test_the_number_of_waits_can_be_required():
    def build(epsilon):
        def loss(logits, target):
            value = native.label_smoothed_cross_entropy(logits, target, epsilon=epsilon)
            assert value.item() > -1
            return value

        return loss

    report = check(LabelSmoothing("reads", build), only=["shift_invariant"], require={"waits": "0"})
    (row,) = [row for row in report.results if row.property.startswith("require")]
    assert row.message == "waits is 1, and 0 is required"


@pytest.mark.parametrize(
    "how",
    [
        lambda x: x.is_cuda or torch.arange(len(x)),
        lambda x: torch.zeros(len(x), device="cuda" if torch.cuda.is_available() else "cpu"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_code_that_asks_for_cuda_by_name_is_told_apart(how):
    def mixer(alpha, num_classes):
        def mix(x, y):
            lam = torch.ones(len(x)) * 0.75 + 0 * how(x)
            return lam[:, None] * x + (1 - lam[:, None]) * x.roll(1, 0), y, y.roll(1, 0), lam

        return mix

    rows = check(Mixup("asks", mixer), device="twin", only=["stays_on_its_device"]).results
    assert {row.verdict for row in rows} == {"unsupported"}
    assert "asks for CUDA by name" in rows[0].message


def test_auto_asks_a_few_examples_on_it_in_float32():
    report = check("native.label_smoothing", only=["shift_invariant"])
    rows = [row for row in report.results if row.device == "twin"]
    assert {row.dtype for row in rows} == {"float32"}
    assert all(0 < row.examples < 5 for row in rows)


def test_it_is_not_what_code_finds_that_looks_for_an_accelerator():
    assert not torch.accelerator.is_available() or torch.cuda.is_available()


def test_where_torch_lacks_it_cases_are_left_out_by_name():
    """As of a torch without Python backends."""
    code = (
        "import torch.utils.backend_registration as r\n"
        "del r._setup_privateuseone_for_python_backend\n"
        "from lawful.properties import check\n"
        "report = check('native.label_smoothing', only=['shift_invariant'])\n"
        "assert {row.device for row in report.results} == {'cpu'}, report.results\n"
        "print(report.notes)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "the stand-in accelerator, twin, is not there: torch" in done.stdout


def test_what_asks_nothing_of_it_makes_none():
    """Its first tensor takes PyTorch as long as a third of its import."""
    code = (
        "import sys\n"
        "from lawful.properties.harness.plan import Plan\n"
        "from lawful.properties.harness.worker import ask, understand\n"
        "plan = Plan(['native.label_smoothing'], profile='quick', only=['shift_invariant'])\n"
        "cases = understand(plan, 'native.label_smoothing')['cases']\n"
        "on_cpu, on_twin = (next(c for c in cases if device in c) for device in ('cpu', 'twin'))\n"
        "assert ask(plan, 'native.label_smoothing', on_cpu)['verdict'] == 'holds'\n"
        "assert 'torch.distributed.tensor' not in sys.modules\n"
        "row = ask(plan, 'native.label_smoothing', on_twin)\n"
        "assert (row['verdict'], row['conventions']['waits']) == ('holds', '0'), row\n"
        "assert 'torch.distributed.tensor' in sys.modules, 'it costs nothing: look again'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_generator_of_the_twin_is_passed_and_all_is_drawn_from_it():
    (mix,) = (each for each in native.adapters() if (each.name, each.technique) == ("native", "mixup"))
    report = check(mix, device="twin", only=["everything_is_drawn_from_its_generator"])
    assert {row.verdict for row in report.results} == {"holds"}

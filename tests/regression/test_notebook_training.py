"""NB01-NB17: each defect of the notebook's ``train`` shown alone, absent from ours, and where a law sees it,
caught by that law."""

import inspect
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.faulty import faults
from lawful.impl.native import mixup, mixup_loss
from lawful.impl.native import train as ours
from lawful.impl.notebook.training import ALL, TRAIN_DEFECTS
from lawful.impl.notebook.training import train as notebook
from lawful.properties.subjects import understand

from ..asked import ask, broken


def per_sample(logits, target):
    return F.cross_entropy(logits, target, reduction="none")


def loader(size, batch, features=(1, 2, 2), seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(size, *features, generator=generator), torch.arange(size) % 3
    return DataLoader(TensorDataset(x, y), batch_size=batch)


def model_and_optimizer(features=4):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(features, 3))
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def run(*defects, train=None, mix=None, loss_fn=per_sample, features=4, **options):
    train = train or loader(6, 2)
    torch.manual_seed(1)
    parts = model_and_optimizer(features)
    options = {"epochs": 1, **options}
    return notebook(*parts, loss_fn, train, loader(3, 3), mix, defects=frozenset(defects), **options)


def ours_runs(train=None, mix=None, features=4, loss_fn=per_sample, val=None):
    train = train or loader(6, 2)
    val = val or loader(3, 3)
    return ours(*model_and_optimizer(features), loss_fn, train, val, mix_loader=mix, epochs=1)


def caught(technique, fault_id):
    (fault,) = [fault for fault in faults(technique) if fault.id == fault_id]
    return broken(ask(understand(fault.adapter), only=list(fault.caught_by))) == set(fault.caught_by)


def test_without_defects_the_notebook_runs():
    assert len(run()) == 1
    assert len(ours_runs()) == 1


def test_as_it_stands_the_notebook_does_not_run():
    with pytest.raises(AttributeError, match="distribution"):
        run(*ALL)


def test_nb01_torch_distribution_does_not_exist():
    with pytest.raises(AttributeError, match="has no attribute 'distribution'"):
        run("NB01")
    assert not hasattr(torch, "distribution")


def test_nb02_batch_size_is_no_variable():
    with pytest.raises(NameError, match="batch_size"):
        run("NB02")
    assert "batch_size" not in inspect.signature(ours).parameters


def test_nb03_a_global_batch_size_does_not_fit_the_last_batch():
    with pytest.raises(RuntimeError, match="must match the size"):
        run("NB03", train=loader(7, 4), batch_size=4)
    assert len(ours_runs(train=loader(7, 4))) == 1


def test_nb04_targets_are_made_from_images():
    with pytest.raises((RuntimeError, ValueError)):
        run("NB04", train=loader(6, 3))
    assert caught("mixup", "NB04")


def test_nb05_class_numbers_are_blended():
    """Class 0 and class 4, half and half, make class 2."""
    blended = (0.5 * torch.tensor(0) + 0.5 * torch.tensor(4)).round()
    assert blended == 2
    assert run("NB05", train=loader(6, 6)) != run(train=loader(6, 6))
    assert caught("mixup", "NB05")


def test_nb06_output_does_not_exist_in_the_first_epoch():
    with pytest.raises(NameError, match="output"):
        run("NB06")


def test_nb07_the_last_validation_output_is_judged():
    parts = model_and_optimizer()
    weights = [p.clone() for p in parts[0].parameters()]
    judged = []

    def watched(logits, target):
        judged.append(logits.detach().clone())
        return per_sample(logits, target[: len(logits)])

    torch.manual_seed(1)
    three = loader(3, 3)
    notebook(*parts, watched, three, three, epochs=2, defects=frozenset({"NB07", "NB16"}))
    assert torch.equal(judged[2], judged[3])
    assert any(torch.equal(judged[2], earlier) for earlier in judged[:3])
    assert not all(torch.equal(p, w) for p, w in zip(parts[0].parameters(), weights, strict=True))
    assert caught("training", "NB07")


def test_nb08_the_second_term_uses_blended_targets():
    assert run("NB08", train=loader(6, 6)) != run(train=loader(6, 6))
    assert caught("training", "NB08")
    assert caught("mixup", "NB08")


def test_nb09_the_per_sample_weighting_is_lost():
    assert run("NB09", train=loader(6, 6)) != run(train=loader(6, 6))
    assert caught("training", "NB09")
    assert caught("mixup", "NB09")


def test_nb10_one_loss_cannot_be_both():
    with pytest.raises(RuntimeError, match=r"cannot be converted to Scalar|item\(\)"):
        run("NB10")
    reducing = [run("NB10", loss_fn=F.cross_entropy), run("NB10", "NB09", loss_fn=F.cross_entropy)]
    assert reducing[0] == reducing[1]
    with pytest.raises(ValueError, match="give it reduction='none'"):
        ours_runs(loss_fn=F.cross_entropy)


def test_nb11_lambda_falls_below_one_half():
    assert caught("mixup", "NB11")
    _, target = mixup(torch.zeros(200, 1), torch.zeros(200).long(), alpha=0.5)
    assert target.lam.min() >= 0.5


class Seen(nn.Module):
    """Keeps what it was shown in training."""

    def __init__(self):
        super().__init__()
        self.linear, self.inputs = nn.Linear(4, 3), []

    def forward(self, x):
        if self.training:
            self.inputs.append(x.flatten(1).clone())
        return self.linear(x.flatten(1))


def test_nb12_mirrored_pairs_give_the_same_image_twice():
    data = DataLoader(TensorDataset(torch.eye(4)[:, None, None], torch.arange(4) % 3), batch_size=4)
    for defects, images in ((("NB12",), 2), ((), 4)):
        model = Seen()
        torch.manual_seed(2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        notebook(model, optimizer, per_sample, data, data, epochs=1, defects=frozenset(defects))
        rows = model.inputs[0].mul(1e4).round()
        assert len(rows.unique(dim=0)) <= images
    assert caught("mixup", "NB12")


def test_nb13_zip_drops_the_tail_and_unequal_batches_do_not_broadcast():
    seen = []

    def watched(logits, target):
        seen.append(len(logits))
        return per_sample(logits, target)

    run("NB13", train=loader(6, 2), mix=loader(2, 2, seed=3), loss_fn=watched)
    assert sum(seen[:-1]) == 2 * 2
    with pytest.raises(RuntimeError, match="must match"):
        run("NB13", train=loader(5, 3), mix=loader(6, 2, seed=3))
    assert len(ours_runs(train=loader(5, 3), mix=loader(6, 2, seed=3))) == 1
    assert caught("training", "NB13")


def test_nb14_only_images_fit():
    with pytest.raises((RuntimeError, ValueError)):
        run("NB14", train=loader(6, 2, features=(4,)))
    assert len(ours_runs(train=loader(6, 2, features=(4,)), val=loader(3, 3, features=(4,)))) == 1
    assert caught("mixup", "NB14")


def test_nb15_the_epoch_loss_is_divided_by_what_was_not_seen():
    mix = loader(2, 2, seed=3)
    halved, right = (run(*defects, mix=mix) for defects in (("NB13", "NB15"), ("NB13",)))
    assert halved[0][0] == pytest.approx(right[0][0] / 3)
    assert caught("training", "NB15")


def test_nb16_validation_builds_a_graph():
    graphs = {}
    for defects in (("NB16",), ()):
        seen = []

        def watched(logits, target, seen=seen):
            seen.append(logits.requires_grad)
            return per_sample(logits, target)

        run(*defects, loss_fn=watched)
        graphs[defects] = seen[-1]
    assert graphs == {("NB16",): True, (): False}
    assert caught("training", "NB16")


def test_nb17_softmax_without_dim_warns_and_of_other_shapes_is_wrong():
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        run("NB17")
    assert "softmax" not in inspect.getsource(inspect.getmodule(ours))


def test_the_loss_of_a_mixed_batch_is_that_of_the_paper():
    """lam CE(z, y_a) + (1 - lam) CE(z, y_b), by hand: p = 1/3 for each class."""
    mixed = (torch.tensor([0]), torch.tensor([1]), torch.tensor([0.75]))
    assert mixup_loss(per_sample, torch.zeros(1, 3), mixed).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("defect", sorted(TRAIN_DEFECTS))
def test_each_defect_has_a_test(defect):
    names = [name for name in globals() if name.startswith(f"test_{defect.lower()}_")]
    assert len(names) == 1

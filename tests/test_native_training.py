"""What our training loop promises beyond the laws, and that all three techniques train a real model."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.native import LabelSmoothedCrossEntropy, evaluate, lr_range_test, train
from lawful.impl.native import training as native
from lawful.properties import twin


def per_sample(logits, target):
    return F.cross_entropy(logits, target, reduction="none")


def parts(size=10, batch=4):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    data = TensorDataset(torch.randn(size, 3), torch.randint(2, (size,)))
    loader = DataLoader(data, batch_size=batch)
    return model, torch.optim.SGD(model.parameters(), lr=0.1), per_sample, loader, loader


def test_a_history_is_returned():
    history = train(*parts(), epochs=3)
    assert len(history) == 3
    assert all(0 <= epoch.accuracy <= 1 and epoch.train_loss > 0 and epoch.val_loss > 0 for epoch in history)


@pytest.mark.parametrize("sizes", [(3, 2), (40, 7), (10, 10)])
def test_a_second_loader_of_any_length_gives_the_partners(sizes):
    mix = DataLoader(
        TensorDataset(torch.randn(sizes[0], 3), torch.zeros(sizes[0]).long()), batch_size=sizes[1]
    )
    assert len(train(*parts(), mix_loader=mix, epochs=2)) == 2


def test_the_scheduler_is_stepped_with_every_batch():
    model, optimizer, loss_fn, loader, _ = parts()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    train(model, optimizer, loss_fn, loader, loader, epochs=1, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**3)


def test_evaluation_puts_the_modes_back_and_draws_no_graph():
    model, _, _, loader, _ = parts()
    model.train()
    graphs = []

    def watched(logits, target):
        graphs.append(logits.requires_grad)
        return per_sample(logits, target)

    loss, accuracy = evaluate(model, watched, loader)
    assert model.training
    assert not any(graphs)
    assert loss > 0
    assert accuracy * 10 == pytest.approx(round(accuracy * 10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha is -1.0, expected a finite number from 0"),
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"mix_loader": []}, "mix_loader is empty"),
    ],
)
def test_bad_options_are_named_with_value_and_expectation(options, message):
    with pytest.raises(ValueError, match=message):
        train(*parts(), **options)


def test_empty_loaders_and_reducing_losses_are_refused():
    model, optimizer, loss_fn, loader, _ = parts()
    with pytest.raises(ValueError, match="train_loader is empty"):
        train(model, optimizer, loss_fn, [], loader)
    with pytest.raises(ValueError, match="val_loader is empty"):
        train(model, optimizer, loss_fn, loader, [], epochs=1)
    with pytest.raises(ValueError, match=r"loss_fn gave shape \(\)"):
        train(model, optimizer, F.cross_entropy, loader, loader)
    with pytest.raises(ValueError, match=r"loss_fn gave shape \(\)"):
        evaluate(model, F.cross_entropy, loader)


def test_runs_repeat_with_a_generator():
    runs = [train(*parts(), epochs=2, generator=torch.Generator().manual_seed(1)) for _ in range(2)]
    assert runs[0] == runs[1]


def test_progress_is_shown_on_demand(capfd):
    train(*parts(), epochs=1, progress=True)
    assert "accuracy" in capfd.readouterr().err


def test_digits_are_learned_with_lr_finder_mixup_and_smoothing():
    """LR finder -> suggested rate -> mixup and label smoothing, on scikit-learn's digits."""
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    y = torch.tensor(digits.target, dtype=torch.int64)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train_set = TensorDataset(x[order[:1400]], y[order[:1400]])
    val_set = TensorDataset(x[order[1400:]], y[order[1400:]])
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(train_set, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(0))
    smooth = LabelSmoothedCrossEntropy(0.1)
    test = lr_range_test(model, optimizer, smooth, loader, start_lr=1e-4, end_lr=10.0, num_iter=80)
    rate = test.suggest()
    assert rate is not None
    assert 1e-4 < rate < 1.0
    optimizer.param_groups[0]["lr"] = rate
    loss_fn = LabelSmoothedCrossEntropy(0.1, reduction="none")
    history = train(
        model, optimizer, loss_fn, loader, DataLoader(val_set, batch_size=256), alpha=0.4, epochs=8
    )
    assert history[-1].accuracy > 0.95


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_a_bad_alpha_is_refused_before_anything_is_touched(alpha):
    model, *rest = parts()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(ValueError, match="alpha is"):
        train(model, *rest, alpha=alpha)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_an_alpha_of_zero_trains_on_whole_samples():
    model, _, loss_fn, loader, val = parts()
    seen = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), loss_fn, loader, val, epochs=1, alpha=0.0)
    assert torch.equal(torch.cat(seen[: len(loader)]), torch.cat([x for x, _ in loader]))


def test_the_defaults_are_those_that_are_documented():
    defaults = {name: each.default for name, each in inspect.signature(train).parameters.items()}
    assert (defaults["alpha"], defaults["epochs"], defaults["mix_loader"]) == (0.4, 20, None)


def test_a_model_in_evaluation_mode_is_trained_in_training_mode():
    model, *rest = parts()
    model.eval()
    modes = []
    model.register_forward_hook(lambda module, *_: modes.append(module.training))
    train(model, *rest, epochs=2)
    assert modes == ([True] * 3 + [False] * 3) * 2


def test_the_device_that_is_given_is_where_it_trains():
    model, optimizer, loss_fn, loader, val = parts()
    with pytest.raises((RuntimeError, NotImplementedError)):  # which holds no values
        train(model, optimizer, loss_fn, loader, val, epochs=1, device="meta")
    model, *_ = parts()
    with pytest.raises((RuntimeError, NotImplementedError)):
        evaluate(model, loss_fn, val, device="meta")


def test_progress_is_shown_where_it_is_asked_for_alone(capsys):
    train(*parts(), epochs=2, progress=False)
    assert capsys.readouterr().err == ""
    train(*parts(), epochs=2, progress=True)
    said = capsys.readouterr().err
    assert "2/2" in said
    assert "accuracy" in said


@pytest.mark.skipif(bool(twin.why_absent()), reason="no twin")
def test_the_model_goes_where_it_is_told():
    model, *rest = parts()
    train(model, *rest, epochs=1, device=twin.NAME)
    assert {each.device.type for each in model.parameters()} == {twin.NAME}


def test_no_batch_of_partners_is_drawn_before_it_is_needed():
    drawn = []

    class Loader:
        def __iter__(self):
            for number in range(9):
                drawn.append(number)
                yield torch.full((4, 1), float(number)), torch.full((4,), number)

    take = native._samples(Loader(), torch.device("cpu"))
    assert [take(size)[1].tolist() for size in (4, 2, 2)] == [[0] * 4, [1] * 2, [1] * 2]
    assert drawn == [0, 1]


def test_progress_is_shown_where_somebody_looks(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    train(*parts(), epochs=2)
    assert "2/2" in capsys.readouterr().err

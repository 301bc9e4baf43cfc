"""What our mixup promises beyond the laws: its forms, its errors, its workers, its transforms."""

import inspect
import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from lawful.impl.native import (
    MixedTarget,
    Mixup,
    label_smoothed_cross_entropy,
    mixup,
    mixup_accuracy,
    mixup_loss,
)
from lawful.reference import mixup as reference

X, Y = torch.eye(6), torch.arange(6)
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_pair_and_soft_targets_say_the_same():
    results = []
    for targets in ("pair", "soft"):
        generator = torch.Generator().manual_seed(3)
        results.append(mixup(X, Y, alpha=1.0, num_classes=6, targets=targets, generator=generator))
    (x_pair, (own, other, lam)), (x_soft, soft) = results
    assert torch.equal(x_pair, x_soft)
    rows = lam[:, None] * F.one_hot(own, 6) + (1 - lam[:, None]) * F.one_hot(other, 6)
    torch.testing.assert_close(rows, soft)


def test_soft_rows_are_mixed_as_inputs_are():
    mixed, soft = mixup(X, X, alpha=1.0)
    assert torch.equal(mixed, soft)


def test_one_lambda_a_batch():
    _, target = mixup(X, Y, alpha=1.0, scope="batch")
    assert len(target.lam.unique()) == 1


def test_without_the_fold_lambda_is_anywhere():
    _, target = mixup(torch.zeros(200), torch.zeros(200).long(), alpha=1.0, fold=False)
    assert target.lam.min() < 0.25
    assert target.lam.max() > 0.75


def test_a_second_batch_gives_the_partners():
    other = (10 * torch.ones(6, 6), torch.arange(6).flip(0))
    mixed, target = mixup(X, Y, alpha=1.0, second=other)
    assert torch.equal(target.target_b, other[1])
    torch.testing.assert_close(mixed, torch.lerp(other[0], X, target.lam[:, None]))


@pytest.mark.parametrize("second", [None, (10 * torch.ones(6, 6), torch.arange(6).flip(0))])
def test_in_place_is_the_same_mixture_in_the_inputs_own_memory(second):
    inputs, seeds = X.clone(), [torch.Generator().manual_seed(7) for _ in range(2)]
    mixed, target = mixup(inputs, Y, alpha=1.0, second=second, inplace=True, generator=seeds[0])
    right, right_target = mixup(X, Y, alpha=1.0, second=second, generator=seeds[1])
    assert mixed is inputs
    torch.testing.assert_close(mixed, right)
    assert torch.equal(target.lam, right_target.lam)


def test_in_place_leaves_the_inputs_where_it_refuses_the_target_or_mixes_nothing():
    inputs = X.clone()
    with pytest.raises(ValueError, match="target has classes"):
        mixup(inputs, Y, num_classes=3, inplace=True)
    Mixup(1.0, inplace=True).eval()(inputs, Y)
    assert torch.equal(inputs, X)
    with pytest.raises(TypeError, match=r"inplace is True and inputs has dtype torch.uint8, expected float"):
        mixup(X.to(torch.uint8), Y, promote=torch.float32, inplace=True)


@pytest.mark.parametrize("options", [{"num_classes": 6}, {"num_classes": 6, "targets": "pair"}, {}], ids=str)
def test_compiles_and_exports_without_a_graph_break(options):
    torch.compiler.reset()
    compiled = torch.compile(Mixup(1.0, **options), fullgraph=True, backend="aot_eager")
    _, target = compiled(X, Y)
    assert torch.is_tensor(target) == (options == {"num_classes": 6})


def test_a_second_batch_of_another_length_is_told_apart():
    with pytest.raises(ValueError, match="second has 5 samples, expected 6, as many as inputs: loaders"):
        mixup(X, Y, second=(X[:5], Y[:5]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"alpha": -1.0}, ValueError, "alpha is -1.0, expected a finite number from 0"),
        ({"alpha": math.nan}, ValueError, "alpha is nan"),
        ({"num_classes": 0}, ValueError, "num_classes is 0, expected at least 1"),
        ({"targets": "hard"}, ValueError, "targets is 'hard', expected 'soft', 'pair' or None"),
        ({"targets": "soft"}, ValueError, "num_classes is None"),
        ({"scope": "pixel"}, ValueError, "scope is 'pixel', expected 'sample' or 'batch'"),
        ({"num_classes": 5}, ValueError, r"target has classes from 0 to 5, expected 0\.\.4"),
        ({"second": (X, Y.int())}, TypeError, r"second\[1\] has dtype torch.int32"),
        ({"second": (X[:, :3], Y)}, ValueError, r"second\[0\] has shape \(6, 3\)"),
    ],
)
def test_bad_arguments_are_named_with_value_and_expectation(arguments, error, message):
    with pytest.raises(error, match=message):
        mixup(X, Y, **arguments)


def test_bad_batches_are_named():
    with pytest.raises(
        ValueError, match=r"target has shape \(5,\), expected classes \(6,\) or \(6, d\.\.\.\)"
    ):
        mixup(X, Y[:5])
    with pytest.raises(TypeError, match=r"target has dtype torch.int32, expected torch.int64"):
        mixup(X, Y.int())
    with pytest.raises(ValueError, match="inputs is a scalar"):
        mixup(torch.tensor(1.0), Y)


def test_integer_images_are_refused_or_promoted():
    images = torch.randint(256, (6, 3, 4, 4), dtype=torch.uint8)
    with pytest.raises(TypeError, match=r"inputs has dtype torch.uint8, .* give promote=torch.float32"):
        mixup(images, Y)
    mixed, _ = mixup(images, Y, alpha=0.0, promote=torch.float32)
    assert torch.equal(mixed, images.float())


@pytest.mark.parametrize("alpha", [1e-300, 1e-12, 1e-3, 1e3])
def test_extreme_alphas_give_shares(alpha):
    _, target = mixup(torch.zeros(64), torch.zeros(64).long(), alpha=alpha, fold=False)
    assert bool(((target.lam >= 0) & (target.lam <= 1)).all())
    if alpha < 1e-10:
        assert set(target.lam.tolist()) == {0.0, 1.0}


def test_evaluation_mode_gives_the_same_inputs_and_form():
    mix = Mixup(alpha=1.0, num_classes=6).eval()
    mixed, soft = mix(X, Y)
    assert mixed is X
    assert torch.equal(soft, torch.eye(6))
    assert mix.train()(X, Y)[0] is not X


def test_global_generators_are_untouched_where_one_is_given():
    state = torch.get_rng_state()
    mixup(X, Y, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("generator", [None, torch.Generator().manual_seed(0)])
def test_workers_draw_different_lambdas(generator):
    mix = Mixup(alpha=1.0, generator=generator)
    dataset = TensorDataset(torch.eye(8), torch.zeros(8, dtype=torch.int64))
    loader = DataLoader(dataset, batch_size=4, num_workers=2, collate_fn=mix.collate)
    lams = [target.lam for _, target in loader]
    assert len(lams) == 2
    assert not torch.equal(lams[0], lams[1])


def test_in_this_process_collate_draws_from_the_generator_given():
    samples = [(row, i) for i, row in enumerate(torch.eye(4))]
    runs = [Mixup(1.0, generator=torch.Generator().manual_seed(5)).collate(samples) for _ in range(2)]
    assert torch.equal(runs[0][0], runs[1][0])


def per_sample(output, target):
    return F.cross_entropy(output, target, reduction="none")


def test_the_loss_weights_each_sample_before_the_mean():
    output = torch.tensor([[4.0, 0.0], [0.0, 4.0]])
    mixed = MixedTarget(torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([0.9, 0.6]))
    own, other = per_sample(output, mixed.target_a), per_sample(output, mixed.target_b)
    right = (mixed.lam * own + (1 - mixed.lam) * other).mean()
    torch.testing.assert_close(mixup_loss(per_sample, output, mixed), right)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_pair_and_soft_losses_agree_with_smoothing_too(reduction):
    output = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))

    def loss_fn(z, y):
        return label_smoothed_cross_entropy(z, y, epsilon=0.1, reduction="none")

    losses = []
    for targets in ("pair", "soft"):
        generator = torch.Generator().manual_seed(2)
        _, mixed = mixup(X, Y, alpha=1.0, num_classes=6, targets=targets, generator=generator)
        losses.append(mixup_loss(loss_fn, output, mixed, reduction=reduction))
    torch.testing.assert_close(losses[0], losses[1])


def test_a_loss_that_reduces_is_refused():
    mixed = MixedTarget(Y, Y, torch.ones(6))
    with pytest.raises(ValueError, match=r"loss_fn gave shape \(\), expected a loss for each of 6 samples"):
        mixup_loss(F.cross_entropy, X, mixed)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="reduction is 'avg'"):
        mixup_loss(per_sample, X, torch.eye(6), reduction="avg")


@CUDA
def test_no_host_device_synchronisation_on_cuda():
    x, y = X.cuda(), Y.cuda()
    mixup(x, y, num_classes=6)
    torch.cuda.set_sync_debug_mode("error")
    try:
        mixup(x, y, num_classes=6)
        mixup(x, y)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_defaults_are_those_that_are_documented():
    for made in (inspect.signature(mixup), inspect.signature(Mixup)):
        defaults = {name: each.default for name, each in made.parameters.items()}
        wanted = {"alpha": 0.4, "targets": None, "scope": "sample", "fold": True, "inplace": False}
        assert {name: defaults[name] for name in wanted if name in defaults} == {
            name: value for name, value in wanted.items() if name in defaults
        }
    assert Mixup().alpha == 0.4


@pytest.mark.parametrize("options", [{"alpha": -1.0}, {"targets": "rows"}, {"scope": "pixel"}])
def test_a_mixup_says_when_it_is_made_that_an_option_is_none(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Mixup(**options)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_mixed_loss_is_reduced_last(reduction):
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    target = MixedTarget(torch.tensor([0, 1]), torch.tensor([1, 1]), torch.tensor([0.75, 0.5]))
    own, other = (F.cross_entropy(logits, y, reduction="none") for y in target[:2])
    each = target.lam * own + (1 - target.lam) * other
    right = {"none": each, "mean": each.sum() / 2, "sum": each.sum()}[reduction]
    loss_fn = partial(F.cross_entropy, reduction="none")
    torch.testing.assert_close(mixup_loss(loss_fn, logits, target, reduction=reduction), right)


def test_pairs_of_rows_are_not_looked_through_for_classes():
    """A row holds shares, and no class."""
    _, target = mixup(X, X * 9, alpha=1.0, num_classes=6, targets="pair")
    assert target.target_a.shape == (6, 6)


def test_a_class_beyond_num_classes_is_refused_of_pairs_too():
    with pytest.raises(ValueError, match="target"):
        mixup(X, Y, alpha=1.0, num_classes=5, targets="pair")


@pytest.mark.parametrize("alpha", [0.02, 0.0999, 0.1, 0.1001])
def test_small_alphas_have_their_law_on_both_sides_of_the_change_of_method(alpha):
    """P(lambda > 3/4) of the folded law, against SciPy's."""
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(40_000, 1)
    _, target = mixup(x, torch.zeros(len(x)).long(), alpha=alpha, fold=True, generator=generator)
    right = 1 - float(reference.lam_cdf(0.75, alpha))
    assert (target.lam > 0.75).double().mean().item() == pytest.approx(right, abs=0.01)


def test_rows_of_another_number_of_classes_are_refused():
    with pytest.raises(ValueError, match=r"target has shape \(6, 6\) .* or distributions \(6, 5\), as num_c"):
        mixup(X, X, alpha=1.0, num_classes=5)
    with pytest.raises(
        ValueError, match=r"target has shape \(6,\) and dtype torch.float32, expected classes"
    ):
        mixup(X, Y.float(), alpha=1.0, num_classes=6)


def test_in_place_it_mixes_samples_and_not_features():
    inputs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    plain, placed = (
        mixup(x, torch.arange(5), alpha=1.0, inplace=inplace, generator=torch.Generator().manual_seed(1))[0]
        for inplace, x in ((False, inputs), (True, inputs.clone()))
    )
    torch.testing.assert_close(placed, plain)


def test_a_reducing_loss_of_soft_targets_is_refused():
    _, soft = mixup(X, Y, alpha=1.0, num_classes=6)
    with pytest.raises(ValueError, match="expected a loss for each of 6"):
        mixup_loss(F.cross_entropy, X, soft)


def test_lambda_is_drawn_in_double_precision():
    inputs = torch.eye(6, dtype=torch.float64)
    lam = mixup(inputs, Y, alpha=1.0, targets="pair", generator=torch.Generator().manual_seed(0))[1].lam
    assert lam.dtype == torch.float64
    assert not torch.equal(lam, lam.float().double())


def test_an_alpha_below_the_change_of_method_has_its_law_in_detail():
    """Gamma(alpha + 2) in place of Gamma(alpha + 1) moves these shares by 1 %."""
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(1_000_000, 1)
    y = torch.zeros(len(x)).long()
    lam = mixup(x, y, alpha=0.099, fold=False, targets="pair", generator=generator)[1].lam
    for place in (0.01, 0.1, 0.3):
        right = float(reference.lam_cdf(place, 0.099, folded=False))
        assert (lam < place).double().mean().item() == pytest.approx(right, abs=0.0025)


def test_pairs_with_a_number_of_classes_work_under_vmap():
    def mixed(x, y):
        return mixup(x, y, alpha=1.0, num_classes=6, targets="pair")[1][0]

    twice = torch.func.vmap(mixed, randomness="different")(torch.stack([X, X]), torch.stack([Y, Y]))
    assert torch.equal(twice, torch.stack([Y, Y]))


def test_whole_numbers_are_classes_one_for_each_place():
    """(N, H, W), as segmentation has: rows (N, K, H, W), or a pair of them."""
    target = torch.randint(3, (6, 4, 5), generator=torch.Generator().manual_seed(0))
    mixed, soft = mixup(X, target, alpha=1.0, num_classes=3, generator=torch.Generator().manual_seed(1))
    again, pair = mixup(X, target, alpha=1.0, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mixed, again)
    assert soft.shape == (6, 3, 4, 5)
    for i, lam in enumerate(pair.lam):
        own, other = (F.one_hot(y[i], 3).movedim(-1, 0) for y in pair[:2])
        torch.testing.assert_close(soft[i], lam * own + (1 - lam) * other)
    torch.testing.assert_close(soft.sum(1), torch.ones(6, 4, 5))


def test_the_loss_of_places_weighs_each_sample_by_its_own_lambda():
    """As many columns as samples: broadcast along the last dimension lambda would fit too."""
    logits = torch.randn(6, 3, 4, 6)
    _, pair = mixup(torch.zeros(6), torch.randint(3, (6, 4, 6)), alpha=1.0)
    loss_fn = torch.nn.CrossEntropyLoss(reduction="none")
    each = mixup_loss(loss_fn, logits, pair, reduction="none")
    right = reference.mixed_loss(logits, pair.target_a, pair.target_b, pair.lam)
    torch.testing.assert_close(each.double(), torch.tensor(right), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mixup_loss(loss_fn, logits, pair), each.mean())
    accuracy = mixup_accuracy(logits, pair, reduction="none")
    right = reference.mixed_accuracy(logits, pair.target_a, pair.target_b, pair.lam)
    torch.testing.assert_close(accuracy.double(), torch.tensor(right), rtol=0, atol=1e-6)


def test_a_place_without_a_class_goes_into_a_pair_and_into_no_row():
    target = torch.tensor([[0, 255], [1, 0]])
    _, pair = mixup(torch.zeros(2), target, alpha=1.0)
    logits = torch.randn(2, 2, 2)
    ignoring = torch.nn.CrossEntropyLoss(ignore_index=255, reduction="none")
    each = mixup_loss(ignoring, logits, pair, reduction="none")
    assert bool(each.isfinite().all())
    with pytest.raises(ValueError, match=r"target has classes from 0 to 255, expected 0\.\.1"):
        mixup(torch.zeros(2), target, num_classes=2)


@pytest.mark.parametrize("shape", [(6,), (6, 4), (6, 3, 2, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_are_mixed_as_they_are_in_their_own_dtype(shape, dtype):
    """Numbers to be regressed, several labels, soft masks: beside half-precision inputs too."""
    values = 100 * torch.rand(shape, dtype=dtype)
    inputs = torch.rand(6, 2).bfloat16()
    _, mixed = mixup(inputs, values, alpha=1.0, generator=torch.Generator().manual_seed(2))
    _, pair = mixup(inputs, values, alpha=1.0, targets="pair", generator=torch.Generator().manual_seed(2))
    lam = pair.lam.to(dtype).reshape(-1, *[1] * (len(shape) - 1))
    assert mixed.dtype == dtype
    torch.testing.assert_close(mixed, lam * values + (1 - lam) * pair.target_b)


def test_distributions_are_typed_as_the_inputs_where_the_number_of_classes_is_given():
    _, rows = mixup(X.half(), X, alpha=1.0, num_classes=6)
    assert rows.dtype == torch.float16


def test_several_inputs_have_one_lambda_and_one_partner():
    """In any nesting; a mask has what either has; lambda is a number of every dtype among them."""
    mask = torch.tensor([[True, i > 1, i > 3] for i in range(6)])
    inputs = {
        "image": X,
        "rest": [X.half(), (X[:, None].bfloat16(), mask)],
    }
    mixed, pair = mixup(inputs, Y, alpha=1.0)
    share = pair.lam[:, None]
    right = (
        torch.zeros(6, 6).scatter_add(1, Y[:, None], share).scatter_add(1, pair.target_b[:, None], 1 - share)
    )
    half, (third, joined) = mixed["rest"]
    assert isinstance(mixed["rest"], list)
    torch.testing.assert_close(mixed["image"], right)
    for own, dtype in ((half, torch.float16), (third[:, 0], torch.bfloat16)):
        assert own.dtype == dtype
        torch.testing.assert_close(own.float(), right, rtol=0, atol=2.0**-8)
        assert torch.equal(pair.lam.to(dtype).float(), pair.lam)
    assert torch.equal(joined, mask | mask[pair.target_b])


def test_several_inputs_in_place_and_beside_a_second_batch():
    inputs = (X.clone(), torch.eye(6).bool())
    other = (10 * X, torch.zeros(6, 6).bool())
    mixed, pair = mixup(inputs, Y, alpha=1.0, second=(other, Y.flip(0)), inplace=True)
    assert mixed[0] is inputs[0]
    assert mixed[1] is inputs[1]
    torch.testing.assert_close(mixed[0], torch.lerp(10 * X, X, pair.lam[:, None]))
    assert torch.equal(mixed[1], torch.eye(6).bool())


def test_a_module_collates_dicts_and_leaves_them_alone_in_evaluation():
    samples = [({"image": X[i], "mask": X[i] > 0}, i) for i in range(6)]
    mix = Mixup(1.0, 6)
    mixed, soft = mix.collate(samples)
    assert set(mixed) == {"image", "mask"}
    assert torch.equal(soft.sum(1), torch.ones(6))
    still, soft = mix.eval().collate(samples)
    assert torch.equal(still["image"], X)
    assert torch.equal(still["mask"], X > 0)
    assert torch.equal(soft, X)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ({"image": X, "ids": Y}, TypeError, r"inputs\['ids'\] has dtype torch.int64, .* a mask is bool"),
        ((X, X[:5]), ValueError, r"inputs\[1\] has 5 samples, expected 6, as the others have"),
        ((X, torch.tensor(1.0)), ValueError, r"inputs\[1\] is a scalar, expected \(N, ...\)"),
        ({"mask": X.bool()}, ValueError, "inputs holds no floating-point tensor, expected one at least"),
        ({}, ValueError, "inputs holds no floating-point tensor"),
        ({"image": X.numpy()}, TypeError, r"inputs\['image'\] is a ndarray, expected a tensor, or a tuple"),
        (X.bool(), TypeError, "inputs has dtype torch.bool, expected floating point"),
    ],
)
def test_bad_inputs_are_named_where_they_are(inputs, error, message):
    with pytest.raises(error, match=message):
        mixup(inputs, Y)


def test_a_second_batch_holds_what_the_first_does():
    with pytest.raises(
        ValueError, match=r"second\[0\] holds second\[0\]\['b'\], expected second\[0\]\['a'\]"
    ):
        mixup({"a": X}, Y, second=({"b": X}, Y))


def test_no_samples_and_a_single_class_are_no_error():
    mixed, rows = mixup(X[:0], Y[:0], alpha=1.0, num_classes=6)
    assert (mixed.shape, rows.shape) == ((0, 6), (0, 6))
    pair = mixup(X[:0], Y[:0], alpha=1.0, num_classes=6, targets="pair")[1]
    assert len(pair.lam) == 0
    rows = mixup(X, torch.zeros_like(Y), alpha=1.0, num_classes=1)[1]
    assert torch.equal(rows, torch.ones(6, 1))


def test_the_accuracy_of_rows_and_of_a_pair_is_the_reference_s():
    output, generator = torch.randn(40, 6), torch.Generator().manual_seed(5)
    _, pair = mixup(torch.zeros(40), torch.arange(40) % 6, alpha=1.0, generator=generator)
    soft = pair.lam[:, None] * F.one_hot(pair.target_a, 6) + (1 - pair.lam[:, None]) * F.one_hot(
        pair.target_b, 6
    )
    right = reference.mixed_accuracy(output, pair.target_a, pair.target_b, pair.lam)
    for target in (pair, soft, pair._replace(lam=pair.lam.double())):
        each = mixup_accuracy(output, target, reduction="none")
        torch.testing.assert_close(each.double(), torch.tensor(right), rtol=0, atol=1e-6)
        torch.testing.assert_close(mixup_accuracy(output, target), each.mean())
        torch.testing.assert_close(mixup_accuracy(output, target, reduction="sum"), each.sum())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_accuracy_of_any_dtype_is_no_whole_number(dtype):
    """Of 4096 samples bfloat16 could count 256."""
    pair = MixedTarget(
        torch.zeros(4096).long(), torch.ones(4096).long(), torch.full((4096,), 0.75, dtype=dtype)
    )
    output = torch.tensor([[1.0, 0.0]], dtype=dtype).expand(4096, 2)
    found = mixup_accuracy(output, pair, reduction="sum")
    assert found.item() == 3072
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_the_accuracy_of_pairs_of_distributions_and_of_positions():
    rows = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    pair = MixedTarget(rows, rows.flip(0), torch.tensor([0.5, 0.5]))
    assert mixup_accuracy(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), pair, reduction="none").tolist() == [
        0.375,
        0.625,
    ]
    places = MixedTarget(torch.tensor([[0, 1]]), torch.tensor([[1, 1]]), torch.tensor([0.75]))
    output = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    assert mixup_accuracy(output, places, reduction="none").tolist() == [[0.75, 1.0]]


def test_an_accuracy_that_cannot_be_is_refused():
    pair = MixedTarget(Y, Y, torch.ones(6))
    with pytest.raises(ValueError, match=r"mixed_target\[1\] has shape \(5,\) and output \(6, 6\), expected"):
        mixup_accuracy(X, pair._replace(target_b=Y[:5]))
    with pytest.raises(ValueError, match="reduction is 'all', expected 'mean', 'sum' or 'none'"):
        mixup_accuracy(X, pair, reduction="all")


def _shares(workers, seed, epochs=1, **options):
    """Of each epoch, the lambdas of all batches."""
    mix = Mixup(1.0)
    torch.manual_seed(seed)
    data = [(X[i % 6], i % 6) for i in range(12)]
    loader = DataLoader(data, batch_size=3, num_workers=workers, collate_fn=mix.collate, **options)
    return [torch.cat([target.lam for _, target in loader]) for _ in range(epochs)]


def test_what_repeats_across_workers_is_what_the_docstring_says():
    two = _shares(2, seed=0, epochs=2)
    assert torch.equal(two[0], _shares(2, seed=0)[0])
    assert not torch.equal(two[0], two[1])
    assert not torch.equal(two[0], _shares(1, seed=0)[0])
    own = [_shares(2, seed=seed, generator=torch.Generator().manual_seed(5))[0] for seed in (1, 2)]
    assert torch.equal(own[0], own[1])


def test_persistent_workers_are_seeded_once_and_draw_on():
    kept = _shares(1, seed=0, epochs=2, persistent_workers=True)
    assert torch.equal(kept[0], _shares(1, seed=0)[0])
    assert not torch.equal(kept[0], kept[1])
    fresh = _shares(1, seed=0, epochs=2)
    assert not torch.equal(kept[1], fresh[1])

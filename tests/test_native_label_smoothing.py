"""What our loss promises beyond the laws: transforms, dtypes, messages."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import forward_ad

from lawful.impl.native import LabelSmoothedCrossEntropy, label_smoothed_cross_entropy, smoothed_multilabel
from lawful.impl.native import label_smoothing as native

LOGITS = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
TARGET = torch.tensor([2, 1])


@pytest.fixture
def blocks(monkeypatch):
    """Few logits are taken in blocks too, and in several."""
    monkeypatch.setattr(native, "_IN_BLOCKS_FROM", 2**15)
    monkeypatch.setattr(native, "_BLOCK", 2**14)


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("off_target", ["uniform", "others"])
def test_compiles_without_a_graph_break(backend, off_target):
    torch.compiler.reset()

    def loss(z, y):
        return label_smoothed_cross_entropy(z, y, off_target=off_target)

    compiled = torch.compile(loss, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(LOGITS, TARGET), loss(LOGITS, TARGET))


def test_works_under_vmap():
    z, y = LOGITS.repeat(4, 1, 1) + torch.arange(4.0)[:, None, None], TARGET.repeat(4, 1)
    losses = torch.func.vmap(label_smoothed_cross_entropy)(z, y)
    torch.testing.assert_close(losses, label_smoothed_cross_entropy(LOGITS, TARGET).repeat(4))


def test_per_sample_gradients_under_vmap():
    slopes = torch.func.vmap(torch.func.grad(lambda z, y: label_smoothed_cross_entropy(z[None], y[None])))(
        LOGITS, TARGET
    )
    whole = torch.func.grad(label_smoothed_cross_entropy)(LOGITS, TARGET)
    torch.testing.assert_close(slopes / 2, whole)


def test_works_under_autocast():
    weight = torch.eye(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = label_smoothed_cross_entropy(LOGITS @ weight, TARGET)
    assert loss.item() == pytest.approx(label_smoothed_cross_entropy(LOGITS, TARGET).item(), rel=1e-2)


def test_is_twice_differentiable():
    z = LOGITS.double().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda z: label_smoothed_cross_entropy(z, TARGET), z)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_fifty_thousand_classes_do_not_overflow(dtype):
    loss = label_smoothed_cross_entropy(torch.zeros(2, 50_000, dtype=dtype), torch.tensor([0, 49_999]))
    assert loss.item() == pytest.approx(math.log(50_000), rel=1e-2)


@pytest.mark.parametrize("soft", [False, True])
def test_epsilon_zero_beside_minus_infinity_has_finite_gradients(soft):
    z = torch.tensor([[0.0, -math.inf, 1.0]], requires_grad=True)
    target = torch.tensor([[0.0, 0.0, 1.0]]) if soft else torch.tensor([2])
    loss = label_smoothed_cross_entropy(z, target, epsilon=0.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()


def test_others_at_epsilon_one_costs_nothing_for_an_impossible_target():
    z = torch.tensor([[-math.inf, 0.0, 0.0]])
    loss = label_smoothed_cross_entropy(z, torch.tensor([0]), epsilon=1.0, off_target="others")
    assert loss.item() == pytest.approx(math.log(2))


def test_others_spreads_over_the_wrong_classes():
    q = torch.tensor([[0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    hard = label_smoothed_cross_entropy(LOGITS, torch.tensor([1, 2]), epsilon=0.1, off_target="others")
    torch.testing.assert_close(hard, F.cross_entropy(LOGITS, q))
    onehot = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    soft = label_smoothed_cross_entropy(LOGITS, onehot, epsilon=0.1, off_target="others")
    torch.testing.assert_close(soft, hard)


def test_ignored_samples_get_no_gradient_even_from_nan_free_rows():
    z = LOGITS.clone().requires_grad_()
    label_smoothed_cross_entropy(z, torch.tensor([-100, 1])).backward()
    assert z.grad[0].abs().sum() == 0
    assert z.grad[1].abs().sum() > 0


def test_module_and_function_agree_and_weight_moves_along():
    weight = torch.tensor([1.0, 2.0, 0.5])
    module = LabelSmoothedCrossEntropy(0.2, weight=weight, reduction="sum").double()
    assert module.weight.dtype == torch.float64
    expected = label_smoothed_cross_entropy(
        LOGITS.double(), TARGET, epsilon=0.2, weight=weight.double(), reduction="sum"
    )
    torch.testing.assert_close(module(LOGITS.double(), TARGET), expected)
    assert "epsilon=0.2" in repr(module)


def composed(z, y, **options):
    """The same loss in PyTorch's own operations: transforms do not go through the blocks."""
    return torch.func.vmap(lambda z, y: label_smoothed_cross_entropy(z, y, **options))(z[None], y[None])[0]


@pytest.mark.parametrize("shape", [(300, 1000), (6, 50_000), (20, 1000, 3, 5)], ids=str)
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_many_classes_in_blocks_give_what_single_operations_give(shape, epsilon, dtype, blocks):
    z = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).mul(5).to(dtype)
    y = torch.arange(z.numel() // shape[1]).reshape(shape[0], *shape[2:]) % shape[1]
    y.view(-1)[1] = -100
    z.requires_grad_()
    assert native._is_plain(z)
    losses = label_smoothed_cross_entropy(z, y, epsilon=epsilon, reduction="none")
    right = composed(z, y, epsilon=epsilon, reduction="none")
    torch.testing.assert_close(losses, right)
    slope = torch.linspace(0.5, 2.0, losses.numel()).reshape(losses.shape).to(dtype)
    (gradient,) = torch.autograd.grad(losses, z, slope)
    exact = z.detach().double().requires_grad_()
    (right,) = torch.autograd.grad(
        composed(exact, y, epsilon=epsilon, reduction="none"), exact, slope.double()
    )
    torch.testing.assert_close(gradient, right.to(dtype))


def test_many_classes_in_blocks_survive_masks_slices_and_a_second_backward(blocks):
    z = torch.randn(1000, 600)
    z[7, 3] = -math.inf
    z = z.T[::2].requires_grad_()
    y = torch.zeros(300, dtype=torch.int64)
    loss = label_smoothed_cross_entropy(z, y, epsilon=0.0)
    torch.testing.assert_close(loss, F.cross_entropy(z, y))
    first, again = (torch.autograd.grad(3 * loss, z, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, again)
    torch.testing.assert_close(first, *torch.autograd.grad(3 * F.cross_entropy(z, y), z))


def test_many_classes_in_blocks_can_be_differentiated_twice_and_by_batches_of_slopes(blocks):
    z = torch.randn(4, 80_000, dtype=torch.float64, requires_grad=True)
    y, along = torch.arange(4), torch.randn(4, 80_000, dtype=torch.float64)
    (slope,) = torch.autograd.grad(label_smoothed_cross_entropy(z, y), z, create_graph=True)
    (right,) = torch.autograd.grad(composed(z, y), z, create_graph=True)
    torch.testing.assert_close(*(torch.autograd.grad((each * along).sum(), z)[0] for each in (slope, right)))
    rows = torch.autograd.functional.jacobian(
        lambda z: label_smoothed_cross_entropy(z, y, reduction="none"), z.detach(), vectorize=True
    )
    each = torch.stack([torch.autograd.grad(composed(z, y, reduction="none")[i], z)[0] for i in range(4)])
    torch.testing.assert_close(rows, each)


def test_many_classes_have_forward_derivatives(blocks):
    z, along, y = torch.randn(4, 80_000), torch.randn(4, 80_000), torch.arange(4)
    _, slope = torch.func.jvp(lambda z: label_smoothed_cross_entropy(z, y), (z,), (along,))
    with forward_ad.dual_level():
        loss = label_smoothed_cross_entropy(forward_ad.make_dual(z, along), y)
        torch.testing.assert_close(forward_ad.unpack_dual(loss).tangent, slope, check_dtype=False)


def test_many_classes_allocate_nothing_of_their_size_beside_the_gradient():
    z, y = torch.randn(64, 32_000, requires_grad=True), torch.arange(64)
    with torch.profiler.profile(profile_memory=True) as seen:
        label_smoothed_cross_entropy(z, y).backward()
    large = [event for event in seen.events() if event.self_cpu_memory_usage >= z.numel() * 4]
    assert len(large) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epsilon": 1.5}, ValueError, r"epsilon is 1\.5, expected a number in \[0, 1\]"),
        ({"epsilon": math.nan}, ValueError, "epsilon is nan"),
        ({"reduction": "avg"}, ValueError, "reduction is 'avg', expected 'mean', 'sum' or 'none'"),
        ({"off_target": "all"}, ValueError, "off_target is 'all'"),
        ({"weight": torch.ones(2)}, ValueError, r"weight has shape \(2,\), expected \(3,\)"),
        ({"target": torch.tensor([0])}, ValueError, r"target has shape \(1,\), expected \(2,\) for classes"),
        ({"target": torch.zeros(2, 2)}, ValueError, r"expected \(2, 3\) for probabilities"),
        ({"target": torch.tensor([0, 1], dtype=torch.int32)}, TypeError, "target has dtype torch.int32"),
        ({"target": torch.tensor([0, 3])}, ValueError, "target: .*expected classes in"),
        ({"target": torch.tensor([0, -1])}, ValueError, "target: .*expected classes in"),
        (
            {"target": torch.tensor([0, 3]), "check_target": True},
            ValueError,
            "target has classes from 0 to 3",
        ),
        ({"logits": torch.zeros(2)}, ValueError, r"logits has shape \(2,\)"),
        ({"logits": torch.zeros(2, 3, dtype=torch.int64)}, ValueError, "dtype torch.int64"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    given = {"logits": LOGITS, "target": TARGET, **arguments}
    with pytest.raises(error, match=message):
        label_smoothed_cross_entropy(given.pop("logits"), given.pop("target"), **given)


@CUDA
def test_no_synchronisation_on_cuda():
    z, y = LOGITS.cuda().requires_grad_(), TARGET.cuda()
    weight = torch.ones(3, device="cuda")
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for off_target in ("uniform", "others"):
            label_smoothed_cross_entropy(z, y, weight=weight, off_target=off_target).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_weights_of_dense_logits_are_those_of_their_flattening():
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    target, weight = torch.arange(15).reshape(3, 5) % 4, torch.tensor([1.0, 2.0, 0.5, 3.0])
    flat = logits.movedim(1, -1).reshape(15, 4)
    for off_target in ("uniform", "others"):
        options = {"weight": weight, "off_target": off_target}
        torch.testing.assert_close(
            label_smoothed_cross_entropy(logits, target, epsilon=0.1, **options),
            label_smoothed_cross_entropy(flat, target.reshape(15), epsilon=0.1, **options),
        )
    rows = F.one_hot(target, 4).movedim(-1, 1).float()
    one_hot = F.one_hot(target.reshape(15), 4).float()
    torch.testing.assert_close(
        label_smoothed_cross_entropy(logits, rows, epsilon=0.1, weight=weight),
        label_smoothed_cross_entropy(flat, one_hot, epsilon=0.1, weight=weight),
    )


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 0.5])])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_ignored_samples_cost_nothing_also_one_by_one(epsilon, weight):
    target = torch.tensor([2, -100])
    losses = label_smoothed_cross_entropy(LOGITS, target, epsilon=epsilon, weight=weight, reduction="none")
    assert losses[1] == 0
    alone = label_smoothed_cross_entropy(
        LOGITS[:1], target[:1], epsilon=epsilon, weight=weight, reduction="none"
    )
    torch.testing.assert_close(losses[:1], alone)


@pytest.mark.parametrize("ignore_index", [0, 1, 2, -100, -1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 4.0])])
def test_any_index_can_be_ignored(ignore_index, reduction, weight):
    """Class 0 too, as padding often is."""
    target, options = torch.tensor([2, ignore_index]), {"weight": weight, "reduction": reduction}
    loss = label_smoothed_cross_entropy(LOGITS, target, ignore_index=ignore_index, **options)
    right = F.cross_entropy(LOGITS, target, ignore_index=ignore_index, label_smoothing=0.1, **options)
    torch.testing.assert_close(loss, right, equal_nan=True)


def test_ignored_samples_cost_nothing_in_blocks(blocks):
    logits = torch.randn(40, 1000, generator=torch.Generator().manual_seed(0))
    target = torch.arange(40).masked_fill(torch.arange(40) % 3 == 0, -100)
    losses = label_smoothed_cross_entropy(logits, target, epsilon=0.1, reduction="none")
    assert (losses[::3] == 0).all()
    kept = target >= 0
    torch.testing.assert_close(
        losses[kept], F.cross_entropy(logits[kept], target[kept], label_smoothing=0.1, reduction="none")
    )


def test_of_a_single_class_nothing_is_left_to_others():
    z = torch.tensor([[3.0], [-1.0]], requires_grad=True)
    loss = label_smoothed_cross_entropy(z, torch.tensor([0, 0]), epsilon=0.1, off_target="others")
    assert loss == 0
    assert not torch.autograd.grad(loss, z)[0].any()


def test_another_error_of_pytorch_is_not_said_to_be_about_the_target():
    with pytest.raises(RuntimeError, match="not implemented"):
        label_smoothed_cross_entropy(LOGITS.to(torch.float8_e4m3fn), TARGET)


def test_a_module_without_options_is_pytorchs_loss_at_a_tenth():
    target = torch.tensor([2, -100])
    right = F.cross_entropy(LOGITS, target, label_smoothing=0.1)
    torch.testing.assert_close(LabelSmoothedCrossEntropy()(LOGITS, target), right)
    with pytest.raises(ValueError, match=r"epsilon is 2, expected a number in \[0, 1\]"):
        LabelSmoothedCrossEntropy(epsilon=2)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("soft", [False, True])
def test_weights_beside_ignored_samples_and_soft_targets_are_pytorchs(reduction, soft):
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target = z.softmax(0) if soft else torch.tensor([0, -100, 2, 1])
    options = {"weight": torch.tensor([0.5, 2.0, 3.0], dtype=torch.float64), "reduction": reduction}
    right = F.cross_entropy(z, target, label_smoothing=0.25, **options)
    torch.testing.assert_close(label_smoothed_cross_entropy(z, target, epsilon=0.25, **options), right)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_every_reduction_of_blocks_is_pytorchs(reduction, blocks):
    z = torch.randn(300, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.arange(300)
    assert native._is_plain(z)
    right = F.cross_entropy(z, y, label_smoothing=0.1, reduction=reduction)
    torch.testing.assert_close(label_smoothed_cross_entropy(z, y, reduction=reduction), right)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_in_blocks_an_ignored_sample_has_no_derivative_whatever_its_logits_are(reduction, blocks):
    z = torch.randn(40, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z[3], z[4] = math.nan, math.inf
    y = torch.arange(40).masked_fill(torch.isin(torch.arange(40), torch.tensor([3, 4])), -1)
    z.requires_grad_()
    options = {"ignore_index": -1, "reduction": reduction}
    (gradient,) = torch.autograd.grad(label_smoothed_cross_entropy(z, y, **options), z)
    (right,) = torch.autograd.grad(F.cross_entropy(z, y, label_smoothing=0.1, **options), z)
    assert not gradient[3:5].any()
    torch.testing.assert_close(gradient[5:], right[5:])


def test_in_blocks_a_mean_of_one_sample_is_its_loss(blocks):
    z = torch.randn(40, 1000, requires_grad=True, dtype=torch.float64)
    y = torch.full((40,), -100)
    y[7] = 3
    (gradient,) = torch.autograd.grad(label_smoothed_cross_entropy(z, y), z)
    torch.testing.assert_close(gradient, *torch.autograd.grad(F.cross_entropy(z, y, label_smoothing=0.1), z))


def test_in_blocks_a_mean_of_nothing_has_no_derivative(blocks):
    z = torch.randn(40, 1000, requires_grad=True)
    loss = label_smoothed_cross_entropy(z, torch.full((40,), -100))
    assert loss.isnan()
    assert not torch.autograd.grad(loss, z)[0].any()


def test_in_blocks_a_scaled_loss_keeps_what_float16_would_lose(blocks):
    """Probabilities from 8e-7 down, whose derivatives are scaled up before they are rounded."""
    z = torch.linspace(-14.0, -16.0, 1000).repeat(40, 1).half()
    z[:, 0] = 0.0
    z.requires_grad_()
    y, scale = torch.zeros(40, dtype=torch.int64), 2.0**15
    (gradient,) = torch.autograd.grad(label_smoothed_cross_entropy(z, y, epsilon=0.0).float() * scale, z)
    exact = z.detach().double().requires_grad_()
    (right,) = torch.autograd.grad(F.cross_entropy(exact, y) * scale, exact)
    torch.testing.assert_close(gradient[:, 1:].double(), right[:, 1:], rtol=2e-3, atol=0.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_blocks_half_precision_is_widened_before_anything_is_subtracted(dtype, blocks):
    """8 and a little is no number of bfloat16: rounded, the smaller probability would be off by 3 %."""
    z = torch.tensor([8.0, -0.03]).to(dtype).repeat(20_000, 1).requires_grad_()
    y = torch.zeros(20_000, dtype=torch.int64)
    assert native._is_plain(z)
    loss = label_smoothed_cross_entropy(z, y, epsilon=0.0, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), z)
    exact = z.detach().double().requires_grad_()
    (right,) = torch.autograd.grad(F.cross_entropy(exact, y, reduction="sum"), exact)
    torch.testing.assert_close(gradient.double(), right, rtol=1e-2, atol=0.0)


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_in_blocks_the_derivative_follows_its_slope(slope, blocks):
    z, y = torch.randn(40, 1000, requires_grad=True, dtype=torch.float64), torch.arange(40)
    (gradient,) = torch.autograd.grad(slope * label_smoothed_cross_entropy(z, y), z)
    (right,) = torch.autograd.grad(slope * F.cross_entropy(z, y, label_smoothing=0.1), z)
    torch.testing.assert_close(gradient, right)


def test_in_blocks_no_more_than_the_derivative_is_made(blocks, monkeypatch):
    z, y = torch.randn(40, 1000, requires_grad=True), torch.arange(40)
    loss = label_smoothed_cross_entropy(z, y)
    waits = loss.grad_fn.gradient.data_ptr()
    assert torch.autograd.grad(loss, z)[0].data_ptr() == waits
    monkeypatch.setattr(native, "_to_derivative", None)  # that nobody asks for is not worked out
    with torch.no_grad():
        assert label_smoothed_cross_entropy(z, y).grad_fn is None


def test_in_blocks_a_term_of_no_weight_is_left_out_beside_minus_infinity(blocks):
    z, y = torch.zeros(300, 1000), torch.zeros(300, dtype=torch.int64)
    z[:, 1] = -math.inf
    assert native._is_plain(z)
    assert label_smoothed_cross_entropy(z, y, epsilon=0.0).item() == pytest.approx(math.log(999))
    assert label_smoothed_cross_entropy(z, y + 1, epsilon=1.0) == math.inf


def test_classes_are_looked_through_on_demand():
    empty = torch.zeros(0, dtype=torch.int64)
    assert label_smoothed_cross_entropy(LOGITS[:0], empty, check_target=True, reduction="sum") == 0
    ignored = label_smoothed_cross_entropy(
        LOGITS[:, :1], torch.tensor([-100, 0]), check_target=True, reduction="sum"
    )
    assert ignored == 0
    with pytest.raises(ValueError, match="target has classes from 1 to 3"):
        label_smoothed_cross_entropy(LOGITS, TARGET + torch.tensor([1, 0]), check_target=True)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("off_target", ["uniform", "others"])
@pytest.mark.parametrize("dim", [-1, 0, 1, 2, -3])
def test_classes_in_any_dimension_are_those_of_dimension_one(reduction, soft, off_target, dim):
    """Beside ignored and struck out tokens, and class weights; no two sizes are alike."""
    z = torch.randn(2, 5, 3, 4, dtype=torch.float64).requires_grad_()
    y = torch.randint(5, (2, 3, 4))
    y[0, 0, 0] = -100
    mask = torch.rand(2, 3, 4) < 0.7
    y = torch.rand(2, 5, 3, 4, dtype=torch.float64).softmax(1) if soft else y
    shared = {"weight": torch.rand(5).double() + 0.5, "reduction": reduction, "off_target": off_target}
    right = label_smoothed_cross_entropy(z, y, mask=mask, **shared)
    moved = z.detach().movedim(1, dim).contiguous().requires_grad_()
    there = y.movedim(1, dim) if soft else y
    loss = label_smoothed_cross_entropy(moved, there, mask=mask, dim=dim, **shared)
    torch.testing.assert_close(loss, right)
    slopes = [torch.autograd.grad(each.sum(), of)[0] for each, of in ((right, z), (loss, moved))]
    torch.testing.assert_close(slopes[1].movedim(dim, 1), slopes[0])


def test_tokens_with_classes_last_go_in_blocks_where_they_lie(blocks, monkeypatch):
    seen = []
    in_blocks = native._in_blocks
    monkeypatch.setattr(
        native, "_in_blocks", lambda z, *rest: seen.append(z.data_ptr()) or in_blocks(z, *rest)
    )
    z, y = torch.randn(4, 8, 10_000), torch.randint(10_000, (4, 8))
    loss = LabelSmoothedCrossEntropy(dim=-1)(z, y, torch.ones(4, 8).bool())
    assert seen == [z.data_ptr()]
    torch.testing.assert_close(loss, F.cross_entropy(z.transpose(1, 2), y, label_smoothing=0.1))


def test_a_mask_strikes_out_what_the_target_holds_there():
    y, mask = torch.tensor([2, 77]), torch.tensor([True, False])
    loss = label_smoothed_cross_entropy(LOGITS, y, mask=mask)
    torch.testing.assert_close(loss, label_smoothed_cross_entropy(LOGITS[:1], TARGET[:1]))
    padding = label_smoothed_cross_entropy(LOGITS, y, mask=mask, ignore_index=0)
    torch.testing.assert_close(padding, loss)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 2}, r"dim is 2, expected a dimension of logits, of shape \(2, 3\)"),
        ({"dim": 1.0}, r"dim is 1.0, expected a dimension of logits"),
        ({"dim": 0}, r"target has shape \(2,\), expected \(3,\) for classes"),
        (
            {"mask": torch.ones(2)},
            r"mask has shape \(2,\) and dtype torch.float32, expected \(2,\) and torch.bool",
        ),
        ({"mask": torch.ones(3).bool()}, r"mask has shape \(3,\) and dtype torch.bool, expected \(2,\)"),
    ],
)
def test_a_bad_dimension_or_mask_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        label_smoothed_cross_entropy(LOGITS, TARGET, **arguments)


def test_several_labels_are_smoothed_in_their_own_dtype_and_dimension():
    target = torch.tensor([[1.0, 1.0, 0.0, 0.0]], dtype=torch.float16)
    assert smoothed_multilabel(target, epsilon=0.5).tolist() == [[0.75, 0.75, 0.25, 0.25]]
    assert smoothed_multilabel(target, epsilon=0.5, spread="classes").tolist() == [
        [0.625, 0.625, 0.125, 0.125]
    ]
    layered = target[..., None].expand(1, 4, 2)
    assert smoothed_multilabel(layered, epsilon=0.5, spread="classes")[0, :, 1].tolist() == [
        0.625,
        0.625,
        0.125,
        0.125,
    ]
    turned = smoothed_multilabel(layered.movedim(1, 2), epsilon=0.5, spread="classes", dim=-1)
    assert turned.dtype == torch.float16
    assert turned[0, 1].tolist() == [0.625, 0.625, 0.125, 0.125]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"epsilon": -0.1}, ValueError, "epsilon is -0.1, expected a number in"),
        ({"spread": "both"}, ValueError, "spread is 'both', expected 'outcomes' or 'classes'"),
        ({"spread": "classes", "dim": 3}, ValueError, "dim is 3, expected a dimension of target"),
        (
            {"target": torch.ones(2, 3).long()},
            TypeError,
            "target has dtype torch.int64, expected floating point",
        ),
    ],
)
def test_bad_arguments_of_several_labels_are_named(arguments, error, message):
    target = arguments.pop("target", torch.ones(2, 3))
    with pytest.raises(error, match=message):
        smoothed_multilabel(target, **arguments)

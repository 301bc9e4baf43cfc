"""The instruments see what is there: seeds reach every generator, and fixed NumPy seeds hide no fault."""

import random

import numpy as np
import pytest
import torch

from lawful.impl.contracts import Mixup
from lawful.properties import probes
from lawful.properties.subjects import understand
from lawful.properties.subjects.mixup import allowed_distance, distance

from .asked import ask, check_on_cpu
from .miniatures import choices


def _draws():
    return random.random(), np.random.rand(), float(torch.rand(()))


def test_a_seed_reaches_every_generator():
    with probes.seeded(3):
        first = _draws()
    with probes.seeded(3):
        again = _draws()
    with probes.seeded(4):
        other = _draws()
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_outside_the_generators_are_where_they_were():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = _draws()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    with probes.seeded(99):
        _draws()
    assert _draws() == expected


def test_partners_are_read_off_the_rows():
    weights = np.array([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.25, 0.0, 0.75]])
    assert probes.partners(weights).tolist() == [1, 1, 0]


class NotebookLambdas:
    """The notebook's shares, drawn with NumPy and not folded, where its text says that they are."""

    def __init__(self, alpha, num_classes):
        self.alpha = alpha

    def __call__(self, x, y):
        lam = torch.tensor(np.random.beta(self.alpha, self.alpha, len(x)), dtype=x.dtype)
        share = lam.reshape(-1, *[1] * (x.ndim - 1))
        return share * x + (1 - share) * x.flip(0), (y, y.flip(0), lam)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.4, 0.8, 1.0, 1.5, 2.0, 4.0, 8.0])
def test_unfolded_numpy_lambdas_are_caught_at_every_alpha(alpha):
    """Under Hypothesis's own seed 0 the first NumPy lambda is above 1/2 at 0.8, 1.5, 2, 4 and 8."""
    fixed = Mixup(
        "notebook", lambda _, classes: NotebookLambdas(alpha, classes), documented={"lambda": "folded"}
    )
    results = ask(understand(fixed), only=["lambda_at_least_half"], dtypes=["float32"])
    assert {row.verdict for row in results.values()} == {"broken"}


def test_the_first_numpy_lambda_at_seed_0_hides_the_fault():
    """The trap that the seed argument is for: one fixed seed would have passed."""
    firsts = [np.random.RandomState(0).beta(alpha, alpha) for alpha in (0.8, 1.5, 2.0, 4.0, 8.0)]
    assert min(firsts) >= 0.5


@pytest.mark.parametrize(
    ("alpha", "wrong"),
    [
        (0.4, lambda rng, n: rng.uniform(size=n)),
        (0.1, lambda rng, n: rng.uniform(size=n)),
        (8.0, lambda rng, n: rng.uniform(size=n)),
        (0.4, lambda rng, n: rng.beta(0.4, 1.0, n)),
        (8.0, lambda rng, n: rng.beta(8.0, 1.0, n)),
        (8.0, lambda rng, n: rng.beta(1.0, 1.0, n)),
    ],
)
def test_wrong_laws_are_far_beyond_what_is_allowed(alpha, wrong):
    """Every time: in 200 runs of as many draws as a case has, the smallest distance exceeds the limit."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        lams = wrong(rng, 2000)
        seen = lams[(lams > 1e-4) & (lams < 1 - 1e-4)]
        assert distance(seen, alpha, folded=False)[0] > allowed_distance(len(seen))


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 8.0])
def test_the_right_law_stays_well_within(alpha, folded):
    rng = np.random.default_rng(1)
    for _ in range(200):
        lams = rng.beta(alpha, alpha, 1000)
        lams = np.maximum(lams, 1 - lams) if folded else lams
        seen = lams[(lams > 1e-4) & (lams < 1 - 1e-4)]
        assert distance(seen, alpha, folded)[0] < 0.8 * allowed_distance(len(seen))


def test_the_limit_is_the_inequality_solved_for_t():
    t = allowed_distance(1000)
    assert 2 * np.exp(-2 * 1000 * t**2) == pytest.approx(1e-13)


def test_no_figure_of_what_is_asked_is_written_or_left_open(tmp_path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    report = check_on_cpu(choices.saves_its_curve, only=["schedule_is_geometric"])
    assert {row.verdict for row in report.results} == {"holds"}
    assert list(tmp_path.iterdir()) == []
    assert pyplot.get_fignums() == []
    pyplot.figure()
    pyplot.savefig("ours.png")
    assert [file.name for file in tmp_path.iterdir()] == ["ours.png"]
    pyplot.close("all")

"""How a case becomes a verdict: the same questions for all, deviations, and what was not asked."""

import os
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from hypothesis import is_hypothesis_test
from hypothesis import strategies as st

from lawful.impl import native
from lawful.impl.contracts import Deviation, LabelSmoothing, Mixup
from lawful.properties.harness.cases import Case, cases
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import PROFILES, Profile, seed_of
from lawful.properties.registry import Drawn, Law, all_laws, find_law, from_plain, to_plain
from lawful.properties.subjects import understand
from lawful.properties.subjects.failures import LawBroken, NotUnderstood

from .asked import ask
from .miniatures import wrong

NATIVE = native.adapters()[0]


def recorded(adapter, law_name="shift_invariant", **options):
    """Every example that an implementation is asked, and the verdict."""
    law = find_law(law_name)
    seen = []

    def body(subject, **drawn):
        seen.append(to_plain(list(drawn.items())))
        law.body(subject, **drawn)

    case = cases(understand(adapter), devices=["cpu"], only=[law_name])[0]
    watched = replace(law, body=body)
    LawTest(watched, PROFILES["quick"], options.get("seed", 0)).run(Case(watched, case.subject))
    return seen


def _other(epsilon, **features):
    return lambda logits, target: F.cross_entropy(logits, target, label_smoothing=epsilon, **features)


def test_every_implementation_is_asked_the_same():
    other = LabelSmoothing("other", _other, features=LabelSmoothing.usual_features)
    assert recorded(NATIVE) == recorded(other)


def test_another_seed_asks_something_else():
    assert recorded(NATIVE) != recorded(NATIVE, seed=1)


_QUESTIONS = """
import sys
sys.path.insert(0, {root!r})
{before}
from tests.test_cases import NATIVE, recorded
import hashlib
print(hashlib.sha256(repr(recorded(NATIVE)).encode()).hexdigest())
"""


def _questions(before, **environment):
    """A digest of the questions, in a process of their own."""
    root = os.path.dirname(os.path.dirname(__file__))
    done = subprocess.run(
        [sys.executable, "-c", _QUESTIONS.format(root=root, before=before)],
        capture_output=True,
        text=True,
        check=True,
        env={**{k: v for k, v in os.environ.items() if k != "CI"}, **environment},
    )
    return done.stdout.strip()


def test_questions_do_not_depend_on_code_that_is_loaded_nor_on_ci(tmp_path):
    """Hypothesis would draw constants from local modules, and load another profile where CI is set."""
    constants = ", ".join(str(i) for i in range(-64, 256))
    (tmp_path / "theirs.py").write_text(f"NUMBERS = [{constants}]\nTEXT = [b'\\x07\\x11\\x13' * 3]\n")
    plain = _questions("")
    assert plain == _questions(f"sys.path.insert(0, {str(tmp_path)!r}); import theirs")
    assert plain == _questions("", CI="true")


@pytest.mark.parametrize("name", ["quick", "standard"])
def test_repeatable_profiles_spell_everything_out(name):
    settings = PROFILES[name].settings()
    assert settings.database is None
    assert settings.derandomize is False
    assert settings.deadline is None


def test_seeds_are_keyed_by_the_law():
    assert seed_of("a.b", 0) == seed_of("a.b", 0)
    assert len({seed_of("a.b", 0), seed_of("a.c", 0), seed_of("a.b", 1)}) == 3


def test_the_deep_profile_is_unseeded_and_keeps_a_database():
    deep = PROFILES["deep"]
    law = next(law for law in all_laws() if law.name == "shift_invariant")
    assert LawTest(law, deep, 0).function()._hypothesis_internal_use_seed is None
    assert deep.settings().database is not None
    assert deep.settings().backend == "hypothesis"


class _CannotBeImported(ModuleType):
    def __getattr__(self, name):
        raise ImportError(f"no {name}: what it needs is not installed")


@pytest.mark.parametrize("profile", [PROFILES["quick"], Profile("deep", 5, 60, repeatable=False)])
def test_a_module_that_fails_when_it_is_looked_at_ends_no_law(profile, monkeypatch, tmp_path):
    """As SpeechBrain's, which import themselves when somebody asks them for anything."""
    monkeypatch.chdir(tmp_path)  # the deep profile keeps examples there
    monkeypatch.setitem(sys.modules, "lazy", _CannotBeImported("lazy"))
    (row,) = ask(understand(NATIVE), only=["shift_invariant"], dtypes=["float64"], profile=profile).values()
    assert (row.verdict, row.message) == ("holds", None)
    assert "__file__" not in vars(sys.modules["lazy"])


@pytest.mark.parametrize("law", all_laws(), ids=lambda law: law.id)
def test_law_is_a_genuine_hypothesis_test_with_words(law):
    assert is_hypothesis_test(LawTest(law, PROFILES["quick"], 0).function())
    assert law.formula
    assert law.why
    assert law.source


@pytest.mark.parametrize("law", all_laws(), ids=lambda law: law.id)
def test_boundary_examples_hold_every_edge_and_survive_json(law):
    examples = law.boundary_examples()
    for name, drawn in law.drawn.items():
        asked = [to_plain(example[name]) for example in examples]
        assert all(to_plain(edge) in asked or edge != edge for edge in drawn.boundary)
    for example in examples:
        plain = {name: to_plain(value) for name, value in example.items()}
        again = {name: to_plain(value) for name, value in law.decode(plain).items()}
        assert str(again) == str(plain)


def test_plain_values_keep_what_json_lacks():
    assert from_plain(to_plain([float("inf"), float("-inf"), 1.5])) == [float("inf"), float("-inf"), 1.5]


def deviating(**changes):
    known = {
        "property": "rejects_bad_epsilon",
        "reason": "it takes any epsilon",
        "message": r"took epsilon -0\.5 and",
        "example": {"epsilon": -0.5},
    }
    return LabelSmoothing("mine", _any_epsilon, deviations=(Deviation(**{**known, **changes}),))


def _any_epsilon(epsilon):
    return lambda logits, target: wrong.any_epsilon(logits, target, epsilon)


def verdict_of(adapter, law="rejects_bad_epsilon"):
    (row,) = ask(understand(adapter), only=[law]).values()
    return row


def test_a_known_deviation_deviates_after_one_call():
    row = verdict_of(deviating(link="https://example.org/1"))
    assert row.verdict == "deviates"
    assert "it takes any epsilon (https://example.org/1)" in row.message
    assert row.counterexample == {"epsilon": -0.5}
    assert row.examples == 0


def test_a_deviation_that_fails_with_another_message_has_drifted():
    row = verdict_of(deviating(message="is 3 elephants"))
    assert row.verdict == "broken"
    assert row.message.startswith("drifted: took epsilon -0.5 and returned")


def test_a_deviation_that_passes_is_to_be_removed():
    adapter = replace(deviating(), build=NATIVE.build)
    row = verdict_of(adapter)
    assert row.verdict == "broken"
    assert row.message.startswith("no longer deviates")


def test_elsewhere_a_deviation_changes_nothing():
    row = verdict_of(deviating(devices=("cuda",)))
    assert row.verdict == "broken"
    assert row.message.startswith("took epsilon")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"property": "rejects_bad_epsilom"}, "did you mean 'rejects_bad_epsilon'"),
        ({"dtypes": ("float16",)}, "matches no case"),
        ({"example": {"eps": 1}}, r"has \['eps'\], expected \['epsilon'\]"),
    ],
)
def test_a_deviation_that_can_match_nothing_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        cases(understand(deviating(**changes)), devices=["cpu"])


def law_of(body, **drawn):
    return Law("label_smoothing", "mine", "f", "w", "s", body, drawn, dtypes=("float32",))


def ask_law(law):
    subject = understand(NATIVE).on("cpu", "float32")
    return LawTest(law, PROFILES["quick"], 0).run(Case(law, subject))


def test_a_law_that_discards_everything_was_not_asked():
    nothing = st.integers().filter(lambda i: False)
    row = ask_law(law_of(lambda subject, x: None, x=Drawn(nothing, ())))
    assert row.verdict == "error"
    assert "asked nothing" in row.message


def test_a_law_that_discards_most_was_not_asked():
    rarely = st.integers(0, 1000).filter(lambda i: i % 7 == 0)
    picky = st.tuples(rarely, rarely, rarely)
    row = ask_law(law_of(lambda subject, x: None, x=Drawn(picky, ())))
    assert row.verdict == "error"
    assert "asked nothing: of" in row.message


def test_a_fault_in_a_law_is_no_verdict_on_the_code():
    row = ask_law(law_of(lambda subject, x: 1 / 0, x=Drawn(st.integers(), (0,))))
    assert row.verdict == "error"
    assert "the law itself failed: ZeroDivisionError" in row.message


def test_a_counterexample_is_shrunk():
    def body(subject, x):
        if x >= 17:
            raise LawBroken("x", "at most", 16, x)

    row = ask_law(law_of(body, x=Drawn(st.integers(0, 1000), (0,))))
    assert row.verdict == "broken"
    assert row.counterexample == {"x": 17}


def test_a_wrong_loss_is_understood_and_wrong():
    """Shapes and types are for the smoke; the values are for the laws."""

    def averaged(epsilon):
        def loss(logits, target):
            q = F.one_hot(target, logits.shape[1]) * (1 - epsilon) + epsilon / logits.shape[1]
            return F.kl_div(logits.log_softmax(1), q.to(logits.dtype), reduction="mean")

        return loss

    results = ask(understand(LabelSmoothing("kl_div", averaged)), only=["matches_reference"])
    assert {row.verdict for row in results.values()} == {"broken"}


def test_what_is_no_tensor_is_not_understood():
    adapter = LabelSmoothing("float", lambda epsilon: lambda z, y: 1.0)
    with pytest.raises(NotUnderstood, match="type of the result is float"):
        understand(adapter)


def test_what_a_subject_changes_globally_is_put_back():
    from .miniatures import subject

    for name in ("leak_rng", "change_default_dtype"):
        loss = getattr(subject, name)
        adapter = LabelSmoothing(name, lambda epsilon, loss=loss: lambda z, y: loss(z, y, epsilon))
        state = torch.get_rng_state()
        results = ask(understand(adapter), only=["matches_reference"])
        assert {row.verdict for row in results.values()} == {"holds"}
        assert torch.get_default_dtype() == torch.float32
        assert torch.equal(torch.get_rng_state(), state)


def test_what_an_import_changes_globally_is_put_back():
    """A library that is understood must not change the verdict on the next one."""

    def build(epsilon):
        torch.distributions.Distribution.set_default_validate_args(False)
        return lambda z, y: F.cross_entropy(z, y, label_smoothing=epsilon)

    torch.distributions.Distribution.set_default_validate_args(True)  # whatever ran before
    understand(LabelSmoothing("changes", build))
    assert torch.distributions.Distribution._validate_args is True
    with pytest.raises(ValueError, match="concentration"):
        torch.distributions.Beta(-1.0, -1.0)


def test_verdicts_are_the_same_after_torch_compile_has_changed_torch():
    """It switches the validation of distributions off, so that torchvision would take alpha = 0."""
    validates = torch.distributions.Distribution._validate_args
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        (row,) = ask(
            understand(_checking_beta()), only=["alpha_zero_is_identity"], dtypes=["float32"]
        ).values()
        assert row.verdict == "holds"
        assert torch.distributions.Distribution._validate_args is False
    finally:
        torch.distributions.Distribution.set_default_validate_args(validates)


def _checking_beta():
    """A mixup that leaves it to torch to refuse an alpha of 0."""

    def build(alpha, num_classes):
        law = torch.distributions.Beta(torch.tensor(alpha), torch.tensor(alpha))

        def mix(x, y):
            lam = law.sample().to(x.dtype)
            return lam * x + (1 - lam) * x.flip(0), y, y.flip(0), lam

        return mix

    return Mixup("checking", build)


def test_an_adapter_with_an_unknown_feature_says_so():
    with pytest.raises(ValueError, match=r"features has \['weights'\], expected some of"):
        LabelSmoothing("mine", _other, features=frozenset({"weights"}))
    with pytest.raises(TypeError, match="expected something callable"):
        LabelSmoothing("mine", 3)

"""A law's questions are drawn once: those that Hypothesis would ask, and nobody changes them."""

import pytest

from lawful.impl import native
from lawful.properties.harness.cases import cases
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.harness.questions import questions
from lawful.properties.registry import all_laws, to_plain
from lawful.properties.subjects import understand

from .asked import QUICK, ask


@pytest.mark.parametrize("law", all_laws(), ids=lambda law: law.id)
def test_they_are_those_that_hypothesis_asks_of_the_law_itself(law, monkeypatch):
    asked = []
    test = LawTest(law, QUICK, 3)
    monkeypatch.setattr(LawTest, "ask", lambda self, case, drawn: asked.append(to_plain(drawn)))
    test.function()(None)
    drawn, attempts = questions(law, QUICK, 3)
    assert str([to_plain(each) for each in drawn]) == str(asked)
    assert attempts == test.record.attempts


@pytest.mark.parametrize(
    "adapter", [each for each in native.adapters() if each.name == "native"], ids=lambda each: each.technique
)
def test_a_law_leaves_its_questions_as_they_are(adapter):
    subject = understand(adapter)
    laws = {case.law.id: case.law for case in cases(subject, devices=["cpu"])}
    before = {name: str(questions(law, PROFILES["light"], 0)) for name, law in laws.items()}
    ask(subject, profile=PROFILES["light"], dtypes=["float32"])
    assert {name: str(questions(law, PROFILES["light"], 0)) for name, law in laws.items()} == before


def test_another_seed_and_another_profile_ask_others():
    law = next(law for law in all_laws() if law.name == "shift_invariant")
    asked = [str(questions(law, profile, seed)) for profile, seed in ((QUICK, 0), (QUICK, 1))]
    assert asked[0] != asked[1]
    assert len(questions(law, PROFILES["standard"], 0)[0]) > len(questions(law, QUICK, 0)[0])

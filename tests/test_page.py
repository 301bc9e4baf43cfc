"""The page of results in a real browser."""

import json
import re

import pytest

from lawful.impl import thirdparty
from lawful.properties.harness import severity
from lawful.properties.harness.page import known_failures, library_of, page, sentences
from lawful.properties.registry import find_law

from . import command
from .browser import CONTRASTS, browser, opened
from .miniatures import wrong

LIBRARIES = ("torch", "timm", "torchvision", "kornia", "torch_lr_finder")
LAWS = (
    "matches_reference,rejects_bad_epsilon,extreme_logits_stay_finite,rejects_bad_alpha,odd_and_single_batches,"
    "negative_losses_do_not_stop_it,schedule_is_geometric"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What the terminal printed, and the folder of page.html and report.json."""
    folder = tmp_path_factory.mktemp("page")
    targets = (*LIBRARIES, f"{wrong.__file__}:any_epsilon")
    asked = ("--profile", "quick", "--device", "cpu", "--only", LAWS, "--html", "page.html")
    done = command.lawful("check", *targets, *asked, "--json", "report.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout, folder


@pytest.fixture(scope="module")
def address(run):
    return (run[1] / "page.html").as_uri()


@pytest.fixture(scope="module")
def info(run):
    return json.loads((run[1] / "report.json").read_text())


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


def test_nothing_is_complained_of_and_every_link_lands(chromium, address):
    page, complaints = opened(chromium, address)
    hrefs = page.eval_on_selector_all("a[href^='#']", "links => links.map(link => link.getAttribute('href'))")
    assert len(hrefs) > 20
    missing = [
        href
        for href in hrefs
        if not page.evaluate("id => !!document.getElementById(id)", href.removeprefix("#"))
    ]
    assert missing == []
    assert complaints == []


def test_a_cell_leads_to_its_finding(chromium, address):
    page, _ = opened(chromium, address)
    page.click("a.broken[href='#any_epsilon/rejects_bad_epsilon']")
    finding = page.locator("[id='any_epsilon/rejects_bad_epsilon']")
    assert finding.evaluate("element => element.getBoundingClientRect().top") < 900
    assert finding.evaluate("element => element === document.activeElement")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("verdict", "broken", {"broken"}),
        ("technique", "mixup", {"deviates"}),
        ("library", "any_epsilon", {"broken"}),
        ("severity", "wrong", set()),
    ],
)
def test_filters_work_and_live_in_the_address(chromium, address, name, value, shown):
    page, _ = opened(chromium, address)

    def verdicts():
        return set(
            page.eval_on_selector_all(
                "article",
                "all => all.filter(each => each.checkVisibility()).map(each => each.dataset.verdict)",
            )
        )

    page.select_option(f"select[name={name}]", value)
    assert verdicts() == shown
    assert f"{name}={value}" in page.url
    page.reload()
    assert page.input_value(f"select[name={name}]") == value
    assert verdicts() == shown
    page.click("button[type=reset]")
    page.wait_for_function("() => !location.hash.includes('=')")
    assert verdicts() == {"broken", "deviates"}


def test_text_is_searched_in_laws_and_findings(chromium, address):
    page, _ = opened(chromium, f"{address}#?text=epsilon")
    rows = page.eval_on_selector_all(
        ".grid tbody tr[data-text]", "all => all.filter(r => r.checkVisibility()).map(r => r.dataset.text)"
    )
    assert rows == ["rejects_bad_epsilon"]
    findings = page.locator("article:visible").all_text_contents()
    assert findings
    assert all("epsilon" in each.lower() for each in findings)
    assert page.locator("[role=status]").inner_text() == f"{len(findings)} findings shown"


def test_an_address_shows_its_finding_whatever_the_filters(chromium, address):
    page, _ = opened(chromium, f"{address}#any_epsilon/rejects_bad_epsilon?verdict=holds")
    assert page.locator("[id='any_epsilon/rejects_bad_epsilon']").is_visible()


def test_copying_copies(chromium, address):
    page, _ = opened(chromium, address)
    finding = page.locator("[id='any_epsilon/rejects_bad_epsilon']")
    finding.locator("button[data-copy]").click()
    page.wait_for_selector("text=Copied")
    page.focus("input[name=text]")
    page.keyboard.press("Control+V")
    assert "import torch" in page.input_value("input[name=text]")
    page.fill("input[name=text]", "")
    finding.locator("[data-copy-address]").click()
    page.wait_for_selector("a:has-text('Copied')")
    page.focus("input[name=text]")
    page.keyboard.press("Control+V")
    assert page.input_value("input[name=text]").endswith("page.html#any_epsilon/rejects_bad_epsilon")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 360])
def test_every_text_is_legible(chromium, address, scheme, width):
    page, _ = opened(chromium, address, width, scheme)
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    count, poor = page.evaluate(CONTRASTS)
    assert count > 100
    assert poor == []


def test_nothing_scrolls_sideways_on_a_phone(chromium, address):
    page, _ = opened(chromium, address, 360)
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360


def test_the_head_and_the_first_column_stay(chromium, address):
    page, _ = opened(chromium, address, 700)
    page.set_viewport_size({"width": 720, "height": 300})
    region = page.locator(".wide").first
    region.evaluate("element => { element.scrollTop = 60; element.scrollLeft = 40; }")
    edges = region.evaluate(
        """element => {
          const box = element.getBoundingClientRect();
          const head = element.querySelector('thead th:last-child').getBoundingClientRect();
          const first = element.querySelector('tbody th').getBoundingClientRect();
          return [head.top - box.top, first.left - box.left];
        }"""
    )
    assert all(0 <= edge <= 2 for edge in edges)


def test_it_goes_without_a_mouse(chromium, address):
    page, _ = opened(chromium, address)
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.name || document.activeElement.className"))
    assert seen[0] == "skip"
    assert {"technique", "verdict", "severity", "library", "text"} <= set(seen)
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_names_of_laws_keep_their_room_beside_many_columns(chromium, address):
    page, _ = opened(chromium, address)
    page.evaluate(
        """() => document.querySelectorAll(".grid tr").forEach(row => {
          for (let i = 0; i < 20; i += 1) row.append(row.lastElementChild.cloneNode(true));
        })"""
    )
    names = page.locator(".grid tbody th code")
    heights = names.evaluate_all("all => all.filter(e => e.checkVisibility()).map(e => e.offsetHeight)")
    assert heights
    assert max(heights) < 60  # two lines at most


def test_the_heading_says_what_the_page_is(chromium, address):
    page, _ = opened(chromium, address)
    heading = page.locator("h1").inner_text()
    assert re.fullmatch(
        r"\d+ implementations, tested against the laws of label smoothing, mixup and LR finder", heading
    )


def test_the_page_counts_as_the_run_does(chromium, run, address, info):
    page, _ = opened(chromium, address)
    shown = [": ".join(each) for each in sentences(info["implementations"])]
    assert page.locator(".summary li").all_inner_texts() == shown
    assert run[0].splitlines()[-1].startswith("PASS")
    assert page.locator("h1 ~ p").nth(1).inner_text() in run[0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_known_failures_are_counted_alike_in_the_page_and_in_readme(info, library):
    own = [each for each in info["implementations"] if library_of(each) == library]
    declared = {
        (adapter.technique, each.property): find_law(each.property, adapter.technique).severity
        for adapter in thirdparty.adapters(library)
        for each in adapter.deviations
        if each.property in LAWS.split(",")
    }
    found = known_failures(own)
    assert found == declared
    (said,) = (said for name, said in sentences(own))
    counted = severity.known(declared.values())
    assert f"({counted})" in said if counted else "known" not in said


def test_cells_say_known_as_often_as_the_header(chromium, address, info):
    page, _ = opened(chromium, address)
    for library in LIBRARIES:
        cells = page.locator(f".grid tr:has(td[data-library={library}][data-verdict=deviates])")
        own = [each for each in info["implementations"] if library_of(each) == library]
        assert cells.count() == len(known_failures(own))


def test_severity_has_a_column_of_its_own(chromium, address):
    page, _ = opened(chromium, address)
    heads = page.locator(".grid thead tr").first.locator("th").all_inner_texts()
    assert heads[:2] == ["law", "if it fails"]
    row = page.locator(".grid tr[data-text=rejects_bad_epsilon]").first
    assert row.locator("th").inner_text() == "rejects_bad_epsilon"
    assert row.locator("td").first.inner_text() == "accepts invalid input without an error"


def test_a_law_leads_to_what_it_says(chromium, address, info):
    shown, _ = opened(chromium, address)
    shown.click(".grid a:has-text('rejects_bad_epsilon')")
    said = shown.locator("[id='law/label_smoothing.rejects_bad_epsilon']")
    said.wait_for(state="visible")
    assert "Source:" in said.locator("+ dd").inner_text()
    on_the_site = page(info, site=".")
    assert 'href="./reference/laws.html#label_smoothing.rejects_bad_epsilon"' in on_the_site
    assert 'href="./index.html"' in on_the_site
    assert 'id="law/' not in on_the_site


def test_on_a_phone_an_implementation_is_a_card(chromium, address):
    page, _ = opened(chromium, address, 360)
    cards = page.locator(".implementation")
    assert cards.count() >= 8
    assert page.evaluate("() => document.documentElement.scrollHeight") < 400 * cards.count()
    assert page.locator("article:visible").count() == 0
    card = page.locator("[id=any_epsilon]")
    card.locator("> summary").click()
    assert card.locator("article").is_visible()
    card.locator("details[data-verdict=holds] > summary").click()
    assert "if it fails: wrong result" in card.locator("details[data-verdict=holds] td").nth(1).inner_text()


def test_on_a_phone_an_address_opens_its_card(chromium, address):
    page, _ = opened(chromium, f"{address}#any_epsilon/rejects_bad_epsilon", 360)
    assert page.locator("[id='any_epsilon/rejects_bad_epsilon']").is_visible()
    assert page.locator(".implementation[open]").count() == 1

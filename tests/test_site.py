"""The site, built as by ``make docs``, in a real browser."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from . import command
from .browser import CONTRASTS, browser, opened

ROOT = Path(__file__).parent.parent
STUDY = ("label_smoothing", "mixup", "lr_finder", "training", "thirty_four")
CHAPTERS = ("index", *STUDY, "install", "ci", "verdicts", "accusations", "matrix", "versions", "stability")

pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("myst_nb") is None:
        pytest.skip("sphinx and myst-nb are not installed: make docs does that")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("_build", "_extra"))
    asked = ("--profile", "quick", "--device", "cpu", "--only", "matches_reference", "--json", "matrix.json")
    assert command.lawful("matrix", "torch", "timm", *asked, cwd=folder).returncode == 0
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "html"]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "html"


@pytest.fixture(scope="module")
def chromium():
    with browser() as chromium:
        yield chromium


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_complains_of_nothing_and_its_links_land(chromium, site, name):
    page, complaints = opened(chromium, (site / f"{name}.html").as_uri())
    assert complaints == []
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    inside = {link.partition("#")[0] for link in links if link.startswith("file:")}
    assert all(Path(link.removeprefix("file://")).is_file() for link in inside)
    here = [link.partition("#")[2] for link in links if link.startswith(page.url.partition("#")[0] + "#")]
    assert all(page.evaluate("id => !id || !!document.getElementById(id)", each) for each in here)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_legible_on_a_phone(chromium, site, name, scheme):
    page, _ = opened(chromium, (site / f"{name}.html").as_uri(), 360, scheme)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 360
    count, poor = page.evaluate(CONTRASTS)
    assert count > 10
    assert poor == []


def test_figures_have_been_drawn(chromium, site):
    for name in (*STUDY, "verdicts", "reference/teeth"):
        page, _ = opened(chromium, (site / f"{name}.html").as_uri())
        images = page.eval_on_selector_all(".cell_output img", "all => all.map(each => each.naturalWidth)")
        assert images
        assert all(width > 100 for width in images)


def test_the_page_of_verdicts_is_part_of_it(chromium, site):
    page, _ = opened(chromium, (site / "matrix.html").as_uri())
    page.click("text=the page of verdicts")
    assert page.url.endswith("page-of-verdicts.html")
    assert page.locator(".grid").count() >= 1

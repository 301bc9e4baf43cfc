"""The site, built as by ``make docs``, in a real browser."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lawful.properties import check

from . import command
from .browser import CONTRASTS, browser, opened

ROOT = Path(__file__).parent.parent
STUDY = ("label_smoothing", "mixup", "lr_finder", "training", "thirty_four")
CHAPTERS = ("index", *STUDY, "install", "ci", "verdicts", "accusations", "matrix", "versions", "stability")

pytestmark = pytest.mark.deep


def _needs_sphinx():
    if importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("myst_nb") is None:
        pytest.skip("sphinx and myst-nb are not installed: make docs does that")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    _needs_sphinx()
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


def test_the_page_of_results_is_part_of_it_and_its_laws_lead_to_their_reference(chromium, site):
    page, _ = opened(chromium, (site / "matrix.html").as_uri())
    page.click("text=the page of results")
    assert page.url.endswith("page-of-verdicts.html")
    shown = (site / "page-of-verdicts.html").read_text()
    named = set(re.findall(r'href="\./reference/conventions.html#([^"]+)"', shown))
    there = set(re.findall(r'id="([^"]+)"', (site / "reference" / "conventions.html").read_text()))
    assert "off-target" in named
    assert named <= there
    page.click(".grid tbody th a")
    assert page.url.endswith("reference/laws.html#label_smoothing.matches_reference")
    assert page.locator("[id='label_smoothing.matches_reference']").is_visible()


@pytest.mark.parametrize("name", STUDY)
def test_no_formula_is_cut_on_a_phone(chromium, site, name):
    page, _ = opened(chromium, (site / f"{name}.html").as_uri(), 360)
    cut = page.eval_on_selector_all(
        ".formula", "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"
    )
    assert cut == []


@pytest.mark.parametrize("name", STUDY)
def test_the_letters_of_a_figure_can_be_read_on_a_phone(chromium, site, name):
    page, _ = opened(chromium, (site / f"{name}.html").as_uri(), 360)
    images = page.eval_on_selector_all(".cell_output img", "all => all.map(each => [each.src, each.width])")
    assert images
    for address, width in images:
        drawn = Path(address.removeprefix("file://")).read_text()
        units = float(re.search(r'viewBox="0 0 ([\d.]+)', drawn)[1])
        sizes = [float(size) * width / units for size in re.findall(r"font(?:-size)?: ([\d.]+)px", drawn)]
        assert min(sizes) >= 7  # the exponent of a power of ten; letters are a third larger


@pytest.fixture
def small(tmp_path):
    """A site of three pages with the same settings, and how to build it: one page has a slow cell."""
    _needs_sphinx()
    (tmp_path / "docs" / "_static").mkdir(parents=True)
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    shutil.copy(ROOT / "docs" / "_static" / "site.css", tmp_path / "docs" / "_static")
    report = check("torch", technique="label_smoothing", profile="quick", device="cpu", only=["repeats"])
    report.write_json(tmp_path / "matrix.json")
    pages = {"quick": "open('ran.txt', 'a').write('quick ')", "slow": "import time; time.sleep(60)"}
    for name, cell in pages.items():
        head = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
        text = f"{head}# {name}\n\n```{{code-cell}} python\n{cell}\n```\n"
        (tmp_path / "docs" / f"{name}.md").write_text(text)
    (tmp_path / "docs" / "index.md").write_text("# Small\n\n```{toctree}\nquick\nslow\n```\n")

    def build():
        command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
        options = ["-D", "nb_execution_timeout=3", "docs", "html"]
        return subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)

    return tmp_path, build


def test_a_slow_cell_fails_its_own_page_alone_and_what_ran_is_kept(small):
    folder, build = small
    done = build()
    assert done.returncode == 1
    assert "slow.md" in done.stderr
    assert "quick.md" not in done.stderr
    assert (folder / "html" / "quick.html").exists()
    assert (folder / "html" / "index.html").exists()
    shutil.rmtree(folder / "html")
    build()
    assert (folder / "html" / "quick.html").exists()
    assert (folder / "docs" / "ran.txt").read_text() == "quick "


def test_the_output_on_the_first_page_is_what_is_printed(tmp_path):
    page = (ROOT / "docs" / "install.md").read_text()
    (source,) = re.findall(r"```python\n(def half_smoothed.*?)```", page, re.DOTALL)
    (tmp_path / "my_losses.py").write_text(source)
    (asked, said) = re.search(r"\$ lawful (check my_losses.*?)\n(.*?)```", page, re.DOTALL).groups()
    done = command.lawful(*asked.split(), cwd=tmp_path)
    shown, printed = (text.partition("not tested:")[0].splitlines() for text in (said, done.stdout))
    assert printed == shown
    assert done.stdout.splitlines()[-1].startswith("FAIL: 1 wrong result in ")

"""The two pictures of README: a report in the terminal, and the page of verdicts.

Run from the root, after make matrix:

python docs/pictures.py
"""

from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console

from lawful.properties import check

ROOT = Path(__file__).parent.parent
SHOWN = ROOT / "docs" / "_static"
LAWS = [
    "matches_reference",
    "zero_epsilon_is_cross_entropy",
    "gradient_is_softmax_minus_target",
    "extreme_logits_stay_finite",
    "rejects_bad_epsilon",
    "edge_batches",
]


def half_smoothed(logits, target, smoothing=0.1):
    """Spreads smoothing / 2, by mistake."""
    log_p = logits.log_softmax(1)
    nll = -log_p.gather(1, target[:, None])[:, 0]
    return ((1 - smoothing / 2) * nll - smoothing / 2 * log_p.mean(1)).mean()


def terminal() -> None:
    report = check(half_smoothed, profile="quick", device="cpu", only=LAWS)
    console = Console(record=True, width=112, force_terminal=True, file=(SHOWN / ".said").open("w"))
    report.print(console)
    console.save_svg(str(SHOWN / "terminal.svg"), title="lawful check my_losses.py:half_smoothed")
    (SHOWN / ".said").unlink()


def page() -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = chromium.new_page(viewport={"width": 1400, "height": 900})
        shown.goto((ROOT / "matrix.html").as_uri())
        shown.screenshot(path=SHOWN / "page.png")
        chromium.close()


if __name__ == "__main__":
    terminal()
    page()

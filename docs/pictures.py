"""The picture of README: the page of results.

Run from the root, after make matrix:

python docs/pictures.py
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
SHOWN = ROOT / "docs" / "_static"


def page() -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shown = chromium.new_page(viewport={"width": 1400, "height": 900})
        shown.goto((ROOT / "matrix.html").as_uri())
        shown.screenshot(path=SHOWN / "page.png")
        chromium.close()


if __name__ == "__main__":
    page()

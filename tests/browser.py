"""Debian's Chromium, driven by Playwright; a test that wants it is skipped by name where it is not there."""

import contextlib
import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

CONTRASTS = """
() => {
  const numbers = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour.length === 4 && colour[3] > 0) return null;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const poor = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, style")) continue;
    const style = getComputedStyle(element), behind = ground(element);
    const colour = numbers(element.closest("svg") ? style.fill : style.color);
    if (!behind || (colour.length === 4 && colour[3] < 1)) continue;
    const [a, b] = [light(colour), light(behind)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    count += 1;
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${walk.currentNode.data.trim().slice(0, 40)}`);
  }
  return [count, [...new Set(poor)]];
}
"""
"""How many texts were measured, and those below 4.5 : 1, as WCAG 2 counts."""


@contextlib.contextmanager
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium here: chromium, chromium-browser or google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def opened(chromium, address, width=1400, scheme="light"):
    """A page at an address, and what its console complains of."""
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page, complaints

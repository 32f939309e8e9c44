"""Figures in a real browser: no label cut or over another, whole on paper, numbers to take away."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compound.orchestrator.report.page import render
from tests.support.browser import NARROW, WIDE, check, started_browser, view
from tests.support.report_pages import study
from tests.support.report_studies import complete
from tests.support.report_studies import inputs_with_ways as ways

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

STUDIES = {"whole": complete, "ways": ways, "surface": lambda: study(seeds=3)}
PAPER = 680
LABELS = """() => {
  const faults = [];
  for (const plot of document.querySelectorAll(".plot")) {
    const frame = plot.getBoundingClientRect(), name = plot.parentNode.id;
    const texts = [...plot.querySelectorAll("text")]
      .filter((text) => text.textContent.trim() && !text.closest(".hoverlayer"))
      .map((text) => [text.textContent, text.getBoundingClientRect()])
      .filter(([, box]) => box.width > 0);
    for (const [i, [text, a]] of texts.entries()) {
      const out = a.left < frame.left - 1 || a.right > frame.right + 1
        || a.top < frame.top - 2 || a.bottom > frame.bottom + 2;
      if (out) faults.push(`${name}: "${text}" is cut`);
      for (const [other, b] of texts.slice(i + 1)) {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 2 && down > 3) faults.push(`${name}: "${text}" over "${other}"`);
      }
    }
  }
  return faults;
}"""
PRINTED = """() => addEventListener("beforeprint", () => {
  window.printed = [...document.querySelectorAll(".plot")]
    .map((plot) => Number(plot.querySelector(".main-svg")?.getAttribute("width") ?? 0));
})"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, make in STUDIES.items():
        (folder / f"{name}.html").write_text(render(make()), encoding="utf-8")
    return folder


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("name", STUDIES)
def test_no_label_is_cut_or_over_another(
    browser: "Browser", pages: Path, name: str, width: int
) -> None:
    with view(browser, width) as opened:
        opened.open((pages / f"{name}.html").as_uri())
        check(opened)
        assert len(opened.figures) >= 4
        assert opened.page.evaluate(LABELS) == []


def test_what_was_not_in_view_is_printed_too(browser: "Browser", pages: Path) -> None:
    with view(browser, NARROW, "dark") as opened:
        opened.page.goto((pages / "whole.html").as_uri())
        assert opened.page.locator(".main-svg").count() < opened.page.locator(".plot").count()
        opened.page.evaluate(PRINTED)
        opened.page.pdf(format="A4")
        widths = opened.page.evaluate("printed")
        assert len(widths) >= 8 and {*widths} == {PAPER}


def test_another_view_stays_when_the_scheme_changes(browser: "Browser", pages: Path) -> None:
    with view(browser) as opened:
        opened.open((pages / "whole.html").as_uri())
        opened.page.locator("#figure-cost .choices button", has_text="parameters").press("Enter")
        title = opened.page.locator("#figure-cost .xtitle")
        assert title.text_content() == "parameters an image (log scale)"
        opened.page.emulate_media(color_scheme="dark")
        opened.page.wait_for_function(
            "getComputedStyle(document.querySelector('#figure-cost .xtitle')).fill"
            ".startsWith('rgb(2')"
        )
        assert title.text_content() == "parameters an image (log scale)"


def test_numbers_of_a_figure_and_all_rows_can_be_taken_away(
    browser: "Browser", pages: Path, tmp_path: Path
) -> None:
    inputs = complete()
    with view(browser) as opened:
        opened.open((pages / "whole.html").as_uri())
        opened.page.locator("#figure-gate summary").press("Enter")
        with opened.page.expect_download() as shown:
            opened.page.locator("#figure-gate .numbers-body button").click()
        shown.value.save_as(tmp_path / "gate.csv")
        with opened.page.expect_download() as rows:
            opened.page.locator("[data-download=rows]").press("Enter")
        rows.value.save_as(tmp_path / "rows.csv")
        assert not opened.errors
    with (tmp_path / "gate.csv").open(newline="") as file:
        lines = [*csv.DictReader(file)]
    means = {round(100 * row.mean, 2) for row in inputs.gate.contenders if row.mean is not None}
    assert means == {float(line["accuracy, %"]) for line in lines if line["in"] == "gate"}
    with (tmp_path / "rows.csv").open(newline="") as file:
        count = sum(1 for _ in csv.DictReader(file))
    assert count == sum(len(measured) for measured in inputs.rows.values())

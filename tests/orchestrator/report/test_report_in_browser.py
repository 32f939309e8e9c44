"""The report in a real browser: drawn, readable, quiet, at both widths and in both schemes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compound.orchestrator.report.page import render
from tests.support.browser import NARROW, WIDE, Scheme, check, started_browser, view
from tests.support.report_pages import study, with_family

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with failures, a family, and hostile names."""
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(with_family(study(break_every=9))), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_report_is_drawn_and_quiet(
    browser: "Browser", address: str, width: int, scheme: Scheme
) -> None:
    with view(browser, width, scheme) as opened:
        opened.open(address)
        check(opened)
        assert len(opened.figures) >= 6


def test_the_report_is_readable_in_forced_colours(browser: "Browser", address: str) -> None:
    with view(browser, forced_colors="active", reduced_motion="reduce") as opened:
        opened.open(address)
        check(opened)


def test_print_has_no_scroll_bars_and_every_table_whole(browser: "Browser", address: str) -> None:
    with view(browser, 720) as opened:
        opened.open(address)
        opened.page.emulate_media(media="print")
        assert opened.cut == []
        assert opened.page.pdf(format="A4")[:5] == b"%PDF-"


def test_tab_goes_through_the_page_and_its_place_shows(browser: "Browser", address: str) -> None:
    with view(browser) as opened:
        opened.open(address)
        stops = opened.focused(12)
        assert len({*stops}) >= 10
        assert not [stop for stop in stops if "nothing" in stop or "without" in stop]


def test_a_click_on_a_head_sorts_and_is_announced(browser: "Browser", address: str) -> None:
    with view(browser) as opened:
        opened.open(address)
        head = opened.page.locator("#candidates th button", has_text="accuracy, %").first
        head.click()
        cell = opened.page.locator("#candidates th[aria-sort]")
        before = opened.page.locator("#candidates tbody tr td:nth-child(2)").first.text_content()
        assert cell.get_attribute("aria-sort") == "descending"
        head.press("Enter")
        after = opened.page.locator("#candidates tbody tr td:nth-child(2)").first.text_content()
        assert cell.get_attribute("aria-sort") == "ascending"
        assert before != after

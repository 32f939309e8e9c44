"""The live page in a real browser: drawn and quiet, filtered by its URL, alive by itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import SPENDING
from compound.schemas.spending import Spent
from tests.support.browser import NARROW, WIDE, Scheme, View, check, started_browser, view
from tests.support.page_stores import published, rehearsed, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
STUDY = "cifar10-published"
PAGES = {
    "list": "/",
    "study": f"/studies/{STUDY}",
    "running": "/studies/small",
    "job": f"/studies/{STUDY}/jobs/508e4c9b3617c4c8",
    "table": f"/studies/{STUDY}/tables/candidates?candidates.accuracy.min=0.64",
    "compare": f"/compare?left={STUDY}&right=small",
}


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two studies: a published one, and one of 96 jobs on 16 workers."""
    folder = tmp_path_factory.mktemp("page")
    uri = rehearsed(folder, "name=small", "search.design.step=0.1")
    published(folder / "name=small")
    return uri


@pytest.fixture(scope="module")
def address(store: str) -> Iterator[str]:
    with served(store) as server:
        yield server.address


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_and_quiet(browser: "Browser", address: str, name: str, width: int) -> None:
    with view(browser, width) as opened:
        opened.open(address + PAGES[name])
        check(opened)
        assert bool(opened.figures) == (name not in ("list", "table"))


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_study_is_drawn_in_both_schemes_and_in_forced_colours(
    browser: "Browser", address: str, scheme: Scheme
) -> None:
    with view(browser, WIDE, scheme, forced_colors="active", reduced_motion="reduce") as opened:
        opened.open(address + PAGES["study"])
        check(opened)
    with view(browser, WIDE, scheme) as opened:
        opened.open(address + PAGES["study"])
        paper = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        ink = opened.page.evaluate(
            "getComputedStyle(document.querySelector('#figure-cost .xtick text')).fill"
        )
        light = scheme == "light"
        assert (_brightness(paper) > 128, _brightness(ink) > 128) == (light, not light)
        check(opened)


def _brightness(colour: str) -> float:
    """Return the mean of red, green and blue of `rgb(1, 2, 3)`."""
    parts = colour.partition("(")[2].strip(")").split(",")[:3]
    return sum(map(float, parts)) / 3


def faded(opened: View) -> int:
    """Return how many networks of the chart of accuracy against cost are faded."""
    return int(
        opened.page.evaluate(
            "[...document.querySelectorAll('#figure-cost .plot')][0].data"
            ".filter((t) => t.selectedpoints).flatMap((t) => t.x.filter("
            "(_, i) => !t.selectedpoints.includes(i))).length"
        )
    )


def rows(opened: View) -> list[str]:
    """Return the names of the networks in the table."""
    return opened.page.locator("#table-candidates tbody tr td:first-child").all_text_contents()


def settled(opened: View, search: str) -> None:
    """Wait until the page shows what its URL asks for; `search`: a part of the URL."""
    opened.page.wait_for_function(f"() => decodeURIComponent(location.search).includes('{search}')")
    opened.page.wait_for_load_state("networkidle")


def listed(opened: View, condition: str) -> None:
    """Wait until the rows of the table of networks, `rows`, meet a condition of JavaScript.

    Charts and table are asked for at once: either may come first.
    """
    opened.page.wait_for_function(
        "() => { const rows = [...document.querySelectorAll('#table-candidates tbody tr')];"
        f"return {condition}; }}"
    )


def matched(opened: View, word: str) -> None:
    """Wait until the page has counted the networks that match, with a word in the sentence."""
    opened.page.wait_for_function(
        f"() => document.getElementById('matched').textContent.includes('{word}')"
    )


def test_a_filter_holds_for_charts_table_and_url_and_back_undoes_it(
    browser: "Browser", address: str
) -> None:
    with view(browser) as opened:
        page = opened.page
        opened.open(address + PAGES["study"])
        before = rows(opened)
        assert faded(opened) == 0 and page.locator("#clear").is_hidden()
        page.get_by_label("from").first.fill("0.645")
        page.get_by_role("button", name="Filter").first.click()
        settled(opened, "candidates.accuracy.min=0.645")
        page.wait_for_function(
            "() => document.getElementById('matched').textContent.includes('match')"
        )
        listed(opened, f"rows.length && rows.length < {len(before)}")
        assert faded(opened) > 0
        assert "hidden in the table" in page.locator("#matched").text_content()
        page.go_back()
        page.wait_for_function(
            "() => document.getElementById('matched').textContent.includes('All')"
        )
        listed(opened, f"rows.length === {len(before)}")
        assert faded(opened) == 0 and rows(opened) == before
        assert page.get_by_label("from").first.input_value() == ""
        page.go_forward()
        settled(opened, "candidates.accuracy.min=0.645")
        listed(opened, f"rows.length < {len(before)}")
        check(opened)


def test_marks_that_are_selected_are_what_the_table_shows(browser: "Browser", address: str) -> None:
    with view(browser) as opened:
        page = opened.page
        opened.open(address + PAGES["study"])
        page.locator("#figure-cost").scroll_into_view_if_needed()
        box = page.locator("#figure-cost .nsewdrag").first.bounding_box()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 0.5 * box["height"], steps=5)
        page.mouse.up()
        settled(opened, "candidates.macs.min")
        page.wait_for_function(
            "() => document.getElementById('matched').textContent.includes('match')"
        )
        listed(opened, "rows.length && !rows.some((row) => row.textContent.includes('baseline'))")
        page.get_by_role("button", name="Show all").click()
        page.wait_for_function("() => !location.search.includes('macs')")
        check(opened)


def test_sorting_goes_into_the_url_and_keeps_place_and_focus(
    browser: "Browser", address: str
) -> None:
    with view(browser) as opened:
        page = opened.page
        opened.open(address + PAGES["study"])
        head = page.locator("#table-candidates th a", has_text="parameters")
        head.focus()
        place = page.evaluate("scrollY")
        head.press("Enter")
        settled(opened, "candidates.sort=params")
        page.locator("#table-candidates th[aria-sort='ascending']").wait_for()
        assert page.evaluate("document.activeElement.textContent.trim()") == "parameters"
        assert abs(page.evaluate("scrollY") - place) < 200
        check(opened)


def test_news_arrive_while_focus_selection_and_place_stay(
    browser: "Browser", address: str, store: str
) -> None:
    folder = ArtifactStore.open(store).study("small")
    with view(browser) as opened:
        page = opened.page
        opened.open(address + PAGES["running"])
        field = page.locator("#filter input[type=search]")
        field.fill("width")
        page.evaluate(
            "document.querySelector('#filter input[type=search]').setSelectionRange(1, 3)"
        )
        place = page.evaluate("scrollY")
        folder.write(SPENDING, Spent(epochs=4711, cpu_hours=1.5))
        with page.expect_response(lambda answer: "/progress" in answer.url):
            page.wait_for_function(
                "() => document.getElementById('progress-of-study').dispatchEvent("
                "new CustomEvent('news')) && document.body.textContent.includes('4,711 epochs')",
                polling=500,
            )
        assert page.evaluate("document.activeElement.selectionEnd") == 3
        assert field.input_value() == "width"
        assert page.evaluate("scrollY") == place
        assert page.locator("[aria-live]").count() == 1


def test_a_hidden_page_asks_for_nothing(browser: "Browser", address: str) -> None:
    with view(browser) as opened:
        page = opened.page
        opened.open(address + PAGES["study"])
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for hidden in ("true", "false"):
            settings = f"{{value: {hidden}, configurable: true}}"
            page.evaluate(
                f"Object.defineProperty(document, 'hidden', {settings});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
            assert bool([url for url in asked if "/progress" in url]) == (hidden == "false")


def test_a_server_that_is_gone_is_said(browser: "Browser", store: str) -> None:
    with view(browser) as opened, served(store) as server:
        opened.open(server.address + PAGES["study"])
        opened.page.route("**/progress", lambda route: route.abort())
        opened.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        opened.page.wait_for_function(
            "() => document.getElementById('status').textContent.includes('has not answered since')"
        )


def test_the_first_tab_stop_skips_to_the_content(browser: "Browser", address: str) -> None:
    with view(browser) as opened:
        opened.open(address + PAGES["study"])
        stops = opened.focused(14)
        assert stops[0].startswith("a Skip to the content")
        assert not [stop for stop in stops if "nothing" in stop or "without" in stop]


def test_print_is_whole(browser: "Browser", address: str) -> None:
    with view(browser, 720) as opened:
        opened.open(address + PAGES["study"])
        opened.page.emulate_media(media="print")
        assert opened.page.locator("#filter").is_hidden()
        assert opened.page.pdf(format="A4")[:5] == b"%PDF-"

"""What the live page takes in a browser: ten thousand jobs of a hundred epochs.

   python -m benchmarks.page_speed --folder FOLDER [--epochs 100] [--rounds 5]

Makes the study in FOLDER where it is not there yet, which takes some ten minutes (training is made
up: tests/support/page_stores.py), serves it by `compound dashboard`, and opens its page in Chromium
at 1280 px. Times are the browser's own, in milliseconds from the start of the navigation: the first
contentful paint, all charts in view drawn, and the answers to a question for news, with something
new and without. A machine that does other things too shows its speed in the quietest round, so the
least is printed beside the median. Goals: paint 1,000, charts 4,000, news 300; server 500 MB.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import SPENDING
from compound.schemas.spending import Spent
from tests.support.browser import started_browser, view
from tests.support.page_stores import rehearsed, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAME = "large"
_WARM_S = 120
"""How long the server may read the study for the first time."""
_DRAWN = """() => {
  const shown = [...document.querySelectorAll("figure.chart")].filter((f) => {
    const box = f.getBoundingClientRect();
    return f.checkVisibility() && box.top < innerHeight && box.bottom > 0;
  });
  return shown.length && shown.every((f) => f.querySelector(".main-svg")) && performance.now();
}"""
_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_NEWS = """async (url) => {
  const asked = performance.now();
  const answer = await fetch(url, { headers: { "HX-Request": "true" } });
  await answer.text();
  return performance.now() - asked;
}"""


def store_of(folder: Path, epochs: int) -> str:
    """Return the store of the study, which is made where there is none."""
    name = f"name={NAME}"
    if (folder / name / "studies" / NAME / "verdict.json").exists():
        return str(folder / name)
    store: str = rehearsed(folder, name, f"train.epochs={epochs}")
    return store


def page_times(browser: "Browser", url: str, store: str) -> dict[str, float]:
    """Open the page once; return its times by name."""
    with view(browser) as opened:
        page = opened.page
        page.goto(url, wait_until="commit")
        page.wait_for_function(_PAINT)
        page.locator("#networks .grid").scroll_into_view_if_needed()
        drawn = page.wait_for_function(_DRAWN, timeout=_WARM_S * 1000).json_value()
        paint = page.evaluate(_PAINT)
        return {"paint": paint, "charts": drawn, **_news(page, url, store)}


def _news(page: "Page", url: str, store: str) -> dict[str, float]:
    """Ask for news twice: something is new, and nothing is."""
    folder = ArtifactStore.open(store).study(NAME)
    spent = folder.read(SPENDING, Spent) or Spent()
    folder.write(SPENDING, spent.plus(Spent(epochs=1)))
    return {
        "news": page.evaluate(_NEWS, f"{url}/progress"),
        "no news": page.evaluate(_NEWS, f"{url}/progress"),
        "charts again": page.evaluate(_NEWS, f"{url}/charts.json"),
        "table": page.evaluate(_NEWS, f"{url}/tables/jobs?jobs.sort=-accuracy"),
    }


def show(rounds: Sequence[dict[str, float]]) -> None:
    """Print the least and the median of each time."""
    print(f"{'':14}{'least':>9}{'median':>9}  ms")
    for name in rounds[0]:
        values = [times[name] for times in rounds]
        print(f"{name:14}{min(values):9.0f}{statistics.median(values):9.0f}", flush=True)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the store lies")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    store = store_of(options.folder, options.epochs)
    with served(store) as server, started_browser() as browser:
        url = f"{server.address}/studies/{NAME}"
        first = page_times(browser, url, store)
        print("first page of a server that has read nothing yet:")
        show([first])
        print(f"then, of {options.rounds} rounds:")
        show([page_times(browser, url, store) for _ in range(options.rounds)])
        print(f"memory of the server: {server.megabytes:.0f} MB")


if __name__ == "__main__":
    main()

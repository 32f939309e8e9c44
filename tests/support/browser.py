"""A real browser on a page: what it complains of, what it draws, what a keyboard reaches.

Chromium is the machine's (Debian: chromium, or the smaller chromium-headless-shell);
COMPOUND_CHROMIUM names another one. Tests are skipped where there is none.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

Scheme = Literal["light", "dark"]
NARROW, WIDE = 390, 1280
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_WATCH = """
window.refusals = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.refusals.push(`${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`);
});
"""
_SERIOUS = {"serious", "critical"}


def chromium() -> str | None:
    """Return the path of a Chromium; None: there is none here."""
    named = os.environ.get("COMPOUND_CHROMIUM")
    return named or next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def started_browser() -> Iterator["Browser"]:
    """Run a browser; skip the test, with the reason, where that cannot be.

    It must end before a test of the same process runs an event loop: playwright has one of its own.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    # The sandbox of root needs a kernel setting, and /dev/shm of a container is small.
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@dataclass
class View:
    """A tab: a page of so many pixels in a scheme, and what was wrong on it."""

    page: "Page"
    errors: list[str] = field(default_factory=list)
    """Of scripts and console, and of requests that failed."""

    def open(self, url: str) -> None:
        """Go to an address, and wait until its charts are drawn."""
        self.page.goto(url, wait_until="load")
        self.drawn()

    def drawn(self) -> None:
        """Wait until every chart of the page has been drawn: those too that wait to be seen."""
        self.page.wait_for_function(_READ)
        self.page.evaluate(_SCROLL)
        self.page.wait_for_function(_DRAWN)
        self.page.evaluate("scrollTo(0, 0)")

    @property
    def refusals(self) -> list[str]:
        """What the content security policy has refused."""
        return list(self.page.evaluate("window.refusals"))

    @property
    def overhang(self) -> list[str]:
        """The elements that make the page scroll sideways; [] where it does not."""
        return list(self.page.evaluate(_OVERHANG))

    @property
    def cut(self) -> list[str]:
        """The boxes whose contents do not fit, so that paper would lack them."""
        return list(self.page.evaluate(_CUT))

    @property
    def figures(self) -> dict[str, int]:
        """How many marks and lines each chart has drawn inside of its frame, by its id."""
        return dict(self.page.evaluate(_FIGURES))

    @property
    def barriers(self) -> list[str]:
        """What axe calls serious or critical, with the elements that have it."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{rule['id']}: {node['target']} {node.get('failureSummary', '')[:200]}"
            for rule in found
            if rule["impact"] in _SERIOUS
            for node in rule["nodes"]
        ]

    def focused(self, steps: int) -> list[str]:
        """Press Tab so many times; return what has the focus each time, and whether it shows."""
        stops = []
        for _ in range(steps):
            self.page.keyboard.press("Tab")
            stops.append(str(self.page.evaluate(_FOCUS)))
        return stops


@contextmanager
def view(
    browser: "Browser", width: int = WIDE, scheme: Scheme = "light", **options: Any
) -> Iterator[View]:
    """Open a tab of so many pixels, with options of a browser context; it is closed at the end."""
    settings: dict[str, Any] = {
        "viewport": {"width": width, "height": 900},
        "color_scheme": scheme,
        **options,
    }
    context: BrowserContext = browser.new_context(**settings)
    context.add_init_script(_WATCH)
    opened = View(context.new_page())
    page, errors = opened.page, opened.errors
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(f"{request.url}: {request.failure}"))
    yield opened
    context.close()


def check(opened: View) -> None:
    """Assert what holds for every page, at every width and in every scheme."""
    empty = [f"chart without a mark: {name}" for name, marks in opened.figures.items() if not marks]
    wrong = [*opened.errors, *opened.refusals, *opened.overhang, *opened.barriers, *empty]
    assert not wrong, "\n".join(wrong)


_READ = """() => ![...document.querySelectorAll(".pending")]
  .some((e) => e.checkVisibility() && e.textContent.includes("is being read"))"""
_SCROLL = """async () => {
  for (const figure of document.querySelectorAll("figure.chart")) {
    figure.scrollIntoView();
    await new Promise((done) => setTimeout(done, 60));
  }
}"""
_DRAWN = """() => [...document.querySelectorAll("figure.chart")]
  .filter((f) => f.checkVisibility()).every((f) => f.querySelector(".main-svg"))"""
_OVERHANG = """() => {
  const root = document.documentElement, wide = root.clientWidth;
  if (root.scrollWidth <= wide) return [];
  return [...document.body.querySelectorAll("*")]
    .filter((e) => e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll, pre, svg"))
    .map((e) => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`)
    .concat(`page is ${root.scrollWidth} wide`);
}"""
_CUT = """() => [...document.querySelectorAll(".scroll, pre")]
  .filter((e) => e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2)
  .map((e) => e.textContent.trim().slice(0, 60))"""
_FIGURES = """() => Object.fromEntries(
  [...document.querySelectorAll("figure.chart")].filter((f) => f.checkVisibility()).map((f) => {
    const frame = f.getBoundingClientRect();
    const inside = (e) => {
      const box = e.getBoundingClientRect();
      return box.width + box.height > 0.5 && box.right > frame.left && box.left < frame.right;
    };
    const marks = f.querySelectorAll(".scatterlayer path, .points path, .lines path, .js-line");
    return [f.id, [...marks].filter(inside).length];
  })
)"""
_FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "nothing";
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const name = (e.getAttribute("aria-label") || e.textContent || e.name || "").trim().slice(0, 40);
  const faults = [box.width * box.height ? "" : " without a size", ring ? "" : " without a ring"];
  return `${e.tagName.toLowerCase()} ${name.replace(/\\s+/g, " ")}${faults.join("")}`;
}"""

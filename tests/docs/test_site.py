"""The site: built offline without a warning; its pages fetch nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import DOCS

FETCHED = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(?:https?:)?//"
    r"|<link[^>]*rel=\"(?:stylesheet|preload|icon)\"[^>]*href=\"(?:https?:)?//"
    r"|url\(['\"]?(?:https?:)?//|@import ['\"](?:https?:)?//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    words = ["-W", "--keep-going", "--nitpicky", "--quiet", "-d", f"{folder}/trees"]
    build = [sys.executable, "-m", "sphinx", *words, str(DOCS), f"{folder}/html"]
    built = subprocess.run(build, capture_output=True, text=True)
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    return folder / "html"


def test_every_page_is_in_the_site(site: Path) -> None:
    written = {p.relative_to(DOCS).with_suffix(".html") for p in DOCS.rglob("*.md")}
    written.discard(Path("README.html"))  # the first page, index.html
    built = {path.relative_to(site) for path in site.rglob("*.html")}
    assert written <= built and Path("index.html") in built


def test_no_page_fetches_anything_from_the_network(site: Path) -> None:
    files = [path for kind in ("*.html", "*.css") for path in site.rglob(kind)]
    fetched = {
        str(path.relative_to(site)): found[0]
        for path in files
        if (found := FETCHED.search(path.read_text(encoding="utf-8")))
    }
    assert len(files) > 40 and not fetched


def test_the_first_page_leads_to_every_other(site: Path) -> None:
    first = (site / "index.html").read_text(encoding="utf-8")
    for page in sorted(DOCS.glob("*/*.md")):
        assert f'href="{page.relative_to(DOCS).with_suffix(".html")}"' in first, page


def test_options_keep_their_hyphens(site: Path) -> None:
    page = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "--set train.epochs=5" in page and "\u2013set" not in page

"""Links as GitHub follows them: files, anchors, and what pages say of files of the checkout."""

import re
from pathlib import Path

import pytest

from tests.support.house import ROOT, trees
from tests.support.pages import DOCS, RECORDS, anchors, blocks, links, pages, prose

ELSEWHERE = {"https://keepachangelog.com/en/1.1.0/", "https://semver.org"}
"""Links to other hosts. Their pages are not looked at: a test needs no network."""
PAGES = (*pages(), *RECORDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    wrong = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not wrong


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether a link's file and heading exist; those to other hosts are listed elsewhere."""
    if "://" in link:
        return True
    name, _, heading = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists():
        return False
    return not heading or target.suffix != ".md" or heading in anchors(target)


def test_links_to_other_hosts_are_known() -> None:
    assert {link for page in PAGES for link in links(page) if "://" in link} == ELSEWHERE


def test_files_that_pages_name_exist() -> None:
    tops = "benchmarks|cluster|docs|examples|jobs|orchestrator|schemas|tests"
    named = re.compile(rf"`((?:{tops})/[\w./-]*\w/?)`")
    wrong = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in pages()
        for path in named.findall(prose(page))
        if not (ROOT / path).exists() and not path.startswith("jobs/job.json")
    ]
    assert not wrong


def test_pages_that_the_source_names_exist() -> None:
    """Errors and comments send people to a page."""
    named = {
        (str(path), page)
        for path in trees()
        for page in re.findall(r"docs/[\w/-]+\.md", (ROOT / path).read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert not [pair for pair in named if not (ROOT / pair[1]).exists()]


def test_pages_are_below_a_thousand_words_where_people_read_from_top_to_bottom() -> None:
    words = {page.name: len(page.read_text().split()) for page in DOCS.glob("tutorial/*.md")}
    words["README.md"] = len((ROOT / "README.md").read_text().split())
    assert words["README.md"] <= 900 and max(words.values()) <= 1000


def test_blocks_of_the_readme_fit_a_forge() -> None:
    """GitHub shows about 95 columns, then a scroll bar."""
    lines = [line for b in blocks(ROOT / "README.md") for line in b.text.splitlines()]
    assert not [line for line in lines if len(line) > 92]

"""The README and the pages of docs/ as their readers' tools take them: blocks, headings, links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.house import ROOT

DOCS = ROOT / "docs"
RECORDS = (DOCS / "decisions.md", ROOT / "CHANGELOG.md")
"""What was true on its date; commands and files of that time may be gone."""
_FENCE = re.compile(r"```(\w*)\s*$")
_REASON = re.compile(r"<!-- not run: (.+) -->\s*$")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    reason: str
    """Why its commands cannot run in a test; empty: they run."""

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def pages() -> tuple[Path, ...]:
    """Return all pages that describe what is; records of the past are left out."""
    return (ROOT / "README.md", *sorted(set(DOCS.rglob("*.md")) - set(RECORDS)))


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Return the fenced blocks of a page in their order."""
    return tuple(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    reason, start, language, inside = "", 0, "", list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if start and fence:
            yield Block(page, start, language, "\n".join(inside), reason)
            reason, start, inside = "", 0, []
        elif start:
            inside.append(line)
        elif fence:
            start, language = number, fence[1]
        else:
            marked = _REASON.match(line)
            reason = marked[1] if marked else reason if not line.strip() else ""


def commands(block: Block) -> list[str]:
    """Return the lines of a block of shell, continued lines joined, comments kept."""
    joined = re.sub(r"\\\n\s*", "", block.text)
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def prose(page: Path) -> str:
    """Return a page without its blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and pictures."""
    return _LINK.findall(re.sub(r"`[^`\n]+`", "", prose(page)))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub and MyST give a page's headings."""
    headings = re.findall(r"^#{1,6} (.+?)\s*$", prose(page), re.M)
    return {anchor(heading) for heading in headings}


def anchor(heading: str) -> str:
    """Return a heading's anchor: lower case, spaces as hyphens, no other punctuation."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return "".join(c for c in plain.lower() if c.isalnum() or c in " -_").replace(" ", "-")

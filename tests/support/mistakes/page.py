"""docs/reference/mistakes.md, from the grades: `python -m tests.support.mistakes.page > FILE`."""

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.support.mistakes.grading import Grade, graded
from tests.support.mistakes.mistake import Mistake
from tests.support.mistakes.rubric import MARKS
from tests.support.mistakes.table import TABLE

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "mistakes.md"
_HEAD = """\
# Mistakes, and what Compound says

Mistakes that new users of this and similar tools make, and the first line of what is said. Each is
made by a test, which marks five things: the *place* is named, the *cause* is said in plain words,
what is *allowed* is said, the *next* command or edit that is printed works or gets further when the
test follows it, and the text is *plain*: no traceback, no library's words, the right exit code.
`validate`, `plan` and `run` say the same of a spec. `python -m tests.support.mistakes.page` prints
this page.
"""


def page(grades: Mapping[str, Grade]) -> str:
    """Return the page, by the grades of each mistake's title."""
    full = sum(all(grade.marks.values()) for grade in grades.values())
    lines = [_HEAD, f"Full marks: {full} of {len(grades)}."]
    for heading, mistakes in TABLE.items():
        lines += ["", f"## {heading}", "", *_table(mistakes, grades)]
    return "\n".join(lines) + "\n"


def _table(mistakes: Iterable[Mistake], grades: Mapping[str, Grade]) -> Iterator[str]:
    yield f"| mistake | said | {' | '.join(MARKS)} |"
    yield f"|---|---|{'---|' * len(MARKS)}"
    for mistake in mistakes:
        grade = grades[mistake.title]
        given = " | ".join("yes" if grade.marks[mark] else "no" for mark in MARKS)
        yield f"| {mistake.title} | {_cell(grade.said.message)} | {given} |"


def _cell(message: str) -> str:
    """Return a first line as a cell of Markdown, without what differs between machines."""
    plain = re.sub(r"/\S*/\d+/(?:\./)?", "", message)
    plain = re.sub(r"(the cluster has) .*", r"\1 ...", plain)
    plain = plain.removeprefix("compound: ").replace("|", "\\|").replace("`", "'")
    return f"`{plain}`"


def all_grades(root: Path) -> dict[str, Grade]:
    """Make every mistake, each in a folder of its own."""
    grades = {}
    for number, mistake in enumerate(mistake for rows in TABLE.values() for mistake in rows):
        folder = root / str(number)
        folder.mkdir()
        grades[mistake.title] = graded(mistake, folder)
    return grades


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(page(all_grades(Path(folder))))

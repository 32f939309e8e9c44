"""Every mistake of the table gets full marks, and docs/reference/mistakes.md is of today.

`validate`, `plan` and `run` end with the same code and sentence for each mistake in a spec.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import compound
from tests.support.mistakes.grading import Grade
from tests.support.mistakes.mistake import SPEC
from tests.support.mistakes.on_machines import LINES, Line
from tests.support.mistakes.page import PAGE, all_grades, page
from tests.support.mistakes.rubric import Said, error_in, marks
from tests.support.mistakes.table import TABLE

MISTAKES = {mistake.title: mistake for rows in TABLE.values() for mistake in rows}


@pytest.fixture(scope="module")
def grades(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Grade]:
    """Make every mistake once."""
    return all_grades(tmp_path_factory.mktemp("mistakes"))


def test_the_spec_of_the_mistakes_has_none(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    assert compound("validate", "spec.yaml", cwd=tmp_path).returncode == 0
    titles = [mistake.title for rows in TABLE.values() for mistake in rows]
    assert len(titles) == len(MISTAKES) >= 100


@pytest.mark.parametrize("title", MISTAKES)
def test_a_mistake_gets_full_marks(title: str, grades: dict[str, Grade]) -> None:
    grade = grades[title]
    assert all(grade.marks.values()), (grade.marks, grade.said.text)
    assert grade.alike, grade.said.text


def test_the_page_is_of_today(grades: dict[str, Grade]) -> None:
    assert page(grades) == PAGE.read_text()


@pytest.mark.parametrize("line", LINES, ids=[line.mistake.title for line in LINES])
def test_a_mistake_of_the_machine_gets_full_marks(line: Line, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    said = _said(line.line, tmp_path)
    assert all(marks(said, line.mistake).values()), (marks(said, line.mistake), said.text)
    assert said.next_step
    after = _said(line.further, tmp_path)
    assert after.code == 0 or after.message != said.message


def _said(line: str, folder: Path) -> Said:
    ran = subprocess.run(
        ["bash", "-c", line.replace("COMPOUND", f"{sys.executable} -m compound")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "RAY_ADDRESS": ""},
        timeout=240,
    )
    return Said(ran.returncode, error_in(ran.stderr))

"""Every row of the tables of docs/reference/data.md is what happens."""

import re
from pathlib import Path

import pytest

from compound.jobs.data.source import inspect
from compound.orchestrator.wording.class_warnings import class_warnings
from compound.orchestrator.wording.ledger_text import ledger_lines
from compound.schemas.errors import DataError
from tests.support.data_inputs import INPUTS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "data.md"
ROW = re.compile(r"\| (.+?) \| (taken as|refused with|counted as) (`{1,2})(.+?)\3 \|")
ROWS = [match.group(1, 2, 4) for match in map(ROW.match, PAGE.read_text().splitlines()) if match]


def outcome(root: Path, row: str) -> str:
    """Return what the ledger says of an input, or the error."""
    write, layout = INPUTS[row]
    try:
        info = inspect(write(root / "data", layout))
    except DataError as error:
        return f"refused {error}"
    counts = " / ".join(str(count) for count in (info.train, info.validation, info.test))
    return "\n".join(
        [f"{', '.join(info.classes)}: {counts}", *class_warnings(info), *ledger_lines(info)]
    )


@pytest.mark.parametrize(("row", "kind", "text"), ROWS, ids=[row for row, *_ in ROWS])
def test_a_row_of_the_page_is_what_happens(tmp_path, row, kind, text):
    result = outcome(tmp_path, row)
    assert result.startswith("refused") == (kind == "refused with"), result
    assert text in result


def test_every_input_has_a_row_and_the_readme_counts_them():
    rows = [row for row, *_ in ROWS]
    assert sorted(rows) == sorted(INPUTS)
    assert f"{len(rows)} kinds of input" in (PAGE.parents[2] / "README.md").read_text()

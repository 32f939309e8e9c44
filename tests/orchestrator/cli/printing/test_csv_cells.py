"""No cell of CSV is computed by a spreadsheet."""

import pyarrow as pa
import pytest

from compound.orchestrator.cli.printing.csv_cells import csv_cell, csv_table

SIGNS = "=+-@＝＋－＠"
SPACES = ("", " ", "  ", "\t", "\r", "\n", "\u00a0", "\u3000", "\u200b", "\ufeff", " \t ")


@pytest.mark.parametrize("before", SPACES)
@pytest.mark.parametrize("sign", SIGNS)
def test_a_formula_is_text_after_any_spaces(before: str, sign: str) -> None:
    text = f"{before}{sign}1+1"
    assert csv_cell(text).startswith("'")
    assert csv_table(pa.table({"a": [text]}), str)["a"][0].as_py() == csv_cell(text)


@pytest.mark.parametrize("text", ["a=b", " a", "1 - 2", "-1.5e-3", "+2", "", "  "])
def test_other_texts_and_numbers_stay(text: str) -> None:
    assert csv_cell(text) == text
    assert csv_table(pa.table({"a": [text]}), str)["a"][0].as_py() == text

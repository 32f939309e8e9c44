"""The answer on the page: its sentence before everything, its tiles, and the table of phi."""

import pytest

from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.answer.answer_text import gain_ends, gain_text
from compound.orchestrator.report.page import render
from compound.orchestrator.report.sections.answer_section import PARTS, answer_table, answer_tiles
from tests.support.answers import WIDE, page_of, searched, study_spec, variant, with_family
from tests.support.report_pages import Page


@pytest.mark.parametrize(
    "inputs",
    [
        with_family(searched(WIDE)),
        searched(),
        searched(breaks=True),
        with_family(searched(spec=study_spec(search={"seeds": 1}))),
        variant(),
        variant((0.9,)),
    ],
    ids=["whole", "no family", "all failed", "one seed", "no score", "one network"],
)
def test_a_page_begins_with_the_answer(inputs: AnswerInputs):
    page = page_of(inputs)
    text = render(page)
    shown = " ".join(Page(text).shown)
    first, _, rest = page.answer.sentence.partition(". ")
    assert first in shown and rest in shown and page.answer.scaling in shown
    assert text.index("<h1") < text.index('class="tiles"') < text.index('<section id="answer"')
    table = answer_table(page)
    assert len(table.rows) == len(page.answer.rows)
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_tiles_are_of_the_network_that_is_taken():
    tiles = answer_tiles(answer_of(with_family(searched())))
    assert [tile.label for tile in tiles] == [
        "accuracy at φ 3",
        "CPU-hours to train it",
        "points of a doubling beyond it",
    ]
    assert tiles[0].value == "91.0 %" and tiles[1].context == "measured"
    assert answer_tiles(None) == [] == answer_tiles(answer_of(searched(breaks=True)))


def test_no_tile_is_the_best_of_single_seeds():
    text = render(page_of(with_family(searched())))
    assert "best of the family" not in text and "expected of the choice" not in text


def test_every_number_of_an_answer_is_in_its_table():
    page = page_of(with_family(searched(WIDE)))
    table, rows = answer_table(page), page.answer.rows
    assert len(table.columns) <= 11, "wider tables scroll sideways at 1280 pixels"
    for cells, row in zip(table.rows, rows, strict=True):
        shown = " ".join(f"{cell.text} {cell.below}" for cell in cells)
        if row.accuracy and row.accuracy.low is not None:
            ends = f"{100 * row.accuracy.low:.1f} to {100 * row.accuracy.high:.1f}"
            assert f"{100 * row.accuracy.value:.1f} {ends}, {PARTS[row.accuracy.part]}" in shown
        if row.doubling:
            assert f"{gain_text(row.doubling.gain)} {gain_ends(row.doubling)}" in shown
    text = render(page)
    assert text.count('data-label="points a doubling"') == len(rows)


def test_money_has_a_column_where_hours_have_a_price():
    inputs = with_family(searched(spec=study_spec(budget={"price_per_cpu_hour": 3})))
    priced, free = answer_table(page_of(inputs)), answer_table(page_of(with_family(searched())))
    assert "money" in priced.columns and "money" not in free.columns
    assert priced.rows[1][priced.columns.index("money")].text == "0.03"

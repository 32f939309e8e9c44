"""Tables of any content in any width: what is shown is whole, and what is not is named."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.cli.printing.tables import Column, laid_out
from compound.orchestrator.cli.printing.widths import cells, shortened, wrapped

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WORDS = st.lists(st.from_regex(r"[a-z]{1,9}|[0-9]{1,5}(\.[0-9]{1,3})?", fullmatch=True), max_size=6)
TEXT = WORDS.map(" ".join)


@st.composite
def tables(draw: st.DrawFn) -> list[Column]:
    number = draw(st.integers(1, 4))
    signs = draw(st.lists(st.sampled_from(["", ">", "~", "|"]), min_size=1, max_size=7))
    return [
        Column(f"{sign}head {place}", tuple(draw(TEXT) or "-" for _ in range(number)))
        for place, sign in enumerate(signs)
    ]


@given(tables(), st.integers(20, 120))
def test_every_column_is_shown_or_named_and_no_number_is_cut(
    table: list[Column], width: int
) -> None:
    layout = laid_out(table, width)
    shown = [column.heading for column in layout.columns]
    assert {*shown, *layout.left_out} == {column.heading for column in table}
    lines = [*layout.heading(), *layout.rows()]
    assert len(shown) == 1 or max(map(len, lines)) <= width
    assert all(word in " ".join(layout.heading()).split() for word in " ".join(shown).split())
    whole = {number for column in table for cell in column.cells for number in NUMBER.findall(cell)}
    assert {number for line in layout.rows() for number in NUMBER.findall(line)} <= whole
    assert not layout.left_out or not laid_out(table, layout.needed).left_out


@given(tables())
def test_elsewhere_every_cell_is_whole(table: list[Column]) -> None:
    layout = laid_out(table, None)
    for row, line in enumerate(layout.rows()):
        assert all(column.cells[row] in line for column in table)


def test_what_matters_most_is_kept_and_stays_in_its_place() -> None:
    table = [Column(f">{name * 8}", ("1",)) for name in "abcde"]
    layout = laid_out(table, 30, ("d" * 8, "b" * 8))
    assert [column.heading[0] for column in layout.columns] == ["a", "b", "d"]
    assert [heading[0] for heading in layout.left_out] == ["c", "e"]


@given(st.text("ab/-.0123456789", min_size=1, max_size=60), st.integers(8, 40))
def test_a_short_name_keeps_its_ends_and_cuts_no_number(name: str, width: int) -> None:
    short = shortened(name, width)
    assert cells(short) <= width
    assert set(NUMBER.findall(short)) <= set(NUMBER.findall(name))
    head, dots, tail = short.partition("…")
    assert short == name if not dots else name.startswith(head) and name.endswith(tail)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_prose_wraps_between_words_and_keeps_units(width: int) -> None:
    text = "  choice: phi 3, 61.9 k params, 69.5 % on test images; one training takes 12 min here"
    lines = wrapped(text, width)
    assert " ".join(" ".join(lines).split()) == text.strip()
    assert max(map(len, lines)) <= width and all(line.startswith("  ") for line in lines)
    assert all(any(whole in line for line in lines) for whole in ("61.9 k", "69.5 %", "12 min"))


def test_a_command_goes_on_after_a_backslash_and_its_comment_is_one() -> None:
    text = "next: compound run 'my specs/a.yaml' --set train.epochs=12    # goes on with the family"
    lines = wrapped(text, 40)
    assert lines == [
        "next: compound run 'my specs/a.yaml' \\",
        "    --set train.epochs=12",
        "    # goes on with the family",
    ]
    assert wrapped(text, None) == [text]


def test_wide_letters_take_two_columns_each() -> None:
    layout = laid_out([Column("~name", ("猫" * 30,)), Column(">n", ("7",))], 30)
    assert max(cells(line) for line in layout.rows()) <= 30

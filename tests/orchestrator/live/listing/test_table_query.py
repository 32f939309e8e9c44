"""Filters, orders and pages of a table, as a URL has them."""

from urllib.parse import parse_qsl

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.orchestrator.live.listing.table_query import (
    MOST_ROWS,
    TableQuery,
    page_of,
    parsed,
    selected,
    url_query,
)
from compound.schemas.errors import SpecError

TABLE = pa.table(
    {
        "label": ["a", "b", "C", "d", None],
        "status": ["done", "failed", "done", "running", "done"],
        "epoch": [3, 1, 2, None, 5],
        "accuracy": [0.5, None, 0.9, 0.7, 0.1],
    }
)


def asked(query: str) -> TableQuery:
    return parsed("jobs", TABLE.schema, parse_qsl(query, keep_blank_values=True))


def labels(query: str) -> list[str | None]:
    return selected(TABLE, asked(query))["label"].to_pylist()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["a", "b", "C", "d", None]),
        ("jobs.status=done", ["a", "C", None]),
        ("jobs.status=failed&jobs.status=running", ["b", "d"]),
        ("jobs.accuracy.min=0.5", ["a", "C", "d"]),
        ("jobs.accuracy.min=0.5&jobs.accuracy.max=0.7", ["a", "d"]),
        ("jobs.epoch=2", ["C"]),
        ("jobs.q=c", ["C"]),
        ("jobs.q=DONE&jobs.sort=-accuracy", ["C", "a", None]),
        ("jobs.sort=accuracy", [None, "a", "d", "C", "b"]),
        ("jobs.sort=-epoch", [None, "a", "C", "b", "d"]),
        ("candidates.status=failed&jobs=1&other", ["a", "b", "C", "d", None]),
        ("jobs.status=&jobs.q=", ["a", "b", "C", "d", None]),
        ("jobs.accuracy.min=", ["a", "b", "C", "d", None]),
    ],
)
def test_a_url_says_which_rows_in_which_order(query: str, expected: list[str | None]) -> None:
    assert labels(query) == expected


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("jobs.nothing=1", "label, status, epoch, accuracy"),
        ("jobs.sort=nothing", "label, status"),
        ("jobs.status.from=1", "status, status.min, status.max"),
        ("jobs.accuracy.min=high", "a number, such as 0.8"),
        ("jobs.accuracy.min=nan", "a number, such as 0.8"),
        ("jobs.page=0", "a whole number from 1"),
        ("jobs.page=-1", "a whole number from 1"),
        ("jobs.page=²", "a whole number from 1"),
        (f"jobs.rows={MOST_ROWS + 1}", "a whole number from 1 to 500"),
        ("jobs.rows=99999999999999999999999", "a whole number from 1"),
        ("jobs.status.min=1", "q, or the column's own value"),
    ],
)
def test_what_a_url_cannot_ask_for_is_said(query: str, allowed: str) -> None:
    with pytest.raises(SpecError) as refused:
        selected(TABLE, asked(query))
    assert allowed in refused.value.allowed


def test_pages_are_parts_of_the_rows() -> None:
    rows = page_of(TABLE, asked("jobs.rows=2&jobs.page=2&jobs.sort=-accuracy"))
    assert [row["label"] for row in rows.rows] == ["a", None]
    assert (rows.total, rows.matched, rows.pages, rows.first, rows.last) == (5, 5, 3, 3, 4)


def test_a_page_beyond_the_last_is_the_last() -> None:
    assert page_of(TABLE, asked("jobs.rows=2&jobs.page=9")).query.page == 3
    nothing = page_of(TABLE, asked("jobs.q=nowhere&jobs.page=9"))
    assert (nothing.query.page, nothing.pages, nothing.first, nothing.last) == (1, 1, 0, 0)


def test_the_same_column_again_sorts_the_other_way() -> None:
    query = asked("jobs.page=3").sorted_by("epoch")
    assert (query.sort, query.page) == ("epoch", 1)
    assert query.sorted_by("epoch").sort == "-epoch"
    assert query.sorted_by("epoch").sorted_by("epoch").sort == "epoch"


TEXTS = st.text(min_size=1, max_size=8)
NUMBERS = st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}"))
QUERIES = st.builds(
    TableQuery,
    table=st.just("jobs"),
    text=st.text(max_size=8),
    values=st.dictionaries(
        st.sampled_from(["label", "status"]), st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
    ),
    least=st.dictionaries(st.just("accuracy"), NUMBERS),
    most=st.dictionaries(st.just("epoch"), NUMBERS),
    sort=st.sampled_from(["", "epoch", "-accuracy"]),
    page=st.integers(1, 10**6),
    rows=st.integers(1, MOST_ROWS),
)


@given(QUERIES)
def test_a_query_is_what_its_url_says(query: TableQuery) -> None:
    assert asked(url_query([query])) == query


@given(QUERIES)
def test_every_query_has_an_answer(query: TableQuery) -> None:
    rows = page_of(TABLE, query)
    assert len(rows.rows) <= rows.query.rows and rows.matched <= rows.total

"""What strangers name and say, through every way of printing: nothing of it is obeyed."""

import csv
import io
import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.data.listing import reading_progress
from compound.jobs.wording.printable import in_line
from compound.orchestrator.cli.printing import output
from compound.orchestrator.cli.printing.csv_cells import csv_cell
from compound.orchestrator.cli.printing.table_output import emit
from compound.orchestrator.run.progress import Progress
from compound.schemas.errors import SpecError
from compound.schemas.job import Cause, Event, JobResult
from tests.support.hostile_strings import HOSTILE, obeyed
from tests.support.terminal import on_terminal

TEXTS = [text.encode(errors="ignore").decode() for text in HOSTILE]
"""Without lone surrogates, which Arrow and JSON do not store."""


def lines() -> None:
    for text in HOSTILE:
        output.say(text)
        output.note(f"left out: {text}")


def table(repeats: int, texts: Sequence[str] = HOSTILE) -> None:
    for text in texts:
        output.print_table(f"\nimages of {text}", (text, ">count"), [[text, "1"]] * repeats)


def sql_result(format: str) -> None:
    for text in TEXTS:
        emit(pa.table({text: [text, None], f"{text} ": [1, 2]}), format, None)


def as_json() -> None:
    output.print_json(TEXTS)
    output.print_json({text: text for text in TEXTS}, indent=None)


def of_others() -> None:
    """Print as log records, warnings, tracebacks and a user's own code do."""
    handler = logging.StreamHandler()
    for text in HOSTILE:
        handler.emit(logging.makeLogRecord({"msg": "%s: unreadable", "args": (text,)}))
        sys.stderr.write(warnings.formatwarning(text, UserWarning, text, 1))
        traceback.print_exception(SpecError(text, where=text, excerpt=text, next_step=text))
        sys.stdout.write(text)
        sys.stdout.writelines([text, "\n"])


def progress() -> None:
    shown = Progress(output.note)
    for text in TEXTS:
        shown.note(text)
        shown.event(Event(kind="again", job="a", label=text, message=text))
        cause = Cause(kind="error", message=f"{text}\n{text}", traceback=text)
        result = JobResult(
            job="a", status="failed", attempt=1, epochs=1, cause=cause, notes=(text,), seconds=1
        )
        shown.event(Event(kind="ended", job="a", label=text, message=text, result=result))


def reading(monkeypatch) -> None:
    monkeypatch.setattr(reading_progress, "_EVERY", -1.0)
    for text in HOSTILE:
        assert list(reading_progress.progress([1], 1, f"reading {text}")) == [1]


@pytest.mark.parametrize(
    "printing",
    [
        pytest.param(lines, id="lines"),
        pytest.param(partial(table, 1), id="table"),
        pytest.param(partial(table, 501, HOSTILE[::20]), id="long table"),
        pytest.param(partial(sql_result, "table"), id="result"),
        pytest.param(partial(sql_result, "csv"), id="csv"),
        pytest.param(partial(sql_result, "json"), id="json result"),
        pytest.param(as_json, id="json"),
        pytest.param(of_others, id="of others"),
        pytest.param(progress, id="progress"),
    ],
)
def test_no_control_reaches_a_terminal(printing: Callable[[], None]) -> None:
    arrived = on_terminal(printing)
    assert len(arrived) > 1000 and not obeyed(arrived), obeyed(arrived)[:10]


def test_the_progress_of_a_reading_returns_and_does_nothing_else(monkeypatch) -> None:
    arrived = on_terminal(partial(reading, monkeypatch))
    assert "reading" in arrived and not obeyed(arrived.replace("\r", ""))


def test_every_text_is_shown_with_its_escapes() -> None:
    arrived = on_terminal(lines)
    rows = arrived.removesuffix("\r\n").split("\r\n")
    texts = [in_line(text) for text in HOSTILE]
    assert rows == [row for text in texts for row in (text, f"left out: {text}")]


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=30))
def test_any_text_in_a_line_and_in_a_cell(text: str) -> None:
    arrived = on_terminal(partial(output.print_table, text, (text, ">b"), [[text, "1"]]))
    arrived += on_terminal(partial(output.say, text))
    assert not obeyed(arrived)


def test_a_name_has_no_say_in_where_a_line_ends() -> None:
    arrived = on_terminal(partial(output.say, "classes: cat\nverdict: all is well", "next: run"))
    assert arrived == "classes: cat\\nverdict: all is well\r\nnext: run\r\n"


def test_names_are_no_markup() -> None:
    arrived = on_terminal(partial(output.print_table, "t", ("a",), [["[red]x[/] :dog:"]]))
    assert "[red]x[/] :dog:" in arrived


def csv_of(table: pa.Table, tmp_path) -> list[list[str]]:
    emit(table, "csv", tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8")
    assert not obeyed(text)
    return list(csv.reader(io.StringIO(text)))


def test_a_spreadsheet_computes_no_cell_and_no_name_of_a_column(tmp_path) -> None:
    names = [*dict.fromkeys(TEXTS)]
    head, row = csv_of(pa.table({name: [name] for name in names}), tmp_path)
    assert head == row == [csv_cell(name) for name in names]
    assert not [cell for cell in row if cell[0] in "=+-@\t\r＝＋－＠"]
    assert "'=1+1" in row and "'@SUM(1,1)" in row and "'\\t=1+1" in row


def test_numbers_and_what_is_not_there_stay(tmp_path) -> None:
    columns = {
        "loss": pa.array([-0.5, None]),
        "count": pa.array([-3, 4]),
        "text": pa.array(["-0.5", "-1e-3"]),
        "words": pa.array(["-0.5 or so", None]),
        "kinds": pa.array(["=a", "b"]).dictionary_encode(),
        "bytes": pa.array([b"\x1b[31m", None]),
        "names": pa.array([["=a\x1b"], None]),
    }
    _, first, second = csv_of(pa.table(columns), tmp_path)
    assert first[:5] == ["-0.5", "-3", "-0.5", "'-0.5 or so", "'=a"]
    assert second == ["", "4", "-1e-3", "", "b", "", ""]
    assert not obeyed("".join(first[5:]))


@given(st.text(max_size=20))
def test_any_text_is_a_cell_that_is_text(text: str) -> None:
    cell = csv_cell(text)
    assert not obeyed(cell) and "\n" not in cell
    assert not cell.startswith(("=", "@"))
    assert cell in (in_line(text), f"'{in_line(text)}")


def test_json_gives_back_what_was_stored(capsys) -> None:
    output.print_json(TEXTS)
    printed = capsys.readouterr().out
    assert printed.isascii() and json.loads(printed) == TEXTS

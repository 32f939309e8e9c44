"""The numbers of the page are those of the command line and of the report."""

import csv
import html
import io
import json
import re
from html.parser import HTMLParser

import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records import arrow_tables
from compound.orchestrator.records.documents import documents
from compound.schemas.metrics import ACCURACY
from tests.support.command import compound
from tests.support.live_pages import STUDY, Pages

NAME = STUDY.rpartition("/")[2]


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(page: str) -> str:
    """Return the words of a page, with single spaces between them."""
    reader = _Text()
    reader.feed(page)
    return " ".join(" ".join(reader.parts).split())


@pytest.fixture(scope="module")
def status(published_store: str) -> dict:
    return json.loads(compound("status", NAME, "--store", published_store, "--json").stdout)


def rows_of(client: Pages, table: str) -> list[dict[str, str]]:
    answer = client.read(f"{STUDY}/tables/{table}.csv")
    assert answer.status_code == 200
    return [*csv.DictReader(io.StringIO(answer.text))]


def test_page_status_and_report_say_one_answer(
    client: Pages, status: dict, published_store: str
) -> None:
    said = text_of(client.read(STUDY).text)
    assert status["answer"]["sentence"] in said
    assert status["answer"]["scaling"] in said
    compound("report", NAME, "--store", published_store)
    report = ArtifactStore.open(published_store).study(NAME).text("report.html")
    first = status["answer"]["sentence"].partition(". ")[0]
    assert first in " ".join(html.unescape(report).split())


def test_counts_are_those_of_status(client: Pages, status: dict) -> None:
    page = client.read(STUDY).text
    for state, number in status["counts"].items():
        assert re.search(
            rf"{state}[^0-9]{{0,400}}\b{number}\b|\b{number}\b[^0-9]{{0,400}}{state}", page
        )
    jobs = rows_of(client, "jobs")
    counted = {state: sum(row["status"] == state for row in jobs) for state in status["counts"]}
    assert counted == status["counts"]


def test_every_job_has_the_numbers_of_status(client: Pages, status: dict) -> None:
    jobs = {row["job"]: row for row in rows_of(client, "jobs")}
    assert {*jobs} == {row["job"] for row in status["jobs"]}
    for row in status["jobs"]:
        ours = jobs[row["job"]]
        assert (ours["label"], ours["status"]) == (row["label"], row["status"])
        assert float(ours["accuracy"]) == row["metrics"][ACCURACY]
        assert int(ours["epoch"]) == row["epoch"] and int(ours["attempt"]) == row["attempt"]


def test_the_family_is_the_answers(client: Pages, status: dict) -> None:
    family = rows_of(client, "family")
    answer = status["answer"]["rows"]
    assert len(family) == len(answer) > 3
    for ours, row in zip(family, answer, strict=True):
        assert float(ours["accuracy"]) == row["accuracy"]["value"]
        assert float(ours["hours"]) == row["training"]["hours"]
        assert int(ours["params"]) == row["params"] and float(ours["phi"]) == row["phi"]
    assert [float(row["phi"]) for row in family if row["chosen"] == "true"] == [
        status["answer"]["phi"]
    ]


def test_candidates_are_the_verdicts(client: Pages, published_store: str) -> None:
    stored = documents(ArtifactStore.open(published_store, create=False).study(NAME))
    assert stored is not None and stored.verdict is not None
    rows = {row["candidate"]: row for row in rows_of(client, "candidates")}
    for standing in stored.verdict.standings:
        row = rows[standing.candidate]
        assert float(row["accuracy"]) == standing.mean and int(row["seeds"]) == len(standing.scores)
        assert (row["tied"] == "true") == standing.tied
    assert [row["candidate"] for row in rows.values() if row["chosen"] == "true"] == [
        stored.verdict.chosen
    ]


@pytest.mark.parametrize("table", ["metrics", "jobs", "candidates", "events", "test"])
def test_files_are_the_tables_of_export(client: Pages, published_store: str, table: str) -> None:
    answer = client.read(f"{STUDY}/files/{table}.parquet")
    store = ArtifactStore.open(published_store, create=False)
    ours, theirs = (
        pq.read_table(io.BytesIO(answer.content)),
        arrow_tables.table(store, table, [NAME]),
    )
    assert ours.num_rows == theirs.num_rows > 0
    assert ours.combine_chunks().equals(theirs.combine_chunks())
    disposition = answer.headers["content-disposition"]
    assert disposition == f'attachment; filename="{NAME}-{table}.parquet"'


def test_a_file_has_what_the_table_shows(client: Pages) -> None:
    every = pq.read_table(io.BytesIO(client.read(f"{STUDY}/tables/jobs.parquet").content))
    query = "?jobs.phase=search&jobs.sort=-accuracy&jobs.rows=10&jobs.page=2"
    part = pq.read_table(io.BytesIO(client.read(f"{STUDY}/tables/jobs.parquet{query}").content))
    assert {*part["phase"].to_pylist()} == {"search"} and part.num_rows < every.num_rows
    scores = part["accuracy"].to_pylist()
    assert scores == sorted(scores, reverse=True)
    page = client.read(f"{STUDY}/tables/jobs{query}").text
    shown = re.findall(r'data-job="([0-9a-f]{16})"', page)
    assert shown == part["job"].to_pylist()[10:20]


def test_the_charts_are_the_reports(client: Pages) -> None:
    answer = client.read(f"{STUDY}/charts.json").json()
    assert {"ternary", "cost", "family", "curves"} <= {*answer["charts"]}
    assert answer["matched"] == answer["total"] >= 10
    best = rows_of(client, "candidates")[1]["candidate"]
    narrowed = client.read(f"{STUDY}/charts.json?candidates.candidate={best}").json()
    assert narrowed["matched"] == 1 and narrowed["total"] == answer["total"]


def test_a_job_has_its_curves(client: Pages, published_store: str) -> None:
    store = ArtifactStore.open(published_store, create=False)
    job = rows_of(client, "jobs")[0]["job"]
    curves = client.read(f"{STUDY}/jobs/{job}/curves.json").json()
    rows = store.rows(job)
    assert curves["epoch"] == [row.epoch for row in rows]
    assert curves["metrics"][ACCURACY] == [row.metrics[ACCURACY] for row in rows]
    page = client.read(f"{STUDY}/jobs/{job}").text
    assert job in page and f"{rows[-1].metrics[ACCURACY]:.6g}" in page


def test_two_studies_stand_side_by_side(client: Pages, status: dict) -> None:
    said = text_of(client.read(f"/compare?left={NAME}&right={NAME}").text)
    assert said.count(status["answer"]["sentence"]) == 2
    assert client.read("/compare").status_code == 200
    assert client.read(f"/compare?left={NAME}&right=other").status_code == 404

"""A study's tables: in SQL, as files, and as any tool reads the store's own Parquet."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.named_study import find
from compound.orchestrator.cli.printing.table_output import Format, emit_parts
from compound.orchestrator.cli.store import export_tables as lakehouse
from compound.orchestrator.cli.store.export_tables import held_out_metrics, metrics
from compound.orchestrator.cli.store.query import answer, query
from compound.orchestrator.records.arrow_tables import TABLES, table
from compound.schemas.errors import SpecError, StoreError
from tests.support.command import compound
from tests.support.small_study import SPEC


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The store of a study that has run."""
    folder = tmp_path_factory.mktemp("study")
    spec = folder / "small.yaml"
    spec.write_text(SPEC.format(store=folder / "runs", epochs=2))
    ran = compound("run", str(spec), "--runner", "local", "--set", "data.test_images=40")
    assert ran.returncode == 0, ran.stderr
    return str(folder / "runs")


def query_rows(sql: str, store: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    query(sql, store, [], "json", None)
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_its_schema_and_lines(store: str, name: str) -> None:
    arrow_table = table(ArtifactStore.open(store, create=False), name, ["small"])
    assert arrow_table.schema.equals(TABLES[name][0]) and arrow_table.num_rows > 0
    assert set(arrow_table["study"].to_pylist()) == {"small"}


def test_questions_in_sql(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    distinct = "select count(distinct job) n, min(status) s from jobs"
    jobs = query_rows(distinct, store, capsys)
    opened, study_documents = find("small", store)
    assert jobs == [{"n": len(study_documents.jobs), "s": "done"}]
    (best,) = query_rows(
        "select c.candidate, avg(j.validation_accuracy) a from jobs j join candidates c using "
        "(study, candidate) where j.phase = 'search' group by 1 order by 2 desc limit 1",
        store,
        capsys,
    )
    results = opened.results([job.request.job.id for job in study_documents.jobs])
    scores: dict[str, list[float]] = {}
    for job in study_documents.jobs:
        score = results[job.request.job.id].metrics["validation_accuracy"]
        if (
            job.phase == "search"
            and study_documents.plan
            and job.candidate != study_documents.plan.baseline.id
        ):
            scores.setdefault(job.candidate, []).append(score)
    assert best["a"] == pytest.approx(max(sum(s) / len(s) for s in scores.values()), abs=0.2)
    assert query_rows("select 1 where 1 = 0", store, capsys) == []


def queries_of_the_page() -> list[str]:
    page = Path(__file__).parents[3] / "docs" / "reference" / "tables.md"
    return re.findall(r"```sql\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_pages_queries_give_hours_and_idle_workers(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (hours,), (share,) = (query_rows(sql, store, capsys) for sql in queries_of_the_page()[:2])
    assert (hours["study"], hours["doing"]) == ("small", "training"), "no job has waited"
    opened, study_documents = find("small", store)
    results = opened.results([job.request.job.id for job in study_documents.jobs]).values()
    trained = sum(result.seconds for result in results) / 3600
    assert trained < float(str(hours["hours"])) < 2 * trained + 0.01
    assert 0 < float(str(share["busy"])) <= 1
    lines = query_rows("select * from events order by number", store, capsys)
    assert [line["kind"] for line in lines] == ["started", "ended"] * len(results)
    assert {line["worker"] for line in lines} == {line["driver"] for line in lines}
    assert {(line["attempt"], line["workers"]) for line in lines} == {(1, 1), (1, None)}


def test_the_pages_queries_give_confusions_and_the_hardest_images(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, confusion, hardest = (query_rows(sql, store, capsys) for sql in queries_of_the_page())
    opened, study_documents = find("small", store)
    verdict = study_documents.verdict
    assert verdict and verdict.mistakes and study_documents.data
    classes = study_documents.data.classes
    cells = {
        (row["actual"], row["predicted"]): row["images"]
        for row in confusion
        if row["candidate"] == verdict.chosen
    }
    expected = {
        (label, predicted): count
        for label, row in zip(classes, verdict.mistakes.matrix, strict=True)
        for predicted, count in zip(classes, row, strict=True)
        if count
    }
    assert cells == pytest.approx(expected)
    most, *_ = hardest
    runs = [job for job in study_documents.jobs if job.phase == "search"]
    answers = opened.predictions([job.request.job.id for job in runs])
    wrong = sum(int(not kept.right[int(str(most["image"]))]) for kept in answers.values())
    assert (most["wrong"], most["runs"]) == (wrong, len(runs))
    assert wrong == max(sum((~kept.right).astype(int) for kept in answers.values()))


def test_predictions_are_what_both_accuracies_count(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    joined = (
        "select avg(p.correct::int) accuracy, any_value(t.{0}) as stored from predictions p "
        "join {1} t using (study, job) where p.part = '{2}' group by p.job"
    )
    for column, name, part in (
        ("validation_accuracy", "jobs", "validation"),
        ("test_accuracy", "test", "test"),
    ):
        rows = query_rows(joined.format(column, name, part), store, capsys)
        assert rows
        assert all(row["accuracy"] == pytest.approx(row["stored"], abs=1e-12) for row in rows)


def test_a_job_of_two_phases_is_a_row_in_both(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, study_documents = find("small", store)
    search, family = study_documents.search, study_documents.family
    assert search and family
    by_phase = {"search": search.jobs, "family": family.jobs}
    ids = {phase: {job.request.job.id for job in jobs} for phase, jobs in by_phase.items()}
    assert ids["search"] & ids["family"], "the first of the family is a network of the search"
    rows = query_rows("select phase, count(*) n from jobs group by 1", store, capsys)
    assert {row["phase"]: row["n"] for row in rows} == {p: len(jobs) for p, jobs in ids.items()}
    assert len(study_documents.jobs) == len(ids["search"] | ids["family"])


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select", "invalid query: Parser Error"),
        ("select * from job", "jobs"),
        ("select * from read_csv('/etc/hostname')", "Permission"),
        ("copy (select 1) to '/tmp/never.csv'", "Permission"),
        ("", "invalid query: it returns no rows"),
    ],
)
def test_what_is_no_question_is_refused(sql: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        answer(sql, {"jobs": pa.table({"job": ["a"]})})


def test_the_test_part_is_a_table_of_every_evaluation(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, study_documents = find("small", store)
    final = study_documents.test
    assert final is not None
    rows = table(opened, "test", ["small"]).to_pylist()
    assert {(row["job"], row["test_accuracy"], row["test_images"]) for row in rows} == {
        (score.job, score.accuracy, 40) for score in final.scores
    }
    planned = {job.request.job.id: job for job in study_documents.jobs}
    for row in rows:
        job = planned[row["job"]]
        assert (row["phase"], row["phi"], row["label"], row["seed"]) == (
            job.phase,
            job.phi,
            job.request.label,
            job.request.job.seed,
        )
    assert any("choice" in row["roles"] for row in rows)
    held_out_metrics("small", store, "json", None)
    assert json.loads(capsys.readouterr().out) == rows
    (joined,) = query_rows(
        "select count(distinct job) n from test join jobs using (study, job) "
        "where test.validation_accuracy = jobs.validation_accuracy",
        store,
        capsys,
    )
    assert joined["n"] == len(rows)


def test_outdated_test_accuracies_say_so_in_the_table(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, study_documents = find("small", store)
    assert study_documents.test is not None
    changed = study_documents.test.model_copy(update={"outdated": "other images"})
    held_out = TABLES["test"][1]
    lines = held_out(opened, "small", replace(study_documents, test=changed)).to_pylist()
    assert {line["outdated"] for line in lines} == {"other images"}
    assert held_out(opened, "small", replace(study_documents, test=None)).num_rows == 0


def test_an_unknown_study_is_named(store: str) -> None:
    with pytest.raises(StoreError, match="did you mean 'small'"):
        query("select 1", store, ["smal"], "json", None)


def test_metrics_in_four_formats(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("m.parquet", "m.csv", "m.json"):
        metrics("small", store, name.partition(".")[2], tmp_path / name)
    whole = pq.read_table(tmp_path / "m.parquet")
    assert polars.read_csv(tmp_path / "m.csv").height == whole.num_rows
    assert json.loads((tmp_path / "m.json").read_text()) == whole.to_pylist()
    capsys.readouterr()
    metrics("small", store, "table", None)
    output = capsys.readouterr().out
    assert "validation_accuracy" in output
    assert datetime.fromtimestamp(whole["wall_time"][0].as_py()).isoformat(" ", "seconds") in output


def test_json_says_in_text_and_null_what_it_has_no_form_for(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = "select timestamp '2026-11-29 08:00:00' t, 'nan'::double x, [1.5, 'inf'::double] l"
    query(sql, store, [], "json", None)
    assert json.loads(capsys.readouterr().out) == [
        {"t": "2026-11-29 08:00:00", "x": None, "l": [1.5, None]}
    ]


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_a_file_gives_way_to_a_whole_one_only(tmp_path: Path, format: Format) -> None:
    part = pa.table({"a": [1, 2], "l": [[1], []]})
    path = tmp_path / "rows"
    emit_parts(part.schema, [part, part.slice(0, 0), part], format, path)
    before = path.read_bytes()

    def failing() -> Iterator[pa.Table]:
        yield part
        raise StoreError("gone")

    with pytest.raises(StoreError, match="gone"):
        emit_parts(part.schema, failing(), format, path)
    assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
    if format == "json":
        assert json.loads(before) == part.to_pylist() * 2
    elif format == "parquet":
        assert pq.read_table(path).equals(pa.concat_tables([part, part]))
    else:
        assert before.decode().splitlines() == ['"a","l"', *['1,"[1]"', '2,"[]"'] * 2]


def test_other_tools_read_the_store_as_it_lies(store: str) -> None:
    parts = f"{store}/jobs/*/attempt-*/rows-*.parquet"
    arrow_table = table(ArtifactStore.open(store, create=False), "metrics", ["small"])
    frame = polars.read_parquet(parts)
    assert (
        frame.height
        == arrow_table.num_rows
        == pq.ParquetDataset(
            [str(path) for path in Path(store).glob("jobs/*/attempt-*/rows-*.parquet")]
        )
        .read()
        .num_rows
    )
    count = duckdb.sql(f"select count(*) from read_parquet('{parts}')").fetchall()[0]
    done = duckdb.sql(f"select count(*) from read_parquet('{store}/studies/small/jobs-*.parquet')")
    assert count == (arrow_table.num_rows,) and done.fetchall()[0] == (
        len(set(arrow_table["job"].to_pylist())),
    )
    assert (
        arrow_table.to_pandas().pivot_table(index="epoch", columns="name", values="value").shape[0]
        == 2
    )


@pytest.mark.parametrize("format", ["parquet", "delta"])
def test_tables_for_other_systems(store: str, tmp_path: Path, format: str) -> None:
    for _ in range(2):  # again: a new version
        lakehouse.export("small", tmp_path / "out", format, store, as_json=True)
    arrow_table = table(ArtifactStore.open(store, create=False), "jobs", ["small"])
    path = tmp_path / "out" / "jobs"
    read = (
        polars.read_delta(str(path))
        if format == "delta"
        else polars.read_parquet(f"{path}.parquet")
    )
    assert sorted(read["job"].to_list()) == sorted(arrow_table["job"].to_pylist())
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match="cannot write"):
        lakehouse.export("small", tmp_path / "file", format, store, as_json=True)

"""The list of a store's studies, a line each."""

import socket
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.overview.study_list import study_list
from compound.orchestrator.overview.study_status import StudyStatus
from compound.orchestrator.records.documents import PLAN, SPEC, Record
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from tests.support.stored_studies import PUBLISHED, of_schema, published


def test_a_study_that_ended_says_how_much_it_did_and_its_best(tmp_path: Path) -> None:
    store = ArtifactStore.open(published(tmp_path), create=False)
    (study,) = study_list(store, store.studies(newest=True))
    states = store.states(line.job for line in StudyStatus.of(store, PUBLISHED).planned)
    assert (study.name, study.kind, study.state) == (PUBLISHED, "study", "done")
    assert study.done == study.jobs == len(states)
    assert study.best_accuracy == max(state.metrics[ACCURACY] for state in states.values())
    assert study.spent is not None and study.spent.epochs == study.as_json["spent"]["epochs"]


@pytest.mark.parametrize("schema", [1, 2, 3, 4])
def test_a_study_of_an_older_version_has_failed_jobs(schema: int, tmp_path: Path) -> None:
    store = ArtifactStore.open(of_schema(schema, tmp_path), create=False)
    (study,) = study_list(store, store.studies(newest=True))
    assert (study.name, study.state, study.owner) == ("small", "failed", "")
    assert (study.done, study.failed, study.jobs) == (2, 1, 8)
    assert study.updated is not None


def test_a_study_that_is_run_has_a_driver_and_one_without_plan_or_spec_is_listed(
    tmp_path: Path,
) -> None:
    store = ArtifactStore.open(of_schema(4, tmp_path))
    record = store.study("small").read(SPEC, Record)
    store.study("bare").write(SPEC, record.model_copy(update={"owner": "ann@lab"}))
    store.study("torn").write(PLAN, store.study("small").read(PLAN, Plan))
    (tmp_path / "runs/studies/broken").mkdir()
    (tmp_path / "runs/studies/broken/spec.json").write_text("{}")
    with store.study("small").lease({}):
        listed = {study.name: study for study in study_list(store, store.studies(newest=True))}
    assert listed["small"].state == "running"
    assert listed["small"].driver.startswith(socket.gethostname())
    assert (listed["bare"].state, listed["bare"].owner) == ("stopped", "ann@lab")
    assert listed["torn"].state == listed["broken"].state == "damaged"
    assert {listed["torn"].as_json[count] for count in ("done", "jobs", "failed")} == {None}
    assert "spec.json" in listed["torn"].problem
    assert listed["broken"].problem


def test_those_come_first_that_were_written_last(tmp_path: Path) -> None:
    store = ArtifactStore.open(of_schema(4, tmp_path))
    record = store.study("small").read(SPEC, Record)
    for name in ("b", "a", "c"):
        store.study(name).write(SPEC, record)
    store.study("b").put_text("report.html", "drawn again")
    assert store.studies(newest=True) == ["c", "a", "b", "small"]

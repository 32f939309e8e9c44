"""`compound status` beside a driver whose workers are lost, and after that driver was killed."""

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from compound.cluster.driver_results import record_failure
from compound.cluster.runner import OnEvent, Take, in_order, unfinished
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.named_study import find
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.timeline.job_standing import ended_results
from compound.schemas.job import Cause, Event, JobRequest, JobResult
from tests.support.small_study import SPEC, carry_out

DRIVER = f"{socket.gethostname()}/{os.getpid()}"


class Nothing:
    """A runner that begins nothing."""

    stopping = True

    def run(
        self,
        requests: Sequence[JobRequest],
        store: str,
        on_event: OnEvent,
        take: Take = in_order,
    ) -> list[JobResult]:
        return [unfinished(request) for request in requests]

    def request_stop(self) -> None:
        raise NotImplementedError


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A planned study; the first of its jobs has lost its workers, and said that it failed."""
    spec = tmp_path / "small.yaml"
    spec.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    _, store = carry_out(spec, runner=Nothing(), ending="stopped")
    first, *others = [job.request for job in find("small", store.uri)[1].jobs]
    cause = Cause(kind="worker lost", message="a collective failed: connection closed")
    result = record_failure(first, store, cause)
    assert (result.status, result.attempt) == ("failed", 1)
    log = store.study("small").append_event
    for request in (first, *others):
        log(Event(kind="waiting", job=request.job.id, message="for 2 x 1 CPU", driver=DRIVER))
    told = {"job": first.job.id, "label": first.label, "attempt": 1, "driver": DRIVER}
    log(Event(kind="started", workers=2, host="a", hosts=("a", "b"), **told))
    log(Event(kind="waiting", message="host b was lost (worker lost: retry 1 of 3)", **told))
    log(Event(kind="waiting", message="for 2 x 1 CPU: the hosts have room for 1", **told))
    return store


@pytest.fixture
def shown(store: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> Callable[[bool], str]:
    def show(as_json: bool) -> str:
        capsys.readouterr()
        status("small", store.uri, as_json=as_json)
        return capsys.readouterr().out

    return show


def test_a_job_waits_as_long_as_its_driver_lives(
    store: ArtifactStore, shown: Callable[[bool], str]
) -> None:
    with store.study("small").lease({}):
        told, text = json.loads(shown(True)), shown(False)
        ids = [line["job"] for line in told["jobs"]]
        assert not ended_results(store, "small", ids), "the report shows no failure either"
    job, *others = told["jobs"]
    assert told["counts"] == {"waiting": 1, "queued": len(others)} and told["failures"] == []
    assert (job["status"], job["cause"], job["attempt"]) == ("waiting", None, 1)
    assert job["message"] == "for 2 x 1 CPU: the hosts have room for 1"
    times = [event.wall_time for event in store.study("small").events()]
    assert job["since"] == times[-2]
    assert "waiting for workers since " in text
    assert f": {job['label']}\n  for 2 x 1 CPU: the hosts have room for 1\n" in text
    assert "worker lost: retry 1 of 3" in text and "failed" not in text


def test_after_its_driver_was_killed_it_is_interrupted(shown: Callable[[bool], str]) -> None:
    told, text = json.loads(shown(True)), shown(False)
    assert told["counts"] == {"interrupted": 1, "queued": len(told["jobs"]) - 1}
    assert told["failures"] == [] and "waiting for workers" not in text


def test_a_job_that_was_given_up_has_failed(
    store: ArtifactStore, shown: Callable[[bool], str]
) -> None:
    job = json.loads(shown(True))["jobs"][0]["job"]
    result = store.result(job)
    ended = Event(kind="ended", job=job, result=result, attempt=1, driver=DRIVER)
    store.study("small").append_event(ended)
    with store.study("small").lease({}):
        told = json.loads(shown(True))
    assert told["counts"]["failed"] == 1 and len(told["failures"]) == 1

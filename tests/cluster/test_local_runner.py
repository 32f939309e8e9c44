"""Jobs without Ray: in this process, and under torch's launcher."""

import os
import socket

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Event
from tests.support.requests import MakeRequest

HOST = socket.gethostname()


def test_jobs_run_in_order_and_tell_every_epoch(make_request: MakeRequest, store: str) -> None:
    events: list[Event] = []
    requests = [make_request(seed) for seed in (0, 1)]
    results = LocalRunner().run(requests, store, events.append)
    assert [result.status for result in results] == ["done", "done"]
    assert [event.kind for event in events] == (["started"] + ["epoch"] * 3 + ["ended"]) * 2
    rows = [event.row for event in events if event.row and event.job == requests[0].job.id]
    assert rows == ArtifactStore.open(store).rows(requests[0].job.id)
    assert {(event.attempt, event.host, event.worker, event.hosts) for event in events} == {
        (1, HOST, f"{HOST}/{os.getpid()}", (HOST,))
    }
    times = [event.wall_time or 0.0 for event in events]
    assert times == sorted(times)
    epochs = [(event.wall_time, event.row.wall_time) for event in events if event.row]
    assert all(of_event == of_row for of_event, of_row in epochs)


def test_a_failing_job_is_a_value_and_the_others_go_on(
    make_request: MakeRequest, store: str
) -> None:
    requests = [make_request(0, fingerprint="0" * 16), make_request(1)]
    results = LocalRunner().run(requests, store, lambda event: None)
    assert [result.status for result in results] == ["failed", "done"]
    assert results[0].cause is not None
    assert results[0].cause.kind == "data"


def test_a_stop_ends_after_the_running_epoch_and_resumes(
    make_request: MakeRequest, store: str
) -> None:
    runner = LocalRunner()
    requests = [make_request(0), make_request(1)]
    results = runner.run(requests, store, lambda event: event.row and runner.request_stop())
    assert [(result.status, result.epochs) for result in results] == [
        ("stopped", 1),
        ("stopped", 0),
    ]
    events: list[Event] = []
    again = LocalRunner().run(requests, store, events.append)
    assert [result.status for result in again] == ["done", "done"]
    first = [event.row.epoch for event in events if event.row and event.job == requests[0].job.id]
    assert first == [2, 3]
    assert {event.job: event.attempt for event in events if event.kind == "started"} == {
        requests[0].job.id: 2,
        requests[1].job.id: 1,
    }


@pytest.mark.slow
def test_several_workers_run_under_the_launcher(make_request: MakeRequest, store: str) -> None:
    events: list[Event] = []
    request = make_request(0, workers=2)
    runner = LocalRunner()
    (result,) = runner.run([request], store, events.append)
    assert (result.status, result.world_size) == ("done", 2)
    assert [event.row.epoch for event in events if event.row] == [1, 2, 3]
    assert {(event.attempt, event.hosts) for event in events} == {(1, (HOST, HOST))}
    assert len({event.worker for event in events}) == 1
    (again,) = runner.run([request], store, events.append)
    assert again == result


def test_workers_that_cannot_join_their_group_say_why_and_are_not_tried_again(
    make_request: MakeRequest, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth9")
    events: list[Event] = []
    (result,) = LocalRunner().run([make_request(0, workers=2)], store, events.append)
    assert result.cause is not None
    assert result.cause.kind == "error"
    assert "eth9" in result.cause.message
    assert "GLOO_SOCKET_IFNAME" in result.cause.fix
    assert [event.kind for event in events] == ["started", "ended"]


@pytest.mark.slow
def test_a_stop_reaches_the_launched_workers(make_request: MakeRequest, store: str) -> None:
    runner = LocalRunner()
    request = make_request(0, workers=2, epochs=500)
    (result,) = runner.run([request], store, lambda event: event.row and runner.request_stop())
    assert result.status == "stopped"
    assert 0 < result.epochs < 500
    checkpoint = ArtifactStore.open(store).checkpoint(request.job.id)
    assert checkpoint is not None
    assert checkpoint.epoch == result.epochs

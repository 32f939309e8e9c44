"""Jobs on Ray: the same numbers as without it, and what happens when processes are killed."""

import time
import urllib.request
from collections.abc import Callable

import pytest
import ray
from ray.util import placement_group_table
from ray.util.state import list_actors

from compound.cluster.gauges import StudyGauges
from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import Session
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.errors import ClusterError
from compound.schemas.job import Event, JobRequest, JobResult
from compound.schemas.retries import RetryLimits
from tests.support.ray_state import CANARY_KEYS, find_in_ray, kill_actor, own_cluster
from tests.support.requests import MakeRequest
from tests.support.stored_rows import numbers

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def at_epoch(epoch: int, job: JobRequest, action: Callable[[], None]) -> Callable[[Event], None]:
    """Act once, when a job has ended this epoch for the first time."""
    done: list[Event] = []

    def on_event(event: Event) -> None:
        if event.row and event.row.epoch == epoch and event.job == job.job.id and not done:
            done.append(event)
            action()

    return on_event


def placement_groups() -> list[str]:
    """The states of those that still hold resources."""
    states = [group["state"] for group in placement_group_table().values()]
    return [state for state in states if state != "REMOVED"]


def test_one_worker_jobs_give_the_same_rows_as_without_ray(
    ray_session: Session,
    make_request: MakeRequest,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And no key of the driver's environment reaches the logs of Ray."""
    for name, value in CANARY_KEYS.items():
        monkeypatch.setenv(name, value)
    events: list[Event] = []
    bad = make_request(7, fingerprint="0" * 16)
    requests = [make_request(seed) for seed in range(4)] + [bad]
    results = RayRunner(ray_session).run(requests, store, events.append)
    assert [result.status for result in results] == ["done"] * 4 + ["failed"]
    assert results[4].cause is not None
    assert results[4].cause.kind == "data"
    assert [result.job for result in results] == [request.job.id for request in requests]
    kinds = [event.kind for event in events if event.job == requests[3].job.id]
    assert kinds == ["waiting", "started", "epoch", "epoch", "epoch", "ended"]
    assert_places(events)
    LocalRunner().run(requests, f"{store}-local", lambda event: None)
    for request in requests:
        assert numbers(store, request) == numbers(f"{store}-local", request)
    assert placement_groups() == []
    names = [actor.repr_name for actor in list_actors(own_cluster(), detail=True)]
    assert any(name.startswith("SingleWorkerTrial(tiny, seed ") for name in names), names
    assert not find_in_ray(*CANARY_KEYS.values())


def assert_places(events: list[Event]) -> None:
    """What workers report has their place and attempt, a wait has none; warm workers stay."""
    workers = {event.worker for event in events if event.kind != "waiting"}
    host = ray.util.get_node_ip_address()
    assert 1 <= len(workers) <= 2 and all(name.startswith(f"{host}/") for name in workers)
    assert {(event.kind, event.attempt, event.host) for event in events} == {
        ("waiting", 0, ""),
        *((kind, 1, host) for kind in ("started", "epoch", "ended")),
    }
    for job in {event.job for event in events}:
        times = [event.wall_time or 0.0 for event in events if event.job == job]
        assert times == sorted(times)


def test_a_killed_trial_actor_is_tried_again_then_given_up(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    once, always = make_request(1, epochs=40), make_request(2, epochs=400)
    killing = at_epoch(2, once, lambda: kill_actor("SingleWorkerTrial"))

    def on_event(event: Event) -> None:
        killing(event)
        if event.job == always.job.id and event.row and event.row.epoch % 5 == 2:
            kill_actor("SingleWorkerTrial")

    runner = RayRunner(ray_session, limits=RetryLimits(lost_worker=1))
    (first,) = runner.run([once], store, on_event)
    assert (first.status, first.epochs, first.attempt) == ("done", 40, 2)
    (second,) = runner.run([always], store, on_event)
    assert second.status == "failed"
    assert second.cause is not None
    assert second.cause.kind == "worker lost"
    assert second.epochs >= 1, "a checkpoint may still be on its way when its process is killed"
    assert ArtifactStore.open(store).result(always.job.id) == second
    LocalRunner().run([once], f"{store}-local", lambda event: None)
    assert numbers(store, once) == numbers(f"{store}-local", once)


def test_a_stop_ends_the_running_epochs_and_begins_nothing_new(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    requests = [make_request(seed, epochs=300) for seed in range(4)]
    runner = RayRunner(ray_session)
    results = runner.run(requests, store, lambda event: event.row and runner.request_stop())
    assert [result.status for result in results] == ["stopped"] * 4
    begun = next(result for result in results[:2] if result.attempt)  # the other may come too late
    assert 0 < begun.epochs < 300
    checkpoint = ArtifactStore.open(store).checkpoint(begun.job)
    assert checkpoint is not None
    assert checkpoint.epoch == begun.epochs
    assert [result.attempt for result in results[2:]] == [0, 0]


def test_the_gauges_reach_rays_metrics(ray_session: Session) -> None:
    StudyGauges("gauged")(Event(kind="started", job="0123456789abcdef"))
    port = ray.nodes()[0]["MetricsExportPort"]
    end, text = time.monotonic() + 40, ""
    while 'study="gauged"' not in text and time.monotonic() < end:
        time.sleep(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
            text = page.read().decode()
    lines = [line for line in text.splitlines() if 'study="gauged"' in line]
    running = [line for line in lines if line.startswith("ray_compound_jobs_running")]
    assert running, lines
    assert running[0].endswith(" 1.0")


def test_what_is_done_starts_no_actor(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    request: JobRequest = make_request(0)
    (before,) = LocalRunner().run([request], store, lambda event: None)
    events: list[Event] = []
    after: list[JobResult] = RayRunner(ray_session).run([request], store, events.append)
    assert after == [before]
    assert [event.kind for event in events] == ["ended"]


def test_a_job_that_never_fits_is_refused_before_anything_starts(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    request = make_request(0, workers=2, cpus=2)
    with pytest.raises(ClusterError, match=r"needs 4 CPUs \(2 workers x 2\), the cluster has 2"):
        RayRunner(ray_session).run([request], store, lambda event: None)

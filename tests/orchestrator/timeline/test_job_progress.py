"""How far running jobs are, read from a store while they are written."""

from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.timeline.job_progress import JobProgress, running_jobs
from compound.orchestrator.timeline.job_standing import standing_of
from compound.schemas.job import EpochRow, Event
from compound.schemas.metrics import ACCURACY, SECONDS, SPEED
from tests.support.small_jobs import small_job

JOBS = [small_job(seed=seed) for seed in range(3)]
PLANNED = [
    Line("plan.json", "search", job.id, f"d1.00-w1.00-r8-s{job.seed}", "a", 3, job.seed, 8)
    for job in JOBS
]


def row(job: str, metrics: dict[str, float]) -> EpochRow:
    return EpochRow(job=job, attempt=1, epoch=1, step=4, metrics=metrics, wall_time=104.0)


def progress(store: ArtifactStore) -> list[JobProgress]:
    states = store.states([job.id for job in JOBS])
    return running_jobs(PLANNED, standing_of(store.study("study"), states))


def test_a_running_job_says_its_epochs_speed_and_accuracy_so_far(tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path))
    folder = store.study("study")
    assert progress(store) == []
    with store.writer(JOBS[1]) as writer, folder.lease({}):
        writer.resume()
        (driver,) = folder.drivers()
        begun = {"kind": "started", "job": JOBS[1].id, "attempt": 1, "wall_time": 100.0}
        named = {"worker": "host/7", "workers": 2, "driver": f"{driver['host']}/{driver['pid']}"}
        folder.append_event(Event.model_validate({**begun, **named}))
        (before,) = progress(store)
        assert (before.job, before.epoch, before.epochs) == (JOBS[1].id, 0, 3)
        assert before.network == "d1.00-w1.00-r8"
        assert (before.since, before.worker, before.workers) == (100.0, "host/7", 2)
        assert before.accuracy is before.images_per_second is before.updated is None
        writer.log(row(JOBS[1].id, {ACCURACY: 0.0, SPEED: 250.0, SECONDS: 2.5}))
        (after,) = progress(store)
        assert (after.epoch, after.accuracy, after.images_per_second) == (1, 0.0, 250.0)
        assert after.epoch_seconds == 2.5
        assert after.updated == 104.0
    assert progress(store) == []


def test_a_job_without_a_driver_runs_since_its_attempt_was_claimed(tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path))
    with store.writer(JOBS[0]) as writer:
        writer.resume()
        writer.log(row(JOBS[0].id, {ACCURACY: 0.5}))
        (only,) = progress(store)
    (claimed,) = store.state(JOBS[0].id).attempts
    assert only.since == claimed.started
    assert only.worker == f"{claimed.host}/{claimed.pid}"

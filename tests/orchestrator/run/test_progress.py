"""What stays on a screen of a run: phases, failures, retries and waits, and no line per job."""

import pytest

from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.run.progress import Progress
from compound.schemas.job import Cause, EpochRow, Event, JobRequest, JobResult
from compound.schemas.metrics import ACCURACY, SECONDS, SPEED
from tests.support.small_jobs import small_job

EPOCHS = 4


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def jobs() -> list[JobRequest]:
    return [
        JobRequest(job=small_job(seed=seed, epochs=EPOCHS), label=f"job-{seed}")
        for seed in range(6)
    ]


@pytest.fixture
def progress(lines: list[str], jobs: list[JobRequest]) -> Progress:
    progress = Progress(lines.append, spent=lambda: "0.5 CPU-hours")
    progress.phase(Phase("search", jobs=8, pending=6, requests=jobs))
    return progress


def event(kind: str, job: JobRequest, **details: object) -> Event:
    return Event.model_validate(
        {"kind": kind, "job": job.job.id, "label": job.label, "attempt": 1, **details}
    )


def epoch(job: JobRequest, number: int, accuracy: float = 0.5) -> Event:
    metrics = {ACCURACY: accuracy, SECONDS: 2.0, SPEED: 1234.0}
    row = EpochRow(
        job=job.job.id, attempt=1, epoch=number, step=number, metrics=metrics, wall_time=2e9
    )
    return event("epoch", job, row=row, wall_time=2e9)


def ended(job: JobRequest, status: str = "done", accuracy: float = 0.5, message: str = "") -> Event:
    result = {"job": job.job.id, "status": status, "attempt": 1, "epochs": EPOCHS}
    if status == "done":
        result["metrics"] = {ACCURACY: accuracy}
    else:
        result["cause"] = Cause(kind="error", message="it broke\nhere")
    return event("ended", job, result=JobResult.model_validate(result), message=message)


def test_jobs_that_are_done_add_no_line(
    progress: Progress, jobs: list[JobRequest], lines: list[str]
) -> None:
    for job in jobs:
        progress.event(event("started", job))
        progress.event(epoch(job, EPOCHS))
        progress.event(ended(job))
    progress.end_phase()
    assert lines[0] == "search: 8 jobs, 2 done before"
    assert lines[1].startswith("search: 8 jobs done in 0 s, best 50.0 %, spent so far 0.5 CPU")
    assert len(lines) == 2 and progress.now() is None


@pytest.mark.parametrize(
    ("accuracies", "best"), [([0.0], 0.0), ([0.0, 0.25], 0.25), ([0.25, 0.0], 0.25), ([], None)]
)
def test_an_accuracy_of_0_is_known_too(
    progress: Progress, jobs: list[JobRequest], accuracies: list[float], best: float | None
) -> None:
    for job, accuracy in zip(jobs, accuracies, strict=False):
        progress.event(ended(job, accuracy=accuracy))
    study = progress.now()
    assert study and study.best == best


def test_a_running_job_shows_its_epochs(progress: Progress, jobs: list[JobRequest]) -> None:
    progress.event(event("waiting", jobs[1], message="for 1 CPU to start"))
    progress.event(event("started", jobs[0], wall_time=2e9 - 2))
    progress.event(epoch(jobs[0], 3, accuracy=0.875))
    study = progress.now()
    assert study and (study.done, study.waiting, study.why) == (2, 5, "for 1 CPU to start")
    (job,) = study.running
    assert (job.label, job.epoch, job.epochs) == ("job-0", 3, EPOCHS)
    assert (job.images_per_second, job.accuracy) == (1234.0, 0.875)


def test_a_job_that_lost_its_workers_runs_no_more(
    progress: Progress, jobs: list[JobRequest]
) -> None:
    progress.event(event("started", jobs[0]))
    progress.event(event("waiting", jobs[0], message="its worker was lost"))
    study = progress.now()
    assert study and not study.running and study.waiting == 6
    assert study.why == "its worker was lost"


def test_failures_and_retries_are_shown_at_once(
    progress: Progress, jobs: list[JobRequest], lines: list[str]
) -> None:
    progress.event(event("started", jobs[0]))
    progress.event(event("again", jobs[0], message="too large (8 instead of 16)"))
    progress.event(ended(jobs[1], "failed", message="gave up"))
    assert lines[1:] == [
        "again   job-0: too large (8 instead of 16)",
        "failed  job-1: error: it broke (gave up)",
    ]
    study = progress.now()
    assert study and (study.failed, study.waiting) == (1, 5)


def test_many_failures_of_one_cause_are_counted(
    progress: Progress, jobs: list[JobRequest], lines: list[str]
) -> None:
    for job in jobs:
        progress.event(ended(job, "failed"))
    progress.end_phase()
    assert sum(line.startswith("failed") for line in lines) == 5
    assert lines[-2].startswith("search: 2 jobs done, 6 failed in 0 s")
    assert lines[-1] == "and 1 more: failed error: it broke"


def test_a_phase_that_is_done_already_has_one_line(lines: list[str]) -> None:
    progress = Progress(lines.append)
    progress.phase(Phase("search", jobs=3, pending=0, reused={"other": 2}))
    progress.end_phase()
    assert lines == ["search: 3 jobs, 3 done before (2 of them by study other)"]

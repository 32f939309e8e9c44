"""Drivers of several studies in one store: each job is trained by one of them, and by no other."""

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import seal, unseal
from compound.jobs.store.format.manifest import Writer
from compound.orchestrator.records.history import History
from compound.orchestrator.run import shared_jobs
from compound.orchestrator.run.phase import PhaseRunner
from compound.orchestrator.run.shared_jobs import SharedJobs
from compound.schemas.job import Cause, Event, JobRequest, JobResult, Resources
from tests.support.forked import Forked, forked
from tests.support.phase_log import IMAGES, PhaseLog, planned
from tests.support.small_jobs import small_job

WRITER = """
import sys, time
from compound.jobs.store.artifacts import ArtifactStore
store = ArtifactStore.open(sys.argv[1])
writer = store.writer(store.job(sys.argv[2]))
if sys.argv[3] == "begun":
    writer.resume()
print("written", flush=True)
time.sleep(600)
"""
"""A process of which nothing but its attempt is known: a driver of an older version has such."""


@pytest.fixture
def ledger(uri: str) -> ArtifactStore:
    return ArtifactStore.open(uri)


def requests(count: int) -> list[JobRequest]:
    return [
        JobRequest(job=small_job(seed=seed), resources=Resources(gpus=0), label=f"s{seed}")
        for seed in range(count)
    ]


@contextmanager
def driver(store: ArtifactStore, study: str) -> Iterator[SharedJobs]:
    """A driver of a study that lives: it has the lease."""
    with store.study(study).lease({}):
        yield SharedJobs(store.reservations(study), lambda text: None)


def taken(shared: SharedJobs, jobs: Sequence[JobRequest]) -> JobRequest | None:
    shared.begin_round()
    return shared.take(jobs, lambda request: True)


def test_a_job_that_a_live_driver_has_reserved_is_left_to_it(ledger: ArtifactStore) -> None:
    first, second, third = requests(3)
    with driver(ledger, "one") as one, driver(ledger, "two") as two:
        assert taken(one, [first, second]) is first
        assert taken(two, [first, second]) is second
        assert taken(one, [first, second]) is first, "it has reserved it already"
        assert taken(one, [second]) is None
        (held,) = one.trained_elsewhere([second.job.id, third.job.id]).items()
        assert held[0] == second.job.id and held[1].startswith("study two (process ")
        two.release(second.job.id)
        assert taken(one, [second]) is second
        two.clear(), one.clear()
        assert ledger.reservations("three").own() is None
        assert [*ledger.reservations("three").of_others()] == []


def test_what_a_dead_driver_has_reserved_is_taken_over(ledger: ArtifactStore) -> None:
    (job,) = requests(1)
    with driver(ledger, "one") as one:
        assert taken(one, [job]) is job
    with driver(ledger, "two") as two:
        assert taken(two, [job]) is job
    with driver(ledger, "one") as one:
        assert taken(one, [job]) is job, "the driver of study two is gone as well"


def test_what_a_killed_driver_has_left_is_swept_by_the_next_one(ledger: ArtifactStore) -> None:
    job, other = requests(2)
    with driver(ledger, "dead") as dead:
        assert taken(dead, [job]) is job
    notes: list[str] = []
    with driver(ledger, "alive") as alive, driver(ledger, "next"):
        assert taken(alive, [other]) is other
        following = SharedJobs(ledger.reservations("next"), notes.append)
        following.sweep(), following.sweep()
        assert [kept.study for kept in ledger.reservations("next").of_others()] == ["alive"]
    (note,) = notes
    assert note.startswith(f"study dead (process {os.getpid()} on ")
    assert note.endswith(" has died: its reservation of 1 job is removed")
    assert ledger.studies() == []


def test_a_reservation_of_a_half_trained_job_is_kept_until_its_process_has_ended(
    store: str,
) -> None:
    ledger, (job,) = ArtifactStore.open(store), requests(1)
    with ledger.writer(job.job) as writer:
        writer.finish(_stopped(job, writer.attempt))
    with driver(ledger, "dead") as dead:
        assert taken(dead, [job]) is job
    with _writing(store, job, "begun") as process, driver(ledger, "next") as following:
        following.sweep()
        assert taken(following, [job]) is job, "the reservation says that its driver is dead"
        following.clear()
        process.kill()
        process.wait()
        following.sweep()
        assert [*ledger.reservations("next").of_others()] == []


def test_a_reservation_is_not_removed_once_its_study_runs_again(ledger: ArtifactStore) -> None:
    (job,) = requests(1)
    with driver(ledger, "dead") as dead:
        assert taken(dead, [job]) is job
    others = ledger.reservations("next")
    (left,) = others.left_behind()
    with driver(ledger, "dead"):
        assert not others.remove(left)
        assert [*others.left_behind()] == []
    assert others.remove(left)
    assert not others.remove(left), "it is gone"


@pytest.mark.parametrize("put", ["pipe", "folder", "damage"])
def test_a_reservation_that_cannot_be_read_holds_nobody_up(
    store: str, put: str, caplog: pytest.LogCaptureFixture
) -> None:
    (first,) = requests(1)
    ledger = ArtifactStore.open(store)
    path = Path(store, "drivers", "one.json")
    path.parent.mkdir()
    if put == "pipe":
        os.mkfifo(path)
    elif put == "folder":
        path.mkdir()
    else:
        path.write_text('{"sha256": "0"}')
    with driver(ledger, "two") as two:
        assert taken(two, [first]) is first
    assert put == "folder" or "its jobs may be trained twice" in caplog.text


def test_of_drivers_at_once_each_job_has_one(ledger: ArtifactStore) -> None:
    jobs, names = requests(6), ("a", "b", "c")
    trained: Counter[str] = Counter()

    def train(shared: SharedJobs) -> None:
        left = list(jobs)
        while (request := taken(shared, left)) is not None:
            trained[request.job.id] += 1
            left.remove(request)  # reserved until all have ended

    with ExitStack() as stack:
        shared = [stack.enter_context(driver(ledger, name)) for name in names]
        threads = [threading.Thread(target=train, args=(each,)) for each in shared]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert trained == Counter({request.job.id: 1 for request in jobs})


def test_a_driver_waits_until_a_job_is_given_up_and_says_for_whom(
    ledger: ArtifactStore,
) -> None:
    (job,) = requests(1)
    notes: list[str] = []
    with driver(ledger, "one") as one, driver(ledger, "two"):
        two = SharedJobs(ledger.reservations("two"), notes.append)
        assert taken(one, [job]) is job
        looks: list[str] = []

        def stopping() -> bool:
            looks.append(ledger.reservations("two").waiting())
            if len(looks) == 3:
                one.release(job.job.id)
            return False

        two.wait([job], stopping)
        (note,) = notes
        assert note.startswith("waiting for study one (process ")
        assert note.endswith(" to train 1 job")
        assert looks[-1] == note, "`status` shows it"
        assert taken(two, [job]) is job
        assert ledger.reservations("two").waiting() == ""


def test_a_driver_that_is_to_stop_waits_no_longer(ledger: ArtifactStore) -> None:
    (job,) = requests(1)
    with driver(ledger, "one") as one, driver(ledger, "two") as two:
        assert taken(one, [job]) is job
        asked = iter([False, True])
        two.wait([job], lambda: next(asked))
        assert next(asked, None) is None


@pytest.mark.parametrize("how", ["begun", "claimed"])
def test_an_attempt_without_a_reservation_is_waited_for_while_its_process_lives(
    store: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, (job,) = ArtifactStore.open(store), requests(1)
    with ledger.writer(job.job) as writer:
        writer.finish(_stopped(job, writer.attempt))
    with _writing(store, job, how) as process, driver(ledger, "two") as two:
        assert taken(two, [job]) is None
        assert two.trained_elsewhere([job.job.id])[job.job.id].startswith(f"process {process.pid}")
        with monkeypatch.context() as patch:
            patch.setattr(shared_jobs, "_HUNG_S", -1.0)
            patch.setattr(shared_jobs, "_LOADING_S", -1.0)
            assert taken(two, [job]) is job, "it makes no progress"
        two.release(job.job.id)
        process.kill()
        process.wait()
        assert taken(two, [job]) is job


def test_a_claim_from_a_container_that_shares_its_hosts_name_is_waited_for(store: str) -> None:
    ledger, (job,) = ArtifactStore.open(store), requests(1)
    with ledger.writer(job.job) as writer:
        writer.finish(_stopped(job, writer.attempt))
    with _writing(store, job, "claimed") as process:
        (path,) = Path(store, "jobs", job.job.id).glob("attempt-0002-*/claim.json")
        key = str(path.relative_to(store))
        claimed = unseal(path.read_bytes(), Writer, "", key)
        process.kill()
        process.wait()
    elsewhere = {"pid": os.getpid(), "process": f"{'0' * 12}-{os.getpid()}-1"}
    with driver(ledger, "two") as two:
        assert taken(two, [job]) is job, "its process has ended"
        two.release(job.job.id)
        path.write_bytes(seal("claim", claimed.model_copy(update=elsewhere), key))
        assert taken(two, [job]) is None, "here no process of that number is to be seen"


def test_an_attempt_that_a_dead_driver_had_reserved_is_not_waited_for(store: str) -> None:
    ledger, (job,) = ArtifactStore.open(store), requests(1)
    with ledger.writer(job.job) as writer:
        writer.finish(_stopped(job, writer.attempt))
    with driver(ledger, "one") as one:
        assert taken(one, [job]) is job
    with _writing(store, job, "begun"), driver(ledger, "two") as two:
        assert taken(two, [job]) is job
    with _writing(store, job, "begun"), driver(ledger, "one") as one:
        assert taken(one, [job]) is job


@pytest.mark.parametrize("how", ["begun", "claimed"])
def test_an_attempt_that_was_copied_here_holds_nobody_up(store: str, how: str) -> None:
    ledger, (job, other) = ArtifactStore.open(store), requests(2)
    for request in (job, other):
        with ledger.writer(request.job) as writer:
            writer.finish(_stopped(request, writer.attempt))
    with _writing(store, other, how), driver(ledger, "two") as two:
        (attempt,) = Path(store, "jobs", other.job.id).glob("attempt-0002-*")
        shutil.copytree(attempt, Path(store, "jobs", job.job.id, attempt.name))
        assert taken(two, [other]) is None
        assert taken(two, [job]) is job
        cause = Cause(kind="storage", message="the disk is full")
        ended = _stopped(job, 1).model_copy(update={"status": "failed", "cause": cause})
        assert not two.is_overtaken(ended)
        assert two.is_overtaken(ended.model_copy(update={"job": other.job.id}))


@contextmanager
def _writing(store: str, job: JobRequest, how: str) -> Iterator[Forked]:
    with forked("-c", WRITER, store, job.job.id, how) as process:
        process.line()
        yield process


def _stopped(job: JobRequest, attempt: int) -> JobResult:
    cause = Cause(kind="interrupted", message="stopped")
    return JobResult(job=job.job.id, status="stopped", attempt=attempt, epochs=0, cause=cause)


class Rig:
    """A phase of one study in a store where others write too."""

    def __init__(self, store: str) -> None:
        self.store, self.log, self.runner = ArtifactStore.open(store), PhaseLog(), LocalRunner()

    def train(self, jobs: Sequence[JobRequest]) -> str:
        history = History(self.store, "small")
        shared = {"history": history, "index": self.store.study("small").done_jobs}
        phases = PhaseRunner(self.store, self.runner, self.log, images=IMAGES, **shared)
        return phases.train("search", [planned(request) for request in jobs])


def test_an_attempt_that_is_overtaken_has_not_failed(store: str) -> None:
    rig, (job,) = Rig(store), requests(1)
    overtaking = ArtifactStore.open(store)

    def overtake(event: Event) -> None:
        rig.log.events.append(event)
        if event.kind == "epoch" and event.row and event.row.attempt == 1:
            LocalRunner().run([job], store, lambda event: None)

    rig.log.event = overtake
    assert rig.train([job]) == "done"
    assert [event.kind for event in rig.log.events if event.kind != "epoch"] == [
        "started",
        "again",
        "ended",
    ]
    assert rig.log.again == ["another driver trains it now, and its result is taken"]
    result = rig.log.events[-1].result
    assert result and (result.status, result.attempt) == ("done", 2)
    assert overtaking.result(job.job.id) == result
    assert rig.log.notes == ["search: 1 job, 1 of them trained meanwhile by others"]


def test_a_job_that_another_driver_fails_has_failed_here_as_after_a_resume(
    store: str,
) -> None:
    rig, (job, free) = Rig(store), requests(2)
    with driver(rig.store, "one") as one:
        assert taken(one, [job]) is job

        def fail(event: Event) -> None:
            rig.log.events.append(event)
            if event.job == free.job.id and event.kind == "ended":
                with rig.store.writer(job.job) as writer:
                    cause = Cause(kind="error", message="ValueError: no")
                    given = {"job": job.job.id, "attempt": writer.attempt, "epochs": 0}
                    writer.finish(JobResult(status="failed", cause=cause, **given))
                one.release(job.job.id)

        rig.log.event = fail
        assert rig.train([job, free]) == "done"
    ended = [event for event in rig.log.events if event.kind == "ended"]
    assert [event.job for event in ended] == [free.job.id, job.job.id], "the free job comes first"
    assert ended[1].result and ended[1].result.status == "failed"
    assert ended[1].message == "by study one"
    assert rig.store.state(job.job.id).attempt == 1, "it is not tried again"


def test_a_failed_job_that_another_driver_trains_again_is_waited_for(store: str) -> None:
    rig, (job,) = Rig(store), requests(1)
    with rig.store.writer(job.job) as writer:
        cause = Cause(kind="error", message="ValueError: no")
        failed = JobResult(job=job.job.id, status="failed", attempt=1, epochs=0, cause=cause)
        writer.finish(failed)
    with driver(rig.store, "one") as one:
        assert taken(one, [job]) is job

        def retry(text: str) -> None:
            rig.log.notes.append(text)
            if text.startswith("waiting"):
                LocalRunner().run([job], store, lambda event: None)
                one.release(job.job.id)

        rig.log.note = retry
        assert rig.train([job]) == "done"
    (ended,) = [event for event in rig.log.events if event.kind == "ended"]
    assert ended.result and (ended.result.status, ended.result.attempt) == ("done", 2)


def test_ctrl_c_ends_the_waiting(tmp_path: Path) -> None:
    rig, (job,) = Rig(str(tmp_path / "store")), requests(1)
    with driver(rig.store, "one") as one:
        assert taken(one, [job]) is job
        rig.log.note = lambda text: rig.runner.request_stop()
        assert rig.train([job]) == "stopped"
    assert rig.store.state(job.job.id).status == "absent"

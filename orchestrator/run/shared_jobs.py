"""The jobs that this driver trains, among the drivers of other studies in the same store.

A job is reserved just before it starts: this study's reservation is written with it, and then those
of other studies are read. Of two drivers that reserve a job at once, at least one sees the other,
gives way and tries again, so that one of them trains it. What a live driver trains is waited for;
what a dead one has left is taken over.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from compound.jobs.store.folders.reservations import Reservations
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import StoreError
from compound.schemas.job import JobRequest, JobResult

_POLL_S, _LONGEST_POLL_S = 0.1, 2.0
"""Seconds between two looks at what is waited for, at first and later."""
_HUNG_S, _LOADING_S = 3600.0, 300.0
"""Seconds without an epoch or a commit, and without a first commit, by this process's clock, after
which an attempt without a reservation is taken over, even though its process seems to live."""
_PAUSE_S = 0.02
"""Seconds after which a driver that gave way tries again, at most; a look's time is added."""


class SharedJobs:
    """What this driver may start, of the jobs of one study."""

    def __init__(self, reservations: Reservations, note: Callable[[str], None]) -> None:
        """Read what an earlier driver of the study has left; this one has its lease.

        `note` is given a sentence whenever the driver begins to wait for another one.
        """
        self._reservations, self._note = reservations, note
        before = reservations.own()
        self._abandoned = {*before.jobs} if before else set()
        """Jobs of dead drivers: their attempts are not waited for."""
        self._is_written = before is not None
        self._reserved: set[str] = set()
        self._set_aside: set[str] = set()
        self._progress: dict[str, tuple[object, float]] = {}
        self._trainers: dict[str, str] = {}
        self._waiting = ""
        self.started: set[str] = set()
        """Jobs that this driver has begun in this round."""
        self.ended: set[str] = set()
        """Jobs that other drivers have ended, and that were reported."""

    def sweep(self) -> None:
        """Delete what killed drivers of other studies have left, and say so."""
        with suppress(StoreError):  # what stays ends with its study's lease
            for left in [*self._reservations.left_behind()]:
                if self._reservations.remove(left):
                    jobs = counted(len(left.jobs), "job")
                    self._note(f"{left.driver} has died: its reservation of {jobs} is removed")

    def begin_round(self) -> None:
        """Look at all jobs anew."""
        self.started, self._set_aside = set(), set()

    def take(
        self, requests: Sequence[JobRequest], may_start: Callable[[JobRequest], bool]
    ) -> JobRequest | None:
        """Reserve and return the first job that nobody else trains; None: there is none.

        `may_start` is asked once the job is reserved, when no other driver can end it any more. A
        job that may not start is left out for the rest of the round.
        """
        while candidates := [r for r in requests if r.job.id not in self._set_aside]:
            trained = self._reserved_elsewhere([request.job.id for request in candidates])
            free = next((r for r in candidates if r.job.id not in trained), None)
            if free is None or self._starts(free, may_start):
                return free
        return None

    def _starts(self, request: JobRequest, may_start: Callable[[JobRequest], bool]) -> bool:
        job = request.job.id
        if job not in self._reserved:
            if not self._reserve(job):
                return False
            if self._unreserved_writer(job) or not may_start(request):
                self._set_aside.add(job)
                self.release(job)
                return False
        self.started.add(job)
        return True

    def _reserve(self, job: str) -> bool:
        """Reserve a job; False where another driver has reserved it at the same time."""
        began = time.monotonic()
        self._reserved.add(job)
        self._put()
        if not self._reserved_elsewhere([job]):
            return True
        self.release(job)
        pause = _PAUSE_S + time.monotonic() - began
        time.sleep(random.uniform(0, pause))  # noqa: S311
        return False

    def release(self, job: str) -> None:
        """Give up a reservation: the job has ended, or another driver trains it."""
        if job in self._reserved:
            self._reserved.discard(job)
            self._put()

    def _put(self, waiting: str = "") -> None:
        self._reservations.put(self._reserved, waiting)
        self._is_written = True

    def clear(self) -> None:
        """Give up all reservations. One that cannot be deleted ends with the study's lease."""
        self._reserved.clear()
        if self._is_written:
            with suppress(StoreError):
                self._reservations.clear()
        self._is_written = False

    def _reserved_elsewhere(self, jobs: Sequence[str]) -> dict[str, str]:
        """Return which of these jobs other live drivers have reserved, and for people which."""
        trained: dict[str, str] = {}
        for reservation in self._reservations.of_others():
            shared = {*jobs} & {*reservation.jobs}
            if not shared:
                continue
            if self._reservations.lives(reservation):
                trained |= dict.fromkeys(shared, reservation.driver)
                self._trainers |= dict.fromkeys(shared, f"study {reservation.study}")
            else:
                self._abandoned |= shared
        return trained

    def _unreserved_writer(self, job: str) -> str:
        """Return who trains a job without a reservation; empty for nobody, or without progress."""
        writing = None if job in self._abandoned else self._reservations.writing(job)
        if writing is None:
            return ""
        now = time.monotonic()
        before, since = self._progress.get(job, (None, now))
        if before != writing:
            self._progress[job], since = (writing, now), now
        if now - since > (_HUNG_S if writing.commit else _LOADING_S):
            return ""
        self._trainers.setdefault(job, writing.driver)
        return writing.driver

    def trainer(self, job: str) -> str:
        """Return who has trained a job, as far as it was seen."""
        return self._trainers.get(job, "another study")

    def is_overtaken(self, result: JobResult) -> bool:
        """Whether an attempt failed because another process has begun a newer one."""
        if result.cause is None or result.cause.kind != "storage":
            return False
        with suppress(StoreError):
            if result.attempt:
                return self._reservations.has_newer(result.job, result.attempt)
            return self._reservations.writing(result.job) is not None
        return False  # the store cannot be read either

    def wait(self, requests: Sequence[JobRequest], stopping: Callable[[], bool]) -> None:
        """Wait until a job is no longer trained by others, or until this driver is to stop."""
        pause = _POLL_S
        while not stopping():
            trained = self.trained_elsewhere([request.job.id for request in requests])
            if len(trained) < len(requests):
                break
            self._tell(trained)
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_POLL_S)
        self._waiting = ""

    def trained_elsewhere(self, jobs: Sequence[str]) -> dict[str, str]:
        """Return which of these jobs other processes train now, and for people which process."""
        if not jobs:
            return {}
        trained = self._reserved_elsewhere(jobs)
        rest = {job: self._unreserved_writer(job) for job in jobs if job not in trained}
        return trained | {job: writer for job, writer in rest.items() if writer}

    def _tell(self, trained: dict[str, str]) -> None:
        """Say whom this driver waits for, and write it for `status`, where it has changed."""
        counts = Counter(trained.values())
        drivers = " and ".join(
            f"for {driver} to train {counted(number, 'job')}"
            for driver, number in sorted(counts.items())
        )
        if drivers != self._waiting:
            self._waiting = drivers
            self._note(f"waiting {drivers}")
            self._put(f"waiting {drivers}")

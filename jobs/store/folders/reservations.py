"""Which jobs the driver of each study trains: no two drivers are to train a job at once.

A driver writes one small document, `drivers/STUDY.json`, and reads those of other studies. It
counts while the lease of its study is held by the driver that wrote it. One that a killed driver
has left is deleted by the next driver of any study, when none of its jobs is left half trained.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from compound.jobs.process_mark import MARK, own_mark, runs
from compound.jobs.store.backend.files import DamagedError, Files
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_json import seal, unseal
from compound.jobs.store.format.file_kinds import DRIVERS, STUDY_NAME
from compound.jobs.store.format.manifest import Attempt, Manifest, Writer
from compound.schemas.base import Model
from compound.schemas.errors import BusyError, StoreError

if TYPE_CHECKING:
    from compound.jobs.store.folders.study_folder import StudyFolder

LOG = logging.getLogger(__name__)


class Reservation(Model):
    """What one driver trains now, and what it waits for."""

    study: str
    host: str
    pid: int
    jobs: tuple[str, ...] = ()
    """The ids of jobs that run, or are about to start."""
    waiting: str = ""
    """What it waits for, as a sentence; empty while it trains."""

    @property
    def driver(self) -> str:
        """The driver, for people."""
        return f"study {self.study} (process {self.pid} on {self.host})"


class Writing(NamedTuple):
    """An attempt that a process may still write, and how far it is."""

    attempt: str
    host: str
    pid: int
    commit: int
    """0: it has shown that it begins, and no more."""
    epoch: int

    @property
    def driver(self) -> str:
        """The process, for people."""
        return f"process {self.pid} on {self.host}"


class Reservations:
    """The reservations of one store, as the driver of one study reads and writes them."""

    def __init__(self, files: Files, study: str, folder: "Callable[[str], StudyFolder]") -> None:
        """`study`: whose driver writes; empty for a check, which writes none.

        `folder`: returns a study's folder, whose lease says which driver lives.
        """
        self._files, self._study, self._folder = files, study, folder

    def put(self, jobs: Iterable[str], waiting: str = "") -> None:
        """Replace this study's reservation by one of this process."""
        reservation = Reservation(
            study=self._study,
            host=socket.gethostname(),
            pid=os.getpid(),
            jobs=tuple(sorted(jobs)),
            waiting=waiting,
        )
        key = reservation_key(self._study)
        self._files.put({key: seal("reservation", reservation, key)})

    def clear(self) -> None:
        """Delete this study's reservation."""
        self._files.delete([reservation_key(self._study)])

    def own(self) -> Reservation | None:
        """Return this study's reservation, of whichever of its drivers; None without any."""
        return self._read(self._study)

    def waiting(self) -> str:
        """Return what this study's driver waits for, as a sentence; empty if it does not wait."""
        own = self.own()
        return own.waiting if own and own.waiting and self.lives(own) else ""

    def of_others(self) -> Iterator[Reservation]:
        """Yield the reservations of other studies, those of dead drivers too."""
        for name in self._files.names(DRIVERS):
            study = name.removesuffix(".json")
            if study == self._study or not STUDY_NAME.fullmatch(study):
                continue
            if reservation := self._read(study):
                yield reservation

    def _read(self, study: str) -> Reservation | None:
        """Return a study's reservation; None, with a warning, where it cannot be read."""
        key = reservation_key(study)
        try:
            data = self._files.read(key)
        except DamagedError as error:
            _warn(error)
            return None
        try:
            return unseal(data, Reservation, self._files.locate(key), key) if data else None
        except StoreError as error:
            _warn(error)
            return None

    def lives(self, reservation: Reservation) -> bool:
        """Whether the driver that wrote it still runs its study."""
        written_by = {"host": reservation.host, "pid": str(reservation.pid)}
        drivers = self._folder(reservation.study).drivers()
        return any(written_by.items() <= driver.items() for driver in drivers)

    def left_behind(self) -> Iterator[Reservation]:
        """Yield the reservations of other studies whose drivers have died, and that say nothing.

        While one of its jobs may still be written, a reservation says that nobody need wait for it.
        """
        for left in self.of_others():
            if self._folder(left.study).drivers():
                continue  # its driver, or the study's next one, which replaces it
            if not any(self.writing(job) for job in left.jobs):
                yield left

    def remove(self, left: Reservation) -> bool:
        """Delete a dead driver's reservation; False where a driver has begun meanwhile."""
        study = self._folder(left.study)
        try:
            # Under the lease no driver of the study can put another reservation in its place.
            with study.lease({}):
                if self._read(left.study) != left:
                    return False
                self._files.delete([reservation_key(left.study)])
                return True
        except BusyError:
            return False

    def writing(self, job_id: str) -> Writing | None:
        """Return the newest attempt of a job, if it has not ended and its process may live.

        For attempts without a reservation: of drivers of older versions, and of single jobs.
        """
        folder = JobFolder(self._files, job_id)
        attempts, manifest = folder.attempts(), folder.newest()
        since = [attempt for attempt in attempts if not manifest or attempt > manifest.written_by]
        claimed = next((a for a in reversed(since) if not folder.is_foreign(a)), None)
        if claimed is not None:
            return self._claimed(folder, claimed)
        return None if manifest is None or manifest.result else self._begun(folder, manifest)

    def _claimed(self, folder: JobFolder, attempt: Attempt) -> Writing | None:
        """Return an attempt that has claimed its number and has not committed anything."""
        key = folder.claim_key(attempt)
        try:
            data = self._files.read(key)
            writer = unseal(data, Writer, self._files.locate(key), key) if data else None
        except DamagedError as error:
            _warn(error)
            return None
        if writer is None or _has_ended(writer):
            return None
        return Writing(attempt.name, writer.host, writer.pid, commit=0, epoch=0)

    def _begun(self, folder: JobFolder, manifest: Manifest) -> Writing | None:
        state = folder.state_in(manifest)
        if state.status != "running":
            return None
        attempt = manifest.written_by.name
        return Writing(attempt, state.host, state.pid, manifest.sequence, state.epoch)

    def has_newer(self, job_id: str, attempt: int) -> bool:
        """Whether a job has a newer attempt than this, or another of the same number."""
        folder = JobFolder(self._files, job_id)
        since = [begun for begun in folder.attempts() if begun.number >= attempt]
        numbers = [begun.number for begun in since if not folder.is_foreign(begun)]
        return max(numbers, default=0) > attempt or numbers.count(attempt) > 1


def _warn(error: StoreError) -> None:
    """Say that what one driver wrote for the others is of no use."""
    LOG.warning("%s; its jobs may be trained twice", str(error).splitlines()[0])


def reservation_key(study: str) -> str:
    """Return the key of a study's reservation."""
    return f"{DRIVERS}/{study}.json"


def _has_ended(writer: Writer) -> bool:
    """Whether a writer's process has ended, or is this one; only on this machine that is known."""
    if MARK.fullmatch(writer.process):
        return writer.process == own_mark() or not runs(writer.process)
    # Of an older program: its number may be that of a process in another container.
    if writer.host != socket.gethostname():
        return False
    return writer.pid == os.getpid() or not Path(f"/proc/{writer.pid}").exists()

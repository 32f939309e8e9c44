"""The artifact store: rows, checkpoints, results and documents under one URI."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from compound.jobs.store.backend.files import Files
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.folders import record_keys
from compound.jobs.store.folders.done_jobs import Ended, with_opened
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.kept_predictions import TestedWeights, of_jobs
from compound.jobs.store.folders.record_keys import DEVICES, PROFILES, profile_key
from compound.jobs.store.folders.reservations import Reservations
from compound.jobs.store.folders.study_folder import StudyFolder, study_names
from compound.jobs.store.format.begun_study import BEGUN
from compound.jobs.store.format.checkpoint import Checkpoint, opened
from compound.jobs.store.format.checksummed_json import seal, unseal, version_of
from compound.jobs.store.format.file_kinds import DRIVERS, JOB_ID
from compound.jobs.store.format.manifest import Attempt, CheckpointFiles, Environment, StoredFile
from compound.jobs.store.format.predictions import Predictions
from compound.jobs.store.format.rows import rows_of, table_of
from compound.jobs.store.format.schema_version import MARKER, SCHEMA_VERSION
from compound.jobs.store.writing.checkpoint_shards import Shards
from compound.jobs.store.writing.job_writer import JobWriter
from compound.schemas.base import Model
from compound.schemas.errors import NoStoreError
from compound.schemas.job import EpochRow, JobResult, TrainJob
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.store_uri import bucket_of

if TYPE_CHECKING:
    from compound.jobs.store.checking.findings import Finding, FindingCounts
    from compound.jobs.store.checking.fsck import CheckOptions
    from compound.jobs.store.checking.gc import Pruning, Retention
    from compound.jobs.store.checking.losses import Losses
    from compound.jobs.store.checking.verify import Audit

_HURRY = 4.0
"""Seconds after which a silent back end is an error, where a user waits."""
_TOPS = ("jobs", "studies", DRIVERS, BEGUN, DEVICES, PROFILES)
_AT_ONCE = 8
"""Jobs that are read at a time from a bucket, where most of the time is waiting."""
_FEW = 16
"""Up to so many jobs are opened without listing first which of them exist."""


class _Store(Model):
    """Marks a folder as a store, and carries its schema version."""

    program: str = "compound"


class ArtifactStore:
    """All jobs and studies under one address. Opening it is cheap."""

    def __init__(self, files: Files, uri: str) -> None:
        self._files, self.uri = files, uri
        self._done: Mapping[str, Ended] = {}

    @staticmethod
    def open(uri: str, *, create: bool = True, patient: bool = False) -> "ArtifactStore":
        """Open a folder, or s3://bucket/prefix, as a store; for writing where `create` is on.

        An error of a bucket is raised within seconds. `patient`: wait as long as for any other
        request, and do not test writing; for workers, whose driver has opened the store before.

        StoreError: no such address, missing, not writable, or of a newer schema.
        """
        files, address = files_at(uri)
        probed = files if patient else files.within(_HURRY)
        marker = probed.read(MARKER)
        if marker is not None:
            unseal(marker, _Store, files.locate(MARKER), MARKER)
        elif not create:
            advice = "check the `store`, or run a study first: compound run SPEC"
            raise NoStoreError("there is no store here", where=address, next_step=advice)
        if create and not (patient and marker):
            probed.prove_writable()
        if create and (marker is None or version_of(marker) < SCHEMA_VERSION):
            files.put({MARKER: seal("store", _Store(), key="")})
        return ArtifactStore(files, address)

    def erase(self) -> None:
        """Delete all that a store holds, and its marker last. Other files stay."""
        for top in _TOPS:
            self._files.delete(self._files.walk(top))
        self._files.delete([MARKER])

    def knowing(self, study: str) -> "ArtifactStore":
        """Return the store with a study's index, so that its done jobs need not be opened.

        Jobs whose folders are gone are not taken from there.
        """
        index = self.study(study).done_jobs.read()
        stored = set(self.jobs()) if index else set()
        store = ArtifactStore(self._files, self.uri)
        store._done = {job: ended for job, ended in index.items() if job in stored}
        return store

    @property
    def _at_once(self) -> int:
        """Jobs that are read at a time; from a disk, more than there are cores take longer."""
        return _AT_ONCE if bucket_of(self.uri) else min(_AT_ONCE, len(os.sched_getaffinity(0)))

    def _job(self, job_id: str) -> JobFolder:
        return JobFolder(self._files, job_id)

    def writer(
        self, job: TrainJob, *, world_size: int = 1, environment: Environment | None = None
    ) -> JobWriter:
        """Begin a new attempt of a job; `environment` is recorded with it."""
        return JobWriter(self._job(job.id), job, world_size=world_size, environment=environment)

    def next_attempt(self, job_id: str) -> int:
        """Return the number that the next attempt takes, unless another process is faster."""
        return self._job(job_id).next_attempt()

    def jobs(self) -> list[str]:
        """Return the ids of all jobs that were ever begun."""
        return [name for name in self._files.names("jobs") if JOB_ID.fullmatch(name)]

    def job(self, job_id: str) -> TrainJob | None:
        """Return a job as it was recorded; None if it is unknown."""
        return self._job(job_id).job()

    def rows(self, job_id: str) -> list[EpochRow]:
        """Return a job's rows so far over all attempts, each epoch once, in order."""
        return rows_of(self._job(job_id).table())

    def metrics(self, job_ids: Iterable[str], names: Collection[str] | None = None) -> pa.Table:
        """Return the rows of jobs as one long table with the columns of rows.METRICS.

        `names`: of these metrics only, which is much faster than all.
        """
        ids = list(job_ids)
        with ThreadPoolExecutor(self._at_once) as threads:
            tables = list(threads.map(lambda job_id: self._job(job_id).table(names), ids))
        return pa.concat_tables([table_of([]), *tables]).combine_chunks()

    def ended(self, job_id: str) -> Ended | None:
        """Return the result and the state of a job that has ended; None if it has not."""
        if job_id in self._done:
            return self._done[job_id]
        manifest = (folder := self._job(job_id)).newest()
        if manifest is None or manifest.result is None:
            return None
        return Ended(state=folder.state_in(manifest), result=manifest.result)

    def result(self, job_id: str) -> JobResult | None:
        """Return how a job ended; None if it has not."""
        ended = self.ended(job_id)
        return ended.result if ended else None

    def results(self, job_ids: Iterable[str]) -> dict[str, JobResult]:
        """Return how jobs ended, without the ones that have not."""
        return {job: result for job in self._begun(job_ids) if (result := self.result(job))}

    def state(self, job_id: str) -> JobState:
        """Return a job's state."""
        ended = self._done.get(job_id)
        return ended.state if ended else self._job(job_id).state()

    def states(self, job_ids: Iterable[str]) -> dict[str, JobState]:
        """Return the states of jobs."""
        ids = list(job_ids)
        states = {job_id: self.state(job_id) for job_id in self._begun(ids)}
        return {job: states.get(job) or JobState(job=job, status="absent") for job in ids}

    def standing(
        self, study: str, listed: Iterable[str], job_ids: Iterable[str], *, brief: bool = False
    ) -> dict[str, JobState]:
        """Return the states of a study's jobs: of done jobs from its index, the others are opened.

        `listed`: the names in the study's folder. `brief`: see `DoneJobs.brief`. Jobs are listed
        once, and opened several at a time: in a bucket this takes most of the time.
        """
        index = self.study(study).done_jobs
        done = index.brief(listed) if brief else index.states(listed)
        stored = set(self.jobs())
        root = "" if bucket_of(self.uri) else self.uri
        with ThreadPoolExecutor(self._at_once) as threads:
            return with_opened(job_ids, done, stored, root, partial(threads.map, self.state))

    def _begun(self, job_ids: Iterable[str]) -> list[str]:
        """Leave out jobs that have no folder, if one listing is cheaper than opening them."""
        ids = list(job_ids)
        if sum(job not in self._done for job in ids) <= _FEW:
            return ids
        begun = {*self.jobs(), *self._done}
        return [job for job in ids if job in begun]

    def checkpoint(self, job_id: str, *, best: bool = False) -> Checkpoint | None:
        """Return a job's newest undamaged checkpoint; a warning names each one that is left out.

        `best`: of the kept checkpoints, the one with the highest validation accuracy.
        """
        return self._job(job_id).checkpoint(best=best)

    def checkpoints(self, job_id: str) -> tuple[CheckpointFiles, ...]:
        """Return the checkpoints that a job's newest commit names, oldest first."""
        manifest = self._job(job_id).newest()
        return manifest.checkpoints if manifest else ()

    def locate(self, file: StoredFile) -> str:
        """Return the address of a file that a manifest names."""
        return self._files.locate(file.key)

    def opened(self, stored: CheckpointFiles) -> Checkpoint:
        """Return a checkpoint that another rank has chosen; DamagedError if it is damaged."""
        return opened(self._files, stored)

    def predictions(self, job_ids: Iterable[str]) -> dict[str, Predictions]:
        """Return the predictions of validation images by done jobs that have kept them."""
        return of_jobs({job_id: self._job(job_id) for job_id in job_ids}, self._at_once)

    def test_predictions(self, job_id: str) -> TestedWeights:
        """Return what reads and writes a job's predictions of test images."""
        return TestedWeights(self._job(job_id))

    def shards(self, job_id: str, attempt: Attempt, rank: int, ranks: int) -> Shards:
        """Return the writer of a rank's part of an attempt's checkpoints."""
        return Shards(self._files, self._job(job_id).attempt_key(attempt), rank, ranks)

    def keep_trace(self, job_id: str, trace: bytes) -> None:
        """Store a job's profile, a gzipped Chrome trace, in place of an earlier one."""
        record_keys.keep_trace(self._files, job_id, trace)

    def trace(self, job_id: str) -> str | None:
        """Return the address of a job's newest profile; None if it has none."""
        newest = record_keys.newest_trace(self._files, job_id)
        return self._files.locate(newest) if newest else None

    def profiles(self) -> list[DeviceProfile]:
        """Return the measurements of all devices, by their keys; DamagedError if one is damaged."""
        return record_keys.read_profiles(self._files)

    def audit(
        self, job_ids: Iterable[str], studies: Iterable[str], needed: Iterable[str] = ()
    ) -> "Audit":
        """Recompute the checksums of jobs, of studies and of the store's own records."""
        from compound.jobs.store.checking.verify import audit

        return audit(self._files, job_ids, map(self.study, studies), needed)

    def check(
        self,
        job_ids: Iterable[str],
        studies: Iterable[str],
        counts: "FindingCounts",
        options: "CheckOptions",
    ) -> "Iterator[Finding]":
        """Yield what is not as it should be, and repair what the options allow."""
        from compound.jobs.store.checking.fsck import check_store

        return check_store(self._files, job_ids, map(self.study, studies), counts, options)

    def losses(self, study: str) -> "Losses":
        """Return what looks for what a study has committed, and its store has no more."""
        from compound.jobs.store.checking.losses import Losses

        return Losses(self._files, self.study(study), self._at_once)

    def prune(self, job_id: str, retention: "Retention", *, dry: bool) -> "Pruning":
        """Delete checkpoints of an ended job; `dry`: only report which would be deleted."""
        from compound.jobs.store.checking import gc

        return (gc.plan if dry else gc.prune)(self._job(job_id), retention)

    def study(self, name: str) -> StudyFolder:
        """Return a study's folder."""
        return StudyFolder(self._files, name)

    def reservations(self, study: str) -> Reservations:
        """Return what reserves jobs for a study's driver."""
        return Reservations(self._files, study, self.study)

    def studies(self, *, lost: bool = False, newest: bool = False) -> list[str]:
        """Return the names of all studies; `lost`: of those of which nothing is left, instead.

        `newest`: those first that were written last.
        """
        return study_names(self._files, lost=lost, newest=newest)

    def profile(self, device: str) -> DeviceProfile | None:
        """Return a device's measurements; None where there are none, DamagedError if damaged."""
        return record_keys.read_profile(self._files, profile_key(device))

    def save_profile(self, profile: DeviceProfile) -> None:
        """Replace the measurements of a device."""
        key = profile_key(profile.device)
        self._files.put({key: seal("profile", profile, key, indent=1)})

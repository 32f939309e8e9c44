"""Jobs on this machine without Ray: one after another."""

import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from compound.cluster.driver_results import in_a_line, lost, record_failure
from compound.cluster.resources import Node, expected, preflight, resolve
from compound.cluster.retries import RetryBudget
from compound.cluster.runner import OnEvent, unfinished
from compound.jobs.gpu.visible_gpus import gpus_here
from compound.jobs.parallel.failure import GAVE_UP, spent
from compound.jobs.run_job import Process, run
from compound.jobs.runtime.child_processes import child_environment, module_command
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import ClusterError
from compound.schemas.job import Cause, EpochRow, Event, JobRequest, JobResult

_POLL_S = 0.2
_EPOCH_S = "86400"
"""Seconds that torch's launcher gives its ranks to finish an epoch when it is told to stop."""
_TAIL = 8_000
"""Characters of a dead child's last words that are kept."""


class LocalRunner:
    """Runs one-worker jobs in this process, others under torch's launcher in child processes.

    On a GPU every job has child processes: an error from which CUDA never recovers ends its process
    only, and so gives back the memory that it held.
    """

    def __init__(self, imports: tuple[str, ...] = (), *, retries: int = 3) -> None:
        """Take nothing that outlasts the process.

        `imports`: folders from which networks' own code may be imported; by default none;
        `retries`: how often a job goes on after its workers died or lost their device.
        """
        self._imports, self._retries = imports, retries
        self._apart = False
        """Whether jobs need a process of their own from now on: this one's device may be lost."""
        self._stop = threading.Event()
        self._data = DataCache()

    def request_stop(self) -> None:
        """End with a checkpoint: after the running step, in child processes after the epoch."""
        self._stop.set()

    def preflight(self, requests: Sequence[JobRequest]) -> None:
        """Refuse what this machine can never run. ClusterError: which job, and what it lacks."""
        for request in requests:
            if request.resources.decode_cpus:
                raise _no_cluster(request)
        preflight(requests, [here()])

    def run(self, requests: Sequence[JobRequest], store: str, on_event: OnEvent) -> list[JobResult]:
        """Train every request; see `Runner.run`."""
        self.preflight(requests)
        ledger = ArtifactStore.open(store, patient=True)
        resolved = resolve(requests, [here()])
        return [self._run_one(request, ledger, on_event) for request in resolved]

    def _run_one(self, request: JobRequest, store: ArtifactStore, on_event: OnEvent) -> JobResult:
        result = self._forgiving(request, store, _EventWriter(request, on_event))
        on_event(Event(kind="ended", job=request.job.id, label=request.label, result=result))
        return result

    def _forgiving(
        self, request: JobRequest, store: ArtifactStore, tell: "_EventWriter"
    ) -> JobResult:
        """Try a job until it ends by itself, or has lost workers more often than is forgiven."""
        forgiven = RetryBudget({"worker lost": self._retries})
        while lost(result := self._attempt(request, store, tell)):
            if self._retries == 0 or self._stop.is_set():
                return result
            assert result.cause is not None
            told = forgiven.count("worker lost", in_a_line(result.cause))
            cause = forgiven.cause()
            if cause is not None:
                cause = cause.model_copy(update={"traceback": result.cause.traceback})
                return record_failure(request, store, cause)
            tell.waiting(told)
        return result

    def _attempt(
        self, request: JobRequest, store: ArtifactStore, tell: "_EventWriter"
    ) -> JobResult:
        if self._stop.is_set():
            return unfinished(request)
        if _here(request) > 1 or request.resources.gpus or self._apart:
            return self._launched(request, store, tell)
        result = self._in_process(request, store, tell)
        self._apart = lost(result)
        return result

    def _in_process(
        self, request: JobRequest, store: ArtifactStore, tell: "_EventWriter"
    ) -> JobResult:
        tell.started()
        keep_freed()
        process = Process.single(request.resources.cpus, imports=self._imports)
        splits, continues = request.splits, request.continues
        stopping, profile = self._stop.is_set, request.profile
        rows = run(
            request.job, store, process, self._data, splits, continues, stopping, profile=profile
        )
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                result: JobResult = end.value
                return result
            tell.epoch(row)
            if self._stop.is_set() and row.epoch < request.job.recipe.epochs:
                rows.close()
                return store.result(request.job.id) or unfinished(request)

    def _launched(
        self, request: JobRequest, store: ArtifactStore, tell: "_EventWriter"
    ) -> JobResult:
        known = store.result(request.job.id)
        if known is not None and known.status == "done":
            return known
        with tempfile.TemporaryDirectory(prefix="compound-job-") as folder:
            file = Path(folder) / "job.json"
            file.write_text(request.model_dump_json())
            errors = Path(folder) / "stderr"
            with errors.open("w") as stderr:
                child = _launch(request, file, store.uri, self._imports, stderr.fileno())
            tell.started()
            self._follow(child, request, store, tell)
            return _ended(request, store, known, errors.read_text(errors="replace"))

    def _follow(
        self,
        child: "subprocess.Popen[str]",
        request: JobRequest,
        store: ArtifactStore,
        tell: "_EventWriter",
    ) -> None:
        """Tell the rows that the child writes into the store, until it ends."""
        asked = False
        tell.passed = len(store.rows(request.job.id))
        try:
            while child.poll() is None:
                tell.news(store.rows(request.job.id))
                if self._stop.is_set() and not asked:
                    child.terminate()
                    asked = True
                self._pause(child)
        finally:
            _end_group(child)
        tell.news(store.rows(request.job.id))

    def _pause(self, child: "subprocess.Popen[str]") -> None:
        try:
            child.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return


class _EventWriter:
    """Tells of one job, each epoch once."""

    def __init__(self, request: JobRequest, on_event: OnEvent) -> None:
        self._request, self._on_event = request, on_event
        self.passed = 0

    def started(self) -> None:
        """The job has begun."""
        job, label = self._request.job.id, self._request.label
        workers = _here(self._request)
        self._on_event(Event(kind="started", job=job, label=label, workers=workers))

    def waiting(self, message: str) -> None:
        """The job goes on in another process."""
        job, label = self._request.job.id, self._request.label
        self._on_event(Event(kind="waiting", job=job, label=label, message=message))

    def epoch(self, row: EpochRow) -> None:
        """An epoch has ended."""
        job, label = self._request.job.id, self._request.label
        self._on_event(Event(kind="epoch", job=job, label=label, row=row))

    def news(self, rows: Sequence[EpochRow]) -> None:
        """Tell of the rows after the ones told before."""
        for row in rows[self.passed :]:
            self.epoch(row)
        self.passed = max(self.passed, len(rows))


def _launch(
    request: JobRequest, file: Path, store: str, imports: tuple[str, ...], stderr: int
) -> "subprocess.Popen[str]":
    """Start a job in a session of its own, so that no Ctrl-C reaches it but ours."""
    workers = _here(request)
    job = ["compound.jobs", str(file), "--store", store]
    job += ["--allow-import", *(f"--import-from={folder}" for folder in imports)] if imports else []
    launcher = ("--standalone", "--nproc-per-node", str(workers), "-m")
    command = (
        module_command("torch.distributed.run", *launcher, *job)
        if workers > 1
        else module_command(*job)
    )
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        start_new_session=True,
        env=child_environment(TORCH_ELASTIC_SHUTDOWN_TIMEOUT=_EPOCH_S),
    )


def _end_group(child: "subprocess.Popen[str]") -> None:
    """Leave no rank behind, should the launcher not have ended by itself."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _ended(
    request: JobRequest, store: ArtifactStore, before: JobResult | None, errors: str
) -> JobResult:
    """Return what the child recorded, or a failure where it died without a word.

    A rank that failed alone took the others with it: to them a worker was lost, it knows why.
    """
    result = store.result(request.job.id)
    unsaid = result is None or result == before or lost(result)
    cause = _told(errors) if unsaid else None
    if cause is None and result is not None and result != before:
        return result
    died = Cause(kind="worker lost", message="its workers died", traceback=errors[-_TAIL:])
    return record_failure(request, store, cause or died)


def _told(errors: str) -> Cause | None:
    """Return the first cause of their own that ranks told, if any did."""
    told = [line for line in errors.splitlines() if line.startswith(GAVE_UP)]
    causes = [Cause.model_validate_json(line.removeprefix(GAVE_UP)) for line in told]
    return next((cause for cause in causes if cause.kind != "worker lost" or spent(cause)), None)


def here() -> Node:
    """Return this machine, with the GPUs that its processes can use."""
    gpus = gpus_here()
    cpus, host = os.cpu_count() or 1, socket.gethostname()
    return Node(cpus, len(gpus.devices), host, gpus.types, gpus.limitation)


def _here(request: JobRequest) -> int:
    """Return the workers of a job: as many as this machine has room for, where it is elastic."""
    room = replace(here(), cpus=len(os.sched_getaffinity(0)))
    return expected(request.resources, [room])


def _no_cluster(request: JobRequest) -> ClusterError:
    return ClusterError(
        f"job {request.label or request.job.id} has {request.resources.decode_cpus} CPUs of a "
        "cluster to decode its images, and this runner uses no cluster",
        next_step="leave out `--runner local`, or `decode_cpus` under `resources`",
    )

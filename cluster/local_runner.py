"""Jobs on this machine without Ray: one after another."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from compound.cluster.driver_results import in_a_line, lost, record_failure
from compound.cluster.event_writer import EventWriter
from compound.cluster.resources import Node, expected, preflight, resolve
from compound.cluster.retries import RetryBudget
from compound.cluster.runner import OnEvent, Take, in_order, unfinished
from compound.jobs.gpu.visible_gpus import gpus_here
from compound.jobs.parallel.failure import GAVE_UP, has_lost_gpu
from compound.jobs.run_job import Process, run_request
from compound.jobs.runtime.child_processes import child_environment, module_command
from compound.jobs.runtime.driver_watch import watched_by_children
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.runtime.temporary_folder import temporary_folder
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import ClusterError
from compound.schemas.job import Cause, JobRequest, JobResult
from compound.schemas.retries import RetryLimits

_POLL_S = 0.2
_EPOCH_S = "86400"
"""Seconds that torch's launcher gives its ranks to finish an epoch when it is stopped. The default
of 30 s would kill them within an epoch (torch 2.13)."""
_WATCHED = "compound.jobs.runtime.watched"
"""Runs the launcher and its ranks: all of them end with this process, whatever they are doing."""
_TAIL = 8_000
"""Characters of a dead child's stderr that are recorded."""


class LocalRunner:
    """Runs one-worker jobs in this process, others under torch's launcher in child processes.

    On a GPU every job has child processes: an error from which CUDA never recovers ends only that
    process, and its memory is freed.
    """

    def __init__(self, imports: tuple[str, ...] = (), *, limits: RetryLimits | None = None) -> None:
        """Start no process, and take no resources.

        `imports`: folders from which networks' own code may be imported; by default none;
        `limits`: `lost_worker` says how often a job continues after its workers died or lost their
        device.
        """
        self._imports, self._limits = imports, limits or RetryLimits()
        self._device_lost = False
        """Whether the next job needs a process of its own: this one's device may be lost."""
        self._stop = threading.Event()
        self._data = DataCache()

    def request_stop(self) -> None:
        """End with a checkpoint: after the running step, in child processes after the epoch."""
        self._stop.set()

    def preflight(self, requests: Sequence[JobRequest]) -> None:
        """Refuse what this machine can never run. ClusterError: which job, and what is missing."""
        for request in requests:
            if request.resources.decode_cpus:
                raise _no_cluster(request)
        preflight(requests, [this_machine()])

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def run(
        self,
        requests: Sequence[JobRequest],
        store: str,
        on_event: OnEvent,
        take: Take = in_order,
    ) -> list[JobResult]:
        """Train every request; see `Runner.run`."""
        self.preflight(requests)
        artifacts = ArtifactStore.open(store, patient=True)
        left = {request.job.id: request for request in resolve(requests, [this_machine()])}
        results: dict[str, JobResult] = {}
        while not self.stopping and (request := take(list(left.values()))):
            del left[request.job.id]
            results[request.job.id] = self._run_one(request, artifacts, on_event)
        for job, request in left.items():
            stopped = self.stopping
            results[job] = (
                self._run_one(request, artifacts, on_event) if stopped else unfinished(request)
            )
        return [results[request.job.id] for request in requests]

    def _run_one(self, request: JobRequest, store: ArtifactStore, on_event: OnEvent) -> JobResult:
        events = EventWriter(request, on_event)
        result = self._run_with_retries(request, store, events)
        events.ended(result)
        return result

    def _run_with_retries(
        self, request: JobRequest, store: ArtifactStore, events: EventWriter
    ) -> JobResult:
        """Try a job until it ends by itself, or has lost workers too often."""
        retries = RetryBudget(self._limits)
        while lost(result := self._attempt(request, store, events)):
            if self._limits.lost_worker == 0 or self._stop.is_set():
                return result
            assert result.cause is not None
            message = retries.count("worker lost", in_a_line(result.cause))
            cause = retries.cause()
            if cause is not None:
                cause = cause.model_copy(update={"traceback": result.cause.traceback})
                return record_failure(request, store, cause)
            events.waiting(message)
        return result

    def _attempt(self, request: JobRequest, store: ArtifactStore, events: EventWriter) -> JobResult:
        if self._stop.is_set():
            return unfinished(request)
        if _workers_here(request) > 1 or request.resources.gpus or self._device_lost:
            return self._launched(request, store, events)
        result = self._in_process(request, store, events)
        self._device_lost = lost(result)
        return result

    def _in_process(
        self, request: JobRequest, store: ArtifactStore, events: EventWriter
    ) -> JobResult:
        events.started(_workers_here(request), store.next_attempt(request.job.id))
        keep_freed()
        process = Process.single(request.resources.cpus, imports=self._imports)
        rows = run_request(request, store, process, self._data, self._stop.is_set)
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                result: JobResult = end.value
                return result
            events.epoch(row)
            if self._stop.is_set() and row.epoch < request.job.recipe.epochs:
                rows.close()
                return store.result(request.job.id) or unfinished(request)

    def _launched(
        self, request: JobRequest, store: ArtifactStore, events: EventWriter
    ) -> JobResult:
        before = store.result(request.job.id)
        if request.settled(before):
            assert before is not None
            return before
        with temporary_folder("job") as folder:
            file = Path(folder) / "job.json"
            file.write_text(request.model_dump_json(), encoding="utf-8")
            output, errors = Path(folder) / "stdout", Path(folder) / "stderr"
            attempt = store.next_attempt(request.job.id)
            with output.open("w") as stdout, errors.open("w") as stderr:
                streams = stdout.fileno(), stderr.fileno()
                child = _launch(request, file, store.uri, self._imports, streams)
            events.started(_workers_here(request), attempt, child.pid)
            self._follow(child, request, store, events)
            text = errors.read_text(errors="replace")
            if request.evaluates is not None:
                return _evaluated(request, store, output.read_text(errors="replace"), text)
            if self._stop.is_set() and store.result(request.job.id) == before:
                # The stop came before the ranks could heed it.
                return before or unfinished(request)
            return _ended(request, store, before, text)

    def _follow(
        self,
        child: "subprocess.Popen[str]",
        request: JobRequest,
        store: ArtifactStore,
        events: EventWriter,
    ) -> None:
        """Report the rows that the child writes into the store, until it ends."""
        terminated = False
        events.passed = len(store.rows(request.job.id))
        try:
            while child.poll() is None:
                events.new_rows(store.rows(request.job.id))
                if self._stop.is_set() and not terminated:
                    child.terminate()
                    terminated = True
                self._pause(child)
        finally:
            _end_group(child)
        events.new_rows(store.rows(request.job.id))

    def _pause(self, child: "subprocess.Popen[str]") -> None:
        try:
            child.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            return


def _launch(
    request: JobRequest, file: Path, store: str, imports: tuple[str, ...], streams: tuple[int, int]
) -> "subprocess.Popen[str]":
    """Start a job in a session of its own; `streams` are its stdout and stderr."""
    workers = _workers_here(request)
    job = [_WATCHED, "compound.jobs", str(file), "--store", store]
    job += ["--allow-import", *(f"--import-from={folder}" for folder in imports)] if imports else []
    # Without a folder of its own for logs the launcher leaves one in /tmp (torch 2.13).
    logs = ("--log-dir", str(file.parent / "logs"))
    launcher = ("--standalone", *logs, "--nproc-per-node", str(workers), "-m")
    command = (
        module_command(_WATCHED, "torch.distributed.run", *launcher, *job)
        if workers > 1
        else module_command(*job)
    )
    return subprocess.Popen(
        command,
        # A child that reads the terminal of a background shell is stopped by SIGTTIN.
        stdin=subprocess.DEVNULL,
        stdout=streams[0],
        stderr=streams[1],
        text=True,
        # Ctrl-C in a terminal reaches every process of its group: the child is to be stopped by
        # this process only, after its epoch.
        start_new_session=True,
        env=child_environment(TORCH_ELASTIC_SHUTDOWN_TIMEOUT=_EPOCH_S, **watched_by_children()),
    )


def _end_group(child: "subprocess.Popen[str]") -> None:
    """End all ranks, in case the launcher has not ended by itself."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _ended(
    request: JobRequest, store: ArtifactStore, before: JobResult | None, errors: str
) -> JobResult:
    """Return what the child recorded, or a failure where it died without a result.

    A rank that fails alone ends the other ranks: they report a lost worker, it reports the cause.
    """
    result = store.result(request.job.id)
    unrecorded = result is None or result == before or lost(result)
    cause = _reported_cause(errors) if unrecorded else None
    if cause is None and result is not None and result != before:
        return result
    if cause and cause.kind == "storage" and store.state(request.job.id).status == "running":
        # Another process has taken the job over: a failure that is recorded would end its attempt.
        return unfinished(request).model_copy(update={"status": "failed", "cause": cause})
    died = Cause(kind="worker lost", message="its workers died", traceback=errors[-_TAIL:])
    return record_failure(request, store, cause or died)


def _evaluated(request: JobRequest, store: ArtifactStore, output: str, errors: str) -> JobResult:
    """Return the numbers that the first rank printed, or why there are none."""
    for line in reversed(output.splitlines()):
        # A network's own code may print too, and so may the other ranks.
        with suppress(ValidationError):
            return JobResult.model_validate_json(line)
    died = Cause(kind="worker lost", message="its workers died", traceback=errors[-_TAIL:])
    return record_failure(request, store, _reported_cause(errors) or died)


def _reported_cause(errors: str) -> Cause | None:
    """Return the first cause that a rank reported on stderr and that was its own."""
    lines = [line for line in errors.splitlines() if line.startswith(GAVE_UP)]
    causes = [Cause.model_validate_json(line.removeprefix(GAVE_UP)) for line in lines]
    own = (cause for cause in causes if cause.kind != "worker lost" or has_lost_gpu(cause))
    return next(own, None)


def this_machine() -> Node:
    """Return this machine, with the GPUs that its processes can use."""
    gpus = gpus_here()
    cpus, host = os.cpu_count() or 1, socket.gethostname()
    return Node(cpus, len(gpus.devices), host, gpus.types, gpus.limitation)


def _workers_here(request: JobRequest) -> int:
    """Return the workers of a job: as many as this machine has room for, where it is elastic."""
    # A container or taskset may leave fewer CPUs than the machine has.
    machine = replace(this_machine(), cpus=len(os.sched_getaffinity(0)))
    return expected(request.resources, [machine])


def _no_cluster(request: JobRequest) -> ClusterError:
    return ClusterError(
        f"job {request.label or request.job.id} has {request.resources.decode_cpus} CPUs of a "
        "cluster to decode its images, and the local runner has no cluster",
        next_step="leave out `--runner local`, or `decode_cpus` under `resources`",
    )

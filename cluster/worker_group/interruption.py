"""What has interrupted a group of workers, in a line, and on which retry limit it counts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ray.exceptions import RayActorError
from ray.train import ControllerError, TrainingFailedError, WorkerGroupError

from compound.cluster.retries import InterruptionKind
from compound.cluster.worker_group.heartbeat import Heartbeat, StalledWorker
from compound.jobs.parallel.failure import GPU_LOST


@dataclass(frozen=True)
class Interruption:
    """An end of the workers that the job did not cause."""

    kind: InterruptionKind
    text: str


@dataclass(frozen=True)
class GroupState:
    """What was known of the workers when they ended."""

    beats: Sequence[Heartbeat]
    stalled: Sequence[StalledWorker]
    """Workers that were killed on purpose, because they were silent or hung."""
    draining: Collection[str]
    """Ids of hosts that were about to be taken away."""
    gone: Collection[str]
    """Ids of hosts that are dead or unreachable."""


def classify_interruption(error: TrainingFailedError, state: GroupState) -> Interruption:
    """Return what has happened: hosts before their workers, causes before consequences."""
    lost = [beat for beat in state.beats if beat.rank in dead_ranks(error)]
    drained = [beat for beat in lost if beat.node in state.draining]
    if drained or _preempted(error):
        return Interruption("preempted", f"{_hosts(drained) or 'a host'} was taken away")
    if state.stalled:
        stalls = "; ".join(f"{worker.beat.name} {worker.why}" for worker in state.stalled)
        return Interruption("worker lost", stalls + _with_hosts(state))
    return Interruption(
        "worker lost",
        _lost_devices(error, state) or _lost_workers(lost, state) or _first_line(error),
    )


def no_room(error: TrainingFailedError) -> bool:
    """Whether the workers did not start in time, because resources were lacking."""
    if not isinstance(error, ControllerError):
        return False
    # By name: the class is private, and Ray's internal modules change between releases (2.60).
    return type(error.controller_failure).__name__ == "WorkerGroupStartupTimeoutError"


def dead_ranks(error: TrainingFailedError) -> set[int]:
    """Return the ranks whose processes are gone; the other ranks failed because of them."""
    return {rank for rank, cause in _failures(error).items() if _died(cause)}


def _failures(error: TrainingFailedError) -> Mapping[int, Exception]:
    return error.worker_failures if isinstance(error, WorkerGroupError) else {}


def _death(cause: Exception) -> RayActorError | None:
    """Return the death of a worker's actor, unwrapped from Train's own error."""
    inner = getattr(cause, "health_check_failure", cause)
    return inner if isinstance(inner, RayActorError) else None


def _died(cause: Exception) -> bool:
    return _death(cause) is not None or "HealthCheckTimeout" in type(cause).__name__


def _preempted(error: TrainingFailedError) -> bool:
    deaths = [_death(cause) for cause in _failures(error).values()]
    return any(death is not None and death.preempted for death in deaths)


def _lost_devices(error: TrainingFailedError, state: GroupState) -> str:
    """Name the workers that have lost their device; the others failed because of them."""
    names = {beat.rank: beat.name for beat in state.beats}
    lines = {rank: _device_line(cause) for rank, cause in _failures(error).items()}
    return "; ".join(
        f"{names.get(rank, f'worker {rank}')}: {text}" for rank, text in lines.items() if text
    )


def _device_line(cause: Exception) -> str:
    """Return the line of an error that says that its worker's device is lost."""
    lines = [line for line in str(cause).splitlines() if GPU_LOST in line]
    return lines[-1].rpartition("RunError: ")[2].strip() if lines else ""


def _lost_workers(lost: Sequence[Heartbeat], state: GroupState) -> str:
    hosts = _hosts([beat for beat in lost if beat.node in state.gone])
    workers = [beat.name for beat in lost if beat.node not in state.gone]
    lines = [f"{hosts} was lost"] if hosts else []
    return "; ".join(lines + ([f"{', '.join(workers)} died"] if workers else []))


def _with_hosts(state: GroupState) -> str:
    hosts = _hosts([worker.beat for worker in state.stalled if worker.beat.node in state.gone])
    return f"; {hosts} is unreachable" if hosts else ""


def _hosts(beats: Sequence[Heartbeat]) -> str:
    """Name the hosts of some workers, with the workers."""
    by_host: dict[str, list[int]] = {}
    for beat in beats:
        by_host.setdefault(beat.host, []).append(beat.rank)
    return ", ".join(
        f"host {host} with worker{'s' * (len(ranks) > 1)} {', '.join(map(str, sorted(ranks)))}"
        for host, ranks in by_host.items()
    )


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__

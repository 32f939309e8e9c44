"""What has ended a group of workers before its time, in a line, and whose budget it counts on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ray.exceptions import RayActorError
from ray.train import ControllerError, TrainingFailedError, WorkerGroupError

from compound.cluster.retries import InterruptionKind
from compound.cluster.worker_group.heartbeat import Heartbeat, StalledWorker
from compound.jobs.parallel.failure import SPENT


@dataclass(frozen=True)
class Interruption:
    """An end of a group that is no fault of the job's own."""

    kind: InterruptionKind
    text: str


@dataclass(frozen=True)
class GroupState:
    """What was known of a group when it ended."""

    beats: Sequence[Heartbeat]
    suspects: Sequence[StalledWorker]
    """Workers that were ended on purpose, because they were silent or hung."""
    draining: Collection[str]
    """Ids of hosts that had been told to go."""
    gone: Collection[str]
    """Ids of hosts that are dead or out of reach."""


def classify_interruption(error: TrainingFailedError, scene: GroupState) -> Interruption:
    """Say what has happened: hosts before their workers, causes before consequences."""
    lost = [beat for beat in scene.beats if beat.rank in dead_ranks(error)]
    drained = [beat for beat in lost if beat.node in scene.draining]
    if drained or _preempted(error):
        return Interruption("preempted", f"{_hosts(drained) or 'a host'} was taken away")
    if scene.suspects:
        told = "; ".join(f"{one.beat.name} {one.why}" for one in scene.suspects)
        return Interruption("worker lost", told + _with_hosts(scene))
    return Interruption(
        "worker lost", _spent(error, scene) or _lost(lost, scene) or _first_line(error)
    )


def no_room(error: TrainingFailedError) -> bool:
    """Whether the workers were not up in time, for want of resources."""
    if not isinstance(error, ControllerError):
        return False
    return type(error.controller_failure).__name__ == "WorkerGroupStartupTimeoutError"


def dead_ranks(error: TrainingFailedError) -> set[int]:
    """Return the ranks whose processes are gone; the others only failed for want of them."""
    return {rank for rank, cause in _failures(error).items() if _died(cause)}


def _failures(error: TrainingFailedError) -> Mapping[int, Exception]:
    return error.worker_failures if isinstance(error, WorkerGroupError) else {}


def _death(cause: Exception) -> RayActorError | None:
    """Return the death of a worker's actor, out of what Train wraps around it."""
    inner = getattr(cause, "health_check_failure", cause)
    return inner if isinstance(inner, RayActorError) else None


def _died(cause: Exception) -> bool:
    return _death(cause) is not None or "HealthCheckTimeout" in type(cause).__name__


def _preempted(error: TrainingFailedError) -> bool:
    deaths = [_death(cause) for cause in _failures(error).values()]
    return any(death is not None and death.preempted for death in deaths)


def _spent(error: TrainingFailedError, scene: GroupState) -> str:
    """Name the workers that have lost their device; the others only failed for want of them."""
    names = {beat.rank: beat.name for beat in scene.beats}
    told = {rank: _said(cause) for rank, cause in _failures(error).items()}
    return "; ".join(
        f"{names.get(rank, f'worker {rank}')}: {text}" for rank, text in told.items() if text
    )


def _said(cause: Exception) -> str:
    """Return the line in which a worker says that its device is lost."""
    lines = [line for line in str(cause).splitlines() if SPENT in line]
    return lines[-1].rpartition("RunError: ")[2].strip() if lines else ""


def _lost(lost: Sequence[Heartbeat], scene: GroupState) -> str:
    hosts = _hosts([beat for beat in lost if beat.node in scene.gone])
    workers = [beat.name for beat in lost if beat.node not in scene.gone]
    lines = [f"{hosts} was lost"] if hosts else []
    return "; ".join(lines + ([f"{', '.join(workers)} died"] if workers else []))


def _with_hosts(scene: GroupState) -> str:
    hosts = _hosts([one.beat for one in scene.suspects if one.beat.node in scene.gone])
    return f"; {hosts} is out of reach" if hosts else ""


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

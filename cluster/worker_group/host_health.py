"""Which hosts a group of workers can be started on now: alive, in reach, and not going away."""

import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import ray
from ray._private.state import state as cluster_state
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from compound.cluster.resources import on_host, with_decoding
from compound.schemas.job import Resources

_REACH_S = 10.0
"""Seconds for a host to start a process and answer."""


@dataclass(frozen=True)
class WorkerProcess:
    """A worker's process, on the host with this id of Ray's."""

    node: str
    pid: int


def free_workers(resources: Resources, barred: Iterable[str] = ()) -> int:
    """Return for how many more workers there are free resources, `barred` hosts left out."""
    left_out = {*barred, *draining()}
    free = cluster_state.available_resources_per_node()
    hosts = [given for node, given in free.items() if node not in left_out]
    cpus = sum(given.get("CPU", 0.0) for given in hosts)
    fits = (on_host(given.get("CPU", 0.0), given.get("GPU", 0.0), resources) for given in hosts)
    return min(sum(fits), with_decoding(cpus, resources))


def draining() -> set[str]:
    """Return the ids of hosts that have been told to go."""
    return set(cluster_state.get_draining_nodes())


def alive() -> set[str]:
    """Return the ids of hosts that Ray believes in."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def unreachable(nodes: Iterable[str]) -> set[str]:
    """Return those hosts that do not answer, whatever Ray still believes."""
    return _unanswered(dict.fromkeys(set(nodes), (_answer, ())))


def kill(processes: Iterable[WorkerProcess]) -> set[str]:
    """Kill workers' processes where they run; return the hosts that do not answer."""
    by_node: dict[str, list[int]] = {}
    for process in processes:
        by_node.setdefault(process.node, []).append(process.pid)
    return _unanswered({node: (_kill, (pids,)) for node, pids in by_node.items()})


def _unanswered(asked: Mapping[str, tuple[object, tuple[object, ...]]]) -> set[str]:
    answers = {_on_host(node, *call): node for node, call in asked.items()}
    if not answers:
        return set()
    ready, late = ray.wait(list(answers), num_returns=len(answers), timeout=_REACH_S)
    failed = [answer for answer in ready if not _fine(answer)]
    for answer in late:
        ray.cancel(answer, force=True)
    return {answers[answer] for answer in (*late, *failed)}


def _on_host(node: str, function: object, given: tuple[object, ...]) -> ray.ObjectRef:
    where = NodeAffinitySchedulingStrategy(node, soft=False)
    task = ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=where)
    return task.remote(*given)


def _fine(answer: ray.ObjectRef) -> bool:
    try:
        ray.get(answer)
    except ray.exceptions.RayError:
        return False
    return True


def _answer() -> None:
    """Being run is the answer."""


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it has ended by itself

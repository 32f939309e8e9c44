"""Which hosts can take workers now: alive, reachable, and not about to be taken away."""

import os
import signal
from collections.abc import Iterable, Mapping, Sequence
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


def free_workers(resources: Resources, excluded: Iterable[str] = ()) -> int:
    """Return for how many more workers there are free resources, without `excluded` hosts."""
    left_out = {*excluded, *draining()}
    # Ray's private state: its public available_resources() adds all hosts up (Ray 2.60).
    free = cluster_state.available_resources_per_node()
    return _room([amounts for node, amounts in free.items() if node not in left_out], resources)


def capacity(resources: Resources, excluded: Iterable[str] = ()) -> int:
    """Return how many workers the hosts alive hold when nothing else runs, without `excluded`."""
    left_out = {*excluded, *draining()}
    hosts = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] not in left_out]
    return _room([node["Resources"] for node in hosts], resources)


def _room(hosts: Sequence[Mapping[str, float]], resources: Resources) -> int:
    cpus = sum(host.get("CPU", 0.0) for host in hosts)
    fits = (on_host(host.get("CPU", 0.0), host.get("GPU", 0.0), resources) for host in hosts)
    return min(sum(fits), with_decoding(cpus, resources))


def draining() -> set[str]:
    """Return the ids of hosts that are about to be taken away."""
    return set(cluster_state.get_draining_nodes())


def alive() -> set[str]:
    """Return the ids of hosts that Ray counts as alive."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def able(resources: Resources) -> set[str]:
    """Return the ids of the hosts alive that hold a worker of this size when nothing else runs."""
    hosts = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
    return {
        node
        for node, amounts in hosts.items()
        if on_host(amounts.get("CPU", 0.0), amounts.get("GPU", 0.0), resources)
    }


def avoidable(silent: set[str], able: set[str]) -> set[str]:
    """Return the silent hosts that workers can do without: none where no other host is able."""
    return silent if able - silent else set()


def unreachable(nodes: Iterable[str]) -> set[str]:
    """Return those hosts that do not answer, even if Ray counts them as alive."""
    return _unanswered(dict.fromkeys({*nodes} - {_own_node()}, (_answer, ())))


def kill(processes: Iterable[WorkerProcess]) -> set[str]:
    """Kill workers' processes where they run; return the hosts that do not answer."""
    by_node: dict[str, list[int]] = {}
    for process in processes:
        by_node.setdefault(process.node, []).append(process.pid)
    # Without a task: a loaded host may take longer than _REACH_S to start one.
    _kill(by_node.pop(_own_node(), []))
    return _unanswered({node: (_kill, (pids,)) for node, pids in by_node.items()})


def _own_node() -> str:
    """Return the id of this host, which needs no task to answer."""
    return str(ray.get_runtime_context().get_node_id())


def _unanswered(calls: Mapping[str, tuple[object, tuple[object, ...]]]) -> set[str]:
    answers = {_call_on(node, *call): node for node, call in calls.items()}
    if not answers:
        return set()
    ready, late = ray.wait(list(answers), num_returns=len(answers), timeout=_REACH_S)
    failed = [answer for answer in ready if not _fine(answer)]
    for answer in late:
        # Without it the task stays queued for a host that may come back, and would kill then.
        ray.cancel(answer, force=True)
    return {answers[answer] for answer in (*late, *failed)}


def _call_on(node: str, function: object, arguments: tuple[object, ...]) -> ray.ObjectRef:
    # No retries: a task that kills processes must not run again after its host came back.
    where = NodeAffinitySchedulingStrategy(node, soft=False)
    task = ray.remote(function).options(num_cpus=0, max_retries=0, scheduling_strategy=where)
    return task.remote(*arguments)


def _fine(answer: ray.ObjectRef) -> bool:
    try:
        ray.get(answer)
    except ray.exceptions.RayError:
        return False
    return True


def _answer() -> None:
    """Do nothing: that the task ran is the answer."""


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it has ended by itself

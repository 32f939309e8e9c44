"""Checks of every host before anything starts: the store, network interfaces, GPUs."""

import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from compound.cluster.network_interface import address_of
from compound.cluster.resources import Node
from compound.jobs.gpu.visible_gpus import hindrance_here
from compound.jobs.host.host_facts import gather
from compound.schemas.errors import ClusterError
from compound.schemas.job import JobRequest
from compound.schemas.machine.host import Finding, HostFacts

_PATIENCE = 240.0
"""Seconds for all hosts to answer; each imports torch and trains a few steps on its devices."""


def check_shared(store: str, nodes: Sequence[Node]) -> None:
    """Refuse a store in a local folder that some of several hosts cannot see.

    Raises:
        ClusterError: naming the hosts.
    """
    if len(nodes) < 2 or "://" in store:
        return
    marker = Path(store) / f".shared-{secrets.token_hex(8)}"
    marker.touch()
    try:
        blind = _hosts_where(_is_blind, str(marker))
    finally:
        marker.unlink()
    if blind:
        raise ClusterError(
            f"the store is not shared: {', '.join(blind)} cannot see this folder",
            where=store,
            allowed="a folder that every host mounts at the same path, or s3://bucket/prefix",
            next_step="set `store` to such a folder",
        )


def check_interfaces(requests: Sequence[JobRequest]) -> None:
    """Refuse a network interface that some hosts with resources for jobs do not have.

    Raises:
        ClusterError: naming the hosts.
    """
    for name in sorted({request.resources.interface or "" for request in requests} - {""}):
        without = _hosts_where(_has_no_interface, name)
        if without:
            raise ClusterError(
                f"{', '.join(without)} has no network interface {name}",
                where="resources",
                next_step="leave `interface` out: then the one of Ray's own address is used",
            )


def check_gpus(requests: Sequence[JobRequest]) -> None:
    """Refuse GPUs that Ray counts and torch cannot use; `auto` must be resolved before.

    Raises:
        ClusterError: naming the hosts, with the reason.
    """
    if not any(request.resources.gpus for request in requests):
        return
    alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    answers = zip(alive, _answers(alive, hindrance_here), strict=True)
    unusable = {node["NodeManagerAddress"]: why for node, why in answers if why}
    if unusable:
        reasons = "; ".join(f"on {host} {why}" for host, why in unusable.items())
        raise ClusterError(
            f"Ray counts GPUs that torch cannot use: {reasons}",
            where="resources",
            allowed="hosts whose driver fits the version of torch; `gpus: 0` trains on CPUs",
            next_step="compound doctor    # on such a host",
        )


def facts_of_hosts() -> tuple[list[HostFacts], list[Finding]]:
    """Gather the facts of every host of the connected cluster; name the hosts without an answer."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    # Without a GPU in the request: on a busy cluster the task would wait for a free one.
    task = ray.remote(_facts)
    pinned = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in alive]
    answers = [
        task.options(num_cpus=0, max_retries=0, scheduling_strategy=strategy).remote()
        for strategy in pinned
    ]
    # get() with a timeout would raise for the first late host, and the other answers would be lost.
    ray.wait(answers, num_returns=len(answers), timeout=_PATIENCE)
    hosts, missing = [], []
    for node, answer in zip(alive, answers, strict=True):
        try:
            facts = HostFacts.model_validate_json(ray.get(answer, timeout=0))
        except ray.exceptions.RayError as error:
            missing.append(_unanswered(node["NodeManagerAddress"], error))
            continue
        gpus = node["Resources"].get("GPU", 0)
        node_facts = {"address": node["NodeManagerAddress"], "counted": gpus}
        hosts.append(facts.model_copy(update=node_facts))
    return hosts, missing


def _facts() -> str:
    return gather(address_of).model_dump_json()


def _unanswered(address: str, error: Exception) -> Finding:
    why = f"no answer within {_PATIENCE:.0f} s" if isinstance(error, TimeoutError) else str(error)
    text = f"{address} cannot be checked: {why.strip().splitlines()[0]}"
    return Finding(level="wrong", text=text, fix="ray status", host=address)


def _hosts_where(question: Callable[[str], bool], argument: str) -> list[str]:
    """Return the addresses of the hosts that answer yes."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    answers = zip(alive, _answers(alive, question, argument), strict=True)
    return [node["NodeManagerAddress"] for node, yes in answers if yes]


def _answers(
    nodes: Sequence[Mapping[str, Any]], question: Callable[..., Any], *arguments: str
) -> list[Any]:
    """Return what a function returns on each of these hosts."""
    task = ray.remote(question)
    pinned = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    # No CPU is requested: on a busy cluster the question would wait for a job to end.
    pending = [task.options(num_cpus=0, scheduling_strategy=to).remote(*arguments) for to in pinned]
    answers: list[Any] = ray.get(pending)
    return answers


def _is_blind(path: str) -> bool:
    return not Path(path).exists()


def _has_no_interface(name: str) -> bool:
    return name not in [interface for _, interface in socket.if_nameindex()]

"""Can every host see what it must? Found out before anything starts."""

import secrets
from collections.abc import Sequence
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.capacity import Node
from schemas.errors import ClusterError


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
        blind = _hosts_without(str(marker))
    finally:
        marker.unlink()
    if blind:
        raise ClusterError(
            f"the store is not shared: {', '.join(blind)} cannot see this folder",
            where=store,
            allowed="a folder that every host mounts at the same path, or s3://bucket/prefix",
            next_step="set `store` to such a folder",
        )


def _hosts_without(path: str) -> list[str]:
    task = ray.remote(_sees)
    alive = [node for node in ray.nodes() if node["Alive"]]
    pinned = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in alive]
    asked = [task.options(num_cpus=0, scheduling_strategy=to).remote(path) for to in pinned]
    seen = ray.get(asked)
    return [node["NodeManagerAddress"] for node, sees in zip(alive, seen, strict=True) if not sees]


def _sees(path: str) -> bool:
    return Path(path).exists()

"""Actors of the Ray that a test started, and of no other Ray on the machine."""

import os
import signal
from pathlib import Path

import ray
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.util.state import list_actors, list_placement_groups
from ray.util.state.common import ActorState

CANARY_KEYS = dict.fromkeys(
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "canary-of-the-logs"
)
"""Keys in a driver's environment, of a value that is found wherever it gets to."""


def own_cluster() -> str:
    """Return the address of the connected Ray.

    Ray's state API without an address looks for any Ray on the machine, and raises "Found multiple
    active Ray instances" where there are several (Ray 2.60).
    """
    address: str = ray.get_runtime_context().gcs_address
    return address


def kill_actor(class_name: str) -> None:
    """End an actor's process with SIGKILL, as the out-of-memory killer does."""
    filters = [("class_name", "=", class_name), ("state", "=", "ALIVE")]
    os.kill(list_actors(own_cluster(), filters=filters)[-1].pid, signal.SIGKILL)


_MOST = 10_000
"""Of entries that the state API returns; by default 100, and the rest is left out."""


def held(address: str) -> set[str]:
    """Return what the drivers of a cluster hold: actors, placement groups and pending demands."""
    actors = list_actors(address, filters=[("state", "!=", "DEAD")], detail=True, limit=_MOST)
    groups = list_placement_groups(address, filters=[("state", "!=", "REMOVED")], limit=_MOST)
    status = get_cluster_status(address)
    demands = vars(status.resource_demands)
    return {
        *(f"actor {_kind(actor)} {actor.actor_id}" for actor in actors),
        *(f"placement group {group.placement_group_id} ({group.state})" for group in groups),
        *(f"demand {kind}: {demand}" for kind, each in demands.items() for demand in each),
    }


def _kind(actor: ActorState) -> str:
    return f"{actor.class_name}{' (detached)' * bool(actor.is_detached)}"


def worker_processes(address: str) -> list[int]:
    """Return the processes of a cluster that train."""
    alive = list_actors(address, filters=[("state", "=", "ALIVE")], limit=_MOST)
    return [a.pid for a in alive if a.class_name in ("SingleWorkerTrial", "RayTrainWorker")]


def find_in_ray(text: str, *more: str) -> list[bytes]:
    """Return the log files of the connected Ray that hold one of these texts; and its actors."""
    top = Path(ray._private.worker._global_node.get_session_dir_path())
    contents = [file.read_bytes() for file in (top / "logs").rglob("*") if file.is_file()]
    assert sum(map(len, contents)) > 10_000
    contents.append(str(list_actors(own_cluster(), detail=True, limit=1000)).encode())
    return [content for content in contents if any(t.encode() in content for t in (text, *more))]

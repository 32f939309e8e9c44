"""Actors of the Ray that a test started, and of no other Ray on the machine."""

import os
import signal

import ray
from ray.util.state import list_actors


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

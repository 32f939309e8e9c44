"""A Ray of this process alone, that drivers in other processes join by its address."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from compound.cluster.ray_session import connect


@contextmanager
def own_ray(cpus: int = 2) -> Iterator[str]:
    """Start a local Ray, connect to it, and yield its address; child processes have its token."""
    os.environ.pop("RAY_ADDRESS", None)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
    # Ray's default of 15 keeps its workers off the processor while other processes compute.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Its sockets have paths of at most 107 bytes; and other Rays of the machine are not seen.
    folder = tempfile.mkdtemp(prefix="compound-", dir="/tmp")
    os.environ["RAY_TMPDIR"] = folder
    try:
        with connect("local", cpus=cpus):
            address: str = ray.get_runtime_context().gcs_address
            yield address
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""`compound submit`, `compound logs`, `compound stop` and `compound doctor`."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cluster.session import connect
from cluster.submit import Jobs
from jobs.store.artifacts import ArtifactStore
from orchestrator.commands.imports import require_grant
from orchestrator.commands.output import print_json, print_table, say
from orchestrator.spec import load
from schemas.errors import ClusterError, CompoundError

PACKAGES = ("compound", "ray", "torch", "pyarrow", "pydantic")


def submit(
    path: Path,
    overrides: list[str],
    address: str | None,
    working_dir: Path,
    *,
    as_json: bool,
    allow_import: bool = False,
) -> None:
    """Submit a study. SpecError first; ClusterError where no job server takes it."""
    file = load(path, overrides)
    spec = file.spec
    require_grant(file, "submit", allow_import)
    options = ("--allow-import",) if allow_import else ()
    jobs = Jobs(address)
    job = jobs.submit(path, spec.name, overrides, working_dir=working_dir, options=options)
    if as_json:
        print_json({"job": job, "study": spec.name})
        return
    at = f" --address {address}" if address else ""
    say(
        f"submitted {job}\nnext:\n"
        f"  compound logs {job} --follow{at}\n"
        f"  compound status {spec.name} --store {_store_of(spec.store)}    # on the head\n"
        f"  compound stop {job}{at}"
    )


def _store_of(store: str) -> str:
    """Name the store of a submitted job as the head's user types it."""
    relative = "://" not in store and not Path(store).is_absolute()
    return f"~/compound/{store}" if relative else store


def logs(job: str, address: str | None, *, follow: bool) -> None:
    """Print a job's output; with `follow`, until it ends, then exit 1 if it failed."""
    jobs = Jobs(address)
    if not follow:
        sys.stdout.write(jobs.logs(job))
        return
    for chunk in jobs.follow(job):
        sys.stdout.write(chunk)
        sys.stdout.flush()
    if jobs.status(job) == "FAILED":
        raise SystemExit(1)


def stop(job: str, address: str | None, *, as_json: bool) -> None:
    """Stop a job at its next checkpoint."""
    running = Jobs(address).stop(job)
    if as_json:
        print_json({"job": job, "stopped": running})
    else:
        say(f"stopping {job}" if running else f"{job} was not running")


def doctor(store: str, address: str | None, *, as_json: bool) -> None:
    """Check machine, store and cluster; exit 1 where something would not work."""
    checks = [
        _check("python", lambda: f"{platform.python_version()} on {platform.machine()}"),
        *(_check(name, partial(importlib.metadata.version, name)) for name in PACKAGES),
        _check("cores", lambda: str(os.cpu_count())),
        _check(f"store {store}", lambda: f"writable: {ArtifactStore.open(store).uri}"),
        _check("ray", partial(_cluster, address)),
    ]
    if as_json:
        print_json(checks)
    else:
        rows = [["ok" if c["ok"] else "bad", c["what"], c["found"]] for c in checks]
        print_table("doctor", ("", "what", "found"), rows)
    if not all(check["ok"] for check in checks):
        raise SystemExit(1)


def _check(what: str, find: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"what": what, "ok": True, "found": find()}
    except (CompoundError, importlib.metadata.PackageNotFoundError) as error:
        return {"what": what, "ok": False, "found": str(error)}


def _cluster(address: str | None) -> str:
    """Join the cluster that a run would use, and say what it has; none is fine."""
    if address is None and "RAY_ADDRESS" not in os.environ:
        return "no cluster named: `compound run` starts a local one"
    with connect(address) as session:
        nodes = session.nodes
        if not nodes:
            raise ClusterError("the cluster has no live node", where=address or "RAY_ADDRESS")
        cpus, gpus = sum(n.cpus for n in nodes), sum(n.gpus for n in nodes)
        return f"{len(nodes)} hosts, {cpus:g} CPUs, {gpus:g} GPUs, {session.dashboard_url}"

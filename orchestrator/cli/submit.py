"""`compound submit`, `compound logs` and `compound stop`."""

import sys
from pathlib import Path

from compound.cluster.ray_jobs import Jobs
from compound.orchestrator.cli.allow_import import require_grant
from compound.orchestrator.cli.printing.output import note, print_json, say
from compound.orchestrator.spec.load import load
from compound.schemas.errors import after_submission, end_with


def submit(
    path: Path,
    overrides: list[str],
    address: str | None,
    working_dir: Path,
    *,
    as_json: bool,
    allow_import: bool = False,
    follow: bool = False,
) -> None:
    """Submit a study. SpecError first; ClusterError where no job server takes it.

    `follow`: print what the job prints, and end with its exit code.
    """
    # Paths mean what they mean on the head, where variables and home have other values.
    file = load(path, overrides, environment=None)
    spec = file.spec
    require_grant(file, "submit", allow_import)
    options = ("--allow-import",) if allow_import else ()
    jobs = Jobs(address)
    job = jobs.submit(path, spec.name, overrides, working_dir=working_dir, options=options)
    if follow:
        note(f"submitted {job}")
        _follow(jobs, job)
        return
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
    """Print a job's output; with `follow` until it ends, and then end with its exit code."""
    jobs = Jobs(address)
    if not follow:
        sys.stdout.write(jobs.logs(job))
        return
    _follow(jobs, job)


def _follow(jobs: Jobs, job: str) -> None:
    """Print a job's output as it comes; end with the job's own exit code."""
    for chunk in jobs.follow(job):
        sys.stdout.write(chunk)
        sys.stdout.flush()
    end_with(after_submission(jobs.status(job), jobs.exit_code(job)))


def stop(job: str, address: str | None, *, as_json: bool) -> None:
    """Stop a job at its next checkpoint."""
    running = Jobs(address).stop(job)
    if as_json:
        print_json({"job": job, "stopped": running})
    else:
        say(f"stopping {job}" if running else f"{job} was not running")

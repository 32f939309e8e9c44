"""`compound submit`, `compound logs` and `compound stop`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from compound.cluster.ray_jobs import Jobs, stores_in
from compound.orchestrator.cli.parsing.allow_import import require_grant
from compound.orchestrator.cli.printing.output import note, print_json, say
from compound.orchestrator.spec.load import SpecFile, load
from compound.orchestrator.wording.commands import command
from compound.schemas.errors import after_submission, end_with


@dataclass(frozen=True)
class Options:
    """What the command line adds to a spec."""

    address: str | None = None
    working_dir: Path = Path()
    """Uploaded to the cluster."""
    as_json: bool = False
    allow_import: bool = False
    follow: bool = False
    """Print what the job prints, and end with its exit code."""

    def again(self, file: SpecFile) -> str:
        """Return the command as it was typed, with the grant that the spec needs."""
        return file.command(
            "submit",
            address=self.address,
            working_dir=None if self.working_dir == Path() else self.working_dir,
            follow=self.follow,
            json=self.as_json,
        )


def submit(path: Path, overrides: list[str], options: Options) -> None:
    """Submit a study. SpecError first; ClusterError where no job server takes it."""
    # Paths mean what they mean on the head, where variables and home have other values.
    file = load(path, overrides, environment=None)
    spec, address = file.spec, options.address
    require_grant(file, options.again(file), options.allow_import)
    grant = ("--allow-import",) if options.allow_import else ()
    jobs = Jobs(address)
    for store in stores_in((options.working_dir or Path()).resolve()):
        note(f"not uploaded: {store}, which is a store")
    job = jobs.submit(path, spec.name, overrides, working_dir=options.working_dir, options=grant)
    if options.follow:
        note(f"submitted {job}")
        _follow(jobs, job)
        return
    if options.as_json:
        print_json({"job": job, "study": spec.name})
        return
    say(
        f"submitted {job}",
        "next:",
        f"  {command('logs', (job,), follow=True, address=address)}",
        f"  {command('status', (spec.name,), store=_store_of(spec.store))}    # on the head",
        f"  {command('stop', (job,), address=address)}",
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

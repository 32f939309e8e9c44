"""Studies as Ray jobs: submitted, followed and stopped through the dashboard's address."""

import asyncio
import logging
import os
import secrets
import shlex
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ray.exceptions import AuthenticationError, RayError
from ray.job_submission import JobSubmissionClient

from compound.cluster.ray_session import settle_auth
from compound.cluster.shadowed_modules import check_uploaded
from compound.jobs.store.format.schema_version import MARKER
from compound.schemas.errors import ClusterError, SpecError

_ROOT = Path(__file__).parents[1]
_TALKATIVE = ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")


def lasting(store: str) -> str:
    """Return a store that lasts: a relative one would be deleted with a submitted job's folder.

    Ray unpacks an uploaded folder into one that it deletes; inside such a job a relative store lies
    under ~/compound on the head instead. Elsewhere nothing changes.
    """
    if "://" in store or Path(store).is_absolute() or "runtime_resources" not in Path.cwd().parts:
        return store
    return str(Path.home() / "compound" / store)


class Jobs:
    """The jobs of a Ray cluster, by its dashboard's address."""

    def __init__(self, address: str | None = None) -> None:
        """Connect; without an address: RAY_API_SERVER_ADDRESS, RAY_ADDRESS, then this machine.

        ClusterError: nothing answers there, or it requires another token.
        """
        settle_auth(new_cluster=False)
        # Ray logs every package that it uploads, in the midst of the command's own output, by
        # loggers that set levels of their own when they are imported (Ray 2.60).
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._address = address
        with self._explained():
            self._client = JobSubmissionClient(address)

    def submit(
        self,
        spec: Path,
        study: str,
        overrides: Sequence[str] = (),
        *,
        working_dir: Path | None = None,
        options: Sequence[str] = (),
    ) -> str:
        """Run a study on the cluster; return the submission id, which begins with its name.

        `working_dir` (here by default) is uploaded without stores and without what .gitignore and
        .rayignore name; relative data paths are found in it. Where it does not hold this program,
        the program is uploaded beside it. ClusterError and SpecError: what was refused, and why.
        """
        folder = (working_dir or Path.cwd()).resolve()
        check_uploaded(folder)
        settings = [part for override in overrides for part in ("--set", override)]
        program = ["python", "-m", "compound", "run", _inside(spec, folder)]
        command = [*program, *settings, *options]
        return self.submit_command(command, f"{study}-{secrets.token_hex(3)}", folder)

    def submit_command(self, command: Sequence[str], submission_id: str, folder: Path) -> str:
        """Run a command on the cluster with a folder's content; return the submission id."""
        with self._explained():
            identity: str = self._client.submit_job(
                entrypoint=shlex.join(command),
                submission_id=submission_id,
                runtime_env=runtime_environment(folder),
                metadata={"program": "compound"},
            )
        return identity

    def status(self, submission_id: str) -> str:
        """Return PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""
        with self._explained():
            return str(self._client.get_job_status(submission_id).value)

    def exit_code(self, submission_id: str) -> int | None:
        """Return the exit code of the job's process; None where it has none, or Ray knows none."""
        with self._explained():
            code = self._client.get_job_info(submission_id).driver_exit_code
        return None if code is None else int(code)

    def message(self, submission_id: str) -> str:
        """Return Ray's message about the job's state."""
        with self._explained():
            return str(self._client.get_job_info(submission_id).message or "")

    def logs(self, submission_id: str) -> str:
        """Return everything that the job has printed so far."""
        with self._explained():
            return str(self._client.get_job_logs(submission_id))

    def follow(self, submission_id: str) -> Iterator[str]:
        """Yield what the job prints, line by line, until it ends."""
        with self._explained():
            yield from _synchronous(self._client.tail_job_logs(submission_id))

    def stop(self, submission_id: str) -> bool:
        """Ask the job to end (SIGTERM first); return whether it was running.

        The driver has RAY_JOB_STOP_WAIT_TIME_S (set on the head) to end its epochs.
        """
        with self._explained():
            return bool(self._client.stop_job(submission_id))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn exceptions of Ray's client into errors for people."""
        try:
            yield
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            raise _explained(error, self._address) from error


def _explained(error: Exception, address: str | None) -> ClusterError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    where = address or os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS")
    if isinstance(error, AuthenticationError):
        has_token = os.environ.get("RAY_AUTH_MODE") == "token"
        return ClusterError(
            "the cluster refuses this token" if has_token else "the cluster requires a token",
            where=where or "",
            next_step="export RAY_AUTH_TOKEN=... (on the cluster: ray get-auth-token)",
        )
    return ClusterError(
        f"Ray's job server: {lines[0]}", where=where or "", next_step=_next_step(str(error))
    )


def _next_step(text: str) -> str:
    """Return what to do about an error of Ray's client, known by its text (Ray 2.60)."""
    if "multiple active Ray instances" in text:
        return "choose the cluster with --address HOST:PORT"
    if "404" in text or "does not exist" in text:
        return "no such job there: `ray job list` shows all, and --address chooses another cluster"
    return "check the address with `ray status`, and that the dashboard's port is reachable"


def _inside(spec: Path, folder: Path) -> str:
    try:
        return str(spec.resolve().relative_to(folder))
    except ValueError as error:
        raise SpecError(
            "the spec lies outside the folder that is uploaded",
            where=str(spec),
            allowed=f"a file under {folder}",
            next_step="run the command from a folder that holds the spec",
        ) from error


def stores_in(folder: Path) -> list[str]:
    """Return the stores in a folder and two levels below, which no submitted job needs."""
    marked = [path for depth in ("*", "*/*", "*/*/*") for path in folder.glob(f"{depth}/{MARKER}")]
    return sorted(str(path.parent.relative_to(folder)) for path in marked)


def runtime_environment(folder: Path) -> dict[str, object]:
    """Return the runtime environment: the folder, and this program unless the folder has it."""
    # Ray uploads through the dashboard, which refuses more than 100 MiB (ray-project/ray#55877):
    # .rayignore keeps data out.
    uploaded: dict[str, object] = {"working_dir": str(folder)}
    if stores := stores_in(folder):
        uploaded["excludes"] = [f"/{store}/" for store in stores]
    # A folder that holds a clone named `compound` has the second file too, but not the first.
    files = ("__init__.py", "orchestrator/__main__.py")
    if all((folder / _ROOT.name / name).exists() for name in files):
        return {**uploaded}
    if not (_ROOT / "__init__.py").exists() or not (_ROOT / "orchestrator").is_dir():
        raise ClusterError(
            "this copy of Compound has lost the links in compound/, so it cannot be uploaded",
            where=str(_ROOT),
            next_step="clone it with git, or install it with pip",
        )
    return {**uploaded, "py_modules": [str(_ROOT)]}


def _synchronous(lines: AsyncIterator[str]) -> Iterator[str]:
    """Iterate an asynchronous iterator in an event loop of its own."""
    with asyncio.Runner() as loop:
        while True:
            try:
                yield loop.run(_next(lines))
            except StopAsyncIteration:
                return


async def _next(lines: AsyncIterator[str]) -> str:
    return await anext(lines)

"""A connection to Ray: a local one that is started and ended here, or a cluster that is joined."""

import errno
import logging
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ray
from ray._private.services import canonicalize_bootstrap_address
from ray._private.state import state as cluster_state
from ray._raylet import Config  # type: ignore[attr-defined]

from compound.cluster.machine_checks import check_home, check_local_ray
from compound.cluster.resources import Node
from compound.cluster.shadowed_modules import job_config
from compound.jobs.gpu.visible_gpus import VARIABLE, Gpus, gpus_here, is_instance
from compound.jobs.wording.os_errors import machine_error
from compound.schemas.errors import ClusterError, CompoundError, RunError

_OBJECT_STORE = 256 * 2**20
"""Bytes of shared memory for a local Ray; jobs exchange rows, never tensors. Ray's default is 30 %
of the host's memory."""

_AGAIN = "type the same command again: it resumes, and trains nothing twice"
_TYPE = "accelerator_type:"
_PATIENCE = 10.0
"""Seconds for a cluster's port to answer."""

_QUIET = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative data paths keep their meaning in workers
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # rows go to the store, not to CSV and TensorBoard
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals belong to the command line
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # failures are results, not log lines
    # Results are in the store: Tune's snapshots of an experiment are never read, and cost the more
    # the more trials there are (ray-project/ray#45210).
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # Tune's own progress would mix with the command's lines
    # Ray's former default hid all GPUs from tasks without one, such as the checks of hosts.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class Session:
    """A connected Ray. As a context manager it ends only a Ray that it started."""

    def __init__(self, dashboard_url: str | None, *, started: bool) -> None:
        self.dashboard_url = dashboard_url
        self.started = started

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The hosts that are alive now."""
        gpus = gpus_here() if self.started else Gpus()
        alive = [node for node in ray.nodes() if node["Alive"]]
        return tuple(
            Node(
                cpus=node["Resources"].get("CPU", 0.0),
                gpus=node["Resources"].get("GPU", 0.0),
                host=node["NodeManagerHostname"],
                types=gpus.types or _types(node["Resources"]),
                lacking=gpus.limitation,
            )
            for node in alive
        )

    @property
    def limit(self) -> Node | None:
        """What an autoscaler could grow the cluster to, all hosts together; None without one."""
        # Private, and the only place: Ray's own check of feasibility reads the same (PR #54402).
        most = cluster_state.get_max_resources_from_cluster_config()
        if not most:
            return None
        return Node(cpus=most.get("CPU", 0.0), gpus=most.get("GPU", 0.0), host="autoscaler")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the cluster; a local one ends. RunError: Ray itself has failed meanwhile."""
        ray.shutdown()
        if error is not None and (fault := ray_fault(error)):
            raise RunError(fault, next_step=_AGAIN) from error


def ray_fault(error: BaseException) -> str:
    """Say what of Ray has failed; "" for an error that Ray has not caused."""
    if isinstance(error, CompoundError) or not isinstance(error, Exception):
        return ""
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and cause not in causes:
        causes.append(cause)
    return next((f"Ray has failed: {_sentence(cause)}" for cause in causes if _is_rays(cause)), "")


def _is_rays(error: BaseException) -> bool:
    """Whether Ray failed, and not the code that it ran."""
    code = ray.exceptions.RayTaskError
    return isinstance(error, ray.exceptions.RayError) and not isinstance(error, code)


def _sentence(error: BaseException) -> str:
    """Return the actor's class, where it is one, and the last line, which has the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("class_name:")]
    last = lines[-1] if lines else ""
    return ", ".join(filter(None, (type(error).__name__, *names, last)))


def connect(address: str | None = None, *, cpus: int | None = None) -> Session:
    """Join the Ray at `address` or RAY_ADDRESS (set inside a Ray job), or start a local one.

    Args:
        address: `host:port` of a running cluster, or `auto` for the one on this machine.
        cpus: cores that a local Ray may use; all of them by default.

    Raises:
        ClusterError: no cluster answers there, or it refuses the token; this user has no home.
    """
    check_home()
    os.environ.update({key: os.environ.get(key, value) for key, value in _QUIET.items()})
    for name in ("ray", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    address = address or os.environ.get("RAY_ADDRESS")
    return _start(cpus) if address in (None, "", "local") else _join(address)


def _types(resources: Mapping[str, float]) -> tuple[str, ...]:
    """Return the kind of a host's GPUs, for which Ray gives it a resource."""
    return tuple(name.removeprefix(_TYPE) for name in resources if name.startswith(_TYPE))


def _start(cpus: int | None) -> Session:
    check_local_ray()
    settle_auth(new_cluster=True)
    gpus = gpus_here().devices
    if any(map(is_instance, gpus)):
        # A worker reaches a MIG instance by its UUID only, and Ray passes this variable on.
        os.environ[VARIABLE] = ",".join(gpu.uuid for gpu in gpus)
    try:
        context = _init(
            # Without it Ray joins any other Ray that runs on this machine.
            address="local",
            job_config=job_config(),
            num_cpus=cpus,
            # Ray itself counts GPUs that torch cannot use, and entries without a GPU.
            num_gpus=len(gpus),
            # The state API, the metrics endpoint and the cleaner of placement groups need it.
            include_dashboard=True,
            dashboard_host="127.0.0.1",
            object_store_memory=_OBJECT_STORE,
            # Lines of workers would stand among the command's; Ray keeps them in its log files.
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    # Ray raises a bare Exception where its dashboard or raylet does not come up.
    except Exception as error:
        raise ClusterError(
            f"Ray could not start on this machine: {_last_line(error)}",
            where=os.environ.get("RAY_TMPDIR", ""),
            next_step="compound doctor; or without Ray: compound run SPEC --runner local",
        ) from error
    return Session(_url(context.dashboard_url), started=True)


def _init(**settings: Any) -> Any:
    # Processes that Ray starts with `python -c` would import a user's random.py from the working
    # folder in place of Python's own (multiprocessing's fork server, which runs the dashboard).
    # They inherit the variable now; processes that this one starts later must find its modules.
    with variable_set("PYTHONSAFEPATH", "1"):
        return ray.init(**settings)


@contextmanager
def variable_set(name: str, value: str) -> Iterator[None]:
    """Set a variable of this process's environment for a while; then it is as it was before."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        os.environ.update({name: before} if before is not None else {})


def _join(address: str) -> Session:
    settle_auth(new_cluster=False)
    try:
        _reach(address)
        context = ray.init(
            address=address,
            job_config=job_config(),
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ClusterError(
            f"cannot join the Ray cluster: {_reason(error)}{_without_token()}",
            where=address,
            allowed="the address of a running Ray, HOST:6379; without one a Ray starts here",
            next_step="compound run SPEC    # without --address and RAY_ADDRESS; or check it with "
            "`ray status --address`; with a token: export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=...",
        ) from error
    return Session(_url(context.dashboard_url), started=False)


def _without_token() -> str:
    """Return a hint where no token is used: Ray 2.60 says only that it cannot connect then."""
    if os.environ.get("RAY_AUTH_MODE") == "token":
        return ""
    return " (no token is set here: a cluster that requires a token refuses the connection)"


def _reach(address: str) -> None:
    """Raise OSError at once where nothing listens; Ray 2.60 retries for over five minutes."""
    if "://" in address:
        return  # Ray's client protocol, which has a limit of its own
    host, _, port = (canonicalize_bootstrap_address(address) or "").rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()


def settle_auth(*, new_cluster: bool) -> None:
    """Set RAY_AUTH_MODE explicitly, because Ray's default differs by release and by command.

    A local Ray requires a token: its ports listen on every interface, and anyone who reaches them
    may run code (CVE-2023-48022). A cluster that is joined has its mode already: a token is used if
    there is one. A mode that the user has set is not changed. (ray-project/ray#64755, since 2.59)
    """
    if "RAY_AUTH_MODE" not in os.environ:
        token = new_cluster or _token_file().exists() or bool(_TOKEN_VARIABLES & set(os.environ))
        os.environ["RAY_AUTH_MODE"] = "token" if token else "disabled"
        Config.initialize("")  # Ray reads the environment only when it is imported
    if new_cluster and os.environ["RAY_AUTH_MODE"] == "token":
        _ensure_token()


_TOKEN_VARIABLES = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}


def _token_file() -> Path:
    """Return where Ray keeps a token; a user of no name, without HOME, has no such file."""
    return Path(os.path.expanduser("~"), ".ray", "auth_token")


def _ensure_token() -> None:
    """Make the token where Ray looks for it, readable by its owner only (Ray's own file is not).

    Where there is no home that can be written, the token is in the environment of this process and
    of the Ray that it starts, so no other command reaches that Ray.
    """
    path, token = _token_file(), secrets.token_hex(32)
    if path.exists() or _TOKEN_VARIABLES & set(os.environ):
        return
    try:
        if not path.is_absolute():
            raise FileNotFoundError(errno.ENOENT, "no home", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(token)
    except OSError:
        os.environ["RAY_AUTH_TOKEN"] = token


def _url(host_and_port: str) -> str | None:
    return f"http://{host_and_port}" if host_and_port else None


def _last_line(error: Exception) -> str:
    """Return the end of an error, which has the last lines of a log in it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()


def _reason(error: Exception) -> str:
    """Return what an error says; of the operating system its words, without the number."""
    return machine_error(error).message if isinstance(error, OSError) else _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

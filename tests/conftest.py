"""What the tests share: small jobs on synthetic images, and one Ray of two CPUs."""

import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from compound.schemas.architecture import Architecture
from compound.schemas.data import SyntheticData
from compound.schemas.job import DataRef, JobRequest, Resources, TrainJob
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage, Stem
from tests.support.back_ends import BACK_ENDS
from tests.support.requests import MakeRequest

if TYPE_CHECKING:
    from compound.cluster.ray_session import Session
    from tests.support.hosts import Cluster
    from tests.support.servers import Servers

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
"""A red build must be red again; `explore` draws new examples every time. How long an example takes
says more about what else the machine does."""


def pytest_configure(config: pytest.Config) -> None:
    """Be a guest on the machine: see no Ray but those that tests start, and lie beside no other.

    Ray writes the address of a local cluster under its folder for all of the user's processes to
    find, and finds others by it. `/tmp`: its sockets have paths of at most 107 bytes.
    """
    os.environ.pop("RAY_ADDRESS", None)
    # readline, which pytest imports, puts the size of the terminal into the environment of the
    # processes that it starts (not into os.environ): they would not ask their own terminals.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
        os.unsetenv(name)
    # What starts the tests in the background of a script ignores SIGINT, and so would every program
    # that they start.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Ray's default of 15 keeps its workers off the processor while other tests compute.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Threads of OpenMP spin while they wait for each other. With as many test processes as cores a
    # step of milliseconds takes seconds.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not hasattr(config, "workerinput"):  # the workers of xdist inherit the folder
        os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="compound-", dir="/tmp")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder of Ray; a worker of xdist leaves it to the process that made it."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["RAY_TMPDIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def make_request() -> MakeRequest:
    """Make a request for a tiny network: 128 images of 8 x 8, milliseconds an epoch."""
    from compound.jobs.data.source import summarise

    def make(
        seed: int = 0,
        *,
        epochs: int = 3,
        workers: int = 1,
        cpus: int = 1,
        images: int = 128,
        fingerprint: str | None = None,
        prunable: bool = False,
    ) -> JobRequest:
        spec = SyntheticData(source="synthetic", images=images, validation_images=32, size=8)
        network = Architecture(
            resolution=8,
            num_classes=4,
            stem=Stem(channels=8),
            stages=(Stage(channels=8, expand=2),),
            head=16,
        )
        job = TrainJob(
            architecture=network,
            recipe=Recipe(epochs=epochs, batch=32),
            data=DataRef(spec=spec, fingerprint=fingerprint or summarise(spec).fingerprint),
            seed=seed,
        )
        resources = Resources(workers=workers, cpus=cpus, gpus=0)
        label = f"tiny, seed {seed}"
        return JobRequest(job=job, resources=resources, label=label, prunable=prunable)

    return make


@pytest.fixture(scope="session")
def ray_session() -> "Iterator[Session]":
    """One local Ray with two CPUs and token mode on, for all tests marked `ray`."""
    import ray
    from ray._private import parameter
    from ray._private.utils import write_ray_address

    from compound.cluster.ray_session import connect

    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
    # A submitted job runs the `python` of the path that its Ray was started with.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with pytest.MonkeyPatch.context() as patch:
        # Its agent takes jobs on one fixed port, which another Ray on the machine may have: then no
        # job can be submitted, "No available agent". ray.init has no setting for it (Ray 2.60).
        # No worker's line goes to this driver, and to look for some takes 2 % of a core.
        params = partial(
            parameter.RayParams, dashboard_agent_listen_port=0, include_log_monitor=False
        )
        patch.setattr(parameter, "RayParams", params)
        session = connect("local", cpus=2)
    # As `ray start` does: a submitted job else joins any Ray of the machine.
    address, node = ray.get_runtime_context().gcs_address, ray._private.worker._global_node
    write_ray_address(address, node._ray_params.temp_dir)
    with session:
        yield session


@pytest.fixture(scope="session")
def shared_hosts() -> "Iterator[Cluster]":
    """Three hosts on one machine, for all tests marked `hosts`; to start them takes 20 s of CPU."""
    from tests.support.hosts import Hosts, cluster_of_three

    with cluster_of_three(Hosts("ch", "10.77.0")) as cluster:
        yield cluster


@pytest.fixture
def three_hosts(shared_hosts: "Cluster") -> "Iterator[Cluster]":
    """The shared hosts; those that the test takes away are there again for the next one."""
    yield shared_hosts
    for host in sorted(shared_hosts.away):
        shared_hosts.bring_back(host)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Servers]":
    """The S3 endpoints, each started when a test first asks for it."""
    from tests.support.servers import Servers

    started = Servers(tmp_path_factory.mktemp("servers"))
    yield started
    started.close()


@pytest.fixture(params=BACK_ENDS)
def uri(request: pytest.FixtureRequest, uri_on: Callable[[str], str]) -> str:
    """The address of a store that does not exist yet, on each back end in turn."""
    return uri_on(request.param)


@pytest.fixture
def uri_on(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make the address of a store that does not exist yet, on a back end by its name."""

    def make(name: str) -> str:
        if name == "local":
            return str(tmp_path / "store-folder")
        return request.getfixturevalue("reach")(name)

    return make


@pytest.fixture
def reach(servers: "Servers", monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Set the environment for an endpoint, and return an address of its own there."""
    from tests.support.processes import Unavailable
    from tests.support.servers import BUCKET

    def set_up(name: str) -> str:
        try:
            server = servers.get(name)
        except Unavailable as error:
            pytest.skip(f"{name}: {error}")
        for variable, value in server.environment.items():
            monkeypatch.setenv(variable, value)
        return f"s3://{BUCKET}/{secrets.token_hex(6)}/runs"

    return set_up


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of its own."""
    return str(tmp_path / "store")

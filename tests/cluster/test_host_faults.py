"""Three hosts, one of which goes: cut off, killed, drained, or only one of its workers hangs."""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.data import SyntheticData
from compound.schemas.job import JobRequest, Resources
from tests.support.driver_processes import Driver
from tests.support.failing_networks import hungry_request
from tests.support.hosts import RAY, Hosts, require_namespaces

pytestmark = [pytest.mark.hosts, pytest.mark.slow, pytest.mark.timeout(600)]

MINUTES = pytest.mark.skipif(
    not os.environ.get("COMPOUND_FAULTS"), reason="takes minutes: `make test-faults` runs it"
)
HOSTS = Hosts("cf", "10.78.0")
HEAD = HOSTS.head
SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
    "OMP_NUM_THREADS": "1",
}

DATA = SyntheticData(source="synthetic", images=512, validation_images=32, size=8)
SLEEPS = "__import__('time').sleep(0.03)"
"""A job that computes as long as a fault takes would keep the processors from everything else."""

Ask = Callable[..., JobRequest]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A Ray of three hosts whose head has no CPU to give; yields the folder of their files."""
    require_namespaces()
    folder = tempfile.mkdtemp(prefix="cf-", dir="/tmp")
    before = {key: os.environ.get(key) for key in SETTINGS}
    os.environ.update(SETTINGS)
    try:
        HOSTS.lay()
        for host in HOSTS.addresses:
            HOSTS.start_ray(host, f"{folder}/{host[-2:]}")
        yield Path(folder)
    finally:
        HOSTS.clear()
        shutil.rmtree(folder, ignore_errors=True)
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Make an elastic request: one or two workers, 16 steps in epochs of half a second of sleep."""

    def make(seed: int, *, epochs: int, steps: int = 0, **resources: object) -> JobRequest:
        fields = {"workers": {"min": 1, "max": 2}, "gpus": 0, **resources}
        request = hungry_request(tmp_path, "sleeps", 0, fails=SLEEPS, data=DATA, seed=seed)
        changed = {"epochs": epochs, "checkpoint_steps": steps}
        recipe = request.job.recipe.model_copy(update=changed)
        job = request.job.model_copy(update={"recipe": recipe})
        request = request.model_copy(update={"job": job})
        return request.model_copy(update={"resources": Resources.model_validate(fields)})

    return make


def start(folder: Path, request: JobRequest) -> Driver:
    """Start a driver on the head; the network's own code lies in the folder above its files."""
    on_head = ("ip", "netns", "exec", HEAD)
    return Driver(folder / "run", [request], HOSTS.ray, *on_head, imports=str(folder))


def assert_every_epoch_once(driver: Driver, request: JobRequest) -> None:
    rows = ArtifactStore.open(driver.store).rows(request.job.id)
    assert [row.epoch for row in rows] == list(range(1, request.job.recipe.epochs + 1))


def test_a_host_is_cut_off_and_brought_back(cluster: Path, ask: Ask, tmp_path: Path) -> None:
    request = ask(0, epochs=2000)
    driver = start(tmp_path, request)
    driver.says("with 2 workers")
    driver.epoch(3)
    HOSTS.cable(HOSTS.last, "down")
    cut, before = time.monotonic(), driver.last_epoch
    lost = driver.says("(worker lost: retry 1 of 3)")
    smaller = driver.says("again, with 1 workers")
    first = driver.epoch(1)
    report(
        cut_to_told=lost["at"] - cut,
        cut_to_again=smaller["at"] - cut,
        cut_to_epoch=first["at"] - cut,
    )
    assert first["epoch"] >= before, "no more than an epoch is trained again"
    HOSTS.end_all(HOSTS.last)
    HOSTS.cable(HOSTS.last, "up")
    HOSTS.start_ray(HOSTS.last, f"{cluster}/again")
    back = time.monotonic()
    larger = driver.says("again, with 2 workers")
    report(back_to_larger=larger["at"] - back)
    driver.epoch(1)
    assert_stops_whole(driver, request)


@MINUTES
def test_a_frozen_worker_is_found_and_named(cluster: Path, ask: Ask, tmp_path: Path) -> None:
    request = ask(1, epochs=30, workers=2)
    driver = start(tmp_path, request)
    driver.epoch(3)
    frozen = worker_on(HOSTS.last)
    os.kill(frozen, signal.SIGSTOP)
    stopped, before = time.monotonic(), driver.last_epoch
    stall = driver.says("has sent no heartbeat for")
    assert f"on {HOSTS.addresses[HOSTS.last]} (pid {frozen})" in stall["message"]
    again = driver.says("again")
    report(frozen_to_told=stall["at"] - stopped, frozen_to_again=again["at"] - stopped)
    assert driver.epoch(1)["epoch"] >= before, "no more than an epoch is trained again"
    result = driver.result()
    assert (result["status"], result["attempt"], result["epochs"]) == ("done", 2, 30)
    assert_every_epoch_once(driver, request)


def test_a_worker_that_hangs_in_its_own_code_is_found_and_named(
    cluster: Path, tmp_path: Path
) -> None:
    trigger = tmp_path / "hang"
    sleep = f"__import__('time').sleep(1e6 if os.path.exists({str(trigger)!r}) else 0)"
    request = hungry_request(tmp_path, "stuck", 0, workers=2, ranks=(1,), fails=sleep)
    longer = request.job.recipe.model_copy(update={"epochs": 400})
    job = request.job.model_copy(update={"recipe": longer})
    resources = request.resources.model_copy(update={"patience": 15})
    request = request.model_copy(update={"job": job, "resources": resources})
    driver = start(tmp_path, request)
    driver.epoch(3)
    trigger.touch()
    hangs = time.monotonic()
    stall = driver.says("hangs: no progress for")
    trigger.unlink()
    report(hang_to_told=stall["at"] - hangs)
    assert stall["message"].startswith("worker 1 on 10.78.0.")
    assert "at stuck.py:" in stall["message"]
    assert "in Hungry.forward" in stall["message"]
    result = driver.result()
    assert (result["status"], result["attempt"], result["epochs"]) == ("done", 2, 400)
    assert_every_epoch_once(driver, request)


@MINUTES
def test_a_drained_host_is_left_before_it_goes_and_a_killed_raylet_costs_workers(
    cluster: Path, ask: Ask, tmp_path: Path
) -> None:
    request = ask(2, epochs=2000, steps=4)
    driver = start(tmp_path, request)
    driver.says("with 2 workers")
    driver.epoch(3)
    drain(HOSTS.last, seconds=60)
    notice, before = driver.says("taken away"), driver.last_epoch
    assert "(preempted: retry 1 of 100)" in notice["message"]
    alone = driver.says("again, with 1 workers")
    assert driver.epoch(1)["epoch"] >= before, "no more than an epoch is trained again"
    report(drain_to_again=alone["at"] - notice["at"])
    HOSTS.end_all(HOSTS.last)
    HOSTS.start_ray(HOSTS.last, f"{cluster}/drained")
    driver.says("again, with 2 workers")
    driver.epoch(1)
    (raylet,) = HOSTS.pids(HOSTS.last, "raylet/raylet")
    os.kill(raylet, signal.SIGKILL)
    killed = time.monotonic()
    lost = driver.says("(worker lost: retry 1 of 3)")
    alone = driver.says("again, with 1 workers")
    report(raylet_to_told=lost["at"] - killed, raylet_to_again=alone["at"] - killed)
    driver.epoch(1)
    assert_stops_whole(driver, request)


@MINUTES
def test_a_killed_driver_is_started_again_and_goes_on(
    cluster: Path, ask: Ask, tmp_path: Path
) -> None:
    request = ask(3, epochs=20)
    driver = start(tmp_path, request)
    before = driver.epoch(5)["epoch"]
    driver.kill()
    again = start(tmp_path, request)
    first = again.epoch(1)["epoch"]
    assert before <= first <= before + 4
    result = again.result()
    assert (result["status"], result["attempt"], result["epochs"]) == ("done", 2, 20)
    assert_every_epoch_once(again, request)


def assert_stops_whole(driver: Driver, request: JobRequest) -> None:
    """Stop a long job; it must have had every epoch once, up to a checkpoint of the last one."""
    driver.stop()
    result, store = driver.result(), ArtifactStore.open(driver.store)
    epochs = [row.epoch for row in store.rows(request.job.id)]
    assert (result["status"], epochs) == ("stopped", list(range(1, result["epochs"] + 1)))
    checkpoint = store.checkpoint(request.job.id)
    assert checkpoint is not None
    assert checkpoint.epoch == result["epochs"]


def worker_on(host: str) -> int:
    (pid,) = HOSTS.pids(host, "RayTrainWorker")
    return pid


def drain(host: str, *, seconds: int) -> None:
    """Tell a host to go, as a cloud does some time before it takes a machine back."""
    node = (
        "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)\n"
        "print(next(n['NodeID'] for n in ray.nodes()"
        " if n['Alive'] and n['NodeManagerAddress'] == sys.argv[2]))"
    )
    command = HOSTS.on(HEAD, sys.executable, "-c", node, HOSTS.ray, HOSTS.addresses[host])
    words = ("--address", HOSTS.ray, "--node-id", command.stdout.split()[-1])
    why = ("--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot")
    limit = ("--deadline-remaining-seconds", str(seconds))
    drained = HOSTS.on(HEAD, str(RAY), "drain-node", *words, *why, *limit)
    assert drained.returncode == 0, drained.stdout + drained.stderr


def report(**seconds: float) -> None:
    """Print figures for whoever runs this with `-s`."""
    sys.stderr.write(f"{ {name: round(value, 1) for name, value in seconds.items()} }\n")

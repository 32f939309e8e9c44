"""Three hosts, one of which goes: cut off, killed, drained, or only one of its workers hangs."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.timeline.intervals import clock_difference, intervals
from compound.schemas.data import SyntheticData
from compound.schemas.job import Event, JobRequest, Resources
from tests.support.driver_processes import Driver
from tests.support.failing_networks import hungry_request
from tests.support.hosts import RAY, Cluster, Hosts

pytestmark = [pytest.mark.hosts, pytest.mark.slow, pytest.mark.timeout(900)]

MINUTES = pytest.mark.skipif(
    not os.environ.get("COMPOUND_FAULTS"), reason="takes minutes: `make test-faults` runs it"
)
DATA = SyntheticData(source="synthetic", images=512, validation_images=32, size=8)
SLEEPS = "__import__('time').sleep(0.03)"
"""A job that computes as long as a fault takes would keep the processors from everything else."""

Ask = Callable[..., JobRequest]
Start = Callable[[JobRequest], Driver]


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


@pytest.fixture
def start(three_hosts: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Start a driver on the head, which leaves the hosts to the next test.

    The network's own code lies in the folder above its files.
    """
    hosts, drivers = three_hosts.hosts, list[Driver]()

    def begin(request: JobRequest) -> Driver:
        on_head = ("ip", "netns", "exec", hosts.head)
        folder = tmp_path / "run"
        drivers.append(Driver(folder, [request], hosts.ray, *on_head, imports=str(tmp_path)))
        return drivers[-1]

    yield begin
    for driver in drivers:
        driver.kill()


def assert_every_epoch_once(driver: Driver, request: JobRequest) -> None:
    rows = ArtifactStore.open(driver.store).rows(request.job.id)
    assert [row.epoch for row in rows] == list(range(1, request.job.recipe.epochs + 1))


def test_a_host_is_cut_off_and_brought_back(three_hosts: Cluster, ask: Ask, start: Start) -> None:
    hosts = three_hosts.hosts
    request = ask(0, epochs=2000)
    driver = start(request)
    driver.says("with 2 workers")
    driver.epoch(3)
    three_hosts.cut_off(hosts.last)
    cut, before = time.monotonic(), driver.last_epoch
    lost = driver.says("(worker lost: retry 1 of 3)")
    waiting = driver.standing(request)
    assert (waiting.status, waiting.message) == ("waiting", lost["message"])
    smaller = driver.says("again, with 1 workers")
    first = driver.epoch(1)
    assert driver.standing(request).status == "running"
    assert_told_where(driver.events, hosts)
    report(
        cut_to_told=lost["at"] - cut,
        cut_to_again=smaller["at"] - cut,
        cut_to_epoch=first["at"] - cut,
    )
    assert first["epoch"] >= before, "no more than an epoch is trained again"
    three_hosts.bring_back(hosts.last)
    back = time.monotonic()
    larger = driver.says("again, with 2 workers")
    report(back_to_larger=larger["at"] - back)
    driver.epoch(1)
    assert_stops_whole(driver, request)


def assert_told_where(events: list[Event], hosts: Hosts) -> None:
    """Of two workers one was on the last host; the job's time is divided without a gap."""
    *_, two, one = [event for event in events if event.kind == "started"]
    _, *workers = hosts.addresses.values()
    assert sorted(two.hosts) == sorted(workers)
    assert one.hosts == (one.host,) == (workers[0],)
    assert one.attempt == two.attempt + 1
    assert two.worker.startswith(f"{two.host}/") and two.worker != one.worker
    assert clock_difference(events) < 1
    assert [(i.doing, i.workers) for i in intervals(events)][-3:] == [
        ("waiting", 0),
        ("training", 2),
        ("waiting", 0),
    ]


@MINUTES
def test_a_job_that_is_larger_than_what_is_left_waits_for_its_host(
    three_hosts: Cluster, ask: Ask, start: Start
) -> None:
    hosts = three_hosts.hosts
    request = ask(4, epochs=2000, workers=2)
    driver = start(request)
    driver.epoch(3)
    three_hosts.cut_off(hosts.last)
    lost = driver.says("(worker lost: retry 1 of 3)")
    full = driver.says("for 2 x 1 CPU: the hosts have room for 1")
    waiting = driver.standing(request)
    assert (waiting.status, waiting.message) == ("waiting", full["message"])
    assert waiting.since == Event.model_validate_json(lost["event"]).wall_time
    three_hosts.bring_back(hosts.last)
    driver.says("again")
    driver.epoch(1)
    assert driver.standing(request).status == "running"
    assert_stops_whole(driver, request)


@MINUTES
def test_a_frozen_worker_is_found_and_named(three_hosts: Cluster, ask: Ask, start: Start) -> None:
    hosts = three_hosts.hosts
    request = ask(1, epochs=30, workers=2)
    driver = start(request)
    driver.epoch(3)
    frozen = worker_on(hosts, hosts.last)
    os.kill(frozen, signal.SIGSTOP)
    stopped, before = time.monotonic(), driver.last_epoch
    stall = driver.says("has sent no heartbeat for")
    assert f"on {hosts.addresses[hosts.last]} (pid {frozen})" in stall["message"]
    again = driver.says("again")
    report(frozen_to_told=stall["at"] - stopped, frozen_to_again=again["at"] - stopped)
    assert driver.epoch(1)["epoch"] >= before, "no more than an epoch is trained again"
    result = driver.result()
    assert (result["status"], result["attempt"], result["epochs"]) == ("done", 2, 30)
    assert_every_epoch_once(driver, request)


def test_a_worker_that_hangs_in_its_own_code_is_found_and_named(
    start: Start, tmp_path: Path
) -> None:
    trigger = tmp_path / "hang"
    sleep = f"__import__('time').sleep(1e6 if os.path.exists({str(trigger)!r}) else 0)"
    request = hungry_request(tmp_path, "stuck", 0, workers=2, ranks=(1,), fails=sleep)
    longer = request.job.recipe.model_copy(update={"epochs": 400})
    job = request.job.model_copy(update={"recipe": longer})
    resources = request.resources.model_copy(update={"patience": 15})
    request = request.model_copy(update={"job": job, "resources": resources})
    driver = start(request)
    driver.epoch(3)
    trigger.touch()
    hangs = time.monotonic()
    stall = driver.says("hangs: no progress for")
    trigger.unlink()
    report(hang_to_told=stall["at"] - hangs)
    assert stall["message"].startswith("worker 1 on 10.77.0.")
    assert "at stuck.py:" in stall["message"]
    assert "in Hungry.forward" in stall["message"]
    result = driver.result()
    assert (result["status"], result["attempt"], result["epochs"]) == ("done", 2, 400)
    assert_every_epoch_once(driver, request)


@MINUTES
def test_a_drained_host_is_left_before_it_goes_and_a_killed_raylet_costs_workers(
    three_hosts: Cluster, ask: Ask, start: Start
) -> None:
    hosts = three_hosts.hosts
    request = ask(2, epochs=2000, steps=4)
    driver = start(request)
    driver.says("with 2 workers")
    driver.epoch(3)
    three_hosts.away.add(hosts.last)
    drain(hosts, hosts.last, seconds=60)
    notice, before = driver.says("taken away"), driver.last_epoch
    assert "(preempted: retry 1 of 100)" in notice["message"]
    alone = driver.says("again, with 1 workers")
    assert driver.epoch(1)["epoch"] >= before, "no more than an epoch is trained again"
    report(drain_to_again=alone["at"] - notice["at"])
    three_hosts.bring_back(hosts.last)
    driver.says("again, with 2 workers")
    driver.epoch(1)
    (raylet,) = hosts.pids(hosts.last, "raylet/raylet")
    three_hosts.away.add(hosts.last)
    os.kill(raylet, signal.SIGKILL)
    killed = time.monotonic()
    lost = driver.says("(worker lost: retry 1 of 3)")
    alone = driver.says("again, with 1 workers")
    report(raylet_to_told=lost["at"] - killed, raylet_to_again=alone["at"] - killed)
    driver.epoch(1)
    assert_stops_whole(driver, request)


@MINUTES
def test_a_killed_driver_is_started_again_and_goes_on(ask: Ask, start: Start) -> None:
    request = ask(3, epochs=20)
    driver = start(request)
    before = driver.epoch(5)["epoch"]
    driver.kill()
    again = start(request)
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


def worker_on(hosts: Hosts, host: str) -> int:
    (pid,) = hosts.pids(host, "RayTrainWorker")
    return pid


def drain(hosts: Hosts, host: str, *, seconds: int) -> None:
    """Tell a host to go, as a cloud does some time before it takes a machine back."""
    node = (
        "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False)\n"
        "print(next(n['NodeID'] for n in ray.nodes()"
        " if n['Alive'] and n['NodeManagerAddress'] == sys.argv[2]))"
    )
    command = hosts.on(hosts.head, sys.executable, "-c", node, hosts.ray, hosts.addresses[host])
    words = ("--address", hosts.ray, "--node-id", command.stdout.split()[-1])
    why = ("--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "spot")
    limit = ("--deadline-remaining-seconds", str(seconds))
    drained = hosts.on(hosts.head, str(RAY), "drain-node", *words, *why, *limit)
    assert drained.returncode == 0, drained.stdout + drained.stderr


def report(**seconds: float) -> None:
    """Print figures for whoever runs this with `-s`."""
    sys.stderr.write(f"{ {name: round(value, 1) for name, value in seconds.items()} }\n")

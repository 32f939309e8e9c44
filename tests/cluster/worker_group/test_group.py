"""One worker group of a real Ray, which is started once and meets nearly everything in turn.

To start the workers takes most of the time, so the jobs of all tests here are one list: workers are
killed and lose their device, and the last job runs out of memory.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import Session
from compound.cluster.trials.placement_groups import reserved
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.parallel.failure import GPU_LOST
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Event, JobRequest, JobResult, Resources
from compound.schemas.retries import RetryLimits
from tests.support.back_ends import LONG
from tests.support.failing_networks import (
    ASSERTS_ONCE,
    DEVICE_ASSERT,
    WRITES_PROCESS,
    hungry_request,
    process_ids,
)
from tests.support.ray_state import CANARY_KEYS, find_in_ray, kill_actor, own_cluster
from tests.support.requests import MakeRequest
from tests.support.stored_rows import numbers
from tests.support.user_networks import planned, write

pytestmark = [pytest.mark.ray, pytest.mark.slow]

EPOCHS = 4
PASSED_ON = {"NCCL_DEBUG": "WARN", "NCCL_IB_DISABLE": "1", "NCCLX": "no"}
WRITES_ENVIRONMENT = """import pathlib
            pathlib.Path(__file__).with_suffix(".env").write_text(repr(dict(os.environ)))"""


@dataclass
class Trained:
    """What came of the jobs, by their names."""

    requests: dict[str, JobRequest]
    results: dict[str, JobResult]
    events: list[Event]
    store: str
    folder: Path
    left: set[str]
    """Placement groups that are still reserved."""

    def messages(self, name: str, kind: str) -> list[str]:
        job = self.requests[name].job.id
        return [event.message for event in self.events if (event.job, event.kind) == (job, kind)]


def two_workers(request: JobRequest, **resources: object) -> JobRequest:
    fields = {"workers": 2, "gpus": 0, **resources}
    return request.model_copy(update={"resources": Resources.model_validate(fields)})


def jobs(make_request: MakeRequest, folder: Path) -> dict[str, JobRequest]:
    """Return the jobs in their order.

    The networks that fail are the same to the store, so each has a seed of its own.
    """
    split = hungry_request(folder, "split", 8, workers=2, seed=8)
    own = planned(write(folder))[0].jobs[0].request
    named = {
        "first": make_request(0, epochs=EPOCHS, workers=2),
        "second": make_request(1, epochs=EPOCHS, workers=2),
        "environment": hungry_request(
            folder, "environment", 0, workers=2, ranks=(1,), fails=WRITES_ENVIRONMENT, seed=9
        ),
        "divided": two_workers(make_request(5), parallel="full"),
        "whole": make_request(6, workers=2),
        "own": two_workers(own),
        "split": split.model_copy(update={"splits": 2}),
        "killed": make_request(2, epochs=EPOCHS, workers=2),
        "after the kill": make_request(4, epochs=EPOCHS, workers=2),
        "lost": hungry_request(
            folder, "lost", 0, workers=2, ranks=(1,), fails=ASSERTS_ONCE, seed=10
        ),
        "sound": hungry_request(folder, "sound", 0, workers=2, fails=WRITES_PROCESS, seed=7),
        "hungry": hungry_request(folder, "hungry", 8, workers=2, ranks=(1,), seed=11),
    }
    return {name: r.model_copy(update={"label": name}) for name, r in named.items()}


@pytest.fixture(scope="module")
def trained(
    ray_session: Session, make_request: MakeRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    """Train all jobs; a worker of one is killed after its second epoch."""
    folder = tmp_path_factory.mktemp("group")
    requests, events, store = jobs(make_request, folder), list[Event](), str(folder / "store")
    killed = requests["killed"].job.id

    def on_event(event: Event) -> None:
        events.append(event)
        epochs = [e.row.epoch for e in events if e.row and e.job == killed]
        if event.row and event.job == killed and epochs == [1, 2]:
            kill_actor("RayTrainWorker")

    runner = RayRunner(
        ray_session,
        limits=RetryLimits(lost_worker=1),
        imports=(str(folder),),
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (PASSED_ON | CANARY_KEYS).items():
            patch.setenv(name, value)
        results = runner.run(list(requests.values()), store, on_event)
    by_name = dict(zip(requests, results, strict=True))
    yield Trained(requests, by_name, events, store, folder, reserved())


def test_jobs_end_in_their_order_each_as_it_must(trained: Trained) -> None:
    ends = [event.label for event in trained.events if event.kind == "ended"]
    assert ends == list(trained.requests)
    ended = {name: (result.status, result.attempt) for name, result in trained.results.items()}
    assert ended.pop("hungry")[0] == "failed"
    again = {"killed": ("done", 2), "lost": ("done", 2)}
    assert ended == dict.fromkeys(ended, ("done", 1)) | again
    assert {result.world_size for result in trained.results.values()} == {2}


def test_one_start_of_the_workers_serves_all_jobs_until_one_is_lost(trained: Trained) -> None:
    begun = {name: trained.messages(name, "started") for name in trained.requests}
    twice = {"killed", "lost"}
    assert begun == {name: ["", "again"][: 1 + (name in twice)] for name in trained.requests}


def test_every_start_says_where_it_is_and_which_attempt(trained: Trained) -> None:
    host = ray.util.get_node_ip_address()
    begun = [event for event in trained.events if event.kind == "started"]
    assert {(event.host, event.hosts, event.workers) for event in begun} == {(host, (host,) * 2, 2)}
    attempts = {
        name: [event.attempt for event in begun if event.job == request.job.id]
        for name, request in trained.requests.items()
    }
    assert attempts == {n: [1, 2][: 1 + (n in ("killed", "lost"))] for n in trained.requests}
    first, *_, last = [event.worker for event in begun]
    assert first != last and len({event.worker for event in begun}) == 3, "two were replaced"


@pytest.mark.parametrize("name", ["own", "killed", *(["first", "second"] * LONG)])
def test_numbers_are_those_of_a_run_without_ray(trained: Trained, name: str, store: str) -> None:
    """Also where the workers import a module of the user's.

    Its folder is neither where Ray was started nor on its workers' path.
    """
    request = trained.requests[name]
    LocalRunner((str(trained.folder),)).run([request], store, lambda event: None)
    assert numbers(trained.store, request) == numbers(store, request)
    assert numbers(store, request)


def test_a_group_divides_one_job_and_not_the_next(trained: Trained) -> None:
    opened = ArtifactStore.open(trained.store)
    stored = [opened.checkpoint(trained.requests[name].job.id) for name in ("divided", "whole")]
    assert [checkpoint and checkpoint.shards for checkpoint in stored] == [2, 0]


def test_a_group_trains_in_smaller_micro_batches(trained: Trained) -> None:
    assert trained.results["split"].splits == 2


def test_what_the_user_says_to_nccl_reaches_every_worker(trained: Trained) -> None:
    written = (trained.folder / "environment.env").read_text()
    for variables_set in (
        "'NCCL_DEBUG': 'WARN'",
        "'NCCL_IB_DISABLE': '1'",
        "'NCCL_SOCKET_IFNAME': '=",
        "'TORCH_NCCL_ASYNC_ERROR_HANDLING': '3'",
    ):
        assert variables_set in written
    assert "NCCLX" not in written


def test_helpers_of_ray_find_it_among_several(trained: Trained) -> None:
    """Ray's state API without an address raises where another Ray runs on the machine."""
    assert f"'RAY_ADDRESS': '{own_cluster()}'" in (trained.folder / "environment.env").read_text()


def test_no_key_reaches_the_logs_of_ray(trained: Trained) -> None:
    """Not even where the keys are in the driver's environment."""
    assert not find_in_ray(*CANARY_KEYS.values())


def test_a_worker_that_loses_its_device_ends_its_group(trained: Trained) -> None:
    messages = "\n".join(trained.messages("lost", "waiting"))
    (lost,) = process_ids(trained.folder, "lost")
    assert f"(pid {lost}): {DEVICE_ASSERT}{GPU_LOST} (worker lost: retry 1 of 1)" in messages
    assert lost not in process_ids(trained.folder, "sound")
    assert os.getpid() not in process_ids(trained.folder, "sound")


def test_a_rank_out_of_memory_is_no_lost_worker(trained: Trained) -> None:
    cause = trained.results["hungry"].cause
    assert cause is not None
    assert cause.kind == "out of memory", cause.message
    assert trained.left == set(), "no group of workers is started for a job that has ended"


@pytest.mark.skipif(not LONG, reason="`make test-all`: hosts and single workers stop so as well")
def test_a_stop_ends_the_running_epoch_and_begins_nothing_new(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    requests = [make_request(3, workers=2, epochs=300), make_request(4, workers=2)]
    runner = RayRunner(ray_session)

    def on_event(event: Event) -> None:
        if event.row and event.row.epoch == 2:
            runner.request_stop()

    results = runner.run(requests, store, on_event)
    assert [result.status for result in results] == ["stopped"] * 2
    assert 2 <= results[0].epochs < 300
    assert results[1].attempt == 0
    assert reserved() == set()

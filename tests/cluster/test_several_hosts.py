"""Three hosts, as network namespaces on one machine: a submitted job trains across two of them."""

import json
import sys
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest
from tests.support.hosts import RAY, Cluster
from tests.support.requests import MakeRequest

pytestmark = [pytest.mark.hosts, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]

DRIVER = """
import json, sys
import ray
from ray.util.state import list_actors
from compound.cluster.gauges import StudyGauges
from compound.cluster.ray_session import connect
from compound.cluster.trials.ray_runner import RayRunner
from compound.schemas.job import JobRequest

requests = [JobRequest.model_validate_json(line) for line in open("jobs.jsonl")]
hosts, alive = set(), [("class_name", "=", "RayTrainWorker"), ("state", "=", "ALIVE")]

with connect() as session:
    address = ray.get_runtime_context().gcs_address  # other Rays may run on the machine
    gauges = StudyGauges("hosts")

    def on_event(event):
        gauges(event)
        print(event.kind, event.label, event.message, flush=True)
        if event.row:
            hosts.update(actor.node_id for actor in list_actors(address, filters=alive))

    results = RayRunner(session).run(requests, sys.argv[1], on_event)
    statuses = [result.status for result in results]
    print(json.dumps({"nodes": len(session.nodes), "hosts": len(hosts), "statuses": statuses}))
"""


def test_a_submitted_job_trains_on_two_hosts(
    three_hosts: Cluster, make_request: MakeRequest, tmp_path: Path
) -> None:
    requests = [make_request(seed, workers=2) for seed in (0, 1)]
    store, folder = tmp_path / "shared", tmp_path / "upload"
    folder.mkdir()
    (folder / "driver.py").write_text(DRIVER)
    (folder / "jobs.jsonl").write_text("\n".join(r.model_dump_json() for r in requests))
    submit = (str(RAY), "job", "submit", "--address", "http://127.0.0.1:8265")
    run = ("--", sys.executable, "driver.py", str(store))
    hosts = three_hosts.hosts
    ended = hosts.on(hosts.head, *submit, "--working-dir", str(folder), *run)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = next(line for line in ended.stdout.splitlines() if line.startswith("{"))
    assert json.loads(summary) == {"nodes": 3, "hosts": 2, "statuses": ["done", "done"]}
    assert_same_numbers(requests, store, tmp_path / "alone")


def test_a_submitted_study_ends_with_a_family_trained_across_hosts(
    three_hosts: Cluster, tmp_path: Path
) -> None:
    store = tmp_path / "shared"
    submit = (str(RAY), "job", "submit", "--address", "http://127.0.0.1:8265")
    settings = {
        "store": store,
        "search.design.degree": 2,
        "search.seeds": 1,
        "family.phi": "[2]",
        "train.epochs": 2,
    }
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    run = (sys.executable, "-m", "compound", "run", "examples/quickstart.yaml", *sets)
    hosts = three_hosts.hosts
    ended = hosts.on(hosts.head, *submit, "--working-dir", str(ROOT), "--", *run)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (store / "studies" / "quickstart" / "report.html").exists()
    ledger = ArtifactStore.open(str(store), create=False)
    results = ledger.results(ledger.jobs()).values()
    assert {result.status for result in results} == {"done"}
    # A host has one CPU and the head has none: two ranks are on two hosts.
    assert max(result.world_size for result in results) == 2


def assert_same_numbers(requests: list[JobRequest], store: Path, alone: Path) -> None:
    LocalRunner().run(requests[:1], str(alone), lambda event: None)
    job = requests[0].job.id
    local_rows, cluster_rows = (ArtifactStore.open(str(uri)).rows(job) for uri in (alone, store))
    timed = {"images_per_second", "seconds", "data_wait"}
    for near, far in zip(local_rows, cluster_rows, strict=True):
        same = [{k: v for k, v in row.metrics.items() if k not in timed} for row in (near, far)]
        assert same[0] == same[1]


def test_a_store_that_the_hosts_do_not_share_is_refused(three_hosts: Cluster) -> None:
    # Not `auto`: processes of all namespaces are seen, and with them another test's Ray.
    code = (
        "import sys\n"
        "from compound.cluster.ray_session import connect\n"
        "from compound.cluster.trials.ray_runner import RayRunner\n"
        "with connect(sys.argv[2]) as session: RayRunner(session).run([], sys.argv[1], print)"
    )
    hosts = three_hosts.hosts
    ended = hosts.on(hosts.head, sys.executable, "-c", code, str(three_hosts.private), hosts.ray)
    blind = hosts.addresses[hosts.last]
    assert f"the store is not shared: {blind} cannot see this folder" in ended.stderr

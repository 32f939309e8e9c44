"""A bucket that begins to refuse: the job ends with the cause `storage`, and resumes."""

import os
from collections.abc import Callable

import pytest

from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from tests.support.fault_proxy import Fault, proxy_of
from tests.support.interrupted_jobs import drained
from tests.support.servers import BUCKET, Servers
from tests.support.small_jobs import small_job

pytestmark = pytest.mark.s3

ALWAYS = 10**6
REFUSALS = {
    "no longer allowed": Fault("answer", ALWAYS, status=403, code="AccessDenied"),
    "the bucket is gone": Fault("answer", ALWAYS, status=404, code="NoSuchBucket"),
    "overloaded for good": Fault("answer", ALWAYS, status=503, code="SlowDown"),
    "no connection": Fault("reset", ALWAYS),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_bucket_that_begins_to_refuse_ends_the_job_with_the_next_row(
    reach: Callable[[str], str], servers: Servers, monkeypatch: pytest.MonkeyPatch, refusal: str
) -> None:
    reach("moto")
    monkeypatch.setenv("COMPOUND_S3_PATIENCE", "2")
    with proxy_of(servers.get("moto").endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        store = ArtifactStore.open(f"s3://{BUCKET}/{os.urandom(4).hex()}")
        job = small_job(epochs=4)
        work = run(job, store, Process.single(), DataCache())
        assert next(work).epoch == 1
        proxy.faults.append(REFUSALS[refusal])
        _, failed = drained(work)
        assert failed.status == "failed" and failed.cause and failed.cause.kind == "storage"
        assert f"bucket '{BUCKET}'" in failed.cause.message and failed.epochs < 4
        proxy.faults.clear()
        _, done = drained(run(job, store, Process.single(), DataCache()))
        assert done.status == "done" and done.epochs == 4
        assert store.audit([job.id], []).damaged == ()

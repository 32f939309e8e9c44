"""Divided networks as the local runner starts them: by resources, under torch's launcher."""

import os
import signal
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Event, JobRequest, Resources
from compound.schemas.retries import RetryLimits
from tests.support.requests import MakeRequest


def divided(request: JobRequest) -> JobRequest:
    resources = Resources(workers=2, gpus=0, parallel="full")
    return request.model_copy(update={"resources": resources})


def rank_of(store: str) -> int:
    """Return the process id of the second rank of the job that trains into a store."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if store.encode() in words and b"RANK=1" in environment:
            return int(folder.name)
    raise LookupError(store)


@pytest.mark.slow
def test_a_killed_rank_costs_no_more_than_the_running_epoch(
    make_request: MakeRequest, store: str
) -> None:
    request = divided(make_request(epochs=30))

    def on_event(event: Event) -> None:
        if event.row and event.row.epoch == 5:
            os.kill(rank_of(store), signal.SIGKILL)

    (lost,) = LocalRunner(limits=RetryLimits(lost_worker=0)).run([request], store, on_event)
    assert lost.cause and lost.cause.kind == "worker lost" and lost.epochs >= 4
    (done,) = LocalRunner().run([request], store, lambda event: None)
    assert (done.status, done.epochs, done.attempt) == ("done", 30, 2)
    opened = ArtifactStore.open(store)
    assert [row.epoch for row in opened.rows(request.job.id)] == list(range(1, 31))
    checkpoint = opened.checkpoint(request.job.id)
    assert checkpoint and checkpoint.shards == 2
    assert not opened.audit(opened.jobs(), ()).damaged

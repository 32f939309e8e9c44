"""Makes the store that is kept here for a schema: run it once, with the program that writes that.

    cd tests/stores && PYTHONPATH=CHECKOUT python make.py schema-3

It leaves schema-3.tar.gz, and in schema-3.json what that program reads in it.

A search of eight jobs: two are done, the second in two attempts; one was stopped, one was killed in
its second attempt with a row after its last checkpoint; one has failed; three were never begun.
"""

import gzip
import json
import os
import shutil
import socket
import sys
import tarfile
from pathlib import Path

FOLDER = sys.argv[1]
socket.gethostname = lambda: "example"
os.environ["PATH"] = ""  # no git, whose state would be recorded

from compound.jobs import run_job as running  # noqa: E402
from compound.jobs.data.source import inspect  # noqa: E402
from compound.jobs.device_model import guess  # noqa: E402
from compound.jobs.networks.exact_cost import count  # noqa: E402
from compound.jobs.parallel.process import Process  # noqa: E402
from compound.jobs.store.artifacts import ArtifactStore  # noqa: E402
from compound.jobs.training.data_cache import DataCache  # noqa: E402
from compound.orchestrator.prepare import prepare  # noqa: E402
from compound.orchestrator.records.documents import Record  # noqa: E402
from compound.orchestrator.spec.load import load  # noqa: E402
from compound.schemas.job import Cause, Event, JobResult, TrainJob  # noqa: E402

Process.name = property(lambda self: "cpu Example, 1 thread")
DIE_AT = 3
FORMER = (
    "train.learning_rate=0.1",
    "train.nesterov=false",
    "train.initialisation=family",
    "train.warmup_epochs=1",
    "search.recipe_check=false",
)
"""What a spec that says nothing got when schemas 1 and 2 were written."""


def epochs(store: ArtifactStore, job: TrainJob, until: int | None = None) -> None:
    """Train a job, to its end or until it is stopped after an epoch."""
    work = running.run(job, store, Process.single(), DataCache())
    for row in work:
        if row.epoch == until:
            work.close()
            return


def killed(store: ArtifactStore, job: TrainJob, after: int) -> None:
    """Train a job in a process that dies after an epoch."""
    child = os.fork()
    if child == 0:
        for row in running.run(job, store, Process.single(), DataCache()):
            if row.epoch == after:
                os._exit(0)
    os.waitpid(child, 0)


def failed(store: ArtifactStore, job: TrainJob) -> None:
    """Let a job end with an error before its first epoch does."""
    cause = Cause(kind="diverged", message="the loss is not finite at step 3")
    with store.writer(job) as writer:
        writer.resume()
        result = {"status": "failed", "attempt": writer.attempt, "epochs": 0, "cause": cause}
        writer.finish(JobResult(job=job.id, **result))


def main() -> None:
    file = load(Path("small.yaml"), [f"store={FOLDER}", *FORMER])
    store = ArtifactStore.open(FOLDER)
    prepared = prepare(file.spec, inspect(file.spec.data), store)
    study = store.study(file.spec.name)
    jobs = [planned.request.job for planned in prepared.plan.jobs]
    jobs.sort(key=lambda job: count(job.architecture).params)  # small files
    with study.lease({}):
        study.write("spec.json", Record(spec=file.spec, text=file.source.text))
        study.write("plan.json", prepared.plan)
        epochs(store, jobs[2])
        epochs(store, jobs[1], until=1)
        epochs(store, jobs[1])
        epochs(store, jobs[0], until=2)
        epochs(store, jobs[3], until=2)
        killed(store, jobs[3], after=DIE_AT)
        failed(store, jobs[4])
        for job in jobs[:5]:
            study.append_event(Event(kind="started", job=job.id))
    store.save_profile(guess("cpu").model_copy(update={"device": "cpu Example, 1 thread"}))
    if hasattr(store, "keep_trace"):
        store.keep_trace(jobs[2].id, gzip.compress(b"{}", mtime=0))
    told = {job.id: [store.state(job.id).status, _losses(store, job)] for job in jobs}
    Path(f"{FOLDER}.json").write_text(json.dumps(told, indent=1) + "\n")


def _losses(store: ArtifactStore, job: TrainJob) -> list[float]:
    return [row.metrics["train_loss"] for row in store.rows(job.id)]


def packed() -> None:
    """Put the store into an archive without anything that tells where and by whom it was made."""

    def nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(f"{FOLDER}.tar.gz", "w:gz") as archive:
        archive.add(FOLDER, "runs", filter=nameless)
    shutil.rmtree(FOLDER)


main()
packed()

"""A small store with a file of every kind, and every way to read it."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from compound.jobs.device_model import guess
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from compound.jobs.store.format.checkpoint import Position
from compound.jobs.store.format.file_kinds import kind_of
from compound.jobs.store.format.predictions import Predictions
from compound.schemas.architecture import Coefficients
from compound.schemas.job import Event
from tests.support.store_samples import JOB, job, log, predictions, result, row, saved, train

KILLED = job(1)
PREDICTIONS = predictions(40)
KINDS = ("marker", "device", "trace", "job", "claim", "stream", "rows", "manifest", "checkpoint",
         "predictions", "document", "events", "lease", "reservation", "begun", "index")  # fmt: skip
"""All but texts such as report.html: these are made from the rest, and hold no checksum."""


def build(root: Path) -> ArtifactStore:
    """Make a store with a job that has ended, one that was killed twice, and a study of both."""
    store = ArtifactStore.open(str(root))
    with store.writer(JOB) as writer:
        train(writer, 1, 2)
        log(writer, 3)
        large = saved(3)
        large.model["large"] = torch.arange(300_000, dtype=torch.float32)  # hashed in pieces
        writer.save_later(Position(3, 30), lambda: large)
        writer.finish(result(3), PREDICTIONS)
    store.test_predictions(JOB.id).keep("a" * 16, "b" * 16, PREDICTIONS)
    for first in (1, 3):
        with store.writer(KILLED) as writer:
            writer.resume()
            for epoch in (first, first + 1):
                writer.log(row(epoch, writer.attempt, of=KILLED))
                writer.save(epoch, 10 * epoch, *saved(epoch))
            writer.log(row(first + 2, writer.attempt, of=KILLED))
            writer.log(row(first + 3, writer.attempt, of=KILLED))
    _study(store)
    return store


def _study(store: ArtifactStore) -> None:
    study = store.study("s")
    with study.lease({}):
        study.write("spec.json", Coefficients(alpha=1.2))
        study.write("plan.json", Coefficients(beta=1.1))
        study.put_text("report.html", "<p>made from the rest</p>")
        for number in range(5):
            study.append_event(Event(kind="started", job=JOB.id, message=f"number {number}"))
    ended = store.ended(JOB.id)
    assert ended
    index = study.done_jobs
    index.add([ended]), index.write()
    store.reservations("s").put([JOB.id])
    store.save_profile(guess("cpu"))
    store.keep_trace(JOB.id, gzip.compress(b'{"traceEvents": []}' * 20))


def by_kind(root: Path) -> dict[str, list[Path]]:
    """Return the files of each kind."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        kind = kind_of(str(path.relative_to(root)))
        assert kind, path
        kinds.setdefault(kind, []).append(path)
    return kinds


def look(store: ArtifactStore) -> dict[str, Callable[[], Any]]:
    """Return every way to read the store; each gives a value that can be compared."""

    def tensors(job_id: str) -> Any:
        checkpoint = store.checkpoint(job_id)
        if checkpoint is None:
            return None
        both = {**checkpoint.model(), **checkpoint.optimizer()}
        return (
            checkpoint.epoch,
            checkpoint.extra,
            {name: tensor.tolist() for name, tensor in both.items()},
        )

    study = store.study("s")
    options = CheckOptions(older_than=0, needed=("spec.json",))
    return {
        "open": lambda: ArtifactStore.open(store.uri, create=False).uri,
        "rows": lambda: store.rows(JOB.id),
        "rows of the killed": lambda: store.rows(KILLED.id),
        "results": lambda: store.results([JOB.id, KILLED.id]),
        "states": lambda: store.states([JOB.id, KILLED.id]),
        "job": lambda: store.job(JOB.id),
        "checkpoint": lambda: tensors(JOB.id),
        "checkpoint of the killed": lambda: tensors(KILLED.id),
        "predictions": lambda: _lists(store.predictions([JOB.id]).get(JOB.id)),
        "test predictions": lambda: _lists(store.test_predictions(JOB.id).read("a" * 16, "b" * 16)),
        "document": lambda: study.read("spec.json", Coefficients),
        "events": study.events,
        "reservation": store.reservations("s").own,
        "index": study.done_jobs.read,
        "profiles": store.profiles,
        "trace": lambda: store.trace(JOB.id),
        "verify": lambda: store.audit(store.jobs(), store.studies()),
        "fsck": lambda: [*store.check(store.jobs(), store.studies(), FindingCounts(), options)],
    }


def _lists(kept: Predictions | None) -> list[list[int]]:
    return [column.tolist() for column in kept or ()]

"""Which checkpoints of a study stay: by policy, and because something will read them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.gc import Retention
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.records.history import with_epochs
from compound.schemas.errors import StoreError
from compound.schemas.job import JobRequest, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import PlannedJob
from compound.schemas.recipe import Keep


@dataclass(frozen=True)
class Policy:
    """What is to stay."""

    last: int
    """Of every job, the newest checkpoints; one at least, which export and longer schedules read.
    """
    best: int
    """Of every job, those of its most accurate epochs."""
    jobs: int | None
    """Of each phase of a search, the most accurate jobs that keep any; None: all do."""


def wanted(
    store: ArtifactStore, chosen: Mapping[str, Documents], policy: Policy
) -> dict[str, Retention]:
    """Return what stays of each job of the chosen studies, which go by their names."""
    jobs = {job.request.job.id: job for found in chosen.values() for job in found.jobs}
    results = store.results(jobs)
    held = _holding(store, chosen, results) | _ranked_first(chosen.values(), results, policy.jobs)
    pinned = _weights(store)
    keep = Keep(last=policy.last, best=policy.best)
    return {job: Retention(keep if job in held else None, pinned.get(job, ())) for job in jobs}


def _ranked_first(
    chosen: Iterable[Documents], results: Mapping[str, JobResult], count: int | None
) -> set[str]:
    """Return the jobs that keep checkpoints for their accuracy, and all of families."""
    phases: dict[tuple[int, str], list[PlannedJob]] = defaultdict(list)
    for number, found in enumerate(chosen):
        for job in found.jobs:
            phases[number, job.phase].append(job)
    return {
        job.request.job.id
        for (_, phase), jobs in phases.items()
        for job in _first(jobs, results, None if phase == "family" else count)
    }


def _first(
    jobs: Sequence[PlannedJob], results: Mapping[str, JobResult], count: int | None
) -> Sequence[PlannedJob]:
    def accuracy(job: PlannedJob) -> float:
        result = results.get(job.request.job.id)
        return result.metrics.get(ACCURACY, -1.0) if result else -1.0

    return jobs if count is None else sorted(jobs, key=accuracy, reverse=True)[:count]


def _holding(
    store: ArtifactStore, chosen: Mapping[str, Documents], results: Mapping[str, JobResult]
) -> set[str]:
    """Return jobs that others want: other studies, and longer schedules that are to come."""
    held: set[str] = set()
    epochs = {job.request.job.recipe.epochs for found in chosen.values() for job in found.jobs}
    for name, requests in _planned(store):
        if name not in chosen:
            held |= {request.job.id for request in requests}
        open_ = (one for one in requests if not one.settled(store.result(one.job.id)))
        held |= {shorter for request in open_ for shorter in _shorter(request, epochs)}
    return held & results.keys()


def _shorter(request: JobRequest, epochs: Iterable[int]) -> Iterator[str]:
    """Yield the jobs that one may go on from: the same with fewer epochs."""
    if request.continues:
        yield request.continues
    for count in epochs:
        if count < request.job.recipe.epochs:
            yield with_epochs(request.job, count).id


def _weights(store: ArtifactStore) -> dict[str, set[str]]:
    """Return the checkpoints, by job, whose very files a planned job names as its weights."""
    pinned: dict[str, set[str]] = defaultdict(set)
    for _, requests in _planned(store):
        for request in requests:
            if request.job.weights is None:
                continue
            path = os.path.realpath(request.job.weights.spec.path)
            parts = os.path.relpath(path, store.uri).split(os.sep)
            if parts[0] == "jobs" and len(parts) > 4:
                pinned[parts[1]].add("/".join(parts[:4]))
    return pinned


def _planned(store: ArtifactStore) -> Iterator[tuple[str, list[JobRequest]]]:
    """Yield the jobs of every study. StoreError: a plan cannot be read, so all might be needed."""
    for name in store.studies():
        try:
            found = documents(store.study(name))
        except StoreError as error:
            error.add_note(f"without the plan of {name} nobody can tell what it needs")
            raise
        if found:
            yield name, [job.request for job in found.jobs]

"""The checkpoints of a study to keep: by policy, and because a planned job will read them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.gc import Retention
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.records.final_networks import final_networks
from compound.orchestrator.records.history import with_epochs
from compound.schemas.errors import StoreError
from compound.schemas.job import JobRequest, JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import PlannedJob
from compound.schemas.recipe import Keep


@dataclass(frozen=True)
class Policy:
    """The checkpoints to keep."""

    last: int
    """Newest checkpoints per job; at least one, for export and longer schedules."""
    best: int
    """Checkpoints of the most accurate epochs per job."""
    jobs: int | None
    """Most accurate jobs per phase of a search that keep checkpoints; None: all jobs."""


def needed_checkpoints(
    store: ArtifactStore, chosen: Mapping[str, Documents], policy: Policy
) -> dict[str, Retention]:
    """Return the checkpoints to keep, by job, of the chosen studies; `chosen` is by name."""
    jobs = {
        job.request.job.id: job
        for study_documents in chosen.values()
        for job in study_documents.jobs
    }
    results = store.results(jobs)
    keeping = _holding(store, chosen, results) | _untested(chosen.values())
    keeping |= _ranked_first(chosen.values(), results, policy.jobs)
    pinned = _weights(store)
    keep = Keep(last=policy.last, best=policy.best)
    return {job: Retention(keep if job in keeping else None, pinned.get(job, ())) for job in jobs}


def _ranked_first(
    chosen: Iterable[Documents], results: Mapping[str, JobResult], count: int | None
) -> set[str]:
    """Return the jobs that keep checkpoints for their accuracy, and all of families."""
    phases: dict[tuple[int, str], list[PlannedJob]] = defaultdict(list)
    for number, study_documents in enumerate(chosen):
        for job in study_documents.jobs:
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
    """Return jobs that other studies use, or that longer schedules will continue."""
    needed: set[str] = set()
    epochs = {
        job.request.job.recipe.epochs
        for study_documents in chosen.values()
        for job in study_documents.jobs
    }
    for name, requests in _planned(store):
        if name not in chosen:
            needed |= {request.job.id for request in requests}
        open_ = (
            request for request in requests if not request.settled(store.result(request.job.id))
        )
        needed |= {shorter for request in open_ for shorter in _shorter(request, epochs)}
    return needed & results.keys()


def _untested(chosen: Iterable[Documents]) -> set[str]:
    """Return the jobs whose last weights the test part is still to be read for.

    Until the search has chosen, these may be any.
    """
    needed: set[str] = set()
    for study_documents in chosen:
        if study_documents.test is None or not study_documents.test.images:
            continue
        tested = [job for network in final_networks(study_documents) for job in network.jobs]
        chooses = study_documents.plan and not study_documents.verdict
        waiting = study_documents.jobs if chooses else tested
        read = {score.job for score in study_documents.test.scores}
        needed |= {job.request.job.id for job in waiting} - read
    return needed


def _shorter(request: JobRequest, epochs: Iterable[int]) -> Iterator[str]:
    """Yield the jobs that a request may continue: the same with fewer epochs."""
    if request.continues:
        yield request.continues
    for count in epochs:
        if count < request.job.recipe.epochs:
            yield with_epochs(request.job, count).id


def _weights(store: ArtifactStore) -> dict[str, set[str]]:
    """Return the checkpoints, by job, whose files a planned job names as its weights."""
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
    """Yield the jobs of every study. StoreError: a plan cannot be read, so all may be needed."""
    for name in store.studies():
        try:
            study_documents = documents(store.study(name))
        except StoreError as error:
            error.add_note(f"the plan of {name} is needed to know which checkpoints it uses")
            raise
        if study_documents:
            yield name, [job.request for job in study_documents.jobs]

"""Which job `compound export` means: a study with phi or a network, or a job by any name."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.file_kinds import STUDY_NAME
from compound.orchestrator.cli.printing.command_line import DEFAULT_STORE
from compound.orchestrator.cli.printing.named_study import find, is_spec
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.records.stored_weights import has_weights
from compound.orchestrator.records.study_networks import (
    Named,
    StudyNetwork,
    named_network,
    study_networks,
)
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import closest, counted
from compound.schemas.errors import SpecError, StoreError
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import PlannedJob

_PHASES = ("family", "train", "search", "gate")
"""Whose weights are taken first; jobs of other phases only where they are named."""
_PREFIX = 4
"""Digits of a job's id from which on they are looked for among all jobs of a store."""


class JobToExport(NamedTuple):
    """A job whose weights are exported."""

    store: ArtifactStore
    job: str
    path: Path
    """Where its weights go by default."""
    why: str = ""
    """Why it is this one, of several seeds."""


def job_to_export(
    target: str, phi: float | None, network: str | None, uri: str | None
) -> JobToExport:
    """Return the job that is meant.

    `target`: a study, with phi or a network; else a job's id, how it begins, or a job's label.
    SpecError: nothing or several things are meant; StoreError: there are no weights of it.
    """
    if phi is not None or network is not None:
        word = f"phi {phi:g}" if phi is not None else str(network)
        store, stored = find(target, uri)
        named = named_network(study_networks(stored), word, stored.record.spec.name)
        return _of_network(store, stored, named)
    if is_spec(target):
        raise _which(*find(target, uri))
    store = ArtifactStore.open(uri or DEFAULT_STORE, create=False)
    jobs = store.jobs()
    if target in jobs:
        return JobToExport(store, target, Path(f"{target}.safetensors"))
    if STUDY_NAME.fullmatch(target) and target in store.studies():
        raise _which(*find(target, uri))
    begins = [job for job in jobs if len(target) >= _PREFIX and job.startswith(target)]
    if len(begins) == 1:
        return JobToExport(store, begins[0], Path(f"{begins[0]}.safetensors"))
    if begins:
        raise SpecError(f"'{target}' begins {len(begins)} jobs", allowed=", ".join(begins[:12]))
    return _by_name(store, target, jobs)


def _which(store: ArtifactStore, stored: Documents) -> SpecError:
    """Return the error for a study whose network is not named."""
    name, networks = stored.record.spec.name, study_networks(stored)
    phi = next((phi for network in networks for phi in network.phis), None)
    option: dict[str, str | float | None] = {"phi": phi} if phi is not None else {}
    option = option or {"network": networks[0].name if networks else "NAME"}
    return SpecError(
        f"study {name} has {counted(len(networks), 'network')}: which one?",
        allowed="; ".join(network.title for network in networks[:12]) or "it has none yet",
        next_step=command("export", (name,), store=store.uri, **option),
    )


def _by_name(store: ArtifactStore, word: str, jobs: Sequence[str]) -> JobToExport:
    """Look for a name in every study of the store."""
    meant = list(_named_anywhere(store, word))
    if len({named.network.id for _, named in meant}) == 1:
        stored, named = meant[0]
        return _of_network(store, stored, named)
    names = [f"{stored.record.spec.name}: {named.title}" for stored, named in meant]
    if meant:
        raise SpecError(f"'{word}' names several networks", allowed="; ".join(names[:12]))
    raise StoreError(
        f"no study, job or network is called '{word}'{closest(word, [*store.studies(), *jobs])}",
        where=store.uri,
        allowed="a study with --phi or --network, or a job's id or label",
        next_step=command("list", store=store.uri),
    )


def _named_anywhere(store: ArtifactStore, word: str) -> Iterator[tuple[Documents, Named]]:
    for study in store.studies():
        try:
            stored = documents(store.study(study))
            if stored is not None:
                yield stored, named_network(study_networks(stored), word, study)
        except (SpecError, StoreError):
            continue  # this study has none, or cannot be read


def _of_network(store: ArtifactStore, stored: Documents, named: Named) -> JobToExport:
    study, network = stored.record.spec.name, named.network
    if named.job is not None:
        id, label = named.job.request.job.id, named.job.request.label
        return JobToExport(store, id, Path(f"{study}-{label}.safetensors"))
    stem = f"phi{network.phis[0]:g}" if len(network.phis) == 1 else network.name
    path = Path(f"{study}-{stem}.safetensors")
    jobs = _most_accurate(store, network)
    if not jobs:
        raise StoreError(
            f"the store has no weights of {network.title}",
            where=store.uri,
            allowed="a network with a job that is done and has kept a checkpoint",
            next_step=command("status", (study,), store=store.uri),
        )
    seeds = counted(len(jobs), "seed")
    why = f"job {jobs[0]}, the most accurate of {seeds} on validation images" if jobs[1:] else ""
    return JobToExport(store, jobs[0], path, why)


def _most_accurate(store: ArtifactStore, network: StudyNetwork) -> Sequence[str]:
    """Return the jobs with weights of the first phase that has any, the most accurate first."""
    for phase in _PHASES:
        ids = [_id(job) for job in network.jobs if job.phase == phase]
        results = store.results(ids)
        done = [job for job in ids if job in results and results[job].status == "done"]
        if having := [job for job in dict.fromkeys(done) if has_weights(store, job)]:
            return sorted(having, key=lambda job: -results[job].metrics.get(ACCURACY, 0.0))
    return ()


def _id(job: PlannedJob) -> str:
    return job.request.job.id

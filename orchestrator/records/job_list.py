"""The planned jobs of a study, one line each, stored beside the plan: fast to list."""

from collections.abc import Iterable, Mapping, Sequence

from compound.jobs.store.folders.planned_jobs import Line
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.records.documents import (
    FAMILY,
    GATE_PLAN,
    PLAN,
    ROUNDS,
    SENSITIVITY,
    Documents,
    documents,
)
from compound.schemas.architecture import Candidate
from compound.schemas.base import Model
from compound.schemas.plan import Member, Plan, PlannedJob
from compound.schemas.study import AnySpec


def planning(spec: AnySpec) -> tuple[str, ...]:
    """Return the documents that plan a study's jobs, in the order of their phases."""
    sensitive = spec.search is not None and spec.search.sensitivity
    between = (*((SENSITIVITY,) if sensitive else ()), *((GATE_PLAN,) if spec.gated else ()))
    return (PLAN, ROUNDS, *between, FAMILY)


def lines_of(study_documents: Documents) -> list[Line]:
    """Return the jobs that a study has planned so far."""
    search, family = study_documents.search, study_documents.family
    networks = networks_of(study_documents, search, family.members if family else ())
    groups = (
        (PLAN, study_documents.plan.planned if study_documents.plan else ()),
        (
            ROUNDS,
            [job for round_ in study_documents.rounds.rounds for job in round_.jobs]
            if study_documents.rounds
            else (),
        ),
        (SENSITIVITY, study_documents.sensitivity.jobs if study_documents.sensitivity else ()),
        (GATE_PLAN, study_documents.gate_plan.jobs if study_documents.gate_plan else ()),
        (FAMILY, family.jobs if family else ()),
    )
    return [line for name, jobs in groups for line in lines(name, jobs, networks)]


def networks_of(
    study_documents: Documents, search: Plan | None, members: Iterable[Member]
) -> dict[str, Candidate]:
    """Return every network that a study trains, by its id."""
    planned = study_documents.plan or study_documents.trained
    return by_id([planned.baseline] if planned else [], search, members)


def by_id(
    baseline: Sequence[Candidate], search: Plan | None, members: Iterable[Member]
) -> dict[str, Candidate]:
    """Return networks by their ids."""
    candidates = [*baseline, *(search.candidates if search else ())]
    return {
        candidate.id: candidate
        for candidate in (*candidates, *(member.network for member in members))
    }


def lines(
    document: str, jobs: Iterable[PlannedJob], networks: Mapping[str, Candidate]
) -> list[Line]:
    """Return the jobs of one document."""
    return [_line(document, job, networks.get(job.candidate)) for job in jobs]


def _line(document: str, planned: PlannedJob, network: Candidate | None) -> Line:
    job = planned.request.job
    line = Line(
        document=document,
        phase=planned.phase,
        job=job.id,
        label=planned.request.label,
        candidate=planned.candidate,
        epochs=job.recipe.epochs,
        seed=job.seed,
        resolution=job.architecture.resolution,
    )
    if network is None:
        return line
    triple = network.coefficients
    return line._replace(alpha=triple.alpha, beta=triple.beta, params=network.cost.params)


def once(planned: Sequence[Line]) -> list[Line]:
    """Return every job once, as `Documents.jobs` has them."""
    return list({line.job: line for line in reversed(planned)}.values())[::-1]


def keep(
    folder: StudyFolder,
    spec: AnySpec,
    name: str,
    document: Model,
    planned: Iterable[Line],
) -> None:
    """Write a document that plans jobs, and the job list with it."""
    names = planning(spec)
    rest = [line for line in planned_lines(folder, spec) if line.document != name]
    # The old list goes first: after a crash in between there is none, and the plan is read.
    folder.planned_jobs.drop()
    folder.write(name, document)
    sizes = folder.sizes()
    ordered = sorted([*rest, *planned], key=lambda line: names.index(line.document))
    folder.planned_jobs.write({name_: sizes[name_] for name_ in names if name_ in sizes}, ordered)


def planned_lines(folder: StudyFolder, spec: AnySpec) -> list[Line]:
    """Return the jobs that a study has planned so far, from their list where it is current."""
    names, sizes = planning(spec), folder.sizes()
    if not sizes.keys() & {*names}:
        return []
    stored = folder.planned_jobs.read(sizes, names)
    if stored is not None:
        return stored
    study_documents = documents(folder)
    return lines_of(study_documents) if study_documents else []

"""A study's planned jobs in a line each, kept beside the plan: listing them need not read it."""

from collections.abc import Iterable, Mapping, Sequence

from compound.jobs.store.folders.planned_jobs import Line
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.records.documents import (
    FAMILY,
    GATE_PLAN,
    PLAN,
    ROUNDS,
    Documents,
    documents,
)
from compound.schemas.architecture import Candidate
from compound.schemas.base import Model
from compound.schemas.plan import Member, Plan, PlannedJob
from compound.schemas.study import StudySpec, TrainSpec


def planning(spec: StudySpec | TrainSpec) -> tuple[str, ...]:
    """Return the documents that plan a study's jobs, in the order of their phases."""
    gated = isinstance(spec, StudySpec) and spec.gate.mode != "off"
    return (PLAN, ROUNDS, GATE_PLAN, FAMILY) if gated else (PLAN, ROUNDS, FAMILY)


def lines_of(found: Documents) -> list[Line]:
    """Return what a study has planned so far, every job once."""
    search, family = found.search, found.family
    networks = networks_of(found, search, family.members if family else ())
    groups = (
        (PLAN, found.plan.jobs if found.plan else ()),
        (ROUNDS, [job for one in found.rounds.rounds for job in one.jobs] if found.rounds else ()),
        (GATE_PLAN, found.gate_plan.jobs if found.gate_plan else ()),
        (FAMILY, family.jobs if family else ()),
    )
    return [line for name, jobs in groups for line in lines(name, jobs, networks)]


def networks_of(
    found: Documents, search: Plan | None, members: Iterable[Member]
) -> dict[str, Candidate]:
    """Return every network that a study trains, by its id."""
    planned = found.plan or found.trained
    return by_id([planned.baseline] if planned else [], search, members)


def by_id(
    baseline: Sequence[Candidate], search: Plan | None, members: Iterable[Member]
) -> dict[str, Candidate]:
    """Return networks by their ids."""
    candidates = [*baseline, *(search.candidates if search else ())]
    return {one.id: one for one in (*candidates, *(member.network for member in members))}


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
    spec: StudySpec | TrainSpec,
    name: str,
    document: Model,
    planned: Iterable[Line],
) -> None:
    """Write a document that plans jobs, and the roster with it.

    The old roster goes first: after a crash in between there is none, and the plan is read.
    """
    names = planning(spec)
    others = [line for line in _known(folder, names) if line.document != name]
    folder.roster.drop()
    folder.write(name, document)
    sizes = folder.sizes()
    ordered = sorted([*others, *planned], key=lambda line: names.index(line.document))
    folder.roster.write({one: sizes[one] for one in names if one in sizes}, ordered)


def _known(folder: StudyFolder, names: Sequence[str]) -> list[Line]:
    sizes = folder.sizes()
    if not sizes.keys() & {*names}:
        return []
    kept = folder.roster.read(sizes, names)
    if kept is not None:
        return kept
    found = documents(folder)
    return lines_of(found) if found else []

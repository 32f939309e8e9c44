"""What a report shows, read from its store."""

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.records.documents import PLAN, Documents
from compound.orchestrator.records.stored_rows import StoredRows
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.timeline.job_standing import ended_results
from compound.orchestrator.wording.commands import command
from compound.schemas.answer import Answer
from compound.schemas.errors import StoreError
from compound.schemas.job import JobResult


def report_inputs(store: ArtifactStore, stored: Documents, answer: Answer | None) -> ReportInputs:
    """Read what a report shows; rows of jobs when they are drawn.

    StoreError: nothing is planned yet.
    """
    planned = stored.plan or stored.trained
    if planned is None:
        raise _unplanned(store, stored.record.spec.name)
    ids = [job.request.job.id for job in stored.jobs]
    results = ended_results(store, stored.record.spec.name, ids)
    return ReportInputs(
        spec=stored.record.spec,
        spec_text=stored.record.text,
        baseline=planned.baseline,
        data=planned.data,
        plan=stored.search,
        verdict=stored.verdict,
        family=stored.family.members if stored.family else (),
        results=results,
        rounds=stored.rounds,
        gate_plan=stored.gate_plan,
        gate=stored.gate,
        law=stored.law,
        along=stored.along,
        test=stored.test,
        answer=answer,
        rates=OtherRates.of(stored),
        resume=stored.record.resume,
        rows=StoredRows(store, ids),
        hosts=_hosts(store, results),
    )


def _unplanned(store: ArtifactStore, study: str) -> StoreError:
    return StoreError(
        "the study has no plan: it has not got so far, or plan.json is gone",
        where=store.study(study).path(PLAN),
        next_step=command("fsck", (study,), store=store.uri),
    )


def _hosts(store: ArtifactStore, results: dict[str, JobResult]) -> dict[str, str]:
    """Return where jobs ran, if any failed: only then it is of use."""
    if all(result.status != "failed" for result in results.values()):
        return {}
    return {job: state.host for job, state in store.states(results).items()}

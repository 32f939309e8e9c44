"""`compound report`: the page of a study, from what the store holds."""

from jobs.store.artifacts import ArtifactStore
from orchestrator.commands.output import print_json, say
from orchestrator.commands.studies import find
from orchestrator.documents import Documents
from orchestrator.report.inputs import ReportInputs
from orchestrator.report.page import render
from schemas.job import JobResult


def report(study: str, uri: str, *, as_json: bool) -> None:
    """Write report.html from what the store holds now."""
    store, found = find(study, uri)
    path = write_report(store, found)
    if as_json:
        print_json({"report": path})
    else:
        say(path)


def write_report(store: ArtifactStore, found: Documents) -> str:
    """Render a study's report into the store and return its address."""
    folder = store.study(found.record.spec.name)
    folder.put_text("report.html", render(_inputs(store, found)))
    return folder.path("report.html")


def _inputs(store: ArtifactStore, found: Documents) -> ReportInputs:
    """Read what a report shows."""
    planned = found.plan or found.trained
    assert planned is not None, "a study's plan is written before its jobs begin"
    ids = [job.request.job.id for job in found.jobs]
    results = store.results(ids)
    return ReportInputs(
        spec=found.record.spec,
        spec_text=found.record.text,
        baseline=planned.baseline,
        data=planned.data,
        plan=found.search,
        verdict=found.verdict,
        family=found.family.members if found.family else (),
        results=results,
        rounds=found.rounds,
        gate_plan=found.gate_plan,
        gate=found.gate,
        law=found.law,
        rows={id_: store.rows(id_) for id_ in ids},
        hosts=_hosts(store, results),
    )


def _hosts(store: ArtifactStore, results: dict[str, JobResult]) -> dict[str, str]:
    """Return where jobs ran, if any failed: only then it may tell something."""
    if all(result.status != "failed" for result in results.values()):
        return {}
    return {job: state.host for job, state in store.states(results).items()}

"""Studies behind reports: with gate, rungs and a power law, and with several ways of scaling."""

from dataclasses import replace
from functools import cache
from math import log2

from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.scale.along import compared_ways
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.family_errors import law_of
from compound.orchestrator.scale.gate import judge
from compound.orchestrator.scale.gate_plan import gate_plan
from compound.orchestrator.statistics.rank_correlation import correlation
from compound.schemas.job import JobResult
from compound.schemas.plan import PlannedJob, Round, Rounds
from compound.schemas.verdict import Rung, Verdict
from tests.support.gated_studies import spec_of
from tests.support.report_pages import DATA, ended, rows_of, study


def score(planned: PlannedJob, ratio: float, position: int) -> float:
    """Return an accuracy that grows with cost and a little with a candidate's place."""
    seed_effect = 0.006 * ((7 * planned.request.job.seed + 3 * position) % 5 - 2)
    mixed = 0.02 * (position % 4 == 1) if planned.phi else 0.0
    return 1 - 0.34 * ratio**-0.22 + mixed + seed_effect * 0.6


def trained(jobs: tuple[PlannedJob, ...], ratios: dict[str, float]) -> dict[str, JobResult]:
    position = {candidate: n for n, candidate in enumerate(ratios)}
    by_id = [(planned.request.job.id, planned) for planned in jobs]
    return {
        id_: ended(id_, score(planned, ratios[planned.candidate], position[planned.candidate]))
        for id_, planned in by_id
    }


def screened(verdict: Verdict) -> Verdict:
    """Give every candidate a score after a shorter schedule, and the verdict its rungs."""
    standings = tuple(
        standing.model_copy(update={"screened": ((standing.mean or 0) * 0.8 + 0.01 * (n % 3),)})
        for n, standing in enumerate(verdict.standings)
    )
    scores = [standing.scores for standing in standings]
    agreement = correlation([standing.screened for standing in standings], scores, 0.9)
    rungs = (
        Rung(epochs=1, seeds=1, entered=10, promoted=5, correlation=agreement),
        Rung(epochs=4, seeds=3, entered=5, promoted=None, correlation=None),
    )
    return verdict.model_copy(update={"standings": standings, "rungs": rungs})


@cache
def complete() -> ReportInputs:
    spec = spec_of(mode="warn")
    plan = plan_study(spec, DATA)
    ratios = {plan.baseline.id: 1.0, **{network.id: network.ratio for network in plan.candidates}}
    results = trained(plan.jobs, ratios)
    verdict = screened(analyse(spec, plan, results))
    gate = gate_plan(spec, plan, verdict)
    results |= trained(gate.jobs, ratios | {e.network.id: e.network.ratio for e in gate.entrants})
    assert verdict.coefficients
    family = plan_family(spec, plan.baseline, DATA, verdict.coefficients)
    for member in family.members:
        results |= trained(member.jobs, {"": 1.0, member.network.id: member.network.ratio})
    return ReportInputs(
        spec=spec,
        spec_text="kind: study\n",
        baseline=plan.baseline,
        data=DATA,
        plan=plan,
        verdict=verdict,
        family=family.members,
        results=results,
        rows={job: rows_of(job, log2(3) / 2) for job in results},
        rounds=Rounds(
            rounds=(Round(kind="promotion", reason="The best 5 of 10 go on.", jobs=plan.jobs[:5]),)
        ),
        gate_plan=gate,
        gate=judge(spec, plan, verdict, gate, results),
        law=law_of(spec, plan, family, results),
    )


@cache
def inputs_with_ways(seeds: int = 3) -> ReportInputs:
    plain = study()
    assert plain.plan and plain.verdict and plain.verdict.coefficients
    family = plain.spec.family.model_copy(
        update={"along": ("choice", "depth", "width"), "seeds": seeds}
    )
    spec = plain.spec.model_copy(update={"family": family})
    planned = plan_family(spec, plain.baseline, DATA, plain.verdict.coefficients)
    results = {
        job.request.job.id: ended(job.request.job.id, 0.6 + 0.05 * job.phi + 0.004 * number)
        for member in planned.trained
        for number, job in enumerate(member.jobs)
    }
    compared = compared_ways(spec, plain.plan, planned, results)
    return replace(plain, spec=spec, family=planned.members, results=results, along=compared)

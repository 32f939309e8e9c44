"""Studies with random results, also with those that no training should bring."""

from collections.abc import Iterable

import numpy as np

from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.answer_inputs import AnswerInputs
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.records.documents import Documents, Record
from compound.orchestrator.report.inputs import ReportInputs
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.family_errors import law_of
from compound.schemas.job import JobResult
from compound.schemas.plan import Plan, PlannedJob
from compound.schemas.study import StudySpec
from tests.support.answers import costs
from tests.support.report_pages import DATA, ended, failed


def random_study(spec: StudySpec, plan: Plan, rng: np.random.Generator) -> ReportInputs:
    """Return a study with verdict, family, law and answer; any job may have failed."""
    results = _results(plan.jobs, rng)
    verdict, family, law = analyse(spec, plan, results), None, None
    if verdict.coefficients is not None:
        family = plan_family(spec, plan.baseline, DATA, verdict.coefficients)
        results |= _results(family.jobs, rng)
        law = law_of(spec, plan, family, results)
    stored = Documents(
        record=Record(spec=spec, text=""),
        plan=plan,
        trained=None,
        verdict=verdict,
        family=family,
        law=law,
    )
    return ReportInputs(
        spec=spec,
        spec_text="",
        baseline=plan.baseline,
        data=DATA,
        plan=plan,
        verdict=verdict,
        family=family.members if family else (),
        results=results,
        law=law,
        answer=answer_of(AnswerInputs(stored, results, costs(spec))),
    )


def _results(jobs: Iterable[PlannedJob], rng: np.random.Generator) -> dict[str, JobResult]:
    """Give every network a mean and every job noise: small, large, none, or in whole images."""
    noise = rng.choice([0.0, 0.003, 0.03, 0.3])
    middle, spread = rng.choice([0.0, 0.1, 0.5, 0.9, 0.999, 1.0]), rng.choice([0.0, 0.01, 0.1])
    means: dict[str, float] = {}
    results: dict[str, JobResult] = {}
    for planned in jobs:
        job, fate = planned.request.job.id, rng.random()
        mean = means.setdefault(planned.candidate, middle + rng.normal(0, spread))
        accuracy = float(np.clip(mean + rng.normal(0, noise), 0, 1))
        if fate < 0.05:
            results[job] = failed(job)
        elif fate < 0.97:
            results[job] = ended(job, round(accuracy * DATA.validation) / DATA.validation)
    return results

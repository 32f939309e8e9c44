"""The sensitivity to the learning rate: which jobs, and every sentence that it can end with."""

from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.choose.sensitivity import judge_sensitivity, plan_sensitivity
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.forecast.upper_bounds import upper_bound_rounds
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.outcomes.recipe_check import Sensitivity
from compound.schemas.plan import PlannedJob
from tests.support.small_study import SPEC


def ended(job: PlannedJob, accuracy: float) -> JobResult:
    identity = job.request.job.id
    return JobResult(job=identity, status="done", attempt=1, epochs=2, metrics={ACCURACY: accuracy})


@pytest.fixture
def case(tmp_path: Path):
    """Return a spec, its plan, and the verdict after a search that the mixes won by 4 points."""
    path = tmp_path / "study.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    sets = ("search.design.degree=3", "search.budget.tolerance=0.3", "search.sensitivity=true")
    spec = load(path, (*sets, "search.seeds=3")).spec
    plan = plan_study(spec, summarise(spec.data))
    axes = {"depth", "width", "resolution", "baseline"}
    roles = {c.id: {*c.roles} for c in (plan.baseline, *plan.candidates)}
    results = {
        job.request.job.id: ended(
            job, 0.60 - 0.04 * bool(axes & roles[job.candidate]) + 0.002 * job.request.job.seed
        )
        for job in plan.jobs
    }
    return spec, plan, analyse(spec, plan, results)


def judged(case, leads: dict[float, float], noise: float = 0.002) -> Sensitivity:
    """Return the judgement where the mix leads by so much at each multiple of the rate."""
    spec, plan, verdict = case
    planned = plan_sensitivity(spec, plan, verdict)
    results = {}
    for job in planned.jobs:
        training = job.request.job
        lead = leads[training.recipe.learning_rate / 0.6] * (job.candidate == verdict.gain.mix)
        score = 0.5 + lead + noise * training.seed
        results[training.id] = ended(job, score)
    return judge_sensitivity(spec, plan, verdict, planned, results)


def test_choice_and_best_axis_are_planned_at_two_rates_with_every_seed(case) -> None:
    spec, plan, verdict = case
    planned = plan_sensitivity(spec, plan, verdict)
    assert {job.candidate for job in planned.jobs} == {verdict.gain.mix, verdict.gain.candidate}
    assert {job.request.job.recipe.learning_rate for job in planned.jobs} == {0.3, 1.2}
    assert len({job.request.job.id for job in planned.jobs}) == 2 * 2 * 3
    bound = upper_bound_rounds(spec, plan)
    assert len(bound) == len(planned.jobs)
    off = spec.model_copy(update={"search": spec.search.model_copy(update={"sensitivity": False})})
    assert not upper_bound_rounds(off, plan)


@pytest.mark.parametrize(
    ("leads", "noise", "ending"),
    [
        ({0.5: 0.05, 2.0: 0.03}, 0.002, "the order is the same at both"),
        ({0.5: 0.05, 2.0: -0.03}, 0.002, "the order does not hold at double the rate"),
        ({0.5: -0.05, 2.0: -0.03}, 0.002, "the order does not hold at half and double the rate"),
        ({0.5: 0.05, 2.0: -0.03}, 0.05, "whether the order holds is open, the differences are"),
    ],
)
def test_each_outcome_has_its_sentence(case, leads, noise, ending) -> None:
    judgement = judged(case, leads, noise)
    assert ending in judgement.sentence
    assert "3.9 points ahead of" in judgement.sentence
    for difference in judgement.differences:
        assert difference.estimate == pytest.approx(leads[difference.multiple])
        assert difference.low < difference.estimate < difference.high


def test_without_results_or_a_pair_it_says_so(case) -> None:
    spec, plan, verdict = case
    planned = plan_sensitivity(spec, plan, verdict)
    failed = judge_sensitivity(spec, plan, verdict, planned, {})
    assert failed.sentence.endswith("results of both, so nothing can be said")
    alone = verdict.model_copy(update={"gain": None})
    nothing = plan_sensitivity(spec, plan, alone)
    assert not nothing.jobs and "no two networks" in nothing.sentence
    assert judge_sensitivity(spec, plan, alone, nothing, {}) == nothing

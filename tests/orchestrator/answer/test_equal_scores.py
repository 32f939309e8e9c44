"""Where every network has the same score, nothing is better, worse or worth its cost."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.jobs.device_model import guess
from compound.orchestrator.answer.answer import AnswerInputs, answer_of
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.forecast.job_cost import CostModel
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.records.documents import Documents, Record
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.family_errors import law_of
from compound.schemas.architecture import Coefficients
from compound.schemas.plan import FamilyPlan, Plan
from compound.schemas.spending import Hosts
from compound.schemas.study import StudySpec
from tests.support.answers import done, study_spec
from tests.support.report_pages import DATA

CLASSES = tuple(map(str, range(1000)))
"""So many that hardly any accuracy is that of chance."""


@cache
def planned(seeds: int) -> tuple[StudySpec, Plan]:
    spec = study_spec(search={"seeds": seeds})
    return spec, plan_study(spec, DATA)


@cache
def family_of(seeds: int, choice: Coefficients) -> FamilyPlan:
    spec, plan = planned(seeds)
    return plan_family(spec, plan.baseline, DATA, choice)


def level(score: float, images: int, seeds: int) -> AnswerInputs:
    """Return a study all of whose jobs have one score, of so many images."""
    spec, plan = planned(seeds)
    data = DATA.model_copy(update={"validation": images, "classes": CLASSES})
    plan = plan.model_copy(update={"data": data})
    results = {job.request.job.id: done(job.request.job.id, score) for job in plan.jobs}
    verdict = analyse(spec, plan, results)
    assert verdict.coefficients
    family = family_of(seeds, verdict.coefficients)
    results |= {job.request.job.id: done(job.request.job.id, score) for job in family.jobs}
    law = law_of(spec, plan, family, results)
    stored = Documents(Record(spec=spec, text=""), plan, None, verdict, family, law=law)
    return AnswerInputs(stored, results, CostModel(guess("cpu"), Hosts(cpus=2), spec.budget, data))


images = st.integers(2, 20_000)
scores = images.flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
ends = images.flatmap(lambda n: st.tuples(st.sampled_from([0, n]), st.just(n)))


@settings(max_examples=25, deadline=None)
@given(scores | ends, st.sampled_from([1, 3]))
def test_no_difference_can_be_seen(right: tuple[int, int], seeds: int) -> None:
    inputs = level(right[0] / right[1], right[1], seeds)
    verdict, answer = inputs.stored.verdict, answer_of(inputs)
    assert verdict and verdict.outcome in ("no gain", "undecided", "no verdict")
    assert answer.phi in (0, None)
    for row in answer.rows:
        if row.doubling and row.doubling.basis == "measured":
            assert row.doubling.gain == 0 and not row.doubling.worth
            assert row.doubling.high is None or row.doubling.low <= 0 <= row.doubling.high
    for word in ("worse", "brought more", "gains", "loses"):
        assert word not in answer.text


@pytest.mark.parametrize("score", [0.0, 0.1, 0.7, 1.0])
def test_the_choice_is_worth_what_every_network_scores(score: float) -> None:
    inputs = level(score, 80, 3)
    worth = inputs.stored.verdict.worth if inputs.stored.verdict else None
    assert worth and worth.value == pytest.approx(score, abs=1e-12)
    assert worth.low <= score + 1e-12 and worth.high >= score - 1e-12

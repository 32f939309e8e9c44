"""Which networks of a study its power law goes through, and which it predicts."""

import pytest

from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.family_errors import law_of
from compound.orchestrator.scale.gate_plan import gate_plan
from compound.schemas.architecture import Coefficients
from compound.schemas.job import JobResult
from compound.schemas.plan import FamilyPlan, Plan, PlannedJob
from compound.schemas.power_law import Law
from compound.schemas.study import SPEC, StudySpec
from tests.support.report_pages import BASELINE, DATA, ended


def known(law: Law | None) -> Law:
    assert law is not None
    return law


def spec_of(phi: tuple[float, ...] = (1, 2, 3), epochs: int = 2, **more: object) -> StudySpec:
    spec = SPEC.validate_python(
        {
            "kind": "study",
            "name": "lawful",
            "data": {"source": "digits"},
            "baseline": BASELINE,
            "search": {
                "design": {
                    "kind": "explicit",
                    "triples": [{"alpha": 1.2, "beta": 1.1, "gamma": 1.15}],
                },
                "budget": {"tolerance": 0.5},
                "seeds": 2,
                "train": {"epochs": epochs},
            },
            "family": {"phi": phi, **more},
            "train": {"epochs": 2},
        }
    )
    assert isinstance(spec, StudySpec)
    return spec


def planned_of(spec: StudySpec) -> tuple[Plan, FamilyPlan]:
    plan = plan_study(spec, DATA)
    chosen = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    return plan, plan_family(spec, plan.baseline, DATA, chosen)


def all_done(jobs: tuple[PlannedJob, ...]) -> dict[str, JobResult]:
    return {one.request.job.id: ended(one.request.job.id, 0.7 + 0.05 * one.phi) for one in jobs}


def test_a_study_gives_its_baseline_where_the_recipe_is_the_familys():
    spec = spec_of()
    plan, family = planned_of(spec)
    law = known(law_of(spec, plan, family, all_done((*plan.jobs, *family.jobs))))
    assert [(one.phi, len(one.errors)) for one in law.points] == [
        (0, 2),
        (1, 2),
        (2, 1),
        (3, 1),
        (4, 0),
    ]
    other = spec_of(epochs=1)
    plan, family = planned_of(other)
    law = known(law_of(other, plan, family, all_done((*plan.jobs, *family.jobs))))
    assert [one.phi for one in law.points] == [1, 2, 3, 4]
    assert law.points[0].ratio == pytest.approx(family.members[0].network.ratio)


def test_what_a_gate_has_trained_of_the_line_counts():
    spec = spec_of(phi=(3,), epochs=1)
    plan, family = planned_of(spec)
    verdict = analyse(spec, plan, all_done(plan.jobs))
    jobs = gate_plan(spec, plan, verdict).jobs
    law = known(law_of(spec, plan, family, all_done((*jobs, *family.jobs))))
    assert {one.phi for one in law.points if one.errors} >= {0, 3}


def test_phi_asked_for_and_the_next_one_are_predicted_unless_they_cannot_be_built():
    spec = spec_of(phi=(1, 2), predict=(2.5, -20))
    plan, family = planned_of(spec)
    law = known(law_of(spec, plan, family, all_done(family.jobs)))
    assert [one.phi for one in law.points if not one.errors] == [2.5, 3]


def test_failed_members_are_predicted_and_one_network_has_no_law():
    spec = spec_of(epochs=1)
    plan, family = planned_of(spec)
    results = all_done(family.jobs)
    for job in family.members[1].jobs:
        results[job.request.job.id] = ended(job.request.job.id, 0.8).model_copy(
            update={"status": "stopped"}
        )
    law = known(law_of(spec, plan, family, results))
    assert [(one.phi, bool(one.errors)) for one in law.points] == [
        (1, True),
        (3, True),
        (2, False),
        (4, False),
    ]
    assert law_of(spec, plan, family, all_done(family.members[0].jobs)) is None
    assert law_of(spec, plan, family, {}) is None

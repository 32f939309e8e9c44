"""The power law: recovered without noise, honest with it, checked step by step, told in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.family_errors import law_of
from compound.orchestrator.scale.gate_plan import gate_plan
from compound.orchestrator.scale.power_law import fit
from compound.schemas.architecture import Coefficients
from compound.schemas.job import JobResult
from compound.schemas.plan import FamilyPlan, Plan, PlannedJob
from compound.schemas.power_law import Law, LawPoint
from compound.schemas.study import SPEC, StudySpec
from tests.support.report_pages import BASELINE, DATA, ended

EXPONENT = st.floats(-0.3, 0.6)
SCALE = st.floats(0.05, 0.5)
RATIOS = st.lists(st.integers(1, 64), min_size=2, max_size=6, unique=True)


def exact(scale: float, exponent: float, ratios: list[int], seeds: int = 1) -> list[LawPoint]:
    return [
        LawPoint(phi=phi, ratio=ratio, errors=(scale * ratio**-exponent,) * seeds)
        for phi, ratio in enumerate(ratios)
    ]


def known(law: Law | None) -> Law:
    assert law is not None
    return law


@settings(max_examples=60, deadline=None)
@given(scale=SCALE, exponent=EXPONENT, ratios=RATIOS, seeds=st.integers(1, 3))
def test_a_law_without_noise_is_recovered(scale, exponent, ratios, seeds):
    law = known(fit(exact(scale, exponent, ratios, seeds), [(9, 100.0)], 0.9))
    assert law.scale == pytest.approx(scale)
    assert law.exponent == pytest.approx(exponent, abs=1e-9)
    expected = law.points[-1].expected
    assert expected == pytest.approx(min(1.0, scale * 100**-exponent))
    if law.low is not None:
        assert law.low == pytest.approx(exponent, abs=1e-6) == law.high


@settings(max_examples=30, deadline=None)
@given(
    data=st.data(),
    ratios=RATIOS,
    errors=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_order_of_the_points_does_not_matter_and_every_law_has_words(data, ratios, errors):
    points = [
        LawPoint(phi=phi, ratio=ratio, errors=(error,))
        for phi, (ratio, error) in enumerate(zip(ratios, errors, strict=False))
    ]
    law = known(fit(points, [(9, 100.0)], 0.9, floor=1e-4))
    assert fit(data.draw(st.permutations(points)), [(9, 100.0)], 0.9, floor=1e-4) == law
    assert law.sentence.endswith(".")
    assert law == Law.model_validate_json(law.model_dump_json())
    for one in law.points:
        if one.low is not None:
            assert 0 <= one.low <= one.expected <= one.high <= 1


def test_fewer_than_two_networks_of_different_cost_have_no_law():
    assert fit([], [(1, 2.0)], 0.9) is None
    assert fit([LawPoint(phi=0, ratio=1, errors=(0.3,))], [(1, 2.0)], 0.9) is None
    same = [LawPoint(phi=phi, ratio=2.0, errors=(0.3,)) for phi in (1, 2)]
    assert fit(same, [], 0.9) is None
    untrained = [LawPoint(phi=0, ratio=1, errors=(0.3,)), LawPoint(phi=1, ratio=2)]
    assert fit(untrained, [], 0.9) is None


def test_two_networks_take_their_noise_from_the_seeds_or_have_no_interval():
    single = known(fit(exact(0.3, 0.2, [1, 2]), [(2, 4.0)], 0.9))
    assert single.low is single.high is single.points[-1].low is None
    assert single.points[-1].expected == pytest.approx(0.3 * 4**-0.2)
    assert "no interval" in single.sentence
    several = [
        LawPoint(phi=0, ratio=1, errors=(0.30, 0.31, 0.32)),
        LawPoint(phi=1, ratio=2, errors=(0.25, 0.26)),
    ]
    law = known(fit(several, [(2, 4.0)], 0.9))
    assert law.low is not None and law.low < law.exponent < law.high
    assert "interval" in law.sentence and "phi 2, at 4x the baseline's cost" in law.sentence


def test_seeds_weigh_a_network():
    points = exact(0.3, 0.2, [1, 2, 4])
    off = points[2].model_copy(update={"errors": (0.3,)})
    once = known(fit([*points[:2], off], [], 0.9)).exponent
    often = known(
        fit(
            [one.model_copy(update={"errors": one.errors * 20}) for one in points[:2]] + [off],
            [],
            0.9,
        )
    ).exponent
    assert abs(often - 0.2) < abs(once - 0.2)


def test_every_step_is_compared_with_what_the_smaller_ones_predict():
    ratios = [1, 2, 4, 8]
    noise = np.array([1.0, 1.02, 0.99, 1.01])
    points = [
        LawPoint(phi=phi, ratio=ratio, errors=(0.3 * ratio**-0.2 * float(factor),))
        for phi, (ratio, factor) in enumerate(zip(ratios, noise, strict=True))
    ]
    law = known(fit(points, [(4, 16.0)], 0.9))
    checks = [one.checked for one in law.points]
    assert checks == [None, None, None, True, None]
    assert law.points[2].expected is not None and law.points[2].low is None
    alone = known(fit(points[:3], [(3, 8.0)], 0.9)).points[-1]
    assert law.points[3].expected == pytest.approx(alone.expected)
    assert (law.points[3].low, law.points[3].high) == pytest.approx((alone.low, alone.high))


def test_a_network_that_the_smaller_ones_did_not_foretell_is_named():
    points = [
        LawPoint(phi=0, ratio=1, errors=(0.300, 0.301)),
        LawPoint(phi=1, ratio=2, errors=(0.260, 0.261)),
        LawPoint(phi=2, ratio=4, errors=(0.310, 0.311)),
    ]
    law = known(fit(points, [], 0.9))
    assert law.points[2].checked is False
    assert "Phi 2 reached 69.0 %" in law.sentence or "Phi 2 reached 68.9 %" in law.sentence
    assert "phi 0 to 1 predicted" in law.sentence


def test_no_error_at_all_is_half_a_validation_image():
    points = exact(0.01, 0.5, [1, 2])
    perfect = LawPoint(phi=2, ratio=4.0, errors=(0.0,))
    law = known(fit([*points, perfect], [(3, 8.0)], 0.9, floor=0.5 / 1000))
    assert law.exponent == pytest.approx(np.log(0.01 / 0.0005) / np.log(4), rel=0.3)
    assert law.points[-1].expected > 0


def test_the_law_in_words():
    points = [
        LawPoint(phi=phi, ratio=2.0**phi, errors=(0.34 * 2 ** (-0.2 * phi) * factor,))
        for phi, factor in enumerate((1.0, 1.004, 0.998, 1.001))
    ]
    law = known(fit(points, [(4, 16.0)], 0.9))
    assert law.sentence == (
        "Errors fall as cost^-0.20 (90 % interval -0.21 to -0.19): phi 4, at 16x the baseline's "
        "cost, should reach 80.5 % (80.2 to 80.7 %)."
    )


def test_errors_that_rise_are_told_as_such():
    law = known(fit(exact(0.2, -0.1, [1, 2, 4]), [], 0.9))
    assert law.exponent == pytest.approx(-0.1)
    assert law.sentence.startswith("Errors do not fall with cost")


def test_trained_networks_come_first_and_are_not_predicted_twice():
    points = [*exact(0.3, 0.2, [1, 2, 4]), LawPoint(phi=5, ratio=32.0)]
    law = known(fit(points, [(2, 4.0), (3, 8.0), (5, 32.0)], 0.9))
    assert [(one.phi, bool(one.errors)) for one in law.points] == [
        (0, True),
        (1, True),
        (2, True),
        (3, False),
        (5, False),
    ]


@pytest.mark.parametrize("seeds", [(1, 1, 1, 1), (3, 1, 1, 2)])
def test_intervals_hold_what_comes_as_often_as_they_say(seeds):
    """Noise of every seed is a factor; the interval of the next network and of the exponent."""
    rng, ratios, studies = np.random.default_rng(7), [1.0, 2.1, 4.2, 8.1], 300
    held = slopes = 0
    for _ in range(studies):
        points = [
            LawPoint(phi=phi, ratio=ratio, errors=_measured(rng, ratio, count))
            for phi, (ratio, count) in enumerate(zip(ratios, seeds, strict=True))
        ]
        law = known(fit(points, [(4, 16.0)], 0.9))
        found = law.points[-1]
        held += found.low <= _measured(rng, 16.0, 1)[0] <= found.high
        slopes += law.low <= 0.2 <= law.high
    assert 0.87 <= held / studies <= 0.99
    assert 0.87 <= slopes / studies <= 0.99


def _measured(rng: np.random.Generator, ratio: float, seeds: int) -> tuple[float, ...]:
    return tuple((0.3 * ratio**-0.2 * np.exp(rng.normal(0, 0.03, seeds))).tolist())


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

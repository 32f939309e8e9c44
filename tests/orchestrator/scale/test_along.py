"""The comparison of ways of scaling: what is said of which scores."""

import numpy as np
import pytest

from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.scale.along import compared_ways
from compound.orchestrator.scale.along_text import headline, tell
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.family_errors import law_of
from compound.orchestrator.statistics.lead import Spread, lead_ends
from compound.orchestrator.wording.numbers import points
from compound.schemas.architecture import Coefficients, Way
from compound.schemas.job import JobResult
from compound.schemas.outcomes.along import WayLead, WaysCompared
from compound.schemas.plan import FamilyPlan, Plan
from compound.schemas.study import SPEC, StudySpec
from tests.support.back_ends import LONG
from tests.support.report_pages import BASELINE, DATA, ended
from tests.support.simulated_ways import SCENARIOS, simulate

ALL = ("choice", "depth", "width", "resolution", "published")
MIX = Coefficients(alpha=1.4, beta=1.1, gamma=1.2)
Scores = dict[tuple[Way, float], float]


def spec_of(
    along: tuple[str, ...] = ALL, phi: tuple[float, ...] = (1, 2), seeds: int = 3, **more: object
) -> StudySpec:
    spec = SPEC.validate_python(
        {
            "kind": "study",
            "name": "ways",
            "data": {"source": "digits"},
            "baseline": BASELINE,
            "search": {"budget": {"tolerance": 0.1}, "seeds": 2, "train": {"epochs": 2}},
            "family": {"phi": phi, "along": along, "seeds": seeds},
            "train": {"epochs": 3},
            **more,
        }
    )
    assert isinstance(spec, StudySpec)
    return spec


def planned(spec: StudySpec, coefficients: Coefficients = MIX) -> tuple[Plan, FamilyPlan]:
    plan = plan_study(spec, DATA)
    return plan, plan_family(spec, plan.baseline, DATA, coefficients)


def scored(family: FamilyPlan, means: Scores, spread: float = 0.004) -> dict[str, JobResult]:
    """Give each network its mean, or 0.6, with as much between seeds on either side."""
    results = {}
    for member in family.trained:
        mean = means.get((member.along, member.phi), 0.6)
        seeds = np.linspace(-spread, spread, len(member.jobs)) if len(member.jobs) > 1 else [0.0]
        for job, off in zip(member.jobs, seeds, strict=True):
            id_ = job.request.job.id
            results.setdefault(id_, ended(id_, float(mean + off)))
    return results


def compared(
    means: Scores, coefficients: Coefficients = MIX, left: tuple[Way, ...] = (), **kinds: object
) -> WaysCompared:
    spec = spec_of(**kinds)
    plan, family = planned(spec, coefficients)
    results = scored(family, means)
    for member in family.members:
        if member.along in left:
            for job in member.jobs:
                results.pop(job.request.job.id)
    found = compared_ways(spec, plan, family, results)
    assert found is not None
    return found


def test_a_choice_that_is_ahead_everywhere_is_said_to_be():
    ways = compared({("choice", 1): 0.7, ("choice", 2): 0.75})
    assert ways.first == 1
    assert ways.sentence.startswith(
        "At equal cost the choice is ahead of every single axis at every phi: at phi 2 it leads "
    )
    assert all(lead.ahead and lead.low <= lead.estimate <= lead.high for lead in ways.leads)
    assert len(ways.baseline) == 3


def test_the_phi_from_which_on_it_is_ahead_is_named():
    ways = compared({("choice", 2): 0.75})
    assert ways.first == 2
    assert "ahead of every single axis from phi 2 on: at phi 2 it leads" in ways.sentence


def test_ahead_at_a_small_phi_and_not_at_the_largest_is_no_lead_from_there_on():
    ways = compared({("choice", 1): 0.7})
    assert ways.first is None
    assert (
        "is not shown to be ahead of every single axis: at phi 2 it is not shown" in ways.sentence
    )


def test_a_way_that_is_ahead_of_the_choice_is_named_once():
    ways = compared({("width", 2): 0.75, ("choice", 1): 0.7})
    assert ways.first is None
    assert "is not ahead of every single axis: width alone is ahead of the choice" in ways.sentence
    assert " at phi 2 by 1" in ways.sentence and ways.better[0].first == 2
    assert ways.sentence.count("width alone") == 1
    earlier = compared({("width", 1): 0.75, ("choice", 2): 0.7})
    assert earlier.first == 2
    assert "At phi 1 it is behind width alone by" in earlier.sentence


def test_a_way_that_is_ahead_from_a_phi_on_is_said_to_be():
    means: Scores = {("choice", 1): 0.7, ("choice", 2): 0.7, ("published", 2): 0.75}
    ways = compared(means, phi=(1, 2, 3), left=("resolution",))
    assert not ways.better
    means |= {("published", 3): 0.75, ("choice", 3): 0.7}
    ways = compared(means, phi=(1, 2, 3))
    (better,) = ways.better
    assert (better.along, better.first, ways.first) == ("published", 2, 1)
    last = next(lead for lead in ways.leads if (lead.phi, lead.over) == (3, "published"))
    assert last.low is not None and last.high is not None
    ends = f"({points(-last.high)} to {points(-last.low)})"
    lead = f"from phi 2 on, at phi 3 by {points(-last.estimate)} points {ends}."
    assert f"The published split is ahead of the choice {lead}" in ways.sentence
    assert f"The published split is ahead of the choice {lead}" in headline(ways)
    assert ways.sentence.count("published split is ahead") == 1


def test_a_lead_that_is_lost_at_the_largest_phi_is_no_claim_from_there_on():
    ways = compared({("published", 2): 0.8, ("choice", 3): 0.75}, phi=(1, 2, 3))
    assert not ways.better
    assert "At phi 2 it is behind the published split by" in ways.sentence


def test_upper_ends_are_wider_where_a_lead_is_lost_at_the_next_phi():
    """A phi that shows a way ahead hands its chance on to the next smaller one."""
    ends = []
    for largest in (0.6, 0.9):
        ways = compared({("published", 3): largest}, phi=(2, 3))
        ends += [lead.high for lead in ways.leads if (lead.phi, lead.over) == (2, "published")]
    assert ends[0] > ends[1] > 0


def test_each_phi_has_its_own_scores_alone():
    """What the search has chosen by, at phi 1, changes no other phi."""
    spec = spec_of(search={"budget": {"tolerance": 0.1}, "seeds": 3})
    plan = plan_study(spec, DATA)
    chosen = next(c.coefficients for c in plan.candidates if "depth" not in c.roles)
    family = plan_family(spec, plan.baseline, DATA, chosen)
    searched = {job.request.job.id for job in plan.jobs}
    shared = [m for m in family.line if {j.request.job.id for j in m.jobs} & searched]
    assert [member.phi for member in shared] == [1]
    both: list[dict[float, list[WayLead]]] = []
    for first in (0.6, 0.7):
        results = scored(family, {("choice", 1): first, ("choice", 2): 0.75})
        ways = compared_ways(spec, plan, family, results)
        assert ways is not None
        both.append({phi: [lead for lead in ways.leads if lead.phi == phi] for phi in (1, 2)})
    low, high = both
    assert low[2] == high[2] and low[1] != high[1]


def test_one_seed_gives_leads_without_intervals():
    ways = compared({("choice", 2): 0.75}, seeds=1)
    assert ways.first is None
    assert all(lead.low is None and lead.high is None for lead in ways.leads)
    assert "at phi 2 it scores 1" in ways.sentence
    assert "`family.seeds: 3` gives intervals" in ways.sentence


def test_a_choice_along_one_axis_is_not_compared_with_itself():
    width = Coefficients(beta=1.4)
    spec = spec_of()
    _, family = planned(spec, width)
    jobs = {(member.along, member.phi): member.jobs for member in family.members}
    assert jobs["width", 2] == jobs["choice", 2]
    assert len({job.request.job.id for job in family.jobs}) == len(family.jobs)
    ways = compared({("choice", 1): 0.7, ("choice", 2): 0.75}, width)
    assert {lead.over for lead in ways.leads} == {"depth", "resolution", "published"}
    assert ways.first == 1
    assert "ahead of every other single axis at every phi" in ways.sentence
    assert "Width alone is the choice's own network at phi 1, 2." in ways.sentence


def test_the_published_triple_as_the_choice_is_trained_once():
    spec = spec_of(("choice", "published"))
    plan, family = planned(spec, Coefficients(alpha=1.2, beta=1.1, gamma=1.15))
    assert len(family.jobs) == 3 * 3
    ways = compared_ways(spec, plan, family, scored(family, {}))
    assert ways is not None
    assert not ways.leads
    assert ways.sentence == (
        "No way of scaling can be compared with the choice. The published split is the choice's "
        "own network at phi 1, 2."
    )


def test_the_published_split_stands_for_rivals_where_there_is_no_axis():
    ways = compared({("choice", 1): 0.7, ("choice", 2): 0.75}, along=("published", "choice"))
    assert ways.first == 2
    assert "ahead of the published split: at phi 2 it leads" in ways.sentence
    assert "The published split is left out at phi 1: the nearest network costs" in ways.sentence


def test_a_way_without_a_score_is_not_known_to_be_behind():
    ways = compared({("choice", 1): 0.7, ("choice", 2): 0.75}, left=("depth",))
    assert ways.first is None
    assert "Depth alone has no score at phi 1, 2." in ways.sentence
    nothing = compared({}, left=("choice", "depth", "width", "resolution", "published"))
    assert nothing.sentence.startswith("No way of scaling can be compared with the choice.")


def test_a_way_without_a_network_at_this_cost_is_left_out_with_the_nearest_cost():
    ways = compared({}, phi=(0, -3, 1))
    reasons = {(left.along, left.phi): left.reason for left in ways.left_out}
    assert reasons["depth", 0] == "the choice is the baseline itself, as every way is there"
    assert "the nearest network costs" in reasons["depth", -3]
    assert "Depth alone is left out at phi -3: the nearest network costs" in ways.sentence


def test_collapsed_runs_are_named_and_left_out():
    spec = spec_of()
    plan, family = planned(spec)
    results = scored(family, {("choice", 1): 0.8, ("choice", 2): 0.85})
    job = family.line[1].jobs[0].request.job.id
    results[job] = ended(job, 0.5)
    ways = compared_ways(spec, plan, family, results)
    assert ways is not None
    assert ways.warnings == (
        "the choice at phi 2: runs ended near chance and are left out (seed 0 at 50.0 %)",
    )


def test_uneven_cost_is_corrected_by_the_baseline_and_costs_certainty():
    ways = compared({("choice", 1): 0.7, ("width", 1): 0.7, ("choice", 2): 0.75})
    (lead,) = (lead for lead in ways.leads if lead.over == "width" and lead.phi == 1)
    point = next(point for point in ways.points if (point.along, point.phi) == ("width", 1))
    choice = next(point for point in ways.points if (point.along, point.phi) == ("choice", 1))
    assert point.ratio != choice.ratio
    assert (lead.estimate > 0) == (point.ratio > choice.ratio)
    assert lead.low < 0 < lead.high


def test_uneven_cost_that_nothing_corrects_is_said():
    spec = spec_of()
    plan, family = planned(spec)
    assert family.baseline is not None
    results = scored(family, {})
    for job in family.baseline.jobs:
        results.pop(job.request.job.id)
    ways = compared_ways(spec, plan, family, results)
    assert ways is not None
    assert not ways.baseline
    assert len(ways.warnings) == 1
    assert "are not corrected: that takes a score of the baseline" in ways.warnings[0]


def test_the_law_is_fitted_to_the_choices_line_alone():
    alone, several = spec_of(("choice",)), spec_of()
    laws = []
    for spec in (alone, several):
        plan, family = planned(spec)
        means: Scores = {("width", 1): 0.9, ("width", 2): 0.95}
        means |= {("choice", 1): 0.7, ("choice", 2): 0.75}
        laws.append(law_of(spec, plan, family, scored(family, means)))
    assert laws[0] is not None and laws[1] is not None
    own = [point for point in laws[1].points if point.phi]
    assert [p.errors for p in own] == [p.errors for p in laws[0].points if p.phi]


def test_the_more_uncertain_mean_moves_more_and_chances_widen():
    sure, unsure = Spread(1.0, 1e-6, 10), Spread(0.5, 0.01, 10)
    low, high = lead_ends(sure, unsure, 0.05, 0.05)
    assert 0 < low < 0.731 - 0.622 < high
    assert lead_ends(sure, unsure, 0.01, 0.05)[0] < low
    assert lead_ends(sure, unsure, 0.05, 0.01)[1] > high


def test_old_families_have_the_choice_alone():
    spec = spec_of(("choice",))
    plan, family = planned(spec)
    assert compared_ways(spec, plan, family, {}) is None
    assert family.baseline is None
    stored = family.model_dump(mode="json")
    assert not {"left_out", "baseline"} & {*stored}
    for member in stored["members"]:
        del member["along"]
    assert FamilyPlan.model_validate(stored) == family


@pytest.mark.parametrize("name", SCENARIOS)
def test_simulated_leads_are_rarely_false(name: str):
    """`python -m benchmarks.along` has the figures; here are fewer studies and wide bounds."""
    studies = simulate(name, 60 if LONG else 8)
    covered = [value for study in studies for value in study.covered]
    assert np.mean(covered) >= 0.86
    assert sum(study.false for study in studies) <= len(studies) / 4
    assert all(study.sentence for study in studies)


def test_the_sentence_follows_from_the_document_alone():
    ways = compared({("choice", 2): 0.75})
    assert tell(WaysCompared.model_validate_json(ways.model_dump_json())) == ways.sentence

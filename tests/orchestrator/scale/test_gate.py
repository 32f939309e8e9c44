"""The gate: who enters, what is trained, and every outcome with its sentence."""

from collections.abc import Sequence
from functools import cache
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.scale.family import plan_family
from compound.orchestrator.scale.gate import judge
from compound.orchestrator.scale.gate_plan import contenders, gate_plan
from compound.schemas.architecture import AXES, Coefficients
from compound.schemas.errors import PlanError
from compound.schemas.gate import GatePlan, GateResult
from compound.schemas.job import JobResult, Resources
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Verdict
from tests.support.gated_studies import spec_of
from tests.support.image_answers import Images, predictions_of
from tests.support.report_pages import DATA
from tests.support.verdict_studies import around, ended

BASE = 0.4
TOP = [0.60, 0.80, 0.71, 0.72]
"""Of a control, which is behind, and three mixes, of which the first is chosen."""


@cache
def plan_of(seeds: int) -> Plan:
    return plan_study(spec_of(seeds), DATA)


def on_the_line(mean: float, ratio: float, multiple: float) -> float:
    """Return the score that is `mean` once it is brought to equal cost."""
    part = log2(ratio) / log2(multiple)
    return float(expit(logit(BASE) + (logit(mean) - logit(BASE)) * part))


def searched(spec: StudySpec, means: Sequence[float]) -> tuple[Plan, Verdict]:
    return verdict_of(spec.search.seeds, tuple(means))


@cache
def verdict_of(seeds: int, means: tuple[float, ...]) -> tuple[Plan, Verdict]:
    """Return a search whose candidates have these means in turn, the rest 0.5."""
    plan = plan_of(seeds)
    given = [*means, *[0.5] * len(plan.candidates)]
    pairs = zip(plan.candidates, given, strict=False)
    mean = {one.id: on_the_line(value, one.ratio, 2) for one, value in pairs}
    jobs = [(planned.request.job, planned.candidate) for planned in plan.jobs]
    results = {
        job.id: ended(job.id, around(mean.get(candidate, BASE))[job.seed % 3])
        for job, candidate in jobs
    }
    return plan, analyse(spec_of(seeds), plan, results)


def passed(
    gate: GatePlan, means: dict[str, float | None], spread: float = 0.004
) -> dict[str, JobResult]:
    """Return the gate's results from means by the entrant's identity in the search.

    Three seeds lie around each mean, in another order for each network.
    """
    network = {one.network.id: (one, means.get(one.candidate, 0.55)) for one in gate.entrants}
    turn = {id_: place for place, id_ in enumerate(network)}
    found = {}
    for planned in gate.jobs:
        job, mean = planned.request.job, BASE
        if planned.candidate in network:
            one, mean = network[planned.candidate]
            mean = mean and on_the_line(mean, one.network.ratio, gate.multiple)
        luck = spread * ((job.seed + turn.get(planned.candidate, 0)) % 3 - 1)
        found[job.id] = ended(job.id, None if mean is None else mean + luck)
    return found


def judged(
    spec: StudySpec, before: Sequence[float], after: Sequence[float | None], spread: float = 0.004
) -> tuple[GateResult, GatePlan]:
    """Judge a gate whose entrants, in their order, have the means `after`."""
    plan, verdict = searched(spec, before)
    gate = gate_plan(spec, plan, verdict)
    means = dict(zip((one.candidate for one in gate.entrants), after, strict=False))
    return judge(spec, plan, verdict, gate, passed(gate, means, spread)), gate


def test_the_choice_enters_first_with_the_top_and_the_controls():
    spec = spec_of(top=3)
    plan, verdict = searched(spec, TOP)
    found = contenders(spec, plan, verdict)
    assert found[0].id == verdict.chosen
    assert len({one.id for one in found}) == len(found)
    controls = {one.id for one in plan.candidates if {*AXES} & {*one.roles}}
    assert controls <= {one.id for one in found}
    best = {one.candidate for one in verdict.standings[:2]}
    assert best <= {one.id for one in found}


def test_intervals_of_the_gate_hold_for_new_images_where_the_answers_are_kept():
    spec, few = spec_of(top=3), Images(count=400, hard=1.0, taste=1.5)
    plan, verdict = searched(spec, TOP)
    gate = gate_plan(spec, plan, verdict)
    results = passed(gate, {})
    rng, kept = np.random.default_rng(0), {}
    for candidate in sorted({planned.candidate for planned in gate.jobs}):
        jobs = [p.request.job.id for p in gate.jobs if p.candidate == candidate]
        right = few.answers([results[jobs[0]].metrics[ACCURACY]], len(jobs), rng)[0]
        kept |= {job: predictions_of(row) for job, row in zip(jobs, right, strict=True)}
    plain = judge(spec, plan, verdict, gate, results)
    wide = judge(spec, plan, verdict, gate, results, kept)
    widths = [
        [one.high - one.low for one in found.contenders if one.high is not None]
        for found in (plain, wide)
    ]
    assert len(widths[0]) == len(widths[1]) > 2
    assert all(wider > narrow for narrow, wider in zip(*widths, strict=True))


def test_nobody_enters_where_nobody_was_chosen():
    spec = spec_of()
    plan = plan_study(spec, DATA)
    verdict = analyse(spec, plan, {})
    gate = gate_plan(spec, plan, verdict)
    assert gate.entrants == gate.jobs == ()
    found = judge(spec, plan, verdict, gate, {})
    assert found.outcome == "undecided"
    assert "0 contenders" in found.sentence


def test_jobs_at_phi_2_are_the_familys():
    spec = spec_of()
    plan, verdict = searched(spec, TOP)
    gate = gate_plan(spec, plan, verdict)
    assert (gate.scale, gate.multiple) == ("phi 2", 4.0)
    assert {one.phase for one in gate.jobs} == {"gate"}
    assert all(one.request.label.startswith("gate-") for one in gate.jobs)
    assert len(gate.jobs) == 3 * (1 + len(gate.entrants))
    family = plan_family(spec, plan.baseline, DATA, verdict.coefficients)
    member = next(one for one in family.members if one.phi == 2)
    assert {job.request.job.id for job in member.jobs} <= {one.request.job.id for one in gate.jobs}
    assert gate.entrants[0].network.ratio == pytest.approx(member.network.ratio)


def test_a_batch_that_search_jobs_cannot_split_is_refused_before_anything_is_trained():
    spec = spec_of()
    placed = spec.resources.model_copy(update={"search": Resources(workers=2)})
    odd = spec.train.model_copy(update={"batch": 65})
    with pytest.raises(PlanError, match="batch of 65"):
        plan_study(spec.model_copy(update={"resources": placed, "train": odd}), DATA)


def test_one_seed_is_warned_of_in_the_plan():
    assert any("set gate.seeds" in text for text in plan_study(spec_of(again=1), DATA).warnings)
    assert not any("gate.seeds" in text for text in plan_of(3).warnings)


def test_whom_phi_2_cannot_build_is_left_out_and_named():
    spec = spec_of()
    plan, verdict = searched(spec, TOP)
    far = Coefficients(alpha=1.0, beta=11.0, gamma=1.0)
    odd = next(one for one in plan.candidates if "width" in one.roles)
    moved = tuple(
        one.model_copy(update={"coefficients": far}) if one is odd else one
        for one in plan.candidates
    )
    gate = gate_plan(spec, plan.model_copy(update={"candidates": moved}), verdict)
    assert odd.id not in {one.candidate for one in gate.entrants}
    assert any("multiplies width by 121" in text for text in gate.warnings)


def test_candidates_that_are_one_network_at_phi_2_enter_once():
    spec = spec_of()
    plan, verdict = searched(spec, TOP)
    chosen = next(one for one in plan.candidates if one.id == verdict.chosen)
    twin = next(one for one in plan.candidates if "depth" in one.roles)
    moved = tuple(
        one.model_copy(update={"coefficients": chosen.coefficients}) if one is twin else one
        for one in plan.candidates
    )
    gate = gate_plan(spec, plan.model_copy(update={"candidates": moved}), verdict)
    assert gate.entrants[0].candidate == verdict.chosen
    assert twin.id not in {one.candidate for one in gate.entrants}
    assert any("same network" in text for text in gate.warnings)


def test_twice_the_epochs_takes_the_same_networks_and_a_schedule_as_fully_annealed():
    spec = spec_of(scale="epochs", again=2)
    plan, verdict = searched(spec, TOP)
    gate = gate_plan(spec, plan, verdict)
    assert (gate.scale, gate.multiple) == ("8 epochs", 2.0)
    assert {one.request.job.seed for one in gate.jobs} == {0, 1}
    recipe = gate.jobs[0].request.job.recipe
    assert recipe.epochs == 8
    assert recipe.warmup_epochs == 2 * spec.search.train.warmup_epochs
    assert {one.network.id for one in gate.entrants} <= {one.id for one in plan.candidates}


def test_an_order_that_holds_carries_over():
    spec = spec_of()
    found, gate = judged(spec, TOP, [0.9, 0.85, 0.84, 0.7, 0.7, 0.7])
    assert found.outcome == "carries over"
    assert found.correlation is not None and found.correlation.low > 0
    assert "Kendall's tau" in found.sentence and "phi 2" in found.sentence
    assert found.contenders[0].candidate == gate.entrants[0].candidate
    assert found.contenders[0].tied


def test_a_choice_that_is_overtaken_does_not_carry_over_and_the_next_step_is_told():
    after = [0.6, 0.9, 0.62, 0.61, 0.6, 0.6]
    found, gate = judged(spec_of(), TOP, after)
    assert found.outcome == "does not carry over"
    assert gate.entrants[1].name in found.sentence
    for step in ("gate: warn", "gate.seeds", "kind: train", "alpha"):
        assert step in found.sentence
    warned, _ = judged(spec_of(mode="warn"), TOP, after)
    assert "all the same" in warned.sentence and "stops" not in warned.sentence


def test_tied_before_and_now_is_undecided_because_there_is_no_order():
    means = [0.7] * 6
    found, _ = judged(spec_of(), [0.7] * 20, means, spread=0.004)
    assert found.outcome == "undecided"
    assert "there is no order to carry over" in found.sentence


def test_losers_that_stay_behind_carry_the_choice_though_tau_leaves_it_open():
    found, gate = judged(spec_of(), [0.6, *[0.8] * 9], [0.8, 0.798, 0.799, 0.801, 0.65])
    assert gate.entrants[-1].name.endswith("(depth alone)")
    assert found.correlation is not None and found.correlation.low <= 0
    assert found.outcome == "carries over"
    assert (
        "(depth alone), which the search proved worse than the best, stays behind" in found.sentence
    )


def test_a_choice_proven_the_best_carries_over_whatever_becomes_of_the_others():
    found, _ = judged(spec_of(), TOP, [0.8, 0.60, 0.62, 0.64, 0.66, 0.68])
    assert found.correlation is not None and found.correlation.high < 0.2
    assert found.outcome == "carries over"
    assert "better than every other contender" in found.sentence


def test_an_order_that_turns_around_does_not_carry_over():
    found, _ = judged(spec_of(), TOP, [0.700, 0.60, 0.62, 0.64, 0.66, 0.703])
    assert found.correlation is not None and found.correlation.high < 0
    assert found.outcome == "does not carry over"
    assert "it is reversed" in found.sentence and "coefficients of your own" in found.sentence


def test_a_loser_that_comes_ahead_within_noise_leaves_it_open():
    found, _ = judged(spec_of(), TOP, [0.620, 0.61, 0.61, 0.61, 0.61, 0.625], spread=0.02)
    assert found.outcome == "undecided"
    assert "still tied with the best" in found.sentence and "gate.seeds" in found.sentence


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([None] * 6, "0 of"),
        ([0.7, None, None, None, None, None], "1 of"),
        ([None, 0.7, 0.7, 0.7, 0.7, 0.7], "no score for the chosen"),
    ],
    ids=["all failed", "one left", "the choice failed"],
)
def test_failed_jobs_are_a_sentence(after, words):
    found, _ = judged(spec_of(), TOP, after)
    assert found.outcome == "undecided"
    assert words in found.sentence
    assert any("failed" in text for text in found.warnings)
    missing = after[: len(found.contenders)].count(None)
    assert sum(one.mean is None for one in found.contenders) == missing


def test_one_seed_cannot_say():
    found, _ = judged(spec_of(again=1), TOP, [0.8, 0.7])
    assert found.outcome == "undecided"
    assert "gate.seeds to 2 or more" in found.sentence


def test_without_the_baseline_costs_are_compared_as_they_are_and_that_is_said():
    spec = spec_of()
    plan, verdict = searched(spec, TOP)
    gate = gate_plan(spec, plan, verdict)
    results = passed(gate, {})
    for planned in gate.jobs:
        if planned.candidate == plan.baseline.id:
            del results[planned.request.job.id]
    found = judge(spec, plan, verdict, gate, results)
    assert any("Without a score of the baseline" in text for text in found.warnings)
    scores = {one.candidate: one.scores for one in found.contenders}
    assert all(
        one.mean == pytest.approx(np.mean(scores[one.candidate])) for one in found.contenders
    )


def test_uneven_cost_is_corrected_along_the_line_from_the_baseline():
    spec = spec_of()
    plan, verdict = searched(spec, TOP)
    gate = gate_plan(spec, plan, verdict)
    found = judge(spec, plan, verdict, gate, passed(gate, {}, spread=0.0))
    assert len({one.scores for one in found.contenders}) == len(found.contenders)
    assert [one.mean for one in found.contenders] == pytest.approx([0.55] * len(gate.entrants))


def outcomes(after: Sequence[float], gates: int) -> list[str]:
    """Return the outcomes of gates whose entrants, in their order, have these true means."""
    spec, rng = spec_of(), np.random.default_rng(2)
    plan, verdict = searched(spec, [0.60, 0.63, 0.62, 0.61, *[0.6] * 6])
    gate = gate_plan(spec, plan, verdict)
    true = passed(gate, dict(zip((e.candidate for e in gate.entrants), after, strict=False)), 0)
    told = []
    for _ in range(gates):
        luck = {id_: one.metrics[ACCURACY] + rng.normal(0, 0.01) for id_, one in true.items()}
        results = {id_: ended(id_, score) for id_, score in luck.items()}
        told.append(judge(spec, plan, verdict, gate, results).outcome)
    return told


def test_an_order_that_holds_is_never_refused_and_one_that_is_noise_seldom_believed():
    same = outcomes([0.63, 0.62, 0.61, 0.60, 0.60, 0.60], 20)
    assert "does not carry over" not in same
    assert same.count("carries over") >= 15
    assert outcomes([0.6] * 6, 20).count("carries over") <= 4


@settings(max_examples=15, deadline=None)
@given(after=st.lists(st.one_of(st.none(), st.floats(0.3, 0.9)), min_size=6, max_size=6))
def test_every_gate_has_an_outcome_and_a_sentence(after):
    found, gate = judged(spec_of(), TOP, after)
    assert found.sentence.endswith((".", "."))
    assert len(found.contenders) == len(gate.entrants)
    chosen = next(one for one in found.contenders if one.candidate == gate.entrants[0].candidate)
    if found.outcome == "carries over":
        assert chosen.tied
    assert found == GateResult.model_validate_json(found.model_dump_json())

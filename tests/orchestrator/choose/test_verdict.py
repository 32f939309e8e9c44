"""Verdicts: what each outcome says, and how often simulated studies are judged rightly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from compound.orchestrator.choose.verdict import analyse
from compound.schemas.architecture import Coefficients
from compound.schemas.verdict import Verdict
from tests.support.verdict_studies import (
    around,
    candidate,
    controls_and_mixes,
    jobs_of,
    plan_of,
    results_of,
    simulate,
    spec_of,
    verdict_of,
)


def test_a_clear_gain_is_told_with_its_interval():
    verdict = verdict_of(
        controls_and_mixes(2),
        [around(0.90), around(0.88), [0.87, 0.875, 0.871], around(0.93), around(0.91)],
    )
    assert verdict.outcome == "gain"
    assert verdict.gain is not None
    assert verdict.gain.over == "depth"
    assert verdict.gain.estimate == pytest.approx(0.03)
    assert verdict.chosen == verdict.gain.mix == controls_and_mixes(2)[3].id
    assert verdict.coefficients == Coefficients(alpha=1.03)
    assert verdict.sentence.startswith("Compound scaling gains 3.0 points over depth alone (90 %")
    assert verdict.tied == (verdict.chosen,)


def test_an_interval_that_holds_zero_is_no_gain_and_the_cheapest_is_chosen():
    verdict = verdict_of(
        controls_and_mixes(2),
        [
            [0.90, 0.91, 0.92],
            [0.91, 0.90, 0.92],
            [0.92, 0.91, 0.9],
            [0.902, 0.92, 0.909],
            around(0.91),
        ],
    )
    assert verdict.outcome == "no gain"
    assert len(verdict.tied) == 5
    assert verdict.chosen == controls_and_mixes(2)[4].id
    assert "the one with the fewest activations" in verdict.reason


def test_the_choice_may_fall_on_a_control_and_the_gain_is_then_the_best_mixs():
    network = controls_and_mixes(2)
    network[0] = candidate(0, "design", "depth", activations=10)
    scores = [
        [0.90, 0.91, 0.92],
        [0.91, 0.90, 0.92],
        [0.92, 0.91, 0.9],
        around(0.9105),
        around(0.91),
    ]
    verdict = verdict_of(network, scores)
    assert verdict.chosen == network[0].id
    assert verdict.gain is not None
    assert verdict.gain.mix == network[3].id
    assert verdict.sentence == (
        "Compound scaling brought nothing that this study can show: the best mix is 0.05 points "
        "above depth alone (90 % interval -1.7 to 1.2). Depth alone is chosen."
    )


def test_mixes_that_lose_to_one_axis_are_a_loss():
    verdict = verdict_of(
        controls_and_mixes(2),
        [around(0.95), around(0.88), [0.87, 0.875, 0.871], around(0.90), around(0.91)],
    )
    assert verdict.outcome == "loss"
    assert verdict.chosen == controls_and_mixes(2)[0].id
    assert "loses 4.0 points against depth alone" in verdict.sentence


def test_a_shown_gain_is_not_given_away_by_a_cheaper_tied_candidate():
    network = controls_and_mixes(2)
    scores = [
        [0.89, 0.90, 0.91],
        [0.88, 0.87, 0.86],
        [0.87, 0.87, 0.87],
        [0.93, 0.94, 0.92],
        [0.925, 0.905, 0.915],
    ]
    verdict = verdict_of(network, scores)
    assert {network[3].id, network[4].id} <= set(verdict.tied)
    assert verdict.outcome == "gain"
    assert verdict.chosen == network[3].id
    assert "beats every single-axis control" in verdict.reason


def test_what_a_seed_adds_to_every_candidate_widens_no_difference():
    means, seed_effect = (0.90, 0.89, 0.88, 0.91), np.array([-0.05, 0.0, 0.05])
    jitter = np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1], [1, 0, -1]]) * 1e-3
    scores = [list(mean + seed_effect + row) for mean, row in zip(means, jitter, strict=True)]
    verdict = verdict_of(controls_and_mixes(1), scores)
    assert verdict.outcome == "gain"
    assert verdict.noise < 0.01, "without what the seeds add to all"


def test_one_seed_is_undecided_and_takes_the_highest():
    verdict = verdict_of(controls_and_mixes(2), [[0.90], [0.91], [0.92], [0.95], [0.93]])
    assert verdict.outcome == "undecided"
    assert verdict.noise is None
    assert verdict.tied == ()
    assert verdict.chosen == controls_and_mixes(2)[3].id
    assert verdict.gain is not None and verdict.gain.low is None
    assert "one seed" in verdict.sentence and any("noise" in text for text in verdict.warnings)


def test_all_failed_is_no_verdict():
    verdict = verdict_of(controls_and_mixes(1), [[None, None]] * 4)
    assert verdict.outcome == "no verdict"
    assert verdict.chosen is verdict.coefficients is verdict.gain is None
    assert [standing.failed for standing in verdict.standings] == [2] * 4
    assert verdict.warnings[0] == "8 of 10 search jobs failed: 8 diverged."


def test_nothing_run_yet_is_no_verdict():
    plan = plan_of(controls_and_mixes(2))
    verdict = analyse(spec_of(), plan, {})
    assert verdict.outcome == "no verdict"
    assert verdict.baseline is None
    assert verdict.warnings[0] == "18 of 18 search jobs have not ended yet."


def test_no_control_is_no_verdict_and_still_a_choice():
    failed: list[float | None] = [None] * 3
    verdict = verdict_of(controls_and_mixes(1), [failed, failed, failed, around(0.9)])
    assert verdict.outcome == "no verdict"
    assert "single-axis control" in verdict.sentence
    assert verdict.chosen == controls_and_mixes(1)[3].id
    assert verdict.reason == "The choice is the only candidate with a score."


def test_only_controls_is_no_verdict_and_the_best_of_them_is_chosen():
    verdict = verdict_of(controls_and_mixes(0), [around(0.9), around(0.95), [0.8, 0.81, 0.83]])
    assert verdict.outcome == "no verdict"
    assert verdict.chosen == controls_and_mixes(0)[1].id
    assert "no mix has a score" in verdict.sentence


def test_one_candidate_alone():
    verdict = verdict_of([candidate(3)], [around(0.9)])
    assert verdict.outcome == "no verdict"
    assert verdict.tied == (verdict.chosen,)
    assert verdict.standings[0].low is not None


def test_all_equal_scores_have_a_floor_under_their_noise():
    verdict = verdict_of(controls_and_mixes(1), [[0.9] * 3] * 4)
    assert verdict.outcome == "no gain"
    assert 1 <= verdict.noise * 10_000 * 12**0.5 <= 2
    assert verdict.gain is not None and verdict.gain.low is not None
    assert verdict.gain.low < 0 == verdict.gain.estimate
    assert any("within one validation image" in text for text in verdict.warnings)


def test_a_failed_job_leaves_its_candidate_in_with_fewer_scores():
    scores = [around(0.9), [0.91, None, 0.905], [None] * 3, around(0.90)]
    verdict = verdict_of(controls_and_mixes(1), scores)
    by_id = {standing.candidate: standing for standing in verdict.standings}
    width = by_id[controls_and_mixes(1)[1].id]
    assert (width.scores, width.failed) == ((0.91, 0.905), 1)
    assert verdict.standings[-1].mean is None
    assert "1 of 4 candidates have no score and are not compared." in verdict.warnings
    assert any("control of resolution" in text for text in verdict.warnings)


def test_a_collapsed_run_is_named_and_takes_no_part():
    """Chance is 50 % here: one seed of the best mix ends there."""
    scores = [around(0.90), around(0.88), around(0.87), [0.93, 0.935, 0.5], around(0.91)]
    verdict = verdict_of(controls_and_mixes(2), scores)
    best = verdict.standings[0]
    assert (best.candidate, best.scores) == (controls_and_mixes(2)[3].id, (0.93, 0.935))
    assert best.collapsed == ((2, 0.5),)
    assert verdict.chosen == best.candidate and verdict.outcome == "gain"
    (warning,) = [text for text in verdict.warnings if "collapsed" in text]
    assert warning.startswith("1 run collapsed and took no part in the verdict: seed 2 of ")
    assert "ended at 50.0 %" in warning


def test_a_network_that_never_learns_has_not_collapsed():
    verdict = verdict_of(controls_and_mixes(1), [around(0.9), around(0.9), [0.5] * 3, around(0.9)])
    assert verdict.standings[-1].mean == pytest.approx(0.5)
    assert not [text for text in verdict.warnings if "collapsed" in text]


def test_noise_of_bad_networks_widens_no_interval_of_good_ones():
    bad = [[0.6, 0.75, 0.68], [0.7, 0.58, 0.64], [0.66, 0.74, 0.59]]
    verdict = verdict_of(controls_and_mixes(4), [*bad, *[around(0.9 + i / 500) for i in range(4)]])
    widths = [standing.high - standing.low for standing in verdict.standings]
    assert max(widths[:4]) < 0.03 and min(widths[4:]) > 0.05
    assert verdict.noise < 0.01


def test_a_gain_that_hangs_on_the_correction_for_cost_is_not_reported():
    network = controls_and_mixes(1)
    network[3] = candidate(3, ratio=2**0.9)
    verdict = verdict_of(network, [around(0.90), around(0.85), around(0.85), around(0.895)])
    assert verdict.outcome == "no gain"
    assert verdict.gain.low <= 0 < verdict.gain.high


def test_the_choice_is_expected_below_the_mean_that_made_it_the_choice():
    rng = np.random.default_rng(6)
    leads = []
    for _ in range(20):
        rows = (0.9 + rng.normal(0, 0.01, (8, 3))).tolist()
        verdict = verdict_of(controls_and_mixes(5), rows)
        chosen = next(s for s in verdict.standings if s.candidate == verdict.chosen)
        assert verdict.worth.low <= verdict.worth.value <= verdict.worth.high
        leads.append((chosen.mean - 0.9, verdict.worth.value - 0.9))
    measured, expected = np.mean(leads, axis=0)
    assert measured > 0.004 and abs(expected) < measured / 2
    assert verdict_of(controls_and_mixes(2), [[0.9]] * 5).worth is None


def test_a_mix_that_costs_more_is_said_to():
    network = controls_and_mixes(1)
    network[3] = candidate(3, ratio=2.1)
    verdict = verdict_of(network, [around(0.90), around(0.88), [0.87, 0.875, 0.871], around(0.93)])
    assert any("costs 5 % more" in text for text in verdict.warnings)


def test_scores_are_compared_at_equal_cost():
    """A tenth less of the step from the baseline, for a tenth of a doubling less, is a tie."""
    network = controls_and_mixes(1)
    network[3] = candidate(3, ratio=2**0.9)
    scores = [around(0.90), around(0.85), around(0.85), around(expit(0.9 * logit(0.9)))]
    verdict = verdict_of(network, scores)
    mix = next(standing for standing in verdict.standings if standing.candidate == network[3].id)
    assert mix.at_budget == pytest.approx(0.90, abs=1e-4) and mix.mean < 0.88
    assert mix.tied
    assert verdict.gain is not None and verdict.gain.estimate == pytest.approx(0, abs=1e-4)
    assert any("costs 7 % less" in text for text in verdict.warnings)


def test_equal_cost_moves_no_accuracy_beyond_100_percent():
    """99 % at a tenth of a doubling less would be 104 % on a straight line."""
    network = controls_and_mixes(1)
    network[3] = candidate(3, ratio=2**0.9)
    verdict = verdict_of(network, [around(0.90), around(0.85), around(0.85), around(0.99)])
    mix = next(standing for standing in verdict.standings if standing.candidate == network[3].id)
    assert 0.99 < mix.at_budget < 1
    assert verdict.gain is not None and 0.09 < verdict.gain.estimate <= verdict.gain.high < 0.105


def test_without_a_baseline_nothing_is_moved():
    network = controls_and_mixes(1)
    network[3] = candidate(3, ratio=2.2)
    plan = plan_of(network)
    results = results_of(plan, jobs_of(plan), [around(0.9)] * 4)
    searched = {
        job: results[job] for identity, job, _ in jobs_of(plan) if identity != plan.baseline.id
    }
    verdict = analyse(spec_of(), plan, searched)
    assert [identity.at_budget for identity in verdict.standings] == [pytest.approx(0.9)] * 4
    assert any("this is not corrected" in text for text in verdict.warnings)


def test_noise_first_what_a_study_resolves_is_in_its_verdict():
    noisy = [[0.90, 0.91, 0.92], [0.91, 0.90, 0.92], [0.92, 0.91, 0.9]]
    reached = verdict_of(controls_and_mixes(2), [*noisy, *noisy[:2]]).resolution
    assert reached is not None and reached.difference is not None
    assert (reached.seeds, reached.networks, reached.level) == (3, 5, 0.9)
    assert reached.difference > 0.02
    assert reached.seeds_for_half > reached.seeds_for_noise > 3
    one_seed = verdict_of(controls_and_mixes(2), [[0.9], [0.91], [0.92], [0.95], [0.93]]).resolution
    assert one_seed is not None and one_seed.difference is None
    assert one_seed.seeds_for_noise == reached.seeds_for_noise


def test_a_verdict_written_before_is_still_read():
    verdict = verdict_of(controls_and_mixes(2), [around(0.9)] * 5)
    old = verdict.model_dump(exclude={"resolution": True})
    for standing in old["standings"]:
        del standing["at_budget"], standing["expected"]
    assert Verdict.model_validate(old).resolution is None


SCORE = st.one_of(st.none(), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(
    designs=st.integers(0, 4),
    seeds=st.integers(1, 4),
    level=st.sampled_from([0.6, 0.9, 0.99]),
    data=st.data(),
)
def test_any_results_make_a_verdict_that_holds_together(designs, seeds, level, data):
    row = st.lists(SCORE, min_size=seeds, max_size=seeds)
    scores = data.draw(st.lists(row, min_size=3 + designs, max_size=3 + designs))
    verdict = verdict_of(controls_and_mixes(designs), scores, level)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    means = [standing.mean for standing in verdict.standings if standing.mean is not None]
    assert means == sorted(means, reverse=True)
    assert (verdict.chosen is None) == (not means)
    assert {s.candidate for s in verdict.standings if s.tied} == set(verdict.tied)
    assert not verdict.tied or verdict.chosen in verdict.tied
    for standing in verdict.standings:
        assert standing.low is None or standing.low <= standing.mean <= standing.high
    controls = {standing.id for standing in controls_and_mixes(designs)[:3]}
    if verdict.outcome == "gain":
        assert verdict.chosen not in controls and verdict.gain.mix == verdict.chosen
    if verdict.outcome == "loss":
        assert verdict.chosen in controls
    assert "nan" not in verdict.sentence.lower()


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(6)), data=st.data())
def test_the_order_of_the_plan_does_not_matter(order, data):
    row = st.lists(st.floats(0, 1).map(lambda v: round(v, 3)), min_size=3, max_size=3)
    scores = data.draw(
        st.lists(row, min_size=6, max_size=6, unique_by=lambda values: round(sum(values), 6))
    )
    network = controls_and_mixes(3)
    ordered = verdict_of(network, scores)
    shuffled = verdict_of([network[i] for i in order], [scores[i] for i in order])
    assert (ordered.tied, ordered.chosen, ordered.outcome) == (
        shuffled.tied,
        shuffled.chosen,
        shuffled.outcome,
    )


EQUAL = [0.8] * 10
BEST_MIX = [0.8] * 9 + [0.83]
BEST_CONTROL = [0.83] + [0.8] * 9
SLOPE = [0.78, 0.775, 0.77, *np.linspace(0.77, 0.80, 7).tolist()]


@pytest.mark.parametrize("means", [EQUAL, BEST_MIX, BEST_CONTROL, SLOPE])
def test_simulated_studies_are_judged_at_their_level(means):
    verdicts = simulate(means, studies=75, seed=11)
    ids = [network.id for network in controls_and_mixes(len(means) - 3)]
    best = ids[int(np.argmax(means))]
    best_is_tied = [best in verdict.tied for verdict, _ in verdicts]
    covered = [verdict.gain.low <= true <= verdict.gain.high for verdict, true in verdicts]
    truth = dict(zip(ids, means, strict=True))
    inside = [
        standing.low <= truth[standing.candidate] <= standing.high
        for verdict, _ in verdicts
        for standing in verdict.standings
    ]
    false_gain = [verdict.outcome == "gain" and true <= 0 for verdict, true in verdicts]
    assert np.mean(best_is_tied) >= 0.85
    assert np.mean(covered) >= 0.85
    assert 0.84 <= np.mean(inside) <= 0.95
    assert np.mean(false_gain) <= 0.05


def test_named_splits_stand_beside_the_choice_and_count_as_mixes():
    network = [*controls_and_mixes(0), candidate(3, "published"), candidate(4, "dwr"), candidate(5)]
    scores = [around(0.88), around(0.87), around(0.86), around(0.90), around(0.91), around(0.95)]
    verdict = verdict_of(network, scores)
    assert verdict.chosen == network[5].id
    assert verdict.beside == (
        "The published split is 5.0 points below the choice. "
        "The dWr split is 4.0 points below the choice."
    )
    chosen = verdict_of(network, [*scores[:3], around(0.96), *scores[4:]])
    assert chosen.chosen == network[3].id
    assert chosen.gain is not None
    assert chosen.gain.mix == network[3].id
    assert "published" not in chosen.beside


def test_a_control_that_a_spec_leaves_out_is_not_missed():
    network = controls_and_mixes(2)[1:]
    plan = plan_of(network)
    scores = [around(0.90), around(0.88), around(0.93), around(0.91)]
    spec = spec_of()
    search = spec.search.model_copy(update={"controls": ("width", "resolution")})
    verdict = analyse(
        spec.model_copy(update={"search": search}), plan, results_of(plan, jobs_of(plan), scores)
    )
    assert verdict.outcome == "gain"
    assert not [warning for warning in verdict.warnings if "control" in warning]

"""The tie-break of a spec, why it chose, and what a search cannot say."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.choose.choice_text import WHICH
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.resolution_warnings import few_seeds, resolution_warnings
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import Candidate, Cost, Shares
from compound.schemas.metrics import SPEED
from compound.schemas.study import Search
from compound.schemas.verdict import Verdict
from tests.support.simulated_verdicts import DATA
from tests.support.verdict_studies import (
    around,
    candidate,
    controls_and_mixes,
    jobs_of,
    plan_of,
    results_of,
    spec_of,
    verdict_of,
)

NOISY = [[0.90, 0.91, 0.92], [0.91, 0.90, 0.92], [0.92, 0.91, 0.9], [0.90, 0.92, 0.9105]]
SPEEDS = (9_800.0, 11_000.0, 10_500.0, 12_300.0)
SPLITS = ((0.6, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.2, 0.6), (0.3, 0.4, 0.3))


def contestants(roles: bool = True) -> list[Candidate]:
    """Four candidates of which each wins in another count; the last one has the best mean."""
    counts = ((3_000_000, 50, 70), (2_000_000, 60, 90), (1_000_000, 90, 60), (4_000_000, 70, 80))
    made = []
    for i, ((activations, params, macs), split) in enumerate(zip(counts, SPLITS, strict=True)):
        contestant = candidate(i, *(("depth", "width", "resolution")[i : i + 1] if roles else ()))
        cost = Cost(params=params, macs=macs, activations=activations)
        depth, width, resolution = split
        shares = Shares(depth=depth, width=width, resolution=resolution)
        made.append(contestant.model_copy(update={"cost": cost, "shares": shares}))
    return made


def verdict_with(
    network: Sequence[Candidate],
    scores: Sequence[Sequence[float | None]],
    speeds: Mapping[int, float] | None = None,
    **search: object,
) -> Verdict:
    """Analyse a study with a search of one's own; `speeds` are of candidates by their place."""
    plan, spec = plan_of(network, len(scores[0])), spec_of(len(scores[0]))
    results = results_of(plan, jobs_of(plan), scores)
    fast = {network[i].id: speed for i, speed in (speeds or {}).items()}
    for identity, job, _ in jobs_of(plan):
        if identity in fast:
            metrics = {**results[job].metrics, SPEED: fast[identity]}
            results[job] = results[job].model_copy(update={"metrics": metrics})
    changed = spec.search.model_copy(update=search)
    return analyse(spec.model_copy(update={"search": changed}), plan, results)


@pytest.mark.parametrize(
    ("tie_break", "position", "figures"),
    [
        (
            "activations",
            2,
            "the one with the fewest activations: 1.00 M activations per image; the candidate with "
            "the highest mean has 4.00 M",
        ),
        ("params", 0, "50 parameters; the candidate with the highest mean has 70"),
        ("macs", 2, "60 MACs; the candidate with the highest mean has 80"),
        ("published", 3, "the nearest to the published split: 0.17 from it on the triangle"),
    ],
)
def test_the_tie_break_of_the_spec_decides_and_says_by_how_much(tie_break, position, figures):
    verdict = verdict_with(contestants(), NOISY, tie_break=tie_break)
    assert len(verdict.tied) == 4
    assert verdict.chosen == contestants()[position].id
    assert figures in verdict.reason
    assert ("the candidate with the highest mean has" in verdict.reason) == (position != 3)


def test_the_fastest_as_measured_is_taken():
    best_first = [NOISY[3], *NOISY[1:3], NOISY[0]]
    verdict = verdict_with(
        contestants(), best_first, dict(enumerate(SPEEDS)), tie_break="step_time"
    )
    assert verdict.chosen == contestants()[3].id
    expected = (
        "the fastest: 12,300 images per second; the candidate with the highest mean has 9,800."
    )
    assert verdict.reason.endswith(expected)


def test_without_every_speed_activations_decide_and_it_is_said():
    speeds = {0: 9_800.0, 1: 11_000.0, 3: 12_300.0}
    verdict = verdict_with(contestants(), NOISY, speeds, tie_break="step_time")
    assert verdict.chosen == contestants()[2].id
    assert "the one with the fewest activations" in verdict.reason
    assert "the speed of some candidates was not measured, so activations decide" in verdict.reason


def test_without_every_share_nothing_is_near_the_published_split():
    network = [*contestants()[:3], contestants()[3].model_copy(update={"shares": None})]
    verdict = verdict_with(network, NOISY, tie_break="published")
    assert "the shares of some candidates are unknown, so activations decide" in verdict.reason


def test_a_speed_is_the_median_of_a_candidates_jobs():
    network, plan = contestants(), plan_of(contestants())
    results = results_of(plan, jobs_of(plan), NOISY)
    for identity, job, seed in jobs_of(plan):
        speed = (5.0, 100.0, 110.0)[seed] if identity == network[0].id else 90.0
        metrics = {**results[job].metrics, SPEED: speed}
        results[job] = results[job].model_copy(update={"metrics": metrics})
    spec = spec_of()
    search = spec.search.model_copy(update={"tie_break": "step_time"})
    verdict = analyse(spec.model_copy(update={"search": search}), plan, results)
    assert verdict.chosen == network[0].id
    assert "the fastest: 100 images per second" in verdict.reason


@pytest.mark.parametrize("tie_break", WHICH)
def test_a_tie_break_never_takes_one_that_is_not_tied(tie_break):
    scores = [around(0.90), around(0.88), around(0.87), around(0.95)]
    verdict = verdict_with(contestants(), scores, dict(enumerate(SPEEDS)), tie_break=tie_break)
    assert verdict.tied == (verdict.chosen,) == (contestants()[3].id,)
    assert verdict.reason == "The choice is the best: every other candidate is significantly worse."


def test_candidates_that_were_only_screened_are_not_missed():
    network = contestants()
    plan = plan_of(network)
    screened = tuple(
        job.model_copy(update={"phase": "screening"}) if job.candidate == network[3].id else job
        for job in plan.jobs
    )
    plan = plan.model_copy(update={"jobs": screened})
    results = results_of(plan, jobs_of(plan), NOISY)
    verdict = analyse(spec_of(), plan, results)
    assert verdict.standings[-1].mean is None
    assert not [text for text in verdict.warnings if "no score" in text]


def test_one_candidate_says_what_would_give_more():
    verdict = verdict_of([candidate(3)], [around(0.9)])
    assert verdict.outcome == "no verdict"
    assert "there is only one candidate, so nothing can be compared" in verdict.sentence
    assert "search.design" in verdict.sentence
    assert resolution_warnings(Search(), 1)[0].startswith("there is only one network")
    assert verdict.optimum is None and verdict.predictions == ()


def test_all_candidates_equal_says_that_the_task_tells_none_apart():
    verdict = verdict_of(controls_and_mixes(3), [[0.9] * 3] * 6)
    assert verdict.outcome == "no gain"
    (alike,) = [text for text in verdict.warnings if "have the same score" in text]
    assert alike.startswith("All 6 candidates have the same score, 90.0 %")
    assert "search.train.epochs" in alike


def test_all_failed_says_so_and_what_to_do():
    verdict = verdict_of(controls_and_mixes(1), [[None, None]] * 4)
    assert verdict.outcome == "no verdict"
    one_left = "No verdict on compound scaling: no search job is done."
    assert verdict.sentence == one_left
    assert verdict.chosen is verdict.optimum is None
    plan = plan_of(controls_and_mixes(0))
    everything = results_of(plan, jobs_of(plan), [[None] * 3] * 3)
    failed = everything[jobs_of(plan)[1][1]]
    broken = {job: failed.model_copy(update={"job": job}) for job in everything}
    verdict = analyse(spec_of(), plan, broken)
    assert verdict.sentence == "No verdict on compound scaling: all 12 search jobs failed."


@pytest.mark.parametrize(
    ("seeds", "networks", "level", "few"),
    [(2, 2, 0.9, True), (3, 8, 0.9, False), (3, 2, 0.99, True), (20, 8, 0.99, False)],
)
def test_seeds_that_are_few_for_the_level_are_told_with_what_would_do(seeds, networks, level, few):
    text = few_seeds(seeds, networks, level)
    assert bool(text) == few
    if few:
        assert text.startswith(f"with {seeds} seeds and search.level {level:g}, ")
        assert "search.seeds: " in text and "search.level" in text


def test_few_seeds_are_in_the_verdict_too():
    scores = [row[:2] for row in NOISY]
    verdict = verdict_with(contestants(), scores, level=0.99)
    assert any("2 seeds and search.level 0.99, " in text for text in verdict.warnings)


def test_missing_controls_say_why_and_what_to_change():
    scores = [around(0.9), around(0.91), around(0.92), around(0.93)]
    mixes = contestants(roles=False)
    assert "no single-axis control has a score" in verdict_with(mixes, scores).sentence
    unnamed = verdict_with(mixes, scores, controls=())
    assert "search.controls names no single axis" in unnamed.sentence
    assert "add depth, width and resolution" in unnamed.sentence
    (absent,) = [text for text in verdict_with(mixes, scores).warnings if "control of" in text]
    assert "depth and width and resolution" in absent
    assert "No network of this cost scales" in absent
    failed = [[None] * 3, *scores[1:]]
    (absent,) = [
        text for text in verdict_with(contestants(), failed).warnings if "control of" in text
    ]
    assert "control of depth" in absent and "Correct the cause and run again" in absent


@settings(max_examples=40, deadline=None)
@given(
    tie_break=st.sampled_from([*WHICH]),
    scores=st.lists(
        st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=3, max_size=3),
        min_size=4,
        max_size=4,
    ),
    speeds=st.dictionaries(st.integers(0, 3), st.floats(1, 1e6)),
)
def test_whatever_came_of_a_search_there_is_a_reason(tie_break, scores, speeds):
    verdict = verdict_with(contestants(), scores, speeds, tie_break=tie_break)
    assert verdict.reason and verdict.sentence.endswith(".")
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    assert not verdict.tied or verdict.chosen in verdict.tied


def test_a_plan_warns_before_anything_is_trained():
    path = Path(__file__).parents[3] / "benchmarks/tables/verdict.yaml"
    triple = (
        "{kind: explicit, fit_resolution: true, triples: [{alpha: 1.2, beta: 1.1, gamma: 1.1}]}"
    )
    alone = load(path, [f"search.design={triple}", "search.controls=[]"]).spec
    (warning,) = [text for text in plan_study(alone, DATA).warnings if "only one network" in text]
    assert "search.budget.tolerance" in warning
    daring = load(path, ["search.seeds=2", "search.level=0.99"]).spec
    assert any(
        "with 2 seeds and search.level 0.99, " in w for w in plan_study(daring, DATA).warnings
    )
    usual = load(path, ["search.seeds=3"]).spec
    assert not [
        w for w in plan_study(usual, DATA).warnings if "with 2 seeds" in w or "only one" in w
    ]

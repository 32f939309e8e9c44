"""Where no network is better than chance there is no verdict, and no choice is recommended."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.analyse.chance import Chance
from compound.orchestrator.choose.outcomes import next_step
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.statistics.guessing import better_than_guessing
from compound.schemas.data_ledger import DataLedger, PartLedger
from compound.schemas.study import StudySpec
from compound.schemas.verdict import Verdict
from tests.support.verdict_studies import (
    DATA,
    controls_and_mixes,
    jobs_of,
    plan_of,
    results_of,
    spec_of,
)

TEN = DATA.model_copy(update={"classes": tuple("0123456789"), "validation": 360})


def judged(scores, data=TEN, baseline: float = 0.1, spec: StudySpec | None = None) -> Verdict:
    """Return the verdict on candidates with these scores, one a seed, on so many classes."""
    plan = plan_of(controls_and_mixes(len(scores) - 3)).model_copy(update={"data": data})
    results = results_of(plan, jobs_of(plan), scores)
    for planned in plan.jobs:
        job = planned.request.job.id
        if planned.candidate == plan.baseline.id:
            metrics = dict.fromkeys(results[job].metrics, baseline)
            results[job] = results[job].model_copy(update={"metrics": metrics})
    return analyse(spec or spec_of(), plan, results)


def at_rate(rate: float) -> StudySpec:
    spec = spec_of()
    recipe = spec.train.model_copy(update={"learning_rate": rate})
    search = spec.search.model_copy(update={"train": recipe})
    return spec.model_copy(update={"train": recipe, "search": search})


GUESSES = [[0.10, 0.11, 0.09], [0.12, 0.09, 0.10], [0.10, 0.10, 0.11], [0.08, 0.13, 0.10]]


def test_no_network_is_better_than_chance() -> None:
    verdict = judged(GUESSES, spec=at_rate(100.0))
    said = "no network is better than chance (10.0 % of 10 classes)"
    assert verdict.chance == said and verdict.outcome == "no verdict" and verdict.gain is None
    assert verdict.sentence == f"No verdict on compound scaling: {said}."
    assert verdict.warnings[0] == (
        "No network is better than chance: the best reaches 10.3 %, guessing 10.0 % of 10 "
        "classes. Lower train.learning_rate (now 100; 0.6 is usual), train longer, or check the "
        "labels."
    )
    assert verdict.reason.startswith("No choice is recommended.") and verdict.coefficients
    assert "Scale by" not in next_step(verdict) and "first warning" in next_step(verdict)
    assert "Raise train.learning_rate" in judged(GUESSES, spec=at_rate(1e-5)).warnings[0]


def test_a_network_that_has_learned_makes_a_verdict() -> None:
    assert not judged([*GUESSES[:3], [0.2, 0.21, 0.2]]).chance
    assert not judged(GUESSES, baseline=0.3).chance


def test_scores_below_chance_point_to_the_labels() -> None:
    two = DATA.model_copy(update={"validation": 80})
    verdict = judged([[0.0] * 3] * 4, two, baseline=0.0)
    assert (
        "below chance, so the labels of training and validation do not agree"
        in (verdict.warnings[0])
    )
    assert not [text for text in verdict.warnings if "too easy" in text]


@pytest.mark.parametrize(
    ("score", "easy"), [(0.7, False), (0.98, False), (0.995, True), (1.0, True)]
)
def test_a_task_is_easy_only_where_scores_are_high(score: float, easy: bool) -> None:
    verdict = judged([[score] * 3] * 4)
    (alike,) = [text for text in verdict.warnings if "have the same score" in text]
    assert ("too easy" in alike) is easy and ("too short" in alike) is not easy


def test_the_largest_class_is_chance_where_classes_are_uneven() -> None:
    part = PartLedger(part="validation", where="x", found=360, taken=360, class_counts=(252, 108))
    uneven = DATA.model_copy(update={"validation": 360, "ledger": DataLedger(parts=(part,))})
    assert Chance.of(uneven).accuracy == 0.7 and Chance.of(DATA).accuracy == 0.5
    verdict = judged([[0.7, 0.7, 0.7]] * 4, uneven, baseline=0.6)
    assert verdict.chance.endswith("(70.0 % of 2 classes, the share of the largest class)")
    assert not judged([[0.8] * 3] * 4, uneven, baseline=0.6).chance


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 1000), st.integers(2, 5000), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_guessing_is_seldom_called_better(classes: int, images: int, networks: int, seed: int):
    """Of 40 studies whose networks guess, at most a tenth and three deviations more."""
    random = np.random.default_rng(seed)
    best = random.binomial(images, 1 / classes, (40, networks)).max(axis=1) / images
    called = sum(better_than_guessing(b, 1 / classes, images, networks, 0.9) for b in best)
    assert called <= 4 + 3 * (40 * 0.1 * 0.9) ** 0.5

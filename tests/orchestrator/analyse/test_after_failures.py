"""What to type after jobs have failed: a retry only where it can change something."""

import pytest

from compound.orchestrator.analyse.after_failures import after_failures
from compound.orchestrator.analyse.failed_jobs import Facts, Group, grouped
from compound.schemas.job import Cause
from compound.schemas.outcomes.recipe_check import RateScore, RecipeCheck
from compound.schemas.study import StudySpec
from tests.support.answers import study_spec

TYPED, RETRY = "compound run /a.yaml --runner local", "compound retry x --runner local"


def failed(kind: str, phase: str = "search") -> list[Group]:
    jobs = [Facts(f"job{i}", {"phase": phase}, Cause(kind=kind, message="m")) for i in range(3)]
    return grouped(jobs)


def at(rate: object, **search: object) -> StudySpec:
    return study_spec(train={"epochs": 2, "learning_rate": rate}, search=search)


def test_diverged_jobs_are_told_a_lower_rate_and_no_retry() -> None:
    assert after_failures(failed("diverged"), at(100), TYPED, RETRY) == [
        f"{TYPED} --set train.learning_rate=0.6    # lowers train.learning_rate (now 100)"
    ]
    (low,) = after_failures(failed("diverged"), at(0.3), TYPED, RETRY)
    assert "train.learning_rate=0.03 " in low
    (own,) = after_failures(failed("diverged"), at(0.1, train={"learning_rate": 50}), TYPED, RETRY)
    assert "--set search.train.learning_rate=0.6    # lowers search.train" in own
    (family,) = after_failures(
        failed("diverged", "family"), at(9, train={"learning_rate": 1}), TYPED, RETRY
    )
    assert "--set train.learning_rate=0.6    # lowers train.learning_rate (now 9)" in family


def test_the_best_rate_that_the_baseline_trained_at_is_taken() -> None:
    scores = ((25.0, ()), (12.5, (0.2,)), (6.25, (0.7,)), (3.0, (0.6,)))
    rates = tuple(
        RateScore(multiple=rate / 50, rate=rate, scores=means, failed=not means)
        for rate, means in scores
    )
    check = RecipeCheck(jobs=(), rates=rates, noise=None, multiple=1.0, sentence="")
    (step,) = after_failures(failed("diverged"), at(50), TYPED, RETRY, check)
    assert "train.learning_rate=6.25 " in step


@pytest.mark.parametrize("kind", ["error", "out of memory", "worker lost", "storage"])
def test_other_failures_are_retried(kind: str) -> None:
    assert after_failures(failed(kind), at(100), TYPED, RETRY) == [
        f"{RETRY}    # trains the failed jobs again"
    ]


def test_each_cause_has_its_own_way_out() -> None:
    assert after_failures([], at(1), TYPED, RETRY) == []
    both = after_failures([*failed("diverged"), *failed("data")], at(1), TYPED, RETRY)
    assert len(both) == 2 and both[1].startswith(f"{RETRY}    # once the data are those that")
    assert not after_failures(failed("diverged", "recipe"), at(1), TYPED, RETRY)

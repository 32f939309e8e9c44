"""One policy of retries: every cause has an answer, and no limit is passed."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from compound.cluster.retries import RetryBudget, decide, newest_reasons, tried_by_next_run
from compound.schemas.job import Cause, Event, JobResult
from compound.schemas.retries import RetryLimits
from compound.schemas.study import SPEC

KINDS = get_args(Cause.model_fields["kind"].annotation)
causes = st.builds(
    Cause, kind=st.sampled_from(KINDS), message=st.text(max_size=5), fix=st.sampled_from(["", "x"])
)
limits = st.builds(
    RetryLimits,
    error=st.integers(0, 100),
    lost_worker=st.integers(0, 100),
    preemption=st.integers(0, 10_000),
)
attempts = st.integers(1, 20_000)


@given(causes, attempts, limits, st.booleans())
def test_every_cause_has_an_answer_with_a_reason(
    cause: Cause, number: int, limited: RetryLimits, divisible: bool
) -> None:
    decision = decide(cause, number, limited, divisible=divisible)
    assert decision.action in ("retry", "retry_smaller", "give_up")
    assert decision.reason
    assert (decision.action == "retry_smaller") <= (divisible and cause.kind == "out of memory")
    assert decide(cause, number, limited, divisible=divisible) == decision
    assert isinstance(tried_by_next_run(cause), bool)


@given(causes, attempts, limits, st.booleans())
def test_what_is_given_up_once_is_not_retried_after_more_attempts(
    cause: Cause, number: int, limited: RetryLimits, divisible: bool
) -> None:
    now, later = (decide(cause, n, limited, divisible=divisible) for n in (number, number + 1))
    assert (now.action == "give_up") <= (later.action == "give_up")
    if now.action == "retry":
        most = {
            "error": limited.error,
            "worker lost": limited.lost_worker,
            "preempted": limited.preemption,
        }
        assert number <= most[cause.kind]


def test_reasons_are_short_sentences_with_the_limit() -> None:
    limited, lost = RetryLimits(), Cause(kind="worker lost", message="")
    assert decide(lost, 1, limited).reason == "worker lost: retry 1 of 3"
    assert decide(lost, 4, limited).reason == "retry limit reached: worker lost 4 times"
    memory = decide(Cause(kind="out of memory", message=""), 9, limited, divisible=True)
    assert memory.reason == "out of memory: retried with micro-batches of half the size"


def test_interruptions_are_counted_apart() -> None:
    retries = RetryBudget(RetryLimits(lost_worker=2, preemption=1))
    assert "(preempted: retry 1 of 1)" in retries.count("preempted", "host a was taken away")
    first = retries.count("worker lost", "worker 1 died")
    assert first.startswith("worker 1 died (worker lost: retry 1 of 2)")
    retries.count("worker lost", "worker 0 died")
    assert retries.cause() is None
    last = retries.count("worker lost", "host b was lost")
    assert last == "host b was lost; retry limit reached: worker lost 3 times"
    cause = retries.cause()
    assert cause is not None
    assert cause.kind == "worker lost"
    assert cause.message == (
        "retry limit reached: worker lost 3 times, preempted 1 time; the last: host b was lost"
    )


def test_the_newest_reason_is_found_in_events() -> None:
    def event(job: str, message: str, kind: str = "waiting") -> Event:
        return Event.model_validate({"kind": kind, "job": job, "message": message})

    retried = RetryBudget(RetryLimits()).count("worker lost", "worker 1 died")
    smaller = "out of memory: retried with micro-batches of half the size"
    result = JobResult(job="c", status="done", attempt=2, epochs=1)
    events = [
        event("a", retried),
        event("a", "for 1 CPU: no free resources yet"),
        event("b", f"{smaller} (16 instead of 32)", "again"),
        event("c", retried),
        Event(kind="ended", job="c", result=result),
        event("d", "layer 7 is missing (error: retry 1 of 2)", "again"),
        event("d", "retry limit reached: error 3 times", "ended"),
    ]
    assert newest_reasons(events) == {
        "a": "worker lost: retry 1 of 3",
        "b": smaller,
        "d": "retry limit reached: error 3 times",
    }


STUDY = {
    "kind": "train",
    "name": "small",
    "data": {"source": "digits"},
    "baseline": {
        "resolution": 8,
        "stem": {"channels": 8},
        "stages": [{"channels": 8, "expand": 1}],
    },
}


def test_a_number_of_retries_limits_errors_and_stays_a_number() -> None:
    assert SPEC.validate_python(STUDY).model_dump(mode="json")["retries"] == 1
    spec = SPEC.validate_python({**STUDY, "retries": 2})
    assert spec.model_dump(mode="json")["retries"] == 2
    assert spec.retry_limits == RetryLimits(error=2, lost_worker=3, preemption=100)
    assert SPEC.validate_json(spec.model_dump_json()) == spec


def test_limits_that_are_left_out_have_their_defaults() -> None:
    spec = SPEC.validate_python({**STUDY, "retries": {"lost_worker": 5}})
    assert spec.retry_limits == RetryLimits(error=1, lost_worker=5, preemption=100)
    assert SPEC.validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("retries", [-1, 101, 1.5, "often", {"lost": 1}, {"error": -1}])
def test_other_retries_are_refused(retries: object) -> None:
    with pytest.raises(ValidationError):
        SPEC.validate_python({**STUDY, "retries": retries})

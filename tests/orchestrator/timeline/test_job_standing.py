"""Where jobs stand: the words that `status` prints, from what jobs and their driver wrote."""

from typing import Any

import pytest

from compound.jobs.store.folders.job_state import JobState
from compound.orchestrator.timeline.job_standing import Standing, standings
from compound.schemas.job import Cause, Event

DRIVER, BEFORE = "h/1", "h/0"


def event(kind: str, at: float = 0.0, attempt: int = 0, **fields: Any) -> Event:
    told = {"kind": kind, "job": "a", "wall_time": at, "attempt": attempt, "driver": DRIVER}
    return Event.model_validate(told | fields)


def state(status: str, attempt: int = 0, cause: str = "", job: str = "a") -> JobState:
    told = {"job": job, "status": status, "attempt": attempt}
    why = {"cause": Cause.model_validate({"kind": cause, "message": "m"})} if cause else {}
    return JobState.model_validate(told | why)


ANNOUNCED, BEGUN = event("waiting", 1, message="for 2 x 1 CPU to start"), event("started", 2, 1)
LOST = event("waiting", 5, 1, message="host b was lost")
FULL = event("waiting", 9, 1, message="for 2 x 1 CPU: the hosts have room for 1")
GONE = state("failed", 1, "worker lost")
AGAIN = event("again", 6, 1, message="retry 1 of 1")
ENDED = event("ended", 7, 1)
STOPPED = event("ended", 7, 1, result={"job": "a", "status": "stopped", "attempt": 0, "epochs": 0})
WAITS = Standing("waiting", 5, FULL.message)


@pytest.mark.parametrize(
    ("events", "state", "expected"),
    [
        ([], state("absent"), Standing("queued")),
        ([ANNOUNCED], state("absent"), Standing("waiting", 1, "for 2 x 1 CPU to start")),
        ([ANNOUNCED, BEGUN], state("absent"), Standing("running")),
        ([ANNOUNCED, BEGUN], state("stopped"), Standing("running")),
        ([ANNOUNCED, BEGUN], state("running", 1), Standing("running")),
        ([ANNOUNCED, BEGUN], state("stopped", 1), Standing("interrupted")),
        ([ANNOUNCED, BEGUN], state("stopped", 1, "interrupted"), Standing("stopped")),
        ([ANNOUNCED, BEGUN], GONE, Standing("interrupted")),
        ([ANNOUNCED, BEGUN], state("failed", 1, "error"), Standing("failed")),
        ([BEGUN, LOST], GONE, Standing("waiting", 5, "host b was lost")),
        ([BEGUN, LOST, FULL], GONE, WAITS),
        ([BEGUN, LOST, FULL], state("stopped", 1), WAITS),
        ([BEGUN, LOST, FULL], state("running", 1), WAITS),
        ([BEGUN, LOST, FULL], state("running", 2), Standing("running")),
        ([BEGUN, LOST, FULL], state("done", 2), Standing("done")),
        ([BEGUN, LOST, event("started", 10, 2)], GONE, Standing("running")),
        ([BEGUN, AGAIN], state("failed", 1, "error"), Standing("retrying", 6, "retry 1 of 1")),
        ([BEGUN, AGAIN, event("started", 8, 2)], state("failed", 1, "error"), Standing("running")),
        ([BEGUN, ENDED], state("failed", 1, "error"), Standing("failed")),
        ([BEGUN, ENDED], GONE, Standing("failed")),
        ([BEGUN, LOST, STOPPED], GONE, Standing("stopped")),
        ([BEGUN, LOST, STOPPED], state("running", 1), Standing("stopped")),
        ([BEGUN, LOST, STOPPED], state("running", 2), Standing("running")),
        ([BEGUN, ENDED], state("stopped", 1, "interrupted"), Standing("stopped")),
        ([BEGUN, ENDED], state("stopped", 1, "pruned"), Standing("pruned")),
    ],
)
def test_while_a_driver_runs_the_study(
    events: list[Event], state: JobState, expected: Standing
) -> None:
    assert standings({"a": state}, events, DRIVER) == {"a": expected}


@pytest.mark.parametrize(
    ("events", "state", "expected"),
    [
        ([ANNOUNCED], state("absent"), "queued"),
        ([BEGUN], state("stopped", 1), "interrupted"),
        ([BEGUN], state("running", 1), "running"),
        ([BEGUN, LOST], GONE, "interrupted"),
        ([BEGUN, LOST], state("failed", 2, "worker lost"), "failed"),
        ([BEGUN, AGAIN], state("failed", 1, "error"), "failed"),
        ([BEGUN, ENDED], GONE, "failed"),
    ],
)
@pytest.mark.parametrize("driver", ["", "h/2"])
def test_after_its_driver_was_killed(
    events: list[Event], state: JobState, expected: str, driver: str
) -> None:
    """Another driver that runs the study now has not come to the job yet."""
    assert standings({"a": state}, events, driver)["a"].status == expected


def test_a_job_is_queued_while_others_train_and_waits_for_workers_otherwise() -> None:
    both = [ANNOUNCED, ANNOUNCED.model_copy(update={"job": "b"})]
    states = {job: state("absent", job=job) for job in "ab"}
    idle = standings(states, both, DRIVER)
    assert [idle[job].status for job in "ab"] == ["waiting", "waiting"]
    busy = standings(states, [*both, BEGUN], DRIVER)
    assert [busy[job].status for job in "ab"] == ["running", "queued"]
    lost = standings(states | {"a": GONE}, [*both, BEGUN, LOST], DRIVER)
    assert [lost[job].status for job in "ab"] == ["waiting", "queued"]
    starved = event("waiting", 90, job="b", message="for 2 x 1 CPU: no free resources yet")
    waits = standings(states, [*both, BEGUN, starved], DRIVER)
    assert waits["b"] == Standing("waiting", 1, starved.message)

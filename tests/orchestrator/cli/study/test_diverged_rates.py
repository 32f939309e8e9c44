"""A rate at which the recipe check diverges is an answer: no failed job, and nothing to retry."""

import pytest

from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.overview.next_steps import failed_groups
from compound.schemas.job import Cause


@pytest.mark.parametrize(
    ("phase", "kind", "failures"),
    [("recipe", "diverged", 0), ("recipe", "error", 1), ("search", "diverged", 1)],
)
def test_only_diverged_jobs_of_the_check_are_no_failures(
    phase: str, kind: str, failures: int
) -> None:
    line = Line("plan.json", phase, "a", "d1.00-w1.00-r8-s0-lr1.6", "network", 4, 0, 8)
    cause = Cause.model_validate({"kind": kind, "message": "the loss is nan"})
    state = JobState(job="a", status="failed", cause=cause)
    groups = failed_groups([line], {"a": state})
    assert sum(len(group.jobs) for group in groups) == failures

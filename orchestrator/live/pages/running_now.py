"""What trains now, and how long the phase will still take, by the functions of run and status."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compound.orchestrator.timeline.job_progress import JobProgress, running_jobs
from compound.orchestrator.timeline.job_standing import StudyStanding
from compound.orchestrator.timeline.job_times import job_times, jobs_left
from compound.orchestrator.timeline.time_left import UNKNOWN

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState

_ENDED = {"done", "failed", "pruned"}


def now_training(state: "StudyState") -> Sequence[JobProgress]:
    """Return the jobs of a study that train now, in the order of their plan."""
    return running_jobs(state.planned, StudyStanding(state.states, state.standing, state.events))


def phase_left(state: "StudyState") -> tuple[str, str]:
    """Return the phase that is trained, and in words how long it will take; "" for none."""
    if not state.driver:
        return "", ""
    unfinished = (line for line in state.planned if state.standing[line.job].status not in _ENDED)
    first = next(unfinished, None)
    if first is None:
        return "", ""
    lines = [line for line in state.planned if line.phase == first.phase]
    left = jobs_left(job_times(lines, state.events, state.states), time.time())
    return first.phase, left.text if left else UNKNOWN

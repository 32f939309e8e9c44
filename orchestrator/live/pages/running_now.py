"""What trains now, and how long the phase will still take, by the functions of run and status."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compound.orchestrator.overview.stage_progress import stage_left, stage_lines
from compound.orchestrator.timeline.job_progress import JobProgress, running_jobs
from compound.orchestrator.timeline.job_standing import StudyStanding
from compound.orchestrator.timeline.time_left import UNKNOWN

if TYPE_CHECKING:
    from compound.orchestrator.live.reading.study_state import StudyState

def now_training(state: "StudyState") -> Sequence[JobProgress]:
    """Return the jobs of a study that train now, in the order of their plan."""
    return running_jobs(state.planned, StudyStanding(state.states, state.standing, state.events))


def left_text(state: "StudyState") -> str:
    """Say how long the stage that is trained will still take; "" where nobody trains."""
    stage = state.work.open
    if not state.driver or stage is None:
        return ""
    lines = stage_lines(state.status.spec, state.planned, stage)
    left = stage_left(lines, state.states, state.events, time.time())
    return f"{stage}: {left.text if left else UNKNOWN}"

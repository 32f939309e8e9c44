"""How far the stage of a study is that its driver trains now, read from its store."""

from collections.abc import Iterable, Mapping, Sequence

from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.answer.so_far import Stage
from compound.orchestrator.overview.study_status import stage_of_line
from compound.orchestrator.timeline.job_times import job_times, jobs_left
from compound.orchestrator.timeline.time_left import TimeLeft
from compound.schemas.job import Event
from compound.schemas.study import AnySpec


def stage_lines(spec: AnySpec, planned: Iterable[Line], stage: Stage | None) -> list[Line]:
    """Return the planned jobs of a stage; None: of all."""
    return [line for line in planned if stage in (None, stage_of_line(spec, line))]


def stage_left(
    lines: Sequence[Line],
    states: Mapping[str, JobState],
    events: Iterable[Event],
    now: float,
) -> TimeLeft | None:
    """Return the seconds until the last of these jobs ends; None: unknown yet.

    `lines`: the jobs of one stage, see `stage_lines`; `now`: in seconds since 1970.
    """
    happened = list(events)
    ended = {e.job: e.wall_time for e in happened if e.kind == "ended" and e.wall_time}
    return jobs_left(job_times(lines, happened, _timed(states, ended)), now)


def _timed(states: Mapping[str, JobState], ended: Mapping[str, float]) -> Mapping[str, JobState]:
    """Return states of done jobs with when they ended: the index of done jobs has no times."""
    return {
        job: state.model_copy(update={"updated": ended[job]})
        if state.status == "done" and job in ended
        else state
        for job, state in states.items()
    }

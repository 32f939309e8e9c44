"""The commands that take a study further, by its failed jobs and by what is left to do."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group, facts, grouped, outcomes, too_fast
from compound.orchestrator.wording.commands import command, commented, resuming

if TYPE_CHECKING:
    from compound.orchestrator.overview.study_now import StudyNow


def next_steps(
    study: str, store: ArtifactStore, now: "StudyNow", groups: Sequence[Group]
) -> list[str]:
    """Return the commands that take a study further; nothing where it is at its end."""
    status = now.status
    typed = resuming(status.resume, study)
    stopped = now.work.text and not now.work.running and not now.driver
    going_on = [commented(typed, "goes on")] if stopped else []
    if not groups:
        return going_on
    from compound.orchestrator.analyse.after_failures import after_failures  # plans jobs

    retry = command("retry", (status.spec.name,), store=store.uri)
    check = status.rates.check
    return [*going_on, *after_failures(groups, status.spec, typed, retry, check)]


def failed_groups(planned: Sequence[Line], states: Mapping[str, JobState]) -> list[Group]:
    """Return a study's failed jobs by first cause."""
    hosts = {job: state.host for job, state in states.items()}
    counted = [line for line in planned if not too_fast(line.phase, states[line.job].cause)]
    return grouped(facts(counted, outcomes(states), hosts))

"""The failed jobs of a study by first cause, for a terminal."""

from collections.abc import Mapping, Sequence

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.job_state import JobState
from compound.jobs.store.folders.planned_jobs import Line
from compound.orchestrator.analyse.failed_jobs import Group, facts, grouped, outcomes, too_fast
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.job_list import lines_of, once
from compound.orchestrator.timeline.job_standing import standing_of


def failed_groups(planned: Sequence[Line], states: Mapping[str, JobState]) -> list[Group]:
    """Return a study's failed jobs by first cause."""
    hosts = {job: state.host for job, state in states.items()}
    counted = [line for line in planned if not too_fast(line.phase, states[line.job].cause)]
    return grouped(facts(counted, outcomes(states), hosts))


def stored_failures(store: ArtifactStore, stored: Documents) -> list[Group]:
    """Return the failed jobs of a study's documents by first cause."""
    states = store.states([job.request.job.id for job in stored.jobs])
    going_on = standing_of(store.study(stored.record.spec.name), states).states
    return failed_groups(once(lines_of(stored)), going_on)


def say_failures(groups: Sequence[Group]) -> None:
    """Say why jobs of a study failed, a line for each cause, to stderr."""
    for group in groups:
        note(f"failed: {group.headline}")
        if group.users_line:
            note(f"  {group.users_line}")

"""The failed jobs of a study by first cause, for a terminal."""

from collections.abc import Sequence

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.analyse.failed_jobs import Group
from compound.orchestrator.cli.printing.output import note
from compound.orchestrator.overview.next_steps import failed_groups
from compound.orchestrator.records.documents import Documents
from compound.orchestrator.records.job_list import lines_of, once
from compound.orchestrator.timeline.job_standing import standing_of


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

"""What a study warns of: its data, its schedule, its verdict and its test part."""

from typing import TYPE_CHECKING

from compound.orchestrator.answer.study_warnings import study_warnings

if TYPE_CHECKING:
    from compound.orchestrator.overview.study_status import StudyStatus


def known_warnings(status: "StudyStatus") -> list[str]:
    """Return what a study warns of, what costs the answer most first."""
    of_test = (status.test.outdated, *status.test.warnings) if status.test else ()
    return study_warnings(status.spec, status.data, status.warnings, of_test)

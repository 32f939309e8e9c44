"""What a study warns of: its data, its schedule, its verdict and its test part."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compound.orchestrator.plan.too_little import too_little
from compound.orchestrator.wording.class_warnings import class_warnings

if TYPE_CHECKING:
    from compound.orchestrator.overview.study_status import StudyStatus


def known_warnings(status: "StudyStatus") -> Iterator[str]:
    """Yield what a study warns of, in no order."""
    if status.data:
        yield from (*class_warnings(status.data), *too_little(status.spec, status.data))
    yield from status.warnings
    yield from (status.test.outdated, *status.test.warnings) if status.test else ()

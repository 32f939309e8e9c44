"""Everything that is notified of events while a study runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.run.trackers import Trackers
from compound.schemas.job import Event

if TYPE_CHECKING:
    from compound.cluster.gauges import StudyGauges
    from compound.orchestrator.run.progress import Progress


@dataclass(frozen=True)
class Observers:
    """Passes events to the terminal, the gauges, the trackers, and the study's log."""

    progress: "Progress"
    gauges: "StudyGauges | None"
    log: Callable[[Event], None]
    driver: str
    """This process, as the lines of events name it: HOST/PID."""
    trackers: Trackers

    def phase(self, phase: Phase) -> None:
        """A phase begins."""
        self.progress.phase(phase)

    def note(self, text: str) -> None:
        """The study has decided something."""
        self.progress.note(text)

    def event(self, event: Event) -> None:
        """Something happened to a job; epochs are rows of the store, not events of the log."""
        self.progress.event(event)
        if event.kind != "epoch":
            self.log(event.model_copy(update={"driver": self.driver}))
        if self.gauges is not None:
            self.gauges(event)
        self.trackers.event(event)

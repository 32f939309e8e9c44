"""What tests of phases share: the observer that remembers, and how a job is planned."""

from compound.orchestrator.run.phase_start import Phase
from compound.schemas.job import Event, JobRequest
from compound.schemas.plan import PlannedJob

IMAGES = 100
SMALLER = "out of memory: retried with micro-batches of half the size"


class PhaseLog:
    """Remembers what a phase runner reports."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.events: list[Event] = []
        self.notes: list[str] = []

    def phase(self, phase: Phase) -> None:
        self.phases.append(phase)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def again(self) -> list[str]:
        return [event.message for event in self.events if event.kind == "again"]


def planned(request: JobRequest) -> PlannedJob:
    return PlannedJob(phase="search", candidate="some", phi=1, request=request)

"""A phase of a study that trains in this process, and what it tells."""

from collections.abc import Callable, Sequence
from pathlib import Path

from compound.cluster.local_runner import LocalRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase import PhaseRunner
from compound.orchestrator.run.progress import Phase
from compound.schemas.job import Event, JobRequest, JobResult
from compound.schemas.plan import PlannedJob

IMAGES = 100


class Log:
    """Remembers what a crew tells."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.events: list[Event] = []

    def phase(self, phase: Phase) -> None:
        self.phases.append(phase)

    def event(self, event: Event) -> None:
        self.events.append(event)

    @property
    def again(self) -> list[str]:
        return [event.message for event in self.events if event.kind == "again"]


class Recorder:
    """The plain runner, with a record of what it was given."""

    def __init__(self, folder: Path) -> None:
        self.given: list[list[JobRequest]] = []
        self._runner = LocalRunner((str(folder),))

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: Callable[[Event], None]
    ) -> list[JobResult]:
        self.given.append(list(requests))
        return self._runner.run(requests, store, on_event)

    def request_stop(self) -> None:
        self._runner.request_stop()


class Rig:
    """A store with a crew that trains in this process."""

    def __init__(self, store: str, folder: Path) -> None:
        self.store, self.folder = ArtifactStore.open(store), folder

    def train(self, *requests: JobRequest, **rules: object) -> tuple[str, Log, Recorder]:
        """Let a new crew, as of a new run, train requests."""
        log, runner = Log(), Recorder(self.folder)
        return self.ending(log, runner, requests, **rules), log, runner

    def ending(self, log: Log, runner: Recorder, requests, **rules) -> str:
        history = History(self.store, "small")
        known = {"history": history, "index": self.store.study("small").index}
        crew = PhaseRunner(self.store, runner, log, images=IMAGES, **known, **rules)
        return crew.train("search", [planned(request) for request in requests])

    def result(self, request: JobRequest) -> JobResult:
        result = self.store.result(request.job.id)
        assert result is not None
        return result


def planned(request: JobRequest) -> PlannedJob:
    return PlannedJob(phase="search", candidate="some", phi=1, request=request)

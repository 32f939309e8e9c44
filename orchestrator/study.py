"""A study from spec to verdict and family. Every step reads what the one before left in the store:

    plan.json -> search jobs -> verdict.json -> family.json -> family jobs

so the same command again resumes: what is done is read, never done again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from cluster.runner import Runner
from jobs.networks import Networks
from jobs.store.artifacts import ArtifactStore
from jobs.store.study import StudyFolder
from orchestrator.analyse import analyse
from orchestrator.documents import Record, TrainRecord
from orchestrator.plan import plan_family
from schemas.errors import RunError
from schemas.job import Event, JobRequest, JobResult
from schemas.plan import Plan, PlannedJob, Variant
from schemas.study import StudySpec, TrainSpec

RETRIED = ("storage", "worker lost", "interrupted")
"""Causes outside the job itself: running the study again tries these jobs anew."""

Ending = Literal["done", "stopped"]


class Observer(Protocol):
    """Whoever watches a study at work: the terminal, the gauges, the log of events."""

    def phase(self, title: str, jobs: int, pending: int) -> None:
        """A phase begins, with this many jobs, of which `pending` are yet to be trained."""

    def event(self, event: Event) -> None:
        """A runner tells what happens."""


@dataclass(frozen=True)
class Study:
    """One study in its store, and what trains its jobs."""

    spec: StudySpec | TrainSpec
    text: str
    store: ArtifactStore
    runner: Runner
    observer: Observer
    retry_failed: bool = False
    networks: Networks = field(default_factory=Networks)
    """What scales the family."""

    @property
    def folder(self) -> StudyFolder:
        """The study's documents."""
        return self.store.study(self.spec.name)

    def run(self, plan: Plan | Variant) -> Ending:
        """Carry the study as far as it goes, exactly as planned.

        Raises RunError where nothing of the search can be used to choose a network.
        """
        self.folder.write("spec.json", Record(spec=self.spec, text=self.text))
        if isinstance(plan, Variant):
            self.folder.write("baseline.json", TrainRecord(data=plan.data, baseline=plan.baseline))
            self.folder.write("family.json", plan.family)
            return self._train("train", plan.jobs)
        assert isinstance(self.spec, StudySpec)
        return self._search(self.spec, plan)

    def _search(self, spec: StudySpec, plan: Plan) -> Ending:
        self.folder.write("plan.json", plan)
        ending = self._train("search", plan.jobs)
        verdict = analyse(spec, plan, self.store.results([j.request.job.id for j in plan.jobs]))
        self.folder.write("verdict.json", verdict)
        if ending == "stopped":
            return ending
        if verdict.coefficients is None:
            raise RunError(
                verdict.sentence,
                where=spec.name,
                next_step=f"compound status {spec.name} --store {spec.store}",
            )
        family = plan_family(
            spec, plan.baseline, plan.data, verdict.coefficients, plan.profile, self.networks
        )
        self.folder.write("family.json", family)
        return self._train("family", family.jobs)

    def _train(self, title: str, jobs: Sequence[PlannedJob]) -> Ending:
        """Train what is not done yet; say whether the runner was told to stop."""
        requests = {job.request.job.id: job.request for job in jobs}
        results = self.store.results(requests)
        pending = [
            request for id_, request in requests.items() if self._wanted(request, results.get(id_))
        ]
        self.observer.phase(title, len(requests), len(pending))
        if not pending:
            return "done"
        ended = self.runner.run(pending, self.store.uri, self.observer.event)
        stopped = any(result.status == "stopped" and not result.pruned for result in ended)
        return "stopped" if stopped else "done"

    def _wanted(self, request: JobRequest, result: JobResult | None) -> bool:
        if request.settled(result):
            return False
        if result is None or result.status == "stopped":
            return True
        assert result.cause is not None
        return self.retry_failed or result.cause.kind in RETRIED

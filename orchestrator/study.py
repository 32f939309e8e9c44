"""A study from spec to verdict and family. Every step reads what the one before left in the store:

    plan.json -> search jobs -> verdict.json -> family.json -> family jobs

so the same command again resumes: what is done is read, never done again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.runner import Runner
from jobs.networks import Networks
from jobs.store.artifacts import ArtifactStore
from jobs.store.study import StudyFolder
from orchestrator.analyse import analyse
from orchestrator.crew import Crew, Ending, Observer
from orchestrator.documents import Record, TrainRecord
from orchestrator.extension import History
from orchestrator.plan import plan_family
from orchestrator.rounds import Search, next_round
from schemas.errors import RunError
from schemas.job import JobResult
from schemas.plan import Plan, Rounds, Variant
from schemas.study import StudySpec, TrainSpec


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

    def _crew(self, plan: Plan | Variant) -> Crew:
        """Return what trains the jobs; called before anything is written."""
        history = History(self.store, self.spec.name)
        return Crew(
            self.store,
            self.runner,
            self.observer,
            images=plan.data.train,
            history=history,
            retries=self.spec.retries,
            retry_failed=self.retry_failed,
        )

    def run(self, plan: Plan | Variant) -> Ending:
        """Carry the study as far as it goes, exactly as planned.

        Raises RunError where nothing of the search can be used to choose a network.
        """
        crew = self._crew(plan)
        self.folder.write("spec.json", Record(spec=self.spec, text=self.text))
        if isinstance(plan, Variant):
            self.folder.write("baseline.json", TrainRecord(data=plan.data, baseline=plan.baseline))
            self.folder.write("family.json", plan.family)
            return crew.train("train", plan.jobs)
        assert isinstance(self.spec, StudySpec)
        return self._search(self.spec, plan, crew)

    def _search(self, spec: StudySpec, plan: Plan, crew: Crew) -> Ending:
        self.folder.write("plan.json", plan)
        search, ending = self._searched(spec, plan, crew)
        verdict = analyse(spec, search.plan, search.results)
        self.folder.write("verdict.json", verdict)
        if ending == "stopped":
            return ending
        if verdict.coefficients is None:
            raise RunError(
                verdict.sentence,
                where=spec.name,
                next_step=_after_no_verdict(spec, search.results),
            )
        family = plan_family(
            spec, plan.baseline, plan.data, verdict.coefficients, plan.profile, self.networks
        )
        self.folder.write("family.json", family)
        return crew.train("family", family.jobs)

    def _searched(self, spec: StudySpec, plan: Plan, crew: Crew) -> tuple[Search, Ending]:
        """Train the design and every round after it, until there is nothing more to decide."""
        rounds, jobs = Rounds(), plan.jobs
        while True:
            self.folder.write("rounds.json", rounds)
            ending = crew.train(jobs[0].phase, jobs)
            search = Search.of(spec, plan, rounds, self.store.results)
            following = next_round(search) if ending == "done" else None
            if following is None:
                return search, ending
            rounds, jobs = rounds.plus(following), following.jobs


def _after_no_verdict(spec: StudySpec, results: Mapping[str, JobResult]) -> str:
    """Return what to type when no network can be chosen."""
    target = f"{spec.name} --store {spec.store}"
    if all(result.status != "failed" for result in results.values()):
        return f"compound status {target}"
    return f"compound retry {target} --failed    # or change the spec and run it again"

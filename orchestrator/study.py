"""A study from spec to verdict and family. Every step reads what the one before left in the store:

    plan.json -> jobs -> recipe.json -> jobs -> rounds.json -> jobs -> ... -> verdict.json
        -> sensitivity.json -> jobs -> gateplan.json -> jobs -> gate.json
        -> family.json -> jobs -> law.json, along.json -> test.json

and answer.json is made of them as each of them arrives,
so the same command again resumes: what is done is read, never done again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from compound.cluster.runner import Runner
from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.answer.stored_answer import made_answer
from compound.orchestrator.choose.rounds import Search, next_round
from compound.orchestrator.choose.verdict import analyse
from compound.orchestrator.plan.rate_jobs import plan_at, with_rate
from compound.orchestrator.records import job_list
from compound.orchestrator.records.documents import (
    ALONG,
    ANSWER,
    DATA,
    FAMILY,
    GATE_PLAN,
    GATE_RESULT,
    PLAN,
    POWER_LAW,
    RECIPE_CHECK,
    ROUNDS,
    SENSITIVITY,
    SPEC,
    VERDICT,
    Record,
    written,
)
from compound.orchestrator.records.history import History
from compound.orchestrator.records.owner import this_user
from compound.orchestrator.run.evaluate_networks import Evaluation
from compound.orchestrator.run.phase import Ending, Observer, PhaseRunner
from compound.orchestrator.scale.along import compared_ways
from compound.orchestrator.scale.family import plan_family, ways_of
from compound.orchestrator.scale.family_errors import law_of
from compound.orchestrator.scale.gate_plan import gate_plan
from compound.orchestrator.wording.commands import command
from compound.schemas.architecture import Candidate, Coefficients
from compound.schemas.base import Model
from compound.schemas.data import DataInfo
from compound.schemas.errors import RunError
from compound.schemas.outcomes.recipe_check import UNCHECKED, RecipeCheck
from compound.schemas.plan import Plan, PlannedJob, Rounds
from compound.schemas.study import AnySpec, StudySpec
from compound.schemas.verdict import Verdict

Outcome = Literal["done", "stopped", "closed"]
"""`closed`: the gate's mode is `stop`, and the order of the search did not carry over."""


S = TypeVar("S", bound=AnySpec)


@dataclass(frozen=True)
class Study(Generic[S]):
    """One study in its store, and what trains its jobs."""

    spec: S
    text: str
    store: ArtifactStore
    runner: Runner
    observer: Observer
    retry_failed: bool = False
    networks: Networks = field(default_factory=Networks)
    """What scales the family."""
    reads_test: bool = True
    """Whether the test part is read when all phases have ended."""
    resume: str = ""
    """What people type, in any folder, to go on with the study."""

    @property
    def folder(self) -> StudyFolder:
        """The study's documents."""
        return self.store.study(self.spec.name)

    def record_jobs(
        self,
        name: str,
        document: Model,
        jobs: Iterable[PlannedJob],
        networks: Mapping[str, Candidate],
    ) -> None:
        """Write a document that plans jobs."""
        planned = job_list.lines(name, jobs, networks)
        job_list.keep(self.folder, self.spec, name, document, planned)

    def begin(self, info: DataInfo) -> PhaseRunner:
        """Write the spec; return what trains the jobs, which reads the store before that."""
        history = History(self.store, self.spec.name)
        phases = PhaseRunner(
            self.store,
            self.runner,
            self.observer,
            images=info.train,
            history=history,
            index=self.folder.done_jobs,
            limits=self.spec.retry_limits,
            retry_failed=self.retry_failed,
        )
        self.folder.write(DATA, info)
        record = Record(spec=self.spec, text=self.text, resume=self.resume, owner=this_user())
        self.folder.write(SPEC, record)
        self._evaluation(info).expect()
        return phases

    def _evaluation(self, info: DataInfo) -> Evaluation:
        return Evaluation(self.spec, info, self.store, self.runner, self.observer)

    def evaluated(self, outcome: Outcome, info: DataInfo) -> Outcome:
        """Read the test part, if all phases have ended; return how the run ends."""
        self.keep_answer()
        if outcome == "stopped" or not self.reads_test or not info.test:
            return outcome
        ending = self._evaluation(info).run()
        self.keep_answer()
        return ending if ending == "stopped" else outcome

    def keep_answer(self) -> None:
        """Write what the study can answer by now, with the user's own networks where allowed."""
        answer = made_answer(self.store, written(self.folder), self.networks)
        if answer:
            self.folder.write(ANSWER, answer)

    def run(self: "Study[StudySpec]", plan: Plan) -> Outcome:
        """Carry the study as far as it goes, exactly as planned.

        Raises RunError where nothing of the search can be used to choose a network.
        """
        phases = self.begin(plan.data)
        self._record_plan(plan)
        check = self._recipe_check(plan, phases)
        if check is None:
            self._verdict(Search.of(self.spec, plan, Rounds(), self.store.results))
            return "stopped"
        settled = replace(self, spec=with_rate(self.spec, check.multiple))
        return settled._searched(plan_at(self.spec, plan, check.multiple), check, phases)

    def _searched(
        self: "Study[StudySpec]", plan: Plan, check: RecipeCheck, phases: PhaseRunner
    ) -> Outcome:
        self._record_plan(plan)
        search, ending = self._search(self.spec, plan, phases)
        verdict = self._verdict(search, check.warning)
        if ending == "stopped":
            return ending
        if verdict.coefficients is None:
            status = command("status", (self.spec.name,), store=self.spec.store)
            raise RunError(verdict.sentence, where=self.spec.name, next_step=status)
        outcome: Outcome = self._sensitivity(search, verdict, phases)
        if outcome == "done":
            outcome = self._gate(search, verdict, phases)
        if outcome == "done":
            outcome = self._family(search, verdict.coefficients, phases)
        return self.evaluated(outcome, plan.data)

    def _record_plan(self, plan: Plan) -> None:
        networks = job_list.by_id([plan.baseline], plan, ())
        self.record_jobs(PLAN, plan, plan.planned, networks)

    def _recipe_check(
        self: "Study[StudySpec]", plan: Plan, phases: PhaseRunner
    ) -> RecipeCheck | None:
        """Return at which rate to train, as decided before for the same jobs; None: interrupted."""
        identities = tuple(job.request.job.id for job in plan.rate_jobs)
        if not identities:
            return UNCHECKED
        before = self.folder.read(RECIPE_CHECK, RecipeCheck)
        decided = before if before and before.jobs == identities else None
        complete = decided is not None and phases.keep_known(identities)
        if not complete and phases.train("recipe", plan.rate_jobs) == "stopped":
            return None
        if decided is None:
            # SciPy takes a second to import, and a study that goes on has decided.
            from compound.orchestrator.choose.recipe_check import check_recipe

            decided = check_recipe(self.spec, plan, self.store.results(identities))
            self.folder.write(RECIPE_CHECK, decided)
        self.observer.note(decided.sentence)
        return decided

    def _search(self, spec: StudySpec, plan: Plan, phases: PhaseRunner) -> tuple[Search, Ending]:
        """Train the design and every round after it, until there is nothing more to decide."""
        rounds, jobs = Rounds(), plan.jobs
        while True:
            added = [job for done in rounds.rounds for job in done.jobs]
            networks = job_list.by_id([plan.baseline], plan.extended(rounds), ())
            self.record_jobs(ROUNDS, rounds, added, networks)
            ending = phases.train(jobs[0].phase, jobs)
            search = Search.of(spec, plan, rounds, self.store.results)
            following = next_round(search) if ending == "done" else None
            if following is None:
                return search, ending
            self.observer.note(following.reason)
            rounds, jobs = rounds.plus(following), following.jobs

    def _verdict(self, search: Search, warning: str = "") -> Verdict:
        ended = {job.request.job.id for job in search.plan.jobs if job.phase == "search"}
        predictions = self.store.predictions(sorted(ended & search.results.keys()))
        verdict = analyse(search.spec, search.plan, search.results, predictions)
        if warning:
            verdict = verdict.model_copy(update={"warnings": (*verdict.warnings, warning)})
        self.folder.write(VERDICT, verdict)
        self.keep_answer()
        return verdict

    def _sensitivity(self, search: Search, verdict: Verdict, phases: PhaseRunner) -> Ending:
        """Train the choice and the best single axis again at other rates, if the spec asks so."""
        spec, plan = search.spec, search.plan
        if not spec.search.sensitivity:
            return "done"
        from compound.orchestrator.choose.sensitivity import judge_sensitivity, plan_sensitivity

        planned = plan_sensitivity(spec, plan, verdict)
        networks = job_list.by_id([plan.baseline], plan, ())
        self.record_jobs(SENSITIVITY, planned, planned.jobs, networks)
        ending = phases.train("sensitivity", planned.jobs) if planned.jobs else "done"
        results = self.store.results([job.request.job.id for job in planned.jobs])
        judged = judge_sensitivity(spec, plan, verdict, planned, results)
        self.record_jobs(SENSITIVITY, judged, judged.jobs, networks)
        self.observer.note(judged.sentence)
        return ending

    def _gate(self, search: Search, verdict: Verdict, phases: PhaseRunner) -> Outcome:
        """Train the best again at a larger scale; return whether the family follows."""
        mode = search.spec.gate.mode
        if mode == "off":
            return "done"
        from compound.orchestrator.scale.gate import judge

        planned = gate_plan(search.spec, search.plan, verdict, self.networks)
        networks = job_list.by_id([search.plan.baseline], search.plan, ())
        self.record_jobs(GATE_PLAN, planned, planned.jobs, networks)
        ending = phases.train("gate", planned.jobs)
        results = self.store.results([job.request.job.id for job in planned.jobs])
        kept_answers = self.store.predictions(results)
        judged = judge(search.spec, search.plan, verdict, planned, results, kept_answers)
        self.folder.write(GATE_RESULT, judged)
        self.observer.note(judged.sentence)
        closed = mode == "stop" and judged.outcome == "does not carry over"
        return "closed" if closed and ending == "done" else ending

    def _family(self, search: Search, coefficients: Coefficients, phases: PhaseRunner) -> Ending:
        spec, plan = search.spec, search.plan
        ways = ways_of(spec, plan.baseline, plan.profile, self.networks, plan.candidates)
        family = plan_family(
            spec, plan.baseline, plan.data, coefficients, plan.profile, self.networks, ways
        )
        networks = job_list.by_id([plan.baseline], plan, family.members)
        self.record_jobs(FAMILY, family, family.jobs, networks)
        ending = phases.train("family", family.jobs)
        results = self.store.results([job.request.job.id for job in written(self.folder).jobs])
        if law := law_of(spec, plan, family, results, self.networks):
            self.folder.write(POWER_LAW, law)
        if compared := compared_ways(spec, plan, family, results):
            self.folder.write(ALONG, compared)
        return ending

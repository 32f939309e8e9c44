"""Simulated studies whose untried networks have a known truth too."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compound.orchestrator.analyse.equal_cost import at_equal_cost
from compound.orchestrator.analyse.rungs import by_length
from compound.orchestrator.analyse.scores import (
    CandidateScores,
    ScoredCandidates,
    candidate_scores,
    compare,
    splits_of,
)
from compound.orchestrator.plan.schedules import rung_schedules, search_jobs
from compound.orchestrator.plan.search_jobs import plan_study
from compound.schemas.architecture import AXES, Candidate
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY
from compound.schemas.plan import Plan
from compound.schemas.promotion import Rungs
from compound.schemas.study import StudySpec
from tests.support.simulated_studies import BASELINE, DECAY, EVEN, SIGMA, World, single
from tests.support.simulated_verdicts import DATA, spec_of
from tests.support.surfaces import SCENARIOS, SURFACES, Floats

RUNGS = Rungs(kind="rungs", factor=4, seeds=2)
GRID = "benchmarks/tables/agreement.yaml"
"""26 networks of the paper's grid; 24 more of the same cost are untried."""


@dataclass(frozen=True)
class Simulation:
    """A plan whose untried networks are simulated as well."""

    spec: StudySpec
    plan: Plan
    """With all networks as its candidates."""
    tried: int
    """Networks of the design; they come first."""

    @classmethod
    def of(cls, path: str, seeds: int, tried: int | None = None) -> "Simulation":
        """Plan a study; of its design, take `tried` networks: all controls, then even steps."""
        spec = spec_of(path, seeds)
        plan = plan_study(spec, DATA)
        search = spec.search.model_copy(update={"promotion": RUNGS})
        spec = spec.model_copy(update={"search": search})
        axes = [n for n in plan.candidates if {*AXES} & {*n.roles}]
        mixes = [n for n in plan.candidates if n not in axes]
        steps = np.linspace(0, len(mixes) - 1, (tried or len(plan.candidates)) - len(axes))
        design = [*axes, *(mixes[i] for i in steps.round().astype(int))]
        rest = [n for n in (*plan.candidates, *plan.untried) if n not in design]
        networks = (*design, *rest)
        return cls(spec, plan.model_copy(update={"candidates": networks}), len(design))

    @property
    def networks(self) -> tuple[Candidate, ...]:
        """All networks, those of the design first."""
        return self.plan.candidates

    def study(self, truth: str, seed: int) -> "Study":
        """Simulate one study on a truth or scenario."""
        names = [*SURFACES, *SCENARIOS]
        surface, runs = SCENARIOS.get(truth) or (SURFACES[truth], EVEN)
        rng = np.random.default_rng([seed, names.index(truth)])
        worth = surface(splits_of(self.networks), single(self.plan), rng)
        world = World.of(self.spec, self.plan, worth, int(rng.integers(2**31)), runs)
        return Study(self, world, worth)


@dataclass(frozen=True)
class Study:
    """One simulated study; networks are known by their positions."""

    simulation: Simulation
    world: World
    worth: Floats
    """What each network is worth at equal cost, in sigma."""

    @property
    def true(self) -> Floats:
        """The true accuracies at the budget's cost."""
        multiple = self.simulation.spec.search.budget.multiple
        accuracies: Floats = 1 - BASELINE * multiple**-DECAY + SIGMA * self.worth
        return accuracies

    def scored(self, positions: Sequence[int]) -> ScoredCandidates:
        """Compare some networks after the last rung's schedule."""
        return compare([self.entries[i] for i in positions], 0.9, DATA.validation)

    def untried(self, positions: Sequence[int]) -> list[Candidate]:
        """Return all networks but some."""
        return [n for i, n in enumerate(self.simulation.networks) if i not in positions]

    @cached_property
    def entries(self) -> list[CandidateScores]:
        """All networks at equal cost after the whole schedule."""
        return self._entries(-1)

    @cached_property
    def short(self) -> list[CandidateScores]:
        """All networks at equal cost after the shortest schedule."""
        return self._entries(0)

    def _entries(self, rung: int) -> list[CandidateScores]:
        spec, plan = self.simulation.spec, self.simulation.plan
        schedule = rung_schedules(spec)[rung]
        networks = (plan.baseline, *plan.candidates)
        jobs = search_jobs(spec, DATA, networks, schedule, range(schedule.seeds), None)
        planned = plan.model_copy(update={"jobs": tuple(jobs)})
        results = {}
        for entry in planned.jobs:
            job = entry.request.job
            metrics = {ACCURACY: self.world.answer(job)}
            results[job.id] = JobResult(
                job=job.id, status="done", attempt=1, epochs=1, metrics=metrics
            )
        groups = by_length(planned, schedule.recipe.epochs)
        scores = [candidate_scores(n, groups, results, len(DATA.classes)) for n in networks]
        return at_equal_cost(scores[1:], scores[0], spec.search.budget.multiple)

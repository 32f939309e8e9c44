"""Searches in which Ray's ASHA screens the mixes, and fresh seeds of what it finished decide.

In the middle of a schedule a score is taken to say as much as after an annealed schedule of that
length. (In the recorded trainings of benchmarks/tables/search_cost.csv it says a little more.)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from ray.tune.schedulers import AsyncHyperBandScheduler

from compound.orchestrator.plan.schedules import FEWEST, of_length
from compound.schemas.architecture import AXES
from compound.schemas.job import TrainJob
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.learning_curves import Curve
from tests.support.search_strategies import reached
from tests.support.simulated_studies import Carried, World, carry_out

SELECTED = 10_000
"""The seed that ASHA trains with, which no verdict sees."""
AHEAD, LEVEL, BEHIND = 0.6, 0.5, 0.4
Planned = Callable[[float], tuple[StudySpec, Plan]]
"""Plans the study with rungs that promote this part of the mixes."""


@dataclass(frozen=True)
class Halving:
    """Ray's asynchronous successive halving: one in `factor` goes on, first after `grace`."""

    factor: int
    grace: int

    def survivors(
        self, plan: Plan, epochs: int, world: World, rng: np.random.Generator
    ) -> tuple[set[str], int]:
        """Return the mixes that are trained to the end, and the epochs that all take."""
        jobs = {
            planned.candidate: planned.request.job
            for planned in plan.jobs
            if planned.candidate in mixes(plan)
        }
        names = [str(name) for name in rng.permutation(list(jobs))]
        trials = [self._curve(jobs[name], epochs, world) for name in names]
        rule = AsyncHyperBandScheduler(
            time_attr="epoch",
            metric="accuracy",
            mode="max",
            max_t=epochs,
            grace_period=self.grace,
            reduction_factor=self.factor,
        )
        last = reached(rule, trials, rng)
        done = {name for name, epoch in zip(names, last, strict=True) if epoch == epochs}
        return done, sum(last)

    def _curve(self, job: TrainJob, epochs: int, world: World) -> Curve:
        """Return the scores that decide; the rest of the curve is of no account."""
        scores, epoch = [0.0] * epochs, self.grace
        while epoch < epochs:
            recipe = of_length(job.recipe, epoch)
            short = job.model_copy(update={"recipe": recipe, "seed": SELECTED})
            scores[epoch - 1] = world.answer(short)
            epoch *= self.factor
        return Curve(job.architecture.id, SELECTED, tuple(scores), 0.0)


def mixes(plan: Plan) -> set[str]:
    """Return the candidates that may be stopped: single axes may not."""
    return {entry.id for entry in plan.candidates if not {*AXES} & {*entry.roles}}


def carry_out_halved(
    halving: Halving, planned: Planned, world: World, rng: np.random.Generator
) -> Carried:
    """Run the study as if ASHA's survivors were the promoted ones, and count its epochs."""
    epochs = world.spec.search.train.epochs
    spec, plan = planned(0.5)
    went_on, spent = halving.survivors(plan, epochs, world, rng)
    spec, plan = planned((max(len(went_on), FEWEST) - 0.5) / len(mixes(plan)))

    def answer(job: TrainJob) -> float:
        if job.recipe.epochs == epochs:
            return world.answer(job)
        network = job.architecture.id
        return LEVEL if network == plan.baseline.id else AHEAD if network in went_on else BEHIND

    carried = carry_out(spec, plan, answer)
    screened = sum(job.request.job.recipe.epochs for job in plan.jobs)
    return replace(carried, epochs=carried.epochs - screened + spent)

"""Ways to search that are replayed on recorded trainings: Compound, grids, Ray's ASHA and chance.

Compound's searches are the real study over a real store, with a runner that looks results up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from heapq import heappop, heappush
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import numpy as np
from ray.tune.schedulers import AsyncHyperBandScheduler

from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.data import DataInfo
from compound.schemas.job import TrainJob
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec
from tests.support.learning_curves import TABLES, Curve, Table
from tests.support.simulated_studies import carry_out

SPEC = TABLES / "search_cost.yaml"
WORKERS = 4
"""Trials that ASHA has under way at once."""
DATA = DataInfo(
    fingerprint="0" * 16,
    classes=tuple("0123456789"),
    in_channels=3,
    size=32,
    train=2000,
    validation=2000,
)
"""What the trainings saw; a plan needs to know no more of it."""


@dataclass(frozen=True)
class Choice:
    """What a strategy chose, and the epochs that it trained."""

    network: str
    epochs: int


Strategy = Callable[[Table, np.random.Generator], Choice]


@cache
def planned(overrides: tuple[str, ...]) -> tuple[StudySpec, Plan]:
    """Return the recorded study as edited, and its plan."""
    spec = load(SPEC, list(overrides)).spec
    assert isinstance(spec, StudySpec)
    return spec, plan_study(spec, DATA)


def compound(*overrides: str) -> Strategy:
    """Run the study itself, edited by overrides of its spec."""
    return partial(_studied, overrides)


def _studied(overrides: tuple[str, ...], table: Table, rng: np.random.Generator) -> Choice:
    carried = carry_out(*planned(overrides), partial(_looked_up, table))
    assert carried.verdict.chosen is not None
    return Choice(carried.verdict.chosen, carried.epochs)


def _looked_up(table: Table, job: TrainJob) -> float:
    """Return what the table has for a job; its seeds count from 0 in the order of the replay."""
    curve = table.curves[job.architecture.id][job.seed]
    return {table.short: curve.short, table.length: curve.final}[job.recipe.epochs]


def grid(seeds: int) -> Strategy:
    """Train every candidate with so many seeds; take the highest mean."""
    return partial(_gridded, seeds)


def _gridded(seeds: int, table: Table, rng: np.random.Generator) -> Choice:
    return _highest(table, table.networks, seeds)


def _highest(table: Table, networks: Sequence[str], seeds: int) -> Choice:
    means = {network: fmean(c.final for c in table.curves[network][:seeds]) for network in networks}
    best = max(means, key=means.__getitem__)
    return Choice(best, len(networks) * seeds * table.length)


def chance(networks: int) -> Strategy:
    """Train so many candidates at random with one seed; take the highest score."""
    return partial(_drawn, networks)


def _drawn(number: int, table: Table, rng: np.random.Generator) -> Choice:
    return _highest(table, table.networks[:number], 1)


def asha(factor: int, seeds: int = 1) -> Strategy:
    """Let Ray's scheduler stop trials, a trial a candidate and seed; take the highest last score.

    Workers take the next trial as soon as they are free, and no two epochs last equally long, so
    that who comes to a rung first is a matter of luck, as it is on a cluster.
    """
    return partial(_halved, factor, seeds)


def _halved(factor: int, seeds: int, table: Table, rng: np.random.Generator) -> Choice:
    rule = AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="accuracy",
        mode="max",
        max_t=table.length,
        grace_period=1,
        reduction_factor=factor,
    )
    trials = [table.curves[network][seed] for seed in range(seeds) for network in table.networks]
    last = reached(rule, trials, rng)
    ended = [curve for curve, end in zip(trials, last, strict=True) if end == table.length]
    return Choice(max(ended, key=lambda curve: curve.final).network, sum(last))


def reached(rule: Any, trials: Sequence[Curve], rng: np.random.Generator) -> list[int]:
    """Return the epoch that each trial came to under a rule of Ray's."""
    handles = [SimpleNamespace(trial_id=str(index)) for index in range(len(trials))]
    epochs, waiting = [0] * len(trials), iter(range(len(trials)))
    running: list[tuple[float, int]] = []

    def begin(now: float) -> None:
        if (index := next(waiting, None)) is not None:
            rule.on_trial_add(None, handles[index])
            heappush(running, (now + rng.uniform(0.8, 1.2), index))

    for _ in range(WORKERS):
        begin(0.0)
    while running:
        now, index = heappop(running)
        epochs[index] = epoch = epochs[index] + 1
        result = {"epoch": epoch, "accuracy": trials[index].epochs[epoch - 1]}
        if rule.on_trial_result(None, handles[index], result) == rule.CONTINUE:
            heappush(running, (now + rng.uniform(0.8, 1.2), index))
            continue
        rule.on_trial_complete(None, handles[index], result)
        begin(now)
    return epochs


def strategies() -> dict[str, Strategy]:
    """Return what is compared, by name.

    The best network of the table is a single-axis control, which goes on from every rung whatever
    its score. Without controls the same networks compete on equal terms.
    """
    return {
        **{f"random, {k} networks, 1 seed": chance(k) for k in (1, 2, 4, 8, 16)},
        **{f"grid, {_seeds(n)}": grid(n) for n in (1, 2, 3, 4)},
        "ASHA, factor 4, 1 seed": asha(4),
        "ASHA, factor 2, 1 seed": asha(2),
        "ASHA, factor 4, 4 seeds": asha(4, seeds=4),
        "Compound, rungs": compound(_rungs()),
        "Compound, rungs, 2 seeds in all": compound(_rungs(), "search.seeds=2"),
        "Compound, rungs, no controls": compound(_rungs(), "search.controls=[]"),
        "Compound, rungs, 2 seeds first": compound(_rungs(seeds=2)),
        "Compound, rungs, 4 seeds first": compound(_rungs(seeds=4)),
        "Compound, rungs, keep 0.1": compound(_rungs(keep=0.1)),
        "Compound, keep 0.1, 2 seeds in all": compound(_rungs(keep=0.1), "search.seeds=2"),
        "Compound, rungs, keep 0.5": compound(_rungs(keep=0.5)),
        "Compound, whole, 2 seeds": compound("search.seeds=2"),
        "Compound, whole, 4 seeds": compound("search.seeds=4"),
    }


def _seeds(number: int) -> str:
    return f"{number} seed{'s' * (number > 1)}"


def _rungs(**options: float) -> str:
    settings = "".join(f", {name}: {value}" for name, value in options.items())
    return f"search.promotion={{kind: rungs, factor: 4{settings}}}"

"""What a search chooses for the epochs that it spends: Compound, grids, Ray's ASHA and chance.

python -m benchmarks.search_cost [--replays 200] [--bootstrap] [--csv FILE]
python -m benchmarks.search_cost --record STORE    writes the table anew, see below

The table holds real trainings: every network of benchmarks/tables/search_cost.yaml with four seeds,
the accuracy after each epoch of the whole schedule, and that of a short one, annealed to its end.
A strategy is replayed many times, each time with the table's networks, and the seeds of each, in
another order, and is told only what it pays for. (Each network's seeds apart: nothing in the table
says that a seed brings luck to all.) Compound's searches are the real study over a real store, with
a runner that looks results up.

"Chosen" is the mean accuracy of the chosen network over all its seeds on the whole schedule. That
is the best that is known of it, but no truth: the table's own noise is in it, and who sees all four
seeds chooses by the very runs that judge. `--bootstrap` mends that: every replay draws four runs of
each network from its four, with replacement, so that the recorded means are the truth and what a
strategy sees is a noisy sample of it (with 3/4 of the noise's variance). "Good" counts choices less
than one standard error of a difference of two such means below the best.

To record: run the spec into one store, with `--set name=search-cost-8`, and then with
`--set name=search-cost-2 --set train.epochs=2 --set train.warmup_epochs=0.25`.
"""

import argparse
import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from heapq import heappop, heappush
from pathlib import Path
from statistics import fmean, median
from types import SimpleNamespace
from typing import Any

import numpy as np
from ray.tune.schedulers import AsyncHyperBandScheduler

from benchmarks.simulated import carry_out
from jobs.store.artifacts import ArtifactStore
from orchestrator.analyse import METRIC
from orchestrator.documents import Documents, documents
from orchestrator.plan import plan_study
from orchestrator.spec import load
from orchestrator.statistics import pooled
from schemas.data import DataInfo
from schemas.job import TrainJob
from schemas.plan import Plan
from schemas.study import StudySpec

TABLES = Path(__file__).parent / "tables"
SPEC, TABLE = TABLES / "search_cost.yaml", TABLES / "search_cost.csv"
WHOLE, SHORT = "search-cost-8", "search-cost-2"
"""The recorded studies."""
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
class Curve:
    """One training: a network with a seed."""

    network: str
    seed: int
    epochs: tuple[float, ...]
    """Accuracy after each epoch of the whole schedule."""
    short: float
    """Accuracy after the short schedule."""

    @property
    def final(self) -> float:
        """Accuracy after the whole schedule."""
        return self.epochs[-1]


@dataclass(frozen=True)
class Table:
    """All trainings, by network and then by seed."""

    curves: Mapping[str, tuple[Curve, ...]]
    baseline: str
    short: int
    """Epochs of the short schedule."""

    @property
    def networks(self) -> list[str]:
        """The candidates."""
        return [one for one in self.curves if one != self.baseline]

    @property
    def length(self) -> int:
        """Epochs of the whole schedule."""
        return len(self.curves[self.baseline][0].epochs)

    def drawn(self, rng: np.random.Generator, *, again: bool = False) -> "Table":
        """Return the table with its networks, and each network's runs, in another order.

        `again`: as many runs of each network are drawn with replacement.
        """
        names = [str(name) for name in rng.permutation(list(self.curves))]
        return replace(self, curves={name: self._runs(name, rng, again) for name in names})

    def _runs(self, name: str, rng: np.random.Generator, again: bool) -> tuple[Curve, ...]:
        curves = self.curves[name]
        order = (
            rng.integers(len(curves), size=len(curves)) if again else rng.permutation(len(curves))
        )
        return tuple(curves[i] for i in order)


@dataclass(frozen=True)
class Choice:
    """What a strategy chose, and the epochs that it trained."""

    network: str
    epochs: int


Strategy = Callable[[Table, np.random.Generator], Choice]


def read(path: Path = TABLE) -> Table:
    """Read the recorded table."""
    curves: dict[str, list[Curve]] = {}
    baseline = ""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    short = _columns(lines[0], "short_")[0]
    for line in lines:
        network, whole = line["network"], _columns(line, "epoch_")
        baseline = network if line["roles"] == "baseline" else baseline
        scores = tuple(float(line[name]) for name in whole)
        curve = Curve(network, int(line["seed"]), scores, float(line[short]))
        curves.setdefault(network, []).append(curve)
    number = int(short.removeprefix("short_"))
    return Table({name: tuple(each) for name, each in curves.items()}, baseline, number)


def _columns(line: Mapping[str, str], prefix: str) -> list[str]:
    return [name for name in line if name.startswith(prefix)]


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
    means = {one: fmean(c.final for c in table.curves[one][:seeds]) for one in networks}
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
    trials = [table.curves[one][seed] for seed in range(seeds) for one in table.networks]
    reached = _reached(rule, trials, rng)
    ended = [curve for curve, last in zip(trials, reached, strict=True) if last == table.length]
    return Choice(max(ended, key=lambda curve: curve.final).network, sum(reached))


def _reached(rule: Any, trials: Sequence[Curve], rng: np.random.Generator) -> list[int]:
    """Return the epoch that each trial came to under a rule of Ray's."""
    handles = [SimpleNamespace(trial_id=str(place)) for place in range(len(trials))]
    reached, waiting = [0] * len(trials), iter(range(len(trials)))
    running: list[tuple[float, int]] = []

    def begin(now: float) -> None:
        if (place := next(waiting, None)) is not None:
            rule.on_trial_add(None, handles[place])
            heappush(running, (now + rng.uniform(0.8, 1.2), place))

    for _ in range(WORKERS):
        begin(0.0)
    while running:
        now, place = heappop(running)
        reached[place] = epoch = reached[place] + 1
        told = {"epoch": epoch, "accuracy": trials[place].epochs[epoch - 1]}
        if rule.on_trial_result(None, handles[place], told) == rule.CONTINUE:
            heappush(running, (now + rng.uniform(0.8, 1.2), place))
            continue
        rule.on_trial_complete(None, handles[place], told)
        begin(now)
    return reached


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
    told = "".join(f", {name}: {value}" for name, value in options.items())
    return f"search.promotion={{kind: rungs, factor: 4{told}}}"


@dataclass(frozen=True)
class Shown:
    """What many replays of one strategy came to: means, and the 5th and 95th percentile."""

    strategy: str
    epochs: tuple[float, float, float]
    chosen: tuple[float, float, float]
    good: float
    """The part of the replays whose choice is as good as the best, within the noise."""


def replay(
    name: str, strategy: Strategy, table: Table, replays: int, *, again: bool = False
) -> Shown:
    """Let a strategy search so many times, always the same; `again` as of Table.drawn."""
    rng = np.random.default_rng(0)
    choices = [strategy(table.drawn(rng, again=again), rng) for _ in range(replays)]
    means = final_means(table)
    reached = [means[one.network] for one in choices]
    enough = max(means.values()) - _slack(table)
    return Shown(
        name,
        _spread([one.epochs for one in choices]),
        _spread(reached),
        float(np.mean([one > enough for one in reached])),
    )


def final_means(table: Table) -> dict[str, float]:
    """Return each candidate's accuracy after the whole schedule, the mean of all its seeds."""
    return {one: fmean(curve.final for curve in table.curves[one]) for one in table.networks}


def _slack(table: Table) -> float:
    """Return one standard error of the difference of two candidates' means."""
    scores = [[curve.final for curve in table.curves[one]] for one in table.networks]
    noise = pooled(scores)
    assert noise is not None
    return float(noise.sd * (2 / len(scores[0])) ** 0.5)


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    low, high = np.percentile(values, [5, 95])
    return fmean(values), float(low), float(high)


def lines(table: Table, shown: Iterable[Shown]) -> Iterable[str]:
    """Yield the table for people, as it comes."""
    means = sorted(final_means(table).values())
    yield (
        f"{len(means)} networks: the best {means[-1]:.2%}, the median {median(means):.2%}, "
        f"the worst {means[0]:.2%}; as good as the best within {100 * _slack(table):.2f} points"
    )
    yield f"{'strategy':34}{'epochs':>8}{'5 to 95 %':>14}{'chosen':>9}{'5 to 95 %':>18}{'good':>7}"
    for one in shown:
        mean, low, high = one.epochs
        reached, least, most = one.chosen
        yield (
            f"{one.strategy:34}{mean:8.0f}{f'{low:.0f} to {high:.0f}':>14}{reached:9.2%}"
            f"{f'{least:.2%} to {most:.2%}':>18}{one.good:7.0%}"
        )


def write(path: Path, shown: Iterable[Shown]) -> None:
    """Write the figures as CSV."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        spreads = ("", "_p5", "_p95")
        heads = [f"{what}{end}" for what in ("epochs", "chosen") for end in spreads]
        writer.writerow(["strategy", *heads, "as_good_as_the_best"])
        for one in shown:
            writer.writerow([one.strategy, *one.epochs, *one.chosen, one.good])


def record(uri: str, path: Path = TABLE) -> None:
    """Write the table from a store that holds both ended studies."""
    store = ArtifactStore.open(uri, create=False)
    whole, short = (_study(store, name) for name in (WHOLE, SHORT))
    assert whole.plan is not None and short.plan is not None
    brief = {(j.candidate, j.request.job.seed): j.request.job for j in short.plan.jobs}
    results = store.results([job.id for job in brief.values()])
    length = next(iter(brief.values())).recipe.epochs
    networks = {one.id: one for one in (whole.plan.baseline, *whole.plan.candidates)}
    rows = []
    for planned_job in whole.plan.jobs:
        one, job = networks[planned_job.candidate], planned_job.request.job
        scores = [row.metrics[METRIC] for row in store.rows(job.id)]
        brief_score = results[brief[one.id, job.seed].id].metrics[METRIC]
        triple = [round(value, 4) for value in one.coefficients.model_dump().values()]
        facts = [one.id, " ".join(one.roles), *triple, round(one.ratio, 4)]
        costs = [one.cost.params, one.cost.macs, one.cost.activations]
        rows.append([*facts, *costs, job.seed, *(round(s, 6) for s in (*scores, brief_score))])
    epochs = [f"epoch_{e}" for e in range(1, len(scores) + 1)]
    head = ["network", "roles", "alpha", "beta", "gamma", "ratio", "params", "macs", "activations"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*head, "seed", *epochs, f"short_{length}"])
        writer.writerows(rows)


def _study(store: ArtifactStore, name: str) -> Documents:
    found = documents(store.study(name))
    assert found is not None
    return found


def main() -> None:
    """Print the table, or record what it is made from."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--bootstrap", action="store_true", help="draw runs with replacement")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--record", metavar="STORE")
    options = parser.parse_args()
    if options.record:
        record(options.record)
    table, shown = read(), []

    def replays() -> Iterable[Shown]:
        for name, strategy in strategies().items():
            times, again = options.replays, options.bootstrap
            shown.append(replay(name, strategy, table, times, again=again))
            yield shown[-1]

    for line in lines(table, replays()):
        print(line, flush=True)
    if options.csv:
        write(options.csv, shown)


if __name__ == "__main__":
    main()

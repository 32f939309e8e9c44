"""The recorded table of the search's cost: real trainings by network, seed and epoch.

It holds every network of tables/search_cost.yaml with four seeds, the accuracy after each epoch of
the whole schedule, and that of a short one, annealed to its end.

python -m benchmarks.curves STORE    writes the table anew from a store

To record: run the spec into one store, with `--set name=search-cost-8`, and then with
`--set name=search-cost-2 --set train.epochs=2 --set train.warmup_epochs=0.25`.
"""

import argparse
import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.statistics.comparison import pooled
from compound.schemas.metrics import ACCURACY

TABLES = Path(__file__).parent / "tables"
TABLE = TABLES / "search_cost.csv"
WHOLE, SHORT = "search-cost-8", "search-cost-2"
"""The recorded studies."""


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
        return [network for network in self.curves if network != self.baseline]

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
    return Table(
        {name: tuple(network_curves) for name, network_curves in curves.items()}, baseline, number
    )


def _columns(line: Mapping[str, str], prefix: str) -> list[str]:
    return [name for name in line if name.startswith(prefix)]


def final_means(table: Table) -> dict[str, float]:
    """Return each candidate's accuracy after the whole schedule, the mean of all its seeds."""
    return {
        network: fmean(curve.final for curve in table.curves[network]) for network in table.networks
    }


def slack(table: Table) -> float:
    """Return one standard error of the difference of two candidates' means."""
    scores = [[curve.final for curve in table.curves[network]] for network in table.networks]
    noise = pooled(scores)
    assert noise is not None
    return float(noise.sd * (2 / len(scores[0])) ** 0.5)


def record(uri: str, path: Path = TABLE) -> None:
    """Write the table from a store that holds both ended studies."""
    store = ArtifactStore.open(uri, create=False)
    whole, short = (_study(store, name) for name in (WHOLE, SHORT))
    assert whole.plan is not None and short.plan is not None
    brief = {(j.candidate, j.request.job.seed): j.request.job for j in short.plan.jobs}
    results = store.results([job.id for job in brief.values()])
    length = next(iter(brief.values())).recipe.epochs
    networks = {
        candidate.id: candidate for candidate in (whole.plan.baseline, *whole.plan.candidates)
    }
    rows = []
    for planned_job in whole.plan.jobs:
        candidate, job = networks[planned_job.candidate], planned_job.request.job
        scores = [row.metrics[ACCURACY] for row in store.rows(job.id)]
        brief_score = results[brief[candidate.id, job.seed].id].metrics[ACCURACY]
        triple = [round(value, 4) for value in candidate.coefficients.model_dump().values()]
        facts = [candidate.id, " ".join(candidate.roles), *triple, round(candidate.ratio, 4)]
        costs = [candidate.cost.params, candidate.cost.macs, candidate.cost.activations]
        rows.append([*facts, *costs, job.seed, *(round(s, 6) for s in (*scores, brief_score))])
    epochs = [f"epoch_{e}" for e in range(1, len(scores) + 1)]
    head = ["network", "roles", "alpha", "beta", "gamma", "ratio", "params", "macs", "activations"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*head, "seed", *epochs, f"short_{length}"])
        writer.writerows(rows)


def _study(store: ArtifactStore, name: str) -> Documents:
    study = documents(store.study(name))
    assert study is not None
    return study


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    record(parser.parse_args().store)

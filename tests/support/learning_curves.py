"""Recorded trainings by network, seed and epoch, on which strategies of search are replayed."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from compound.orchestrator.statistics.noise import pooled

TABLES = Path(__file__).parents[2] / "benchmarks" / "tables"
TABLE = TABLES / "search_cost.csv"


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

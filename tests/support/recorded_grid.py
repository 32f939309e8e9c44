"""The recorded table of a naive grid: one row a triple, with the scores of its network."""

import csv
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

TABLE = Path(__file__).parents[2] / "benchmarks" / "tables" / "dedupe.csv"
FEWER = 1.6
"""Times fewer trainings that the realised grid must need."""


@dataclass(frozen=True)
class Row:
    """One triple of the naive grid, and what training it gave, a score a seed."""

    alpha: float
    beta: float
    gamma: float
    network: str
    params: int
    macs: int
    scores: tuple[float, ...]


def read(path: Path = TABLE) -> list[Row]:
    """Read the recorded table."""
    with path.open(newline="") as file:
        _, *lines = csv.reader(file)
    return [
        Row(float(a), float(b), float(c), network, int(params), int(macs), tuple(map(float, rest)))
        for a, b, c, network, params, macs, *rest in lines
    ]


def naive(rows: list[Row]) -> tuple[int, str]:
    """Return the trainings of the search over triples, and the network of the best triple."""
    best = max(rows, key=lambda row: fmean(row.scores))
    return sum(len(row.scores) for row in rows), best.network


def realised(rows: list[Row]) -> tuple[int, str]:
    """Return the trainings of the search over distinct networks, and the best network."""
    networks = {row.network: row.scores for row in rows}
    best = max(networks, key=lambda network: fmean(networks[network]))
    return sum(len(scores) for scores in networks.values()), best

"""How many trainings of the paper's grid search are repeats, and that leaving them out is free.

python benchmarks/dedupe.py                  reads the recorded table and proves both
python benchmarks/dedupe.py --record STORE   writes it anew from a store in which
                                             `compound run benchmarks/tables/dedupe.yaml` ended

The naive search trains every triple. Triples that round to one network, with the same recipe, data
and seed, are one job with one result, so a table of the distinct networks gives the naive table
without loss: one row a triple, with its network's scores.
"""

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import documents
from compound.schemas.metrics import ACCURACY

TABLE = Path(__file__).parent / "tables" / "dedupe.csv"
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


def record(uri: str, path: Path = TABLE) -> None:
    """Write the table from a store that holds the ended study."""
    store = ArtifactStore.open(uri, create=False)
    study = documents(store.study("dedupe"))
    assert study is not None
    assert study.plan is not None
    jobs = [(job.candidate, job.request.job) for job in study.plan.jobs]
    results = store.results([job.id for _, job in jobs])
    rows = []
    for candidate in study.plan.candidates:
        scores = [
            results[job.id].metrics[ACCURACY] for network, job in jobs if network == candidate.id
        ]
        facts = [candidate.id, candidate.cost.params, candidate.cost.macs, *scores]
        rows += [[*triple.model_dump().values(), *facts] for triple in candidate.triples]
    seeds = [f"accuracy_seed{job.seed}" for network, job in jobs if network == rows[0][3]]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["alpha", "beta", "gamma", "network", "params", "macs", *seeds])
        writer.writerows(sorted(rows))


def main() -> None:
    """Print and assert what the table shows."""
    if sys.argv[1:2] == ["--record"]:
        record(sys.argv[2])
    rows = read()
    (trainings, winner), (fewer, best) = naive(rows), realised(rows)
    print(f"naive grid:    {trainings} trainings of {len(rows)} triples, best network {winner}")
    networks = len({row.network for row in rows})
    print(f"realised grid: {fewer} trainings of {networks} networks, best network {best}")
    print(f"{trainings / fewer:.2f} times fewer trainings, goal {FEWER}; the same network wins")
    assert winner == best
    assert trainings >= FEWER * fewer


if __name__ == "__main__":
    main()

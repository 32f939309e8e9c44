"""How many trainings of the paper's grid search are repeats, and that leaving them out is free.

python -m benchmarks.dedupe                  reads the recorded table and proves both
python -m benchmarks.dedupe --record STORE   writes it anew from a store in which
                                             `compound run benchmarks/tables/dedupe.yaml` ended

The naive search trains every triple. Triples that round to one network, with the same recipe, data
and seed, are one job with one result, so a table of the distinct networks gives the naive table
without loss: one row a triple, with its network's scores.
"""

import csv
import sys
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import documents
from compound.schemas.metrics import ACCURACY
from tests.support.recorded_grid import FEWER, TABLE, naive, read, realised


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

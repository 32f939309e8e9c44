"""The recorded table of the search's cost: real trainings by network, seed and epoch.

It holds every network of tables/search_cost.yaml with four seeds, the accuracy after each epoch of
the whole schedule, and that of a short one, annealed to its end.

python -m benchmarks.curves STORE    writes the table anew from a store

To record: run the spec into one store, with `--set name=search-cost-8`, and then with
`--set name=search-cost-2 --set train.epochs=2 --set train.warmup_epochs=0.25`.
"""

import argparse
import csv
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import Documents, documents
from compound.schemas.metrics import ACCURACY
from tests.support.learning_curves import TABLE

WHOLE, SHORT = "search-cost-8", "search-cost-2"
"""The recorded studies."""


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

"""The studies of a store as eight Arrow tables, which any tool can read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.rows import METRICS as ROWS
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.records.prediction_table import PREDICTIONS, predictions
from compound.orchestrator.records.study_networks import names_of_study
from compound.orchestrator.timeline.event_tables import (
    EVENTS,
    INTERVALS,
    event_lines,
    interval_lines,
)
from compound.orchestrator.timeline.job_standing import standing_of
from compound.schemas.architecture import Candidate
from compound.schemas.final_evaluation import FinalTest, SeedScore
from compound.schemas.metrics import ACCURACY, TEST_ACCURACY, TEST_IMAGES, TEST_LOSS
from compound.schemas.plan import PlannedJob

_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float64()
_AT_A_TIME = 500
"""Jobs whose rows are read at once."""
_OF_JOB = {"study": _TEXT, "label": _TEXT}

METRICS: pa.Schema = pa.schema([*_OF_JOB.items(), *((f.name, f.type) for f in ROWS)])
"""One line per job, epoch and metric, of running jobs too; (job, seq) orders a job's lines."""
JOBS: pa.Schema = pa.schema(
    {
        **_OF_JOB,
        "job": _TEXT,
        "phase": _TEXT,
        "phi": _NUMBER,
        "candidate": _TEXT,
        "seed": _WHOLE,
        "epochs": _WHOLE,
        "status": _TEXT,
        "attempt": _WHOLE,
        "epoch": _WHOLE,
        ACCURACY: _NUMBER,
        "updated": _NUMBER,
        "host": _TEXT,
        "cause": _TEXT,
        "message": _TEXT,
        "network": _TEXT,
    }
)
"""One line per job of a phase; `epoch` is its last epoch so far, `epochs` its schedule, `network`
the name of the candidate."""
CANDIDATES: pa.Schema = pa.schema(
    {
        "study": _TEXT,
        "candidate": _TEXT,
        "roles": _TEXT,
        "alpha": _NUMBER,
        "beta": _NUMBER,
        "gamma": _NUMBER,
        "nominal": _NUMBER,
        "ratio": _NUMBER,
        "resolution": _WHOLE,
        "params": _WHOLE,
        "macs": _WHOLE,
        "activations": _WHOLE,
        "network": _TEXT,
    }
)
"""One line per network with its exact cost; `ratio` is the cost over that of the baseline,
`network` its name."""
CHECKPOINTS: pa.Schema = pa.schema(
    {
        **_OF_JOB,
        "job": _TEXT,
        "attempt": _WHOLE,
        "epoch": _WHOLE,
        "step": _WHOLE,
        ACCURACY: _NUMBER,
        "file": _TEXT,
        "uri": _TEXT,
        "size": _WHOLE,
        "sha256": _TEXT,
    }
)
"""One line per file of a stored checkpoint; the hash of a large file is over pieces of 1 MiB."""
TEST: pa.Schema = pa.schema(
    {
        **_OF_JOB,
        "job": _TEXT,
        "phase": _TEXT,
        "phi": _NUMBER,
        "candidate": _TEXT,
        "roles": _TEXT,
        "seed": _WHOLE,
        TEST_ACCURACY: _NUMBER,
        TEST_LOSS: _NUMBER,
        TEST_IMAGES: _WHOLE,
        ACCURACY: _NUMBER,
        "weights": _TEXT,
        "outdated": _TEXT,
    }
)
"""One line per evaluation of a job's weights on the test part. `roles`: of its network when the
test part was read last; empty where it has none any more. `outdated`: why the accuracies are not
those of the data as they are now."""


def metrics(store: ArtifactStore, study: str, study_documents: Documents) -> pa.Table:
    """Return the rows of a study's jobs."""
    labels = {job.request.job.id: job.request.label for job in study_documents.jobs}
    return pa.concat_tables([METRICS.empty_table(), *metrics_in_parts(store, study, labels)])


def metrics_in_parts(
    store: ArtifactStore, study: str, labels: Mapping[str, str]
) -> Iterator[pa.Table]:
    """Yield the rows of jobs in groups of jobs: all rows of a study may not fit into memory.

    `labels`: by the jobs' ids.
    """
    jobs = list(labels)
    for start in range(0, len(jobs), _AT_A_TIME):
        rows = store.metrics(jobs[start : start + _AT_A_TIME])
        names = [_labelled(chunk, labels) for chunk in rows["job"].dictionary_encode().chunks]
        columns = [pa.repeat(study, rows.num_rows), pa.chunked_array(names, _TEXT), *rows.columns]
        yield pa.table(columns, schema=METRICS)


def counted_by_job(parts: Iterable[pa.Table], by_job: Counter[str]) -> Iterator[pa.Table]:
    """Pass tables of rows on, and count the lines of each job in `by_job`."""
    for part in parts:
        for lines in part["job"].value_counts().to_pylist():
            by_job[lines["values"]] += lines["counts"]
        yield part


def _labelled(jobs: pa.DictionaryArray, labels: Mapping[str, str]) -> pa.Array:
    """Return the label of each line's job."""
    # By the dictionary, so that pyarrow makes no Python object for each line.
    labels_of_jobs = pa.array([labels[job] for job in jobs.dictionary.to_pylist()], _TEXT)
    return labels_of_jobs.take(jobs.indices)


def jobs(store: ArtifactStore, study: str, study_documents: Documents) -> pa.Table:
    """Return the states of a study's jobs; a job that phases share has a line in each."""
    states = store.states([job.request.job.id for job in study_documents.jobs])
    standing = standing_of(store.study(study), states)
    names, lines = names_of_study(study_documents), []
    for planned in study_documents.jobs_of_phases:
        job = planned.request.job
        state = standing.states[job.id]
        lines.append(
            {
                "study": study,
                **_planned(planned),
                "job": job.id,
                "seed": job.seed,
                "epochs": job.recipe.epochs,
                "status": standing.jobs[job.id].status,
                **state.model_dump(include={"attempt", "epoch", "updated", "host"}),
                ACCURACY: state.metrics.get(ACCURACY),
                "cause": state.cause.kind if state.cause else None,
                "message": state.cause.message if state.cause else None,
                "network": names[planned.candidate],
            }
        )
    return pa.Table.from_pylist(lines, JOBS)


def _planned(job: PlannedJob) -> dict[str, Any]:
    return {"label": job.request.label, **job.model_dump(include={"phase", "phi", "candidate"})}


def candidates(store: ArtifactStore, study: str, study_documents: Documents) -> pa.Table:
    """Return a study's networks: baseline, search and family."""
    del store
    planned = study_documents.plan or study_documents.trained
    networks = networks_with_roles(
        planned.baseline if planned else None,
        study_documents.search.candidates if study_documents.search else (),
        [m.network for m in (study_documents.family.members if study_documents.family else ())],
    )
    names = names_of_study(study_documents)
    lines = [
        {"study": study, **network_line(roles, network), "network": names.get(network.id)}
        for roles, network in networks
    ]
    return pa.Table.from_pylist(lines, CANDIDATES)


def networks_with_roles(
    baseline: Candidate | None, searched: Iterable[Candidate], family: Iterable[Candidate]
) -> list[tuple[str, Candidate]]:
    """Return a study's networks, each with its roles in words."""
    networks: list[tuple[str, Candidate]] = [("baseline", baseline)] if baseline else []
    networks += [(" ".join(candidate.roles), candidate) for candidate in searched]
    networks += [(" ".join(("family", *candidate.roles)), candidate) for candidate in family]
    return networks


def network_line(roles: str, candidate: Candidate) -> dict[str, Any]:
    """Return the columns of a network in CANDIDATES, but for its study."""
    return {
        "candidate": candidate.id,
        "roles": roles,
        **candidate.coefficients.model_dump(),
        "nominal": candidate.coefficients.nominal,
        "ratio": candidate.ratio,
        "resolution": candidate.architecture.resolution,
        **candidate.cost.model_dump(include={"params", "macs", "activations"}),
    }


def checkpoints(store: ArtifactStore, study: str, study_documents: Documents) -> pa.Table:
    """Return the stored checkpoints of a study's jobs, one line per file."""
    labels = {job.request.job.id: job.request.label for job in study_documents.jobs}
    lines = [
        {"study": study, "label": label, "job": job, **line}
        for job, label in labels.items()
        for line in _checkpoint_lines(store, job)
    ]
    return pa.Table.from_pylist(lines, CHECKPOINTS)


def _checkpoint_lines(store: ArtifactStore, job: str) -> Iterator[dict[str, Any]]:
    for checkpoint in store.checkpoints(job):
        for name, file in checkpoint.files.items():
            yield {
                **checkpoint.model_dump(include={"attempt", "epoch", "step"}),
                ACCURACY: checkpoint.score,
                "file": name,
                "uri": store.locate(file),
                **file.model_dump(include={"size", "sha256"}),
            }


def test(store: ArtifactStore, study: str, study_documents: Documents) -> pa.Table:
    """Return what was measured on a study's test part."""
    del store
    final = study_documents.test
    if final is None:
        return TEST.empty_table()
    planned = {job.request.job.id: job for job in study_documents.jobs}
    lines = [
        {
            "study": study,
            **(_planned(planned[score.job]) if score.job in planned else {}),
            **score.model_dump(include={"job", "seed", "weights"}),
            "roles": ", ".join(_roles(final, score)),
            TEST_ACCURACY: score.accuracy,
            TEST_LOSS: score.loss,
            TEST_IMAGES: score.images,
            ACCURACY: score.validation,
            "outdated": final.outdated,
        }
        for score in final.scores
    ]
    return pa.Table.from_pylist(lines, TEST)


def _roles(final: FinalTest, score: SeedScore) -> list[str]:
    return [network.role for network in final.networks if score in network.seeds]


TABLES: Mapping[str, tuple[pa.Schema, Callable[[ArtifactStore, str, Documents], pa.Table]]] = {
    "metrics": (METRICS, metrics),
    "jobs": (JOBS, jobs),
    "candidates": (CANDIDATES, candidates),
    "events": (EVENTS, event_lines),
    "intervals": (INTERVALS, interval_lines),
    "checkpoints": (CHECKPOINTS, checkpoints),
    "test": (TEST, test),
    "predictions": (PREDICTIONS, predictions),
}
"""The tables by name."""


def table(store: ArtifactStore, name: str, studies: Iterable[str]) -> pa.Table:
    """Return a table over studies. KeyError: there is no table of that name."""
    schema, make = TABLES[name]
    by_study = {study: documents(store.study(study)) for study in studies}
    parts = [
        make(store.knowing(study), study, study_documents)
        for study, study_documents in by_study.items()
        if study_documents
    ]
    return pa.concat_tables([schema.empty_table(), *parts])

"""The table `predictions`: what every trained network predicts of every held-out image."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.records.documents import Documents
from compound.schemas.plan import PlannedJob

_WORD = pa.dictionary(pa.int32(), pa.string())
"""Words that repeat in millions of lines take four bytes a line."""
PREDICTIONS: pa.Schema = pa.schema(
    {
        "study": _WORD,
        "label": _WORD,
        "job": _WORD,
        "phase": _WORD,
        "phi": pa.float64(),
        "candidate": _WORD,
        "seed": pa.int64(),
        "part": _WORD,
        "image": pa.int32(),
        "actual": _WORD,
        "predicted": _WORD,
        "correct": pa.bool_(),
    }
)
"""One line per image and job; a job that phases share is there once. `part`: `validation`, or
`test` for the weights that were evaluated last. `image` is the position in the part, from 0."""


def predictions(store: ArtifactStore, study: str, study_documents: Documents) -> pa.Table:
    """Return the predictions that a study's jobs have kept."""
    classes = study_documents.data.classes if study_documents.data else ()
    by_part = _of_validation(store, study_documents), _of_test(store, study_documents)
    parts = [
        _lines({"study": study, "part": part}, job, answers, classes)
        for part, jobs in zip(("validation", "test"), by_part, strict=True)
        for job, answers in jobs
    ]
    return pa.concat_tables([PREDICTIONS.empty_table(), *parts])


def _of_validation(
    store: ArtifactStore, study_documents: Documents
) -> Iterator[tuple[PlannedJob, Predictions]]:
    jobs = {job.request.job.id: job for job in study_documents.jobs}
    for job, answers in store.predictions(jobs).items():
        yield jobs[job], answers


def _of_test(
    store: ArtifactStore, study_documents: Documents
) -> Iterator[tuple[PlannedJob, Predictions]]:
    jobs = {job.request.job.id: job for job in study_documents.jobs}
    for score in study_documents.test.scores if study_documents.test else ():
        answers = store.test_predictions(score.job).read(score.content, score.weights)
        if answers and score.job in jobs:
            yield jobs[score.job], answers


def _lines(
    shared: dict[str, str], planned: PlannedJob, answers: Predictions, classes: Sequence[str]
) -> pa.Table:
    """Return the lines of one job."""
    columns: dict[str, Any] = {
        **shared,
        "label": planned.request.label,
        "job": planned.request.job.id,
        **planned.model_dump(include={"phase", "phi", "candidate"}),
        "seed": planned.request.job.seed,
    }
    repeated = {name: _repeated(value, len(answers.image)) for name, value in columns.items()}
    lines = {
        **repeated,
        "image": answers.image,
        "actual": _named(answers.label, classes),
        "predicted": _named(answers.predicted, classes),
        "correct": answers.right,
    }
    return pa.table([lines[name] for name in PREDICTIONS.names], schema=PREDICTIONS)


def _repeated(value: str | float, count: int) -> pa.Array:
    if isinstance(value, str):
        return _words(np.zeros(count, dtype=np.int32), (value,))
    return pa.repeat(pa.scalar(value), count)


def _named(indices: np.ndarray, classes: Sequence[str]) -> pa.Array:
    """Return the names of classes; the number of a class whose name is not known any more."""
    count = int(indices.max(initial=-1)) + 1
    return _words(indices, (*classes, *map(str, range(len(classes), count))))


def _words(indices: np.ndarray, words: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, pa.int32()), pa.array(words, pa.string())
    )

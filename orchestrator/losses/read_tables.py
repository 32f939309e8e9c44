"""The tables of some studies, and what is missing in them. No study keeps others from answering."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.losses.study_losses import StudyLosses, is_of_the_study
from compound.orchestrator.records.arrow_tables import TABLES
from compound.orchestrator.records.documents import Documents, documents
from compound.orchestrator.wording.missing_texts import left_out, whole_study
from compound.schemas.errors import StoreError

if TYPE_CHECKING:
    from compound.jobs.store.checking.losses import JobLoss

_OPENED = {"metrics", "checkpoints", "predictions"}
"""Tables for which every job is opened. The others have what the study's index says."""

Made = dict[str, pa.Table]


def read_tables(
    store: ArtifactStore, names: Collection[str], studies: Iterable[str]
) -> tuple[Made, list[str]]:
    """Return tables over studies, and what is missing in them, a text each."""
    tables: dict[str, list[pa.Table]] = {name: [TABLES[name][0].empty_table()] for name in names}
    lost: list[str] = []
    for study in studies if names else ():
        made, texts = _of_study(store, names, study)
        lost += [f"study {study}: {text}" for text in texts]
        for name, table in made.items():
            tables[name].append(table)
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}, lost


def _of_study(store: ArtifactStore, names: Collection[str], study: str) -> tuple[Made, list[str]]:
    if study in store.studies(lost=True):
        return {}, [whole_study(study, store.uri)]
    try:
        stored, losses = documents(store.study(study)), StudyLosses(store, study)
        # What is missing is read first: a study that runs only gains rows meanwhile.
        lost = losses.documents
        if stored is None:
            return {}, lost
        opened = losses.jobs(_ids(stored)) if _OPENED & {*names} else {}
        indexed = store.knowing(study)
        made = {name: TABLES[name][1](indexed, study, stored) for name in names}
        lost += losses.unplanned(_ids(stored))
        return made, [*lost, *_of_jobs(losses, opened, made, stored)]
    except StoreError as error:
        if not is_of_the_study(error):
            raise
        return {}, [left_out(study, store.uri, error)]


def _ids(stored: Documents) -> list[str]:
    return [job.request.job.id for job in stored.jobs]


def _of_jobs(
    losses: StudyLosses, opened: "Mapping[str, JobLoss]", made: Made, stored: Documents
) -> Iterator[str]:
    if not opened:
        yield from losses.listed(_ids(stored)) if "jobs" in made else ()
        return
    yield from losses.rows(opened, _lines(made["metrics"]) if "metrics" in made else None)
    yield from losses.files(opened)
    yield from losses.checkpoints(opened) if "checkpoints" in made else ()
    if "predictions" in made:
        tested = stored.test.scores if stored.test else ()
        read = _parts(made["predictions"])
        yield from losses.predictions(opened, [score.job for score in tested], read)


def _lines(metrics: pa.Table) -> Counter[str]:
    pairs = metrics["job"].value_counts().to_pylist()
    return Counter({pair["values"]: pair["counts"] for pair in pairs})


def _parts(predictions: pa.Table) -> set[tuple[str, str]]:
    """Return the jobs and parts of a table of predictions: each of its pieces is of one."""
    pieces = predictions.select(["job", "part"]).to_batches()
    return {(piece["job"][0].as_py(), piece["part"][0].as_py()) for piece in pieces if len(piece)}

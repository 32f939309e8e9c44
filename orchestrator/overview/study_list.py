"""The studies of a store, a line each: what `compound list` and the page's list show."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, NamedTuple

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import Entry
from compound.jobs.store.folders.done_jobs import with_opened
from compound.jobs.store.folders.planned_jobs import Line
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.orchestrator.answer.so_far import Stage
from compound.orchestrator.losses.study_losses import is_of_the_study
from compound.orchestrator.overview.stage_progress import stage_left, stage_lines
from compound.orchestrator.overview.study_status import best_accuracy, planned_lines, planned_work
from compound.orchestrator.records.documents import (
    ANSWER,
    FAMILY,
    GATE_RESULT,
    SPEC,
    SPENDING,
    VERDICT,
    Record,
)
from compound.orchestrator.timeline.job_standing import StudyStanding, driver_of, standing_of
from compound.orchestrator.timeline.time_left import TimeLeft
from compound.schemas.answer import Answer
from compound.schemas.errors import StoreError
from compound.schemas.spending import Spent
from compound.schemas.store_uri import bucket_of
from compound.schemas.study import AnySpec

State = Literal["running", "waiting", "done", "failed", "stopped", "damaged"]
"""`failed`: a job of it has, and nobody runs it; `stopped`: something is left to do, and nobody
does it; `damaged`: what lies there cannot be read."""
_AT_ONCE = 8
"""Studies that are read at a time from a bucket, where most of the time is waiting."""


class ListedStudy(NamedTuple):
    """A study in a list. Times are in seconds since 1970, accuracies fractions of 1."""

    name: str
    state: State
    kind: str = ""
    done: int = 0
    """Jobs that are done, of those planned so far."""
    jobs: int = 0
    running: int = 0
    failed: int = 0
    best_accuracy: float | None = None
    """The highest on validation images of a job that is done."""
    time_left: TimeLeft | None = None
    """Until the last job of the stage that runs ends, in seconds; None: not known."""
    updated: float | None = None
    """When it ended, or the newest that is known of it: its last event, in older stores its last
    document."""
    spent: Spent | None = None
    owner: str = ""
    """USER@HOST; empty in older stores."""
    driver: str = ""
    """HOST/PID of the process that runs it now."""
    problem: str = ""
    """Why it cannot be read."""

    @property
    def fields_read(self) -> dict[str, Any]:
        """Its fields; the counts of a study that cannot be read are None."""
        unread = ("done", "jobs", "running", "failed") if self.state == "damaged" else ()
        return {**self._asdict(), **dict.fromkeys(unread)}

    @property
    def as_json(self) -> dict[str, Any]:
        """Its fields as JSON has them."""
        spent = self.spent.model_dump() if self.spent else None
        left = self.time_left._asdict() if self.time_left else None
        return {**self.fields_read, "spent": spent, "time_left": left}


def study_list(store: ArtifactStore, names: Iterable[str]) -> list[ListedStudy]:
    """Return studies by their names, which `store.studies(newest=True)` has, in that order.

    A study whose files cannot be read is `damaged`, with the reason. StoreError: the store fails.
    """
    begun = frozenset(store.jobs())
    read = partial(_listed_or_damaged, store, begun)
    if not bucket_of(store.uri):
        return [read(name) for name in names]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(read, names))


def _listed_or_damaged(store: ArtifactStore, begun: Collection[str], name: str) -> ListedStudy:
    try:
        return _listed(store, begun, name)
    except StoreError as error:
        if not is_of_the_study(error):
            raise
        return ListedStudy(name, "damaged", problem=error.message)


def _listed(store: ArtifactStore, begun: Collection[str], name: str) -> ListedStudy:
    folder = store.study(name)
    entries = folder.entries()
    listed = {file: entry.size for file, entry in entries.items()}
    record = folder.read(SPEC, Record)
    if record is None:
        return ListedStudy(name, "damaged", problem=f"{SPEC} is missing")
    planned = planned_lines(folder, record.spec, listed)
    standing, driver = _standing(store, folder, planned, listed, begun), driver_of(folder, listed)
    states = standing.states
    running = sum(stands.status == "running" for stands in standing.jobs.values())
    work = planned_work(
        record.spec,
        planned,
        states,
        closed=record.spec.stops_at_gate and GATE_RESULT in listed,
        verdict=VERDICT in listed,
        chosen=FAMILY in listed or _has_chosen(folder, listed),
        family=FAMILY in listed,
    )
    done, failed = sum(work.done.values()), sum(work.failed.values())
    return ListedStudy(
        name=name,
        state=_state(store, name, driver, left=not planned or bool(work.text), failed=failed),
        kind=record.spec.kind,
        done=done,
        jobs=len(planned),
        running=running if driver else 0,
        failed=failed,
        best_accuracy=best_accuracy(states.values()),
        time_left=_left(record.spec, planned, work.open, standing) if driver else None,
        updated=_updated(folder, entries),
        spent=folder.read(SPENDING, Spent) if SPENDING in listed else None,
        owner=record.owner,
        driver=driver,
    )


def _left(
    spec: AnySpec, planned: Sequence[Line], stage: Stage | None, standing: StudyStanding
) -> TimeLeft | None:
    lines = stage_lines(spec, planned, stage)
    return stage_left(lines, standing.states, standing.events, time.time())


def _standing(
    store: ArtifactStore,
    folder: StudyFolder,
    planned: Sequence[Line],
    listed: Iterable[str],
    begun: Collection[str],
) -> StudyStanding:
    """Return where a study's jobs stand."""
    root = "" if bucket_of(store.uri) else store.uri
    jobs, done = [line.job for line in planned], folder.done_jobs.brief(listed)
    stored = with_opened(jobs, done, begun, root, lambda ids: [store.state(job) for job in ids])
    return standing_of(folder, stored)


def _updated(folder: StudyFolder, entries: Mapping[str, Entry]) -> float:
    last = folder.last_event()
    if last is not None and last.wall_time is not None:
        return last.wall_time
    return time.time() - min(entry.age for name, entry in entries.items() if name.endswith(".json"))


def _has_chosen(folder: StudyFolder, listed: Collection[str]) -> bool:
    answer = folder.read(ANSWER, Answer) if ANSWER in listed else None
    return answer is not None and answer.coefficients is not None


def _state(store: ArtifactStore, name: str, driver: str, *, left: bool, failed: int) -> State:
    waits = bool(driver and store.reservations(name).waiting())
    return state_of(driven=bool(driver), waits=waits, failed=bool(failed), left=left)


def state_of(*, driven: bool, waits: bool, failed: bool, left: bool) -> State:
    """Return the state of a study: whether anybody runs it, what it waits for, and what is left."""
    if driven:
        return "waiting" if waits else "running"
    return "failed" if failed else "stopped" if left else "done"

"""A study's events, and what each job did in between, as tables."""

from collections.abc import Sequence

import pyarrow as pa

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.timeline.intervals import Seen, intervals, unended
from compound.schemas.job import Event

_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float64()

EVENTS: pa.Schema = pa.schema(
    {
        "study": _TEXT,
        "number": _WHOLE,
        "wall_time": _NUMBER,
        "kind": _TEXT,
        "job": _TEXT,
        "label": _TEXT,
        "attempt": _WHOLE,
        "host": _TEXT,
        "worker": _TEXT,
        "workers": _WHOLE,
        "hosts": _TEXT,
        "driver": _TEXT,
        "message": _TEXT,
    }
)
"""One line per event, in order; `hosts` of all workers, by rank, with commas between them."""
INTERVALS: pa.Schema = pa.schema(
    {
        "study": _TEXT,
        "label": _TEXT,
        "job": _TEXT,
        "attempt": _WHOLE,
        "doing": _TEXT,
        "began": _NUMBER,
        "ended": _NUMBER,
        "workers": _WHOLE,
        "host": _TEXT,
        "worker": _TEXT,
        "message": _TEXT,
    }
)
"""One line for each time in which a job did one thing, in the order of its events."""


def event_lines(store: ArtifactStore, study: str, study_documents: object) -> pa.Table:
    """Return the events of a study."""
    del study_documents
    lines = [
        {
            "study": study,
            "number": number,
            **event.model_dump(include={*EVENTS.names} - {"hosts"}),
            "hosts": ", ".join(event.hosts),
        }
        for number, event in enumerate(store.study(study).events())
    ]
    return pa.Table.from_pylist(lines, EVENTS)


def interval_lines(store: ArtifactStore, study: str, study_documents: object) -> pa.Table:
    """Return what the jobs of a study did from their first events to their last."""
    del study_documents
    events = store.study(study).events()
    labels = {event.job: event.label for event in events}
    lines = [
        {
            "study": study,
            "label": labels[interval.job],
            **interval._asdict(),
            "began": interval.begin,
            "ended": interval.end,
        }
        for interval in intervals(events, _seen(store, events))
    ]
    return pa.Table.from_pylist(lines, INTERVALS)


def _seen(store: ArtifactStore, events: Sequence[Event]) -> Seen:
    """Return the times of the last epochs of attempts without an end."""
    rows = [row for job in unended(events) for row in store.rows(job)]
    return {(row.job, row.attempt): row.wall_time for row in rows}

"""The list of a store's studies, read a part at a time: a store may have a thousand of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.live.reading.file_marks import FileMarks, file_marks
from compound.orchestrator.overview.study_list import ListedStudy, study_list

_SLICE = 1.0
"""Seconds of reading after which what is there is shown; the rest follows."""
_AT_ONCE = 8
"""Studies that are read between two looks at the clock; a bucket reads them side by side."""
_GOING_ON = ("running", "waiting")


@dataclass(frozen=True)
class StudyRows:
    """The studies of a store, the newest first."""

    names: Sequence[str]
    rows: Mapping[str, ListedStudy]
    """Of those that have been read."""
    sources: Mapping[str, FileMarks]
    """The files that each was read from."""
    looked: Mapping[str, float]
    """When each was looked at last, by the monotonic clock."""

    @property
    def unread(self) -> list[str]:
        """The studies that have not been read yet."""
        return [name for name in self.names if name not in self.rows]

    @property
    def revision(self) -> str:
        """Differs whenever a row may differ."""
        return repr([(name, self.rows.get(name)) for name in self.names])


def read_rows(store: ArtifactStore, before: StudyRows | None) -> StudyRows:
    """Read the studies that are new or may have changed, for about a second, unread ones first.

    `before` is returned where nothing has changed.
    """
    # A listing of a thousand studies takes as long as reading some of them.
    names = before.names if before and before.unread else store.studies(newest=True)
    before = before or StudyRows((), {}, {}, {})
    rows = {name: row for name, row in before.rows.items() if name in {*names}}
    sources, looked = dict(before.sources), dict(before.looked)
    began, queue = time.monotonic(), _in_order(names, rows, looked)
    while queue and time.monotonic() - began < _SLICE:
        part, queue = queue[:_AT_ONCE], queue[_AT_ONCE:]
        marks = {name: file_marks(store.study(name)) for name in part}
        stale = [name for name in part if _is_stale(rows.get(name), sources.get(name), marks[name])]
        rows |= {row.name: row for row in study_list(store, stale)}
        sources |= marks
        looked |= dict.fromkeys(part, began)
    if list(before.names) == list(names) and before.rows == rows:
        return replace(before, sources=sources, looked=looked)
    return StudyRows(names, rows, sources, looked)


def _in_order(
    names: Sequence[str], rows: Mapping[str, ListedStudy], looked: Mapping[str, float]
) -> list[str]:
    """Return studies in the order in which they are looked at: unread, running, then the others
    that were looked at longest ago."""
    running = {name for name, row in rows.items() if row.state in _GOING_ON}
    return sorted(
        names, key=lambda name: (name in rows, name not in running, looked.get(name, 0.0))
    )


def _is_stale(row: ListedStudy | None, before: FileMarks | None, now: FileMarks) -> bool:
    return row is None or row.state in _GOING_ON or before != now

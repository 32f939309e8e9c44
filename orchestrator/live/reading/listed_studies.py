"""The list of a store's studies, read a part at a time: a store may have a thousand of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compound.jobs.store.artifacts import ArtifactStore
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
    sources: Mapping[str, Mapping[str, int]]
    """The sizes of the files that each was read from."""

    @property
    def unread(self) -> list[str]:
        """The studies that have not been read yet."""
        return [name for name in self.names if name not in self.rows]

    @property
    def revision(self) -> str:
        """Differs whenever a row may differ."""
        return repr([(name, self.rows.get(name)) for name in self.names])


def read_rows(store: ArtifactStore, before: StudyRows | None) -> StudyRows:
    """Read the studies that are new or have changed, for about a second, unread ones first.

    `before` is returned where nothing has changed.
    """
    names = store.studies(newest=True)
    rows = {name: row for name, row in (before.rows if before else {}).items() if name in {*names}}
    sources = {name: before.sources[name] for name in rows} if before else {}
    until, stale = time.monotonic() + _SLICE, _stale(store, names, rows, sources)
    while stale and time.monotonic() < until:
        part, stale = dict([*stale.items()][:_AT_ONCE]), dict([*stale.items()][_AT_ONCE:])
        rows |= {row.name: row for row in study_list(store, part)}
        sources |= part
    if before and before.names == names and before.rows == rows:
        return before
    return StudyRows(names, rows, sources)


def _stale(
    store: ArtifactStore,
    names: Sequence[str],
    rows: Mapping[str, ListedStudy],
    sources: Mapping[str, Mapping[str, int]],
) -> dict[str, dict[str, int]]:
    """Return the studies to read with the sizes of their files: unread ones, then changed ones."""
    unread = {name: store.study(name).sizes() for name in names if name not in rows}
    sizes = {name: store.study(name).sizes() for name in names if name in rows}
    changed = {
        name: files
        for name, files in sizes.items()
        if files != sources[name] or rows[name].state in _GOING_ON
    }
    return unread | changed

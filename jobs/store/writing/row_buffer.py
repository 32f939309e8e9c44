"""The rows of an attempt in memory, and how they become Parquet parts."""

import pyarrow as pa

from compound.jobs.store.format.manifest import RowsPart
from compound.jobs.store.format.rows import Shared, batch_of, table_of
from compound.schemas.job import EpochRow


class RowBuffer:
    """All rows of a job so far: those taken over, then those of this attempt."""

    def __init__(self, taken_over: pa.Table) -> None:
        self._table = taken_over
        self._new: list[pa.RecordBatch] = []
        self._shared: Shared | None = None
        self._count: int = taken_over.num_rows
        self._seq: int = taken_over["seq"][-1].as_py() + 1 if self._count else 0

    def batch(self, row: EpochRow) -> pa.RecordBatch:
        """Return a row as the lines that would come next."""
        if self._shared is None or not self._shared.fits(row):
            self._shared = Shared(row)
        return batch_of(row, self._seq, self._shared)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the lines that come next."""
        self._new.append(batch)
        self._count += batch.num_rows
        self._seq += batch.num_rows

    def all(self) -> pa.Table:
        """Return every row."""
        if self._new:
            table = pa.concat_tables([self._table, table_of(self._new)])
            self._table, self._new = table.combine_chunks(), []
        return self._table

    def unsealed(self, parts: tuple[RowsPart, ...]) -> tuple[tuple[RowsPart, ...], pa.Table]:
        """Return the parts that stay, and the rows for one new part after them.

        As in a binary counter the new part takes in the earlier ones that are no longer than
        itself: n seals leave log n parts, and no row is rewritten more than log n times.
        """
        unmerged, sealed = list(parts), sum(part.rows for part in parts)
        while unmerged and unmerged[-1].rows <= self._count - sealed:
            sealed -= unmerged.pop().rows
        if sealed == self._count:
            return tuple(unmerged), table_of([])
        return tuple(unmerged), self.all().slice(sealed)

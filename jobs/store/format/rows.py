"""Rows as Arrow: the long table of metrics, its Parquet parts and its live stream."""

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from compound.jobs.store.format.checksummed_json import damaged
from compound.jobs.store.format.limited_parquet import (
    LimitError,
    limited_metadata,
    limited_table,
)
from compound.jobs.store.format.live_messages import MARK, PREFIX, sound_bytes
from compound.jobs.store.format.schema_version import SCHEMA_VERSION, refuse_newer
from compound.schemas.errors import StoreError
from compound.schemas.job import EpochRow

METRICS: pa.Schema = pa.schema(
    [
        pa.field("job", pa.string(), nullable=False),
        pa.field("attempt", pa.int32(), nullable=False),
        pa.field("epoch", pa.int64(), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("wall_time", pa.float64(), nullable=False),
    ]
)
"""One line a metric of an epoch; (job, seq) is unique, and orders the lines of a job."""

LIVE_HEADER: bytes = METRICS.serialize().to_pybytes()
"""How every live stream begins."""

_INT64, _FLOAT64 = pa.int64(), pa.float64()
_STREAM = pa.ipc.IpcWriteOptions()
_PARQUET = {
    "compression": "snappy",  # zstd would take twice the time for parts of this size
    "use_dictionary": ["job", "name", "attempt", "wall_time", "label", "predicted"],
    "write_page_checksum": True,
    # No embedded Arrow schema, which other readers would deserialise: see _refuse_arrow_schema.
    "store_schema": False,
}
_COUNTING = dict.fromkeys(("epoch", "step", "seq", "image"), "DELTA_BINARY_PACKED")
"""Columns that increase take a few bits a line: a part of many epochs is read in half the time."""
_FOOTER_END = 8
"""Bytes after a Parquet footer: a length and a mark."""
_END_OF_STREAM = 8
_VERSION_KEY = b"compound.schema_version"
_CHECKSUM, _CHECKSUM_1 = b"message", b"crc32"
"""Where a batch keeps the checksum of its message; in stores of schema 1, of its content."""
_BLANK = b"crc32:\0\0\0\0\0\0\0\0"
"""What stands in place of a message's checksum while it is computed."""


class Shared:
    """The columns that all rows of an attempt share: made once, not with every row."""

    def __init__(self, row: EpochRow) -> None:
        count = len(row.metrics)
        self._of = (row.job, row.attempt, list(row.metrics))
        self.job = pa.array([row.job] * count, pa.string())
        self.attempt = pa.array([row.attempt] * count, pa.int32())
        self.name = pa.array(self._of[2], pa.string())

    def fits(self, row: EpochRow) -> bool:
        """Whether a row has these columns too."""
        return self._of == (row.job, row.attempt, list(row.metrics))


def batch_of(row: EpochRow, seq: int, shared: Shared | None = None) -> pa.RecordBatch:
    """Return one epoch's metrics as lines numbered from `seq`."""
    same = shared if shared and shared.fits(row) else Shared(row)
    count = len(row.metrics)
    columns = [
        same.job,
        same.attempt,
        _integers(np.full(count, row.epoch, np.int64)),
        _integers(np.full(count, row.step, np.int64)),
        _integers(np.arange(seq, seq + count, dtype=np.int64)),
        same.name,
        _floats(np.array([*row.metrics.values()], np.float64)),
        _floats(np.full(count, row.wall_time, np.float64)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=METRICS)


def _integers(numbers: npt.NDArray[np.int64]) -> pa.Array:
    """Wrap numbers without a copy: pa.array takes three times as long, as it looks for nulls."""
    return pa.Array.from_buffers(_INT64, len(numbers), [None, pa.py_buffer(numbers)])


def _floats(numbers: npt.NDArray[np.float64]) -> pa.Array:
    return pa.Array.from_buffers(_FLOAT64, len(numbers), [None, pa.py_buffer(numbers)])


def table_of(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Return batches as one table, empty for none."""
    return pa.Table.from_batches(batches, schema=METRICS)


def relabelled(table: pa.Table, job: str, attempt: int) -> pa.Table:
    """Return the lines as those of another job's attempt."""
    for name, value in (("job", job), ("attempt", attempt)):
        index = METRICS.get_field_index(name)
        column = pa.array([value] * table.num_rows, METRICS.field(name).type)
        table = table.set_column(index, METRICS.field(name), column)
    return table


def rows_of(table: pa.Table) -> list[EpochRow]:
    """Return the epochs of one job's table, in its order."""
    return [_row(list(lines)) for _, lines in groupby(table.to_pylist(), lambda x: x["epoch"])]


def _row(lines: list[dict[str, object]]) -> EpochRow:
    shared = {key: lines[0][key] for key in ("job", "attempt", "epoch", "step", "wall_time")}
    metrics = {line["name"]: line["value"] for line in lines}
    return EpochRow.model_validate({**shared, "metrics": metrics})


def to_parquet(table: pa.Table, metadata: Mapping[bytes, bytes] | None = None) -> bytes:
    """Return a Parquet file with page checksums and without an embedded Arrow schema."""
    sink = pa.BufferOutputStream()
    counting = {name: how for name, how in _COUNTING.items() if name in table.schema.names}
    with pq.ParquetWriter(sink, table.schema, **_PARQUET, column_encoding=counting) as writer:
        writer.add_key_value_metadata({_VERSION_KEY: str(SCHEMA_VERSION), **(metadata or {})})
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def from_parquet(
    data: bytes,
    where: str,
    schema: pa.Schema = METRICS,
    as_words: Sequence[str] = (),
    former: pa.Schema | None = None,
) -> pa.Table:
    """Read a table; DamagedError, or StoreError for a newer schema or extension types.

    `as_words`: columns that come as dictionaries, in a fraction of the time. `former`: the columns
    that it may have instead.
    """
    _refuse_arrow_schema(data, where)
    try:
        metadata = limited_metadata(data)
        refuse_newer(int((metadata.metadata or {}).get(_VERSION_KEY, b"0")), where)
        table = limited_table(data, metadata, as_words)
    except LimitError as error:
        raise damaged(str(error), where) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged("it is not readable Parquet", where) from error
    if not any(_plain(table.schema).equals(fit) for fit in (schema, former) if fit is not None):
        raise damaged(f"its columns are not {', '.join(schema.names)}", where)
    return table


def _plain(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the values of dictionaries in their place."""
    words = pa.types.is_dictionary
    return pa.schema(
        [field.with_type(field.type.value_type) if words(field.type) else field for field in schema]
    )


def read_metrics(data: bytes, where: str, names: Collection[str]) -> pa.Table:
    """Read a part's lines of some metrics; errors as of `from_parquet`."""
    lines = from_parquet(data, where, as_words=("job", "name"))
    mask = pa.chunked_array([_among(chunk, names) for chunk in lines["name"].chunks], pa.bool_())
    return lines.filter(mask).cast(METRICS)


def _among(words: pa.DictionaryArray, names: Collection[str]) -> pa.Array:
    """Return which words are among names: by index, as the dictionary has few entries."""
    import pyarrow.compute as pc

    indices = [index for index, word in enumerate(words.dictionary.to_pylist()) if word in names]
    return pc.is_in(words.indices, value_set=pa.array(indices, words.indices.type))


def chosen(table: pa.Table, names: Collection[str] | None) -> pa.Table:
    """Return a table's lines of some metrics; all for None."""
    if names is None:
        return table
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table["name"], value_set=pa.array([*names], pa.string())))


def between(table: pa.Table, first: int, last: int) -> pa.Table:
    """Return a table's lines of epochs from the first to the last."""
    import pyarrow.compute as pc  # 40 ms to import, which reading states does not need

    epochs = pc.field("epoch")
    return table.filter((epochs >= first) & (epochs <= last))


def _refuse_arrow_schema(data: bytes, where: str) -> None:
    """Search the footer's bytes before pyarrow opens the file."""
    # Opening it would already deserialise extension types, which once meant unpickling (pyarrow
    # before 14.0.1, CVE-2023-47248). Types that other libraries register may still run code
    # (ray-project/ray#62056).
    size = int.from_bytes(data[-_FOOTER_END:-4], "little") + _FOOTER_END
    if b"ARROW:schema" in data[-size:]:
        problem = "an embedded Arrow schema, which can carry extension types, is refused"
        raise StoreError(problem, where=where, next_step="remove this foreign file from the store")


def to_live(batch: pa.RecordBatch) -> bytes:
    """Return a batch as the next message of a live stream, with a checksum of all its bytes."""
    # pyarrow writes a schema before, and an end mark after, the message: both are cut off, because
    # the stream begins with one schema and goes on growing.
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, METRICS, options=_STREAM) as writer:
        writer.write_batch(batch, custom_metadata={_CHECKSUM: _BLANK})
    blank = bytes(sink.getvalue().to_pybytes()[len(LIVE_HEADER) : -_END_OF_STREAM])
    return blank.replace(_BLANK, _crc32(blank), 1)  # the first: metadata come before any name


class Tail(NamedTuple):
    """The readable end of a live stream, from some offset."""

    batches: list[pa.RecordBatch]
    """Whole and undamaged, up to the first that is not."""
    end: int
    """The offset after them: that of the tear, where not all could be read."""


Origin = tuple[str, int]
"""The job and the attempt whose rows a live stream holds: each of its lines names them."""


def from_live(data: bytes, start: int = 0, origin: Origin | None = None) -> list[pa.RecordBatch]:
    """Return the whole and undamaged batches up to the first tear, from a message's offset on.

    `origin`: rows of another job or attempt count as damaged.
    """
    return tail_of(data, start, origin).batches


def tail_of(data: bytes, start: int = 0, origin: Origin | None = None) -> Tail:
    """Read a live stream from a message's offset on, up to the first tear; see `from_live`."""
    header = data[: PREFIX + int.from_bytes(data[4:PREFIX], "little")]
    if not header.startswith(MARK) or b"ARROW:extension" in header:
        return Tail([], 0)
    batches: list[pa.RecordBatch] = []
    end = start = max(start, len(header))
    try:
        # pyarrow reads a stream only from its schema on, so the header is put before the rest.
        source = pa.BufferReader(header + data[start : sound_bytes(data, start)])
        reader = pa.ipc.open_stream(source)
        while reader.schema.equals(METRICS):
            batch, metadata = reader.read_next_batch_with_custom_metadata()
            # pyarrow trusts offsets and lengths in the bytes: a wrong one would read outside them.
            batch.validate(full=True)
            following = start + source.tell() - len(header)
            if not _holds(batch, metadata or {}, data[end:following]) or _strays(batch, origin):
                break
            batches.append(batch)
            end = following
    except (StopIteration, pa.ArrowException, OSError, ValueError):
        pass
    return Tail(batches, end)


def _strays(batch: pa.RecordBatch, origin: Origin | None) -> bool:
    """Whether a message's rows are of another job or attempt; all its rows are of one epoch."""
    if origin is None or not batch.num_rows:
        return False
    return (batch["job"][0].as_py(), batch["attempt"][0].as_py()) != origin


def _holds(batch: pa.RecordBatch, metadata: Mapping[bytes, bytes], message: bytes) -> bool:
    """Whether a message's checksum is right; in schema 1 it is of the content."""
    if _CHECKSUM in metadata:
        blank = message.replace(metadata[_CHECKSUM], _BLANK, 1)
        return metadata[_CHECKSUM] == _crc32(blank)
    content = json.dumps([column.to_pylist() for column in batch.columns])
    return metadata.get(_CHECKSUM_1) == b"%08x" % zlib.crc32(content.encode())


def _crc32(data: bytes) -> bytes:
    """Return a checksum of as many characters as the blank that it replaces."""
    return b"crc32:%08x" % zlib.crc32(data)

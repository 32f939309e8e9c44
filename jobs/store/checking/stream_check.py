"""Whether a live stream is what its attempt has written, as far as its checksums tell."""

from typing import NamedTuple

import pyarrow as pa

from compound.jobs.store.checking.findings import Problem
from compound.jobs.store.format.manifest import Manifest
from compound.jobs.store.format.rows import Origin, tail_of

_MARK = b"\xff\xff\xff\xff"
_MARKS = 1000
"""How many message starts at most are tried after a tear."""


class StreamState(NamedTuple):
    """What is wrong with a stream."""

    problem: Problem
    detail: str


def check_stream(data: bytes, manifest: Manifest, crc32: int) -> StreamState | None:
    """Compare a stream with its attempt's newest commit; None if it is whole.

    `crc32`: of the bytes up to where the commit's own rows end. A cut is told apart from a changed
    byte: a stream is not synced, so a crash may end it anywhere, but every byte before is right.
    """
    if len(data) < manifest.live_from:
        cut = f"it has {len(data):,} of {manifest.live_from:,} bytes, all of them in parts too"
        return StreamState("torn", cut)
    if manifest.live_crc32 is not None and crc32 != manifest.live_crc32:
        return StreamState("damaged", "its checksum is not the one in the manifest")
    origin = (manifest.job, manifest.attempt)
    tail = tail_of(data, manifest.live_from, origin)
    rest = len(data) - tail.end
    if not rest:
        return None
    if tail.end == 0 or _is_whole(data[tail.end :]) or _rows_follow(data, tail.end, origin):
        return StreamState("damaged", f"the row at byte {tail.end:,} is not what was written")
    return StreamState(
        "torn", f"its last {rest:,} bytes are a row that was cut off, and is left out"
    )


def _is_whole(rest: bytes) -> bool:
    """Whether a complete message follows: then the stream is not cut, but changed."""
    try:
        return pa.ipc.read_message(pa.BufferReader(rest)) is not None
    except (pa.ArrowException, OSError, ValueError, EOFError):
        return False


def _rows_follow(data: bytes, tear: int, origin: Origin) -> bool:
    """Whether whole rows follow after the byte where reading stopped."""
    start = tear
    for _ in range(_MARKS):
        start = data.find(_MARK, start + 1)
        if start < 0:
            return False
        if tail_of(data, start, origin).batches:
            return True
    return False

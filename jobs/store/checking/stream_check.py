"""Whether a live stream holds what its attempt has written, as far as that can be told."""

from typing import NamedTuple

import pyarrow as pa

from compound.jobs.store.checking.findings import Problem
from compound.jobs.store.format.manifest import Manifest
from compound.jobs.store.format.rows import tail_of

_MARK = b"\xff\xff\xff\xff"
_MARKS = 1000
"""Places at most where whole rows are looked for behind a tear."""


class StreamState(NamedTuple):
    """What is wrong with a stream."""

    problem: Problem
    what: str


def check_stream(data: bytes, manifest: Manifest, crc32: int) -> StreamState | None:
    """Hold a stream against its attempt's newest commit; None if it is whole.

    `crc32` is that of the bytes up to where the commit says that its own rows end. Bytes that a
    crash cut off are told from bytes that have changed: a stream is not synced, so it may end
    anywhere, but what is there was written.
    """
    if len(data) < manifest.live_from:
        cut = f"it has {len(data):,} of {manifest.live_from:,} bytes, all of them in parts too"
        return StreamState("torn", cut)
    if manifest.live_crc32 is not None and crc32 != manifest.live_crc32:
        return StreamState("damaged", "its checksum is not the one in the manifest")
    tail = tail_of(data, manifest.live_from)
    rest = len(data) - tail.end
    if not rest:
        return None
    if tail.end == 0 or _is_whole(data[tail.end :]) or _goes_on(data, tail.end):
        return StreamState("damaged", f"the row at byte {tail.end:,} is not what was written")
    return StreamState(
        "torn", f"its last {rest:,} bytes are a row that was cut off, and is left out"
    )


def _is_whole(rest: bytes) -> bool:
    """Whether a message follows that has all of its bytes: then it is not cut, but changed."""
    try:
        return pa.ipc.read_message(pa.BufferReader(rest)) is not None
    except (pa.ArrowException, OSError, ValueError, EOFError):
        return False


def _goes_on(data: bytes, tear: int) -> bool:
    """Whether whole rows follow behind the place where reading stopped."""
    place = tear
    for _ in range(_MARKS):
        place = data.find(_MARK, place + 1)
        if place < 0:
            return False
        if tail_of(data, place).batches:
            return True
    return False

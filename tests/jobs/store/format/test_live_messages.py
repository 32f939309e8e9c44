"""Lengths in a live stream that do not fit are found before pyarrow reads by them."""

import random

import pyarrow as pa
import pytest

from compound.jobs.store.format.live_messages import sound_bytes
from compound.jobs.store.format.rows import LIVE_HEADER, METRICS, batch_of, tail_of, to_live
from compound.schemas.job import EpochRow
from tests.support.store_samples import row

MESSAGES = [to_live(batch_of(row(epoch), 2 * epoch)) for epoch in range(1, 5)]
STREAM = LIVE_HEADER + b"".join(MESSAGES)


def test_a_stream_as_it_is_written_is_sound() -> None:
    empty = EpochRow(job="a" * 16, attempt=1, epoch=1, step=1, metrics={}, wall_time=1.0)
    for message in (*MESSAGES, to_live(batch_of(empty, 0))):
        assert sound_bytes(message, 0) == len(message)
    assert sound_bytes(STREAM, len(LIVE_HEADER)) == len(STREAM)
    assert sound_bytes(STREAM[:-1], len(LIVE_HEADER)) == len(STREAM) - len(MESSAGES[-1])


@pytest.mark.parametrize("number", [2**61, 2**40, -1, -(2**63)])
def test_no_number_in_a_message_makes_a_reader_take_memory(number: int) -> None:
    """Every int64 of the second message is replaced in turn; the first row is still read."""
    start = len(LIVE_HEADER) + len(MESSAGES[0])
    for at in range(start, start + len(MESSAGES[1]) - 8, 8):
        coded = number.to_bytes(8, "little", signed=True)
        tail = tail_of(STREAM[:at] + coded + STREAM[at + 8 :])
        assert len(tail.batches) == 1 and tail.end == start


def test_noise_never_raises() -> None:
    draw = random.Random(1)
    for _ in range(300):
        data = bytearray(MESSAGES[0])
        for _ in range(draw.randrange(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        assert 0 <= sound_bytes(bytes(data), 0) <= len(data)


def test_packed_buffers_are_not_unpacked() -> None:
    """16 MiB of zeros in a few hundred bytes: no stream of ours is packed."""
    lines = [row(1).model_copy(update={"metrics": {f"m{n}": 0.0 for n in range(10_000)}})]
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, METRICS, options=options) as writer:
        writer.write_batch(batch_of(lines[0], 0))
    data = sink.getvalue().to_pybytes()
    assert tail_of(data).batches == [] and sound_bytes(data, len(LIVE_HEADER)) == len(LIVE_HEADER)

"""What is asked for is limited before it is read or unpacked: on a disk, and in a bucket."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import Files
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.checksummed_json import seal, sha256
from compound.jobs.store.format.limited_parquet import LINES
from compound.jobs.store.format.manifest import Manifest, StoredFile
from compound.jobs.store.format.rows import METRICS, from_parquet, to_parquet
from compound.schemas.errors import StoreError
from tests.support.back_ends import BACK_ENDS
from tests.support.most_memory import most_memory, reset_most_memory
from tests.support.store_samples import JOB, result, row, train

MOST_BYTES = 5 * 10**8
"""Above what a test had before it began: imports, and arrays of the test itself."""
TERABYTE = 2**40


@pytest.fixture(params=BACK_ENDS)
def store(request: pytest.FixtureRequest, uri_on: Callable[[str], str]) -> ArtifactStore:
    """A job that has ended, with checkpoints of epochs 2 and 3."""
    store = ArtifactStore.open(uri_on(request.param))
    with store.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        writer.finish(result(3))
    return store


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    reset_most_memory()
    before = most_memory()
    yield
    assert most_memory() - before < MOST_BYTES


def files_of(store: ArtifactStore) -> Files:
    return files_at(store.uri)[0]


def newest(store: ArtifactStore) -> Manifest:
    manifest = JobFolder(files_of(store), JOB.id).newest()
    assert manifest
    return manifest


def commit(store: ArtifactStore, forged: Manifest) -> None:
    """Put a last commit, as somebody does who may write and can seal."""
    keys = [forged.key(), forged.key(1)]
    files_of(store).put({key: seal("manifest", forged, key) for key in keys})


def with_part(store: ArtifactStore, data: bytes) -> ArtifactStore:
    """Let the job's rows be other bytes, with a checksum that holds."""
    manifest = newest(store)
    (part,) = manifest.parts
    files_of(store).put({part.key: data})
    entry = described(part.key, data).model_dump(include={"size", "sha256", "piece"})
    commit(store, manifest.model_copy(update={"parts": (part.model_copy(update=entry),)}))
    return store


def is_reported(store: ArtifactStore, name: str) -> bool:
    damaged = store.audit(store.jobs(), store.studies()).damaged
    return any(name in damage.file for damage in damaged)


@pytest.mark.parametrize("piece", [0, 2**20])
@pytest.mark.parametrize("what", ["rows", "checkpoint", "predictions"])
def test_a_manifest_may_not_name_a_terabyte(
    store: ArtifactStore, what: str, piece: int, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = newest(store)
    huge = {"size": TERABYTE, "piece": piece}
    (part,), last = manifest.parts, manifest.checkpoints[-1]
    weights = last.files["model.safetensors"]
    key = {"rows": part.key, "checkpoint": weights.key}.get(what, f"{last.folder}/x.parquet")
    made_sparse(store, key)
    changed = {
        "rows": {"parts": (part.model_copy(update=huge),)},
        "predictions": {"predictions": StoredFile(key=key, sha256="0" * 64, **huge)},
        "checkpoint": {
            "checkpoints": (
                *manifest.checkpoints[:-1],
                last.model_copy(
                    update={
                        "files": {
                            **last.files,
                            "model.safetensors": weights.model_copy(update=huge),
                        }
                    }
                ),
            )
        },
    }
    commit(store, manifest.model_copy(update=changed[what]))
    with caplog.at_level(logging.WARNING):
        store.rows(JOB.id), store.predictions([JOB.id])
        checkpoint = store.checkpoint(JOB.id)
    assert checkpoint and checkpoint.epoch == 3 - (what == "checkpoint")
    assert "names 1,099,511,627,776 bytes, more than" in caplog.text
    assert is_reported(store, key)


def made_sparse(store: ArtifactStore, key: str) -> None:
    """Let the file on a disk have a terabyte of holes; an object cannot."""
    if not store.uri.startswith("s3:"):
        path = Path(store.uri, key)
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.truncate(path, TERABYTE)


def table(lines: int, name: str) -> pa.Table:
    """Return rows with one name, which is in memory once."""
    columns = {
        field.name: pa.repeat(pa.scalar("a" if field.type == pa.string() else 1, field.type), lines)
        for field in METRICS
    }
    numbers = pa.array(np.zeros(lines, np.int32))
    return pa.table({**columns, "name": pa.DictionaryArray.from_arrays(numbers, [name])})


def parquet(content: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(content, sink, store_schema=False, **options)
    return bytes(sink.getvalue().to_pybytes())


def zeros() -> bytes:
    """64 MiB of zeros in one cell: some kilobytes by another codec."""
    return parquet(table(1, "\0" * 2**26), compression="zstd")


def repeated() -> bytes:
    """A word of 256 KiB in a hundred thousand lines: 26 GB in some kilobytes."""
    return parquet(table(100_000, "a" * 2**18), compression="snappy")


def many_lines() -> bytes:
    """Seventeen million equal lines, of one column, in some kilobytes."""
    return parquet(pa.table({"attempt": pa.array(np.zeros(LINES + 1, np.int32))}))


FORGED = {
    "is packed with ZSTD, not with snappy": zeros,
    "has words of 262,144 bytes in 100,000 lines": repeated,
    "claims 16,777,217 lines, more than 16,777,216": many_lines,
}


@pytest.fixture(scope="module")
def forged() -> dict[str, bytes]:
    """The files by what is wrong with them; made once, as it takes memory."""
    return {problem: make() for problem, make in FORGED.items()}


@pytest.mark.parametrize("problem", FORGED)
def test_rows_that_unpack_to_gigabytes_are_damaged(
    forged: dict[str, bytes],
    store: ArtifactStore,
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = forged[problem]
    assert len(data) < 2**20
    with_part(store, data)
    with caplog.at_level(logging.WARNING):
        assert store.rows(JOB.id) == []
    assert problem in caplog.text
    assert store.metrics([JOB.id], names=("no such metric",)).num_rows == 0


def test_a_footer_of_an_absurd_length_is_damaged(store: ArtifactStore) -> None:
    data = bytearray(to_parquet(table(3, "a").cast(METRICS)))
    data[-8:-4] = (2**31 - 1).to_bytes(4, "little")
    assert with_part(store, bytes(data)).rows(JOB.id) == []


def test_our_own_files_are_within_the_limits() -> None:
    content = table(300_000, "validation_accuracy").cast(METRICS)
    assert from_parquet(to_parquet(content), "here").equals(content)


def test_absurd_lengths_in_a_stream_cost_only_the_tail(store: ArtifactStore) -> None:
    """Every int64 of the last message is a large number in turn; the rows before are read."""
    other = JOB.model_copy(update={"seed": 7})
    with store.writer(other) as writer:
        for epoch in (1, 2):
            writer.log(row(epoch, of=other))
        (key,) = [
            key for key in files_of(store).walk(f"jobs/{other.id}") if key.endswith("live.arrows")
        ]
    data = files_of(store).read(key) or b""
    message = data.rfind(b"\xff\xff\xff\xff", 0, len(data) - 8)
    for at in range(message, len(data) - 8, 128):
        absurd = data[:at] + (2**61).to_bytes(8, "little") + data[at + 8 :]
        files_of(store).put({key: absurd})
        assert [line.epoch for line in store.rows(other.id)] == [1]
        assert store.state(other.id).epoch == 1


def test_an_object_is_read_in_parts_no_longer_than_asked_for(store: ArtifactStore) -> None:
    content = sha256(b"x").encode()
    files_of(store).put({"a/b": content})
    buffer = bytearray(10)
    assert files_of(store).read_into("a/b", 5, memoryview(buffer)) == 10
    assert bytes(buffer) == content[5:15]
    with pytest.raises(StoreError, match="more than 10"):
        files_of(store).read("a/b", 10)

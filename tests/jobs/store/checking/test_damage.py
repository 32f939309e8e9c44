"""Flipped bits, cuts, foreign and newer files: noticed, named, and survived where possible."""

import hashlib
import logging
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import DamagedError, seal, unseal
from compound.jobs.store.format.manifest import Manifest
from compound.jobs.store.format.rows import LIVE_HEADER, METRICS, from_live, from_parquet
from compound.jobs.store.format.schema_version import SCHEMA_VERSION
from compound.schemas.architecture import Coefficients
from compound.schemas.errors import StoreError
from tests.support.damaged_files import LOADED, Canary, newest, parquet, point_at
from tests.support.store_samples import JOB, epochs_of, files_of, log, result, row, train, whole


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A job with checkpoints of epochs 2 and 3, and epochs 4 and 5 in the live stream only."""
    store = ArtifactStore.open(str(tmp_path / "runs"))
    with store.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        log(writer, 4, 5)
    return store


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(data))


def bits_of(path: Path, count: int) -> list[int]:
    return random.Random(path.name[:5]).sample(range(8 * path.stat().st_size), count)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    store: ArtifactStore, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = newest(store, name)
    good = bad.read_bytes()
    for bit in bits_of(bad, 20):
        flip(bad, bit)
        assert whole(store.checkpoint(JOB.id), 2)
        bad.write_bytes(good)
    caplog.clear()
    bad.write_bytes(good[: len(good) // 2])
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 2)
        assert epochs_of(store) == [1, 2]
        train(writer, 3)
    assert f"{bad.parent.name}/{name}" in caplog.text and "epoch-0002" in caplog.text
    assert whole(store.checkpoint(JOB.id), 3) and epochs_of(store) == [1, 2, 3]


def test_without_any_sound_checkpoint_the_job_starts_anew(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    for path in files_of(store, "model.safetensors"):
        path.write_bytes(b"")
    assert store.checkpoint(JOB.id) is None
    with store.writer(JOB) as writer:
        assert writer.resume() is None
        train(writer, 1)
    assert "no checkpoint before it is left" in caplog.text
    assert store.rows(JOB.id) == [row(1, 2)]


def test_every_flipped_bit_of_a_manifest_is_noticed(store: ArtifactStore) -> None:
    path = newest(store, "manifest-*.json")
    data = path.read_bytes()
    for bit in range(8 * len(data)):
        copy = bytearray(data)
        copy[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedError):
            unseal(bytes(copy), Manifest, "x", None)


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "foreign"])
def test_a_damaged_manifest_gives_way_to_the_one_before(
    store: ArtifactStore, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = newest(store, "manifest-*.json")
    data = path.read_bytes()
    foreign = seal("manifest", Coefficients(), "")
    new = {"cut": data[:-9], "empty": b"", "foreign": foreign, "flip": data.replace(b"7", b"8")}
    path.write_bytes(new[how])
    assert epochs_of(store) == [1, 2, 3, 4, 5], "the live stream has what the commit had"
    assert whole(store.checkpoint(JOB.id), 2)
    assert str(path) in caplog.text
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 2)


def test_one_damaged_manifest_does_not_undo_an_ended_job(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        writer.resume()
        train(writer, 4)
        writer.finish(result(4, attempt=2))
    manifests = files_of(store, "manifest-*.json")
    assert len(manifests) == 2
    for path in manifests:
        good = path.read_bytes()
        path.write_bytes(good[:-1])
        assert store.result(JOB.id) == result(4, attempt=2) and epochs_of(store) == [1, 2, 3, 4]
        path.write_bytes(good)


def test_a_damaged_part_is_made_up_from_the_live_stream(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    for part in files_of(store, "rows-*.parquet"):
        for bit in bits_of(part, 10):
            flip(part, bit)
            assert store.rows(JOB.id) == [row(epoch) for epoch in range(1, 6)]
            flip(part, bit)
    caplog.clear()
    for part in files_of(store, "rows-*.parquet"):
        part.write_bytes(b"PAR1")
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 3)
        assert epochs_of(store) == [1, 2, 3]
    assert "it has 4 of" in caplog.text


def test_a_damaged_part_of_an_ended_job_is_named_and_its_rows_left_out(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    with store.writer(JOB) as writer:
        writer.finish(result(3, attempt=2))
    (part,) = files_of(store, "rows-*.parquet")
    flip(part, 999)
    assert store.rows(JOB.id) == [] and store.metrics([JOB.id]).num_rows == 0
    assert part.name in caplog.text and store.result(JOB.id) == result(3, attempt=2)


def test_flipped_bits_of_the_live_stream_never_change_a_number(store: ArtifactStore) -> None:
    path = newest(store, "live.arrows")
    data = path.read_bytes()
    true = pa.Table.from_batches(from_live(data)).to_pylist()
    assert len(true) == 10
    for bit in random.Random(0).sample(range(8 * len(data)), 3000):
        copy = bytearray(data)
        copy[bit // 8] ^= 1 << bit % 8
        seen = pa.Table.from_batches(from_live(bytes(copy)), schema=METRICS).to_pylist()
        assert seen == true[: len(seen)]


def test_a_torn_live_stream_is_read_up_to_the_tear(store: ArtifactStore) -> None:
    path = newest(store, "live.arrows")
    data = path.read_bytes()
    ends = [0]
    for size in range(len(data) + 1):
        batches = from_live(data[:size])
        assert len(batches) in (ends[-1], ends[-1] + 1)
        ends.append(len(batches))
    assert ends[-1] == 5
    path.write_bytes(data[:-3])
    assert epochs_of(store) == [1, 2, 3, 4]


def test_a_damaged_job_record_is_named_and_written_anew(store: ArtifactStore) -> None:
    path = newest(store, "job.json")
    good = path.read_bytes()
    for bit in bits_of(path, 50):
        flip(path, bit)
        with pytest.raises(DamagedError, match=r"job\.json"):
            store.job(JOB.id)
        path.write_bytes(good)
    path.write_bytes(b"")
    store.writer(JOB).close()
    assert store.job(JOB.id) == JOB


def test_the_record_of_another_job_is_refused(store: ArtifactStore) -> None:
    second = Path(store.uri, "jobs", "0" * 16)
    shutil.copytree(Path(store.uri, "jobs", JOB.id), second)
    with pytest.raises(DamagedError, match=f"written as jobs/{JOB.id}/job.json"):
        store.job(second.name)


def test_a_damaged_document_is_named(store: ArtifactStore) -> None:
    study = store.study("s")
    study.write("plan.json", Coefficients(alpha=1.2))
    path = Path(study.path("plan.json"))
    for bit in bits_of(path, 30):
        flip(path, bit)
        with pytest.raises(DamagedError, match=r"plan\.json"):
            study.read("plan.json", Coefficients)
        flip(path, bit)
    assert study.read("plan.json", Coefficients) == Coefficients(alpha=1.2)


@pytest.mark.parametrize("pattern", ["manifest-*.json", "job.json", "store.json", "plan.json"])
def test_a_newer_schema_is_refused_with_both_versions(store: ArtifactStore, pattern: str) -> None:
    store.study("s").write("plan.json", Coefficients())
    path = newest(store, pattern)
    data = path.read_bytes()
    ours = b'"schema_version": %d' % SCHEMA_VERSION
    rest = data[76:].replace(ours, b'"schema_version": 7, "realm": "of schema 7"', 1)
    path.write_bytes(data[:12] + hashlib.sha256(rest).hexdigest().encode() + rest)
    with pytest.raises(StoreError, match=rf"schema 7; .* up to {SCHEMA_VERSION}") as caught:
        again = ArtifactStore.open(store.uri)
        again.rows(JOB.id)
        again.job(JOB.id)
        again.study("s").read("plan.json", Coefficients)
    assert not isinstance(caught.value, DamagedError) and caught.value.where == str(path)


def test_a_part_of_a_newer_schema_is_refused() -> None:
    with pytest.raises(StoreError, match="schema 7"):
        from_parquet(parquet(METRICS, {"compound.schema_version": "7"}), "x")


def test_extension_types_are_refused_before_their_metadata_is_read() -> None:
    pa.register_extension_type(Canary())
    try:
        hostile = pa.schema([*METRICS, pa.field("x", Canary())])
        part, stream = parquet(hostile, {}, store_schema=True), hostile.serialize().to_pybytes()
        old_style = stream[4:8] + bytes(4) + stream[8:]
        LOADED.clear()
        with pytest.raises(StoreError, match="extension types"):
            from_parquet(part, "x")
        assert from_live(stream) == from_live(old_style) == from_live(stream[4:]) == []
        assert LOADED == []
        pa.ipc.read_schema(pa.BufferReader(stream))
        assert LOADED == [b"payload"], "the canary sings where nobody looks first"
    finally:
        pa.unregister_extension_type("canary")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"\0" * 100, b'{"a": 1}'])
def test_what_is_no_parquet_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedError):
        from_parquet(data, "x")


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 8, LIVE_HEADER[:9], b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"[" * 9999]
)
def test_what_is_no_stream_has_no_rows(data: bytes) -> None:
    assert from_live(data) == []


def test_a_sealed_record_that_is_no_record_is_damage() -> None:
    records = b'"}', b'", "schema_version": "x", "content": {}}', b'", "content": {}}', b"[" * 9999
    for rest in records:
        data = b'{"sha256": "' + hashlib.sha256(rest).hexdigest().encode() + rest
        with pytest.raises(DamagedError):
            unseal(data, Coefficients, "x", None)


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "jobs/../../secret", "a\0b", ".x"])
def test_keys_in_a_manifest_stay_inside_the_store(
    store: ArtifactStore, tmp_path: Path, key: str
) -> None:
    (tmp_path / "secret").write_bytes(b"mine")
    point_at(newest(store, "manifest-*.json"), key)
    for call in (store.checkpoint, store.rows):
        with pytest.raises(StoreError, match="not a name inside"):
            call(JOB.id)


def test_reading_logs_at_most_a_line_a_fault(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    newest(store, "model.safetensors").unlink()
    with caplog.at_level(logging.WARNING):
        store.checkpoint(JOB.id)
    assert len(caplog.records) == 1 and "missing" in caplog.text

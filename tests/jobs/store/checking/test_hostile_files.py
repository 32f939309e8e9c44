"""What somebody with write access to a store may put there: refused, never run, never followed."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.checking.gc import Retention
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.checksummed_json import seal, sha256
from compound.jobs.store.format.manifest import Manifest
from compound.jobs.store.format.rows import METRICS
from compound.schemas.architecture import Coefficients
from compound.schemas.errors import StoreError
from compound.schemas.recipe import Keep
from tests.support.damaged_files import LOADED, Canary, commit_key, newest, parquet
from tests.support.store_crashes import found_in
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    job,
    result,
    row,
    save,
    train,
    whole,
)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A job that has ended, with checkpoints of epochs 2 and 3."""
    store = ArtifactStore.open(str(tmp_path / "runs"))
    with store.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        writer.finish(result(3))
    return store


def committed(store: ArtifactStore) -> Manifest:
    newest = JobFolder(LocalFiles(store.uri), JOB.id).newest()
    assert newest
    return newest


def recommit(store: ArtifactStore, manifest: Manifest) -> None:
    """Put another last commit in place of both copies."""
    for path in Path(store.uri, "jobs", JOB.id).rglob("manifest-*.json"):
        path.write_bytes(seal("manifest", manifest, commit_key(path)))


@pytest.fixture
def hostile() -> bytes:
    """A Parquet part whose schema names a registered extension type, as careless libraries do."""
    pa.register_extension_type(Canary())
    try:
        schema = pa.schema([*METRICS, pa.field("x", Canary())])
        yield parquet(schema, {}, store_schema=True)
    finally:
        pa.unregister_extension_type("canary")


def test_a_part_with_an_extension_type_is_refused(store: ArtifactStore, hostile: bytes) -> None:
    manifest = committed(store)
    (part,) = manifest.parts
    Path(store.uri, part.key).write_bytes(hostile)
    entry = described(part.key, hostile).model_dump(include={"key", "size", "sha256"})
    recommit(store, manifest.model_copy(update={"parts": (part.model_copy(update=entry),)}))
    LOADED.clear()
    for call in (lambda: store.rows(JOB.id), lambda: store.metrics([JOB.id])):
        with pytest.raises(StoreError, match="extension types"):
            call()
    found_in(LocalFiles(store.uri)), store.audit([JOB.id], [])
    assert LOADED == []


def test_an_index_with_an_extension_type_is_refused(store: ArtifactStore, hostile: bytes) -> None:
    store.study("s").write("plan.json", Coefficients())
    name = f"jobs-{sha256(hostile)[:16]}.parquet"
    Path(store.uri, "studies/s", name).write_bytes(hostile)
    LOADED.clear()
    with pytest.raises(StoreError, match="extension types"):
        store.knowing("s")
    found_in(LocalFiles(store.uri))
    assert LOADED == []


@pytest.mark.parametrize("kind", ["model.safetensors", "rows-*.parquet", "manifest-*.json"])
def test_links_in_place_of_files_are_not_followed(
    store: ArtifactStore, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    outside = tmp_path / "outside"
    for path in files_of(store, kind):
        outside.write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(outside)
    before = outside.read_bytes()
    findings = found_in(LocalFiles(store.uri), delete=True)
    assert "damaged" in {finding.problem for finding in findings}
    store.rows(JOB.id), store.checkpoint(JOB.id)
    assert "symbolic link" in caplog.text
    pruning = store.prune(JOB.id, Retention(Keep(last=1)), dry=False) if "man" not in kind else None
    assert pruning is None or "symbolic link" in pruning.reason or pruning.outcome == "done"
    assert outside.read_bytes() == before


@pytest.mark.parametrize("where", ["jobs/{job}", "jobs/{job}/{attempt}", "studies/s", "devices"])
def test_links_in_place_of_folders_are_not_followed(
    store: ArtifactStore, tmp_path: Path, where: str
) -> None:
    store.study("s").write("plan.json", Coefficients())
    attempt = committed(store).written_by.name
    folder = Path(store.uri, where.format(job=JOB.id, attempt=attempt))
    outside = tmp_path / "outside"
    folder.rename(outside) if folder.exists() else outside.mkdir()
    (outside / ".x.json.0123abcd.tmp").write_bytes(b"not ours")
    folder.symlink_to(outside)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    try:
        findings = found_in(LocalFiles(store.uri), delete=True, repair=True)
        assert {finding.problem for finding in findings} & {"foreign", "damaged", "missing"}
    except StoreError as error:
        assert "symbolic link" in str(error)
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_a_commit_cannot_make_others_files_be_deleted(store: ArtifactStore) -> None:
    """Retention and the end of a job delete what commits named before: only the job's own."""
    foreign = job(1)
    with store.writer(foreign) as writer:
        writer.log(row(1, of=foreign))
        save(writer, 1)
        writer.finish(result(1, of=foreign))
    manifest = committed(store)
    victim = next(path for path in files_of(store, "model.safetensors") if foreign.id in str(path))
    stored = manifest.checkpoints[0]
    key = str(victim.relative_to(store.uri))
    entry = stored.files["model.safetensors"].model_copy(update={"key": key})
    files = {**stored.files, "model.safetensors": entry}
    forged = stored.model_copy(update={"files": files})
    checkpoints = (forged, *manifest.checkpoints[1:])
    recommit(store, manifest.model_copy(update={"checkpoints": checkpoints}))
    assert store.prune(JOB.id, Retention(Keep(last=1)), dry=False).outcome == "done"
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 3)
        train(writer, 4, 5, 6)
        writer.finish(result(6, 3))
    found_in(LocalFiles(store.uri), delete=True)
    assert whole(store.checkpoint(foreign.id), 1) and epochs_of(store) == [1, 2, 3, 4, 5, 6]


def test_a_name_of_bytes_that_are_no_text_is_told(store: ArtifactStore) -> None:
    folder = newest(store, "manifest-*.json").parent
    Path(folder, os.fsdecode(b"rows-\xff.parquet")).write_bytes(b"")
    (finding,) = found_in(LocalFiles(store.uri))
    assert finding.problem == "foreign" and "\\xff" in finding.key and finding.model_dump_json()

"""Stored files that nobody wrote: foreign tables, commits that name other files."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.checksummed_json import seal
from compound.jobs.store.format.manifest import Manifest
from tests.support.store_samples import JOB, files_of


def newest(store: ArtifactStore, pattern: str) -> Path:
    return max(files_of(store, pattern), key=lambda path: (path.parent.name, path.name))


def parquet(schema: pa.Schema, footer: dict[str, str], *, store_schema: bool = False) -> bytes:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, store_schema=store_schema) as writer:
        writer.add_key_value_metadata(footer)
        writer.write_table(schema.empty_table())
    return bytes(sink.getvalue().to_pybytes())


LOADED: list[bytes] = []


class Canary(pa.ExtensionType):
    """As a careless library would register it: its metadata is run when a schema is read."""

    def __init__(self) -> None:
        super().__init__(pa.float64(), "canary")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"payload"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> "Canary":
        LOADED.append(serialized)
        return cls()


def commit_key(manifest: Path) -> str:
    """Return the key of a manifest's path: jobs, the job, the attempt, its name."""
    return "/".join(manifest.parts[-4:])


def point_at(manifest: Path, key: str) -> None:
    """Let a commit name another file than it wrote, with a checksum that holds."""
    record = json.loads(manifest.read_bytes())["content"]
    entry = {"key": key, "size": 4, "sha256": hashlib.sha256(b"mine").hexdigest()}
    record["checkpoints"][-1]["files"]["model.safetensors"] = entry
    record["parts"] = [{**entry, "rows": 1, "first_epoch": 1, "last_epoch": 1}]
    manifest.write_bytes(seal("manifest", Manifest.model_validate(record), commit_key(manifest)))


def name_file(store: ArtifactStore, name: str, content: bytes, instead_of: str = "") -> None:
    """Let the commits of an ended job name a file of a checkpoint that nobody wrote."""
    for manifest in Path(store.uri, "jobs", JOB.id).rglob("manifest-*.json"):
        record = Manifest.model_validate(json.loads(manifest.read_bytes())["content"])
        (stored,) = record.checkpoints[-1:]
        entry = described(f"{stored.folder}/{name}", content)
        Path(store.uri, entry.key).write_bytes(content)
        files = {n: f for n, f in stored.files.items() if n != (instead_of or name)}
        changed = stored.model_copy(update={"files": {**files, name: entry}})
        record = record.model_copy(update={"checkpoints": (changed,)})
        manifest.write_bytes(seal("manifest", record, commit_key(manifest)))

"""Stored files with anything in them: words about it, never a traceback, and no waiting."""

import json
import pickle
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import sha256
from compound.jobs.store.format.rows import from_live, from_parquet
from compound.schemas.errors import CompoundError, StoreError
from tests.support.back_ends import sizes
from tests.support.damaged_files import name_file
from tests.support.store_of_every_file import KINDS, build, by_kind, look

FILES = sizes("count", commit=260, full=5_200)
LONGEST = 5.0
"""Seconds that reading a fuzzed file may take: a hundred times what it takes, on a busy machine."""

RELATED = {
    "marker": ("open", "fsck"),
    "device": ("profiles", "verify"),
    "trace": ("trace", "verify"),
    "job": ("job", "states", "fsck"),
    "claim": ("states", "fsck"),
    "stream": ("rows of the killed", "states", "fsck"),
    "rows": ("rows", "rows of the killed", "verify"),
    "manifest": ("rows", "rows of the killed", "results", "states", "checkpoint",
                 "checkpoint of the killed", "fsck"),
    "checkpoint": ("checkpoint", "checkpoint of the killed", "verify"),
    "predictions": ("predictions", "test predictions", "verify"),
    "document": ("document", "fsck"),
    "events": ("events", "fsck"),
    "lease": ("lease", "fsck"),
    "reservation": ("reservation", "fsck"),
    "index": ("index", "fsck"),
    "begun": ("document", "fsck"),
}  # fmt: skip
"""What reads a file of each kind."""

Mutation = Callable[[random.Random, bytes], bytes]


def cut(draw: random.Random, data: bytes) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def noise(draw: random.Random, data: bytes) -> bytes:
    return draw.randbytes(draw.randrange(4096))


def holes(draw: random.Random, data: bytes) -> bytes:
    start, size = draw.randrange(len(data)), draw.randrange(512)
    return data[:start] + bytes(size) + data[start + size :]


def stirred(draw: random.Random, data: bytes) -> bytes:
    copy = bytearray(data)
    for _ in range(draw.randrange(1, 40)):
        copy[draw.randrange(len(copy))] = draw.randrange(256)
    return bytes(copy)


def doubled(draw: random.Random, data: bytes) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start:] * draw.randrange(2, 4)


def nested(draw: random.Random, data: bytes) -> bytes:
    return draw.choice([b"[", b'{"a":', b"\xff\xff\xff\xff", b"PAR1"]) * draw.randrange(1, 30_000)


def resealed(draw: random.Random, data: bytes) -> bytes:
    """Change a value deep inside a record, and seal it again with a checksum that holds."""
    head, mark = b'{"sha256": "', b'"content": '
    if not data.startswith(head):
        return stirred(draw, data)
    fields, content = data[76:].split(mark, 1)
    try:
        record = json.loads(content.rstrip()[:-1])
    except ValueError:
        return stirred(draw, data)
    node: Any = record
    while isinstance(node, dict | list) and node:
        key = draw.choice(list(node) if isinstance(node, dict) else range(len(node)))
        if not isinstance(node[key], dict | list) or not node[key] or draw.random() < 0.2:
            node[key] = draw.choice(ODD)
            break
        node = node[key]
    rest = fields + mark + json.dumps(record).encode() + b"}\n"
    return head + sha256(rest).encode() + rest


ODD: tuple[Any, ...] = (
    None, -1, 0, 10**30, 1e308, "", "../../x", "/etc/passwd", "x" * 5000, "\0", [], {}, [[]], True,
    "jobs", ".", {"key": "a", "size": -1, "sha256": ""}, "store.json", 2**63, "\ud800",
)  # fmt: skip
MUTATIONS: tuple[Mutation, ...] = (
    cut, noise, holes, stirred, doubled, nested, resealed, resealed, resealed,
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    return build(tmp_path_factory.mktemp("zoo"))


def lease(store: ArtifactStore) -> None:
    with store.study("s").lease({}), store.study("s").lease({}):
        pass


@FILES
@pytest.mark.timeout(1800)
def test_fuzzed_files_cost_words_at_most(store: ArtifactStore, count: int) -> None:
    kinds, draw = by_kind(Path(store.uri)), random.Random(count)
    views = {**look(store), "lease": lambda: lease(store)}
    contents = [path.read_bytes() for paths in kinds.values() for path in paths]
    refused = 0
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        path, mutation = draw.choice(kinds[kind]), draw.choice(MUTATIONS)
        good = path.read_bytes()
        bad = draw.choice(contents) if draw.random() < 0.05 else mutation(draw, good)
        path.write_bytes(bad)
        for name in RELATED[kind]:
            began = time.perf_counter()
            try:
                views[name]()
            except CompoundError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"{number}: {kind}, {mutation.__name__}, {name}") from error
            assert time.perf_counter() - began < LONGEST, f"{kind}, {mutation.__name__}, {name}"
        path.write_bytes(good)
    assert refused > count / 10


@FILES
def test_fuzzed_tables_with_a_checksum_that_holds(store: ArtifactStore, count: int) -> None:
    """What a manifest that was made up may name: bytes that nobody ever wrote."""
    kinds, draw = by_kind(Path(store.uri)), random.Random(count)
    parts = [path.read_bytes() for path in kinds["rows"]]
    streams = [path.read_bytes() for path in kinds["stream"]]
    for _ in range(count // 2):
        mutation = draw.choice(MUTATIONS)
        with suppress(StoreError):
            from_parquet(mutation(draw, draw.choice(parts)), "x")
        assert len(from_live(mutation(draw, draw.choice(streams)))) < 20


STATES: tuple[bytes, ...] = (
    b"", b"[]", b"{}", b"null", b'{"schema_version": "x"}', b'{"schema_version": 2}', b"\xff",
    b'{"schema_version": 1e400, "extra": 1}', b"[" * 100_000, b'{"schema_version": null}',
)  # fmt: skip


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_checkpoints_that_nobody_wrote(tmp_path: Path, name: str) -> None:
    """Their checksums hold: whoever puts them there puts the manifest there as well."""
    store = build(tmp_path)
    draw = random.Random(1)
    original = next(path for path in by_kind(tmp_path)["checkpoint"] if path.name == name)
    contents = [mutation(draw, original.read_bytes()) for mutation in MUTATIONS * 8]
    contents += [*STATES, *(len(text).to_bytes(8, "little") + text for text in HEADERS)]
    read = look(store)["checkpoint"]
    for content in contents:
        name_file(store, name, content)
        with suppress(StoreError):
            read()


HEADERS: tuple[bytes, ...] = (
    b"{}", b"[]", b"null", b'{"w": null}', b'{"w": {"dtype": "F32"}}', b"\xff\xff",
    b'{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}',
    b'{"w": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 0]}}',
    b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [-8, -4]}}',
    b'{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4000000000]}}',
    b'{"w": {"dtype": "__import__", "shape": [1], "data_offsets": [0, 4]}}',
    b'{"w": {"dtype": "F32", "shape": "x", "data_offsets": ["a", "b"]}}',
    b"[" * 50_000,
)  # fmt: skip


class Canary:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_hostile_optimizer_is_refused_before_it_runs(tmp_path: Path) -> None:
    store, canary = build(tmp_path / "runs"), tmp_path / "loaded"
    torch.save({"momentum": Canary(canary)}, tmp_path / "hostile")
    for content in ((tmp_path / "hostile").read_bytes(), pickle.dumps(Canary(canary))):
        name_file(store, "optimizer.pt", content, instead_of="optimizer.safetensors")
        with pytest.raises(StoreError, match=r"optimizer\.pt"):
            look(store)["checkpoint"]()
    assert not canary.exists()
    torch.load(tmp_path / "hostile", weights_only=False)
    assert canary.exists(), "the canary sings where nobody looks first"

"""Checkpoints in shards: written apart, committed together, damaged, given up. No processes."""

import threading
from pathlib import Path

import pytest
import torch

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.format.checkpoint import Gathered, Position
from compound.jobs.store.format.file_kinds import shard_name
from compound.jobs.store.format.manifest import Attempt
from compound.jobs.store.writing import checkpoint_shards as shards
from compound.jobs.store.writing.checkpoint_shards import Shards, note_name
from compound.jobs.store.writing.job_writer import JobWriter
from compound.orchestrator.__main__ import main
from compound.schemas.errors import StoreError
from tests.support.store_crashes import found_in
from tests.support.store_samples import JOB, log, result

RANKS = 3
ROWS = torch.arange(14.0).view(7, 2)
"""Seven rows for three ranks: 3, 3 and 1."""


def content(rank: int, epoch: int) -> dict[str, torch.Tensor]:
    rows = ROWS.split(3)[rank] + epoch
    own = {"model.w": rows, "ema.w": rows / 2, "slot.momentum.w": -rows}
    return own | ({"model.b": torch.ones(2)} if rank == 0 else {})


def ranks_of(store: ArtifactStore, attempt: Attempt) -> list[Shards]:
    return [store.shards(JOB.id, attempt, rank, RANKS) for rank in range(RANKS)]


def save(store: ArtifactStore, writer: JobWriter, epoch: int) -> None:
    log(writer, epoch)
    ranks = ranks_of(store, writer.identity)
    folder = ranks[0].folder(Position(epoch, epoch).name)
    for rank in (1, 2):
        ranks[rank].later(lambda rank=rank: ranks[rank].write(folder, lambda: content(rank, epoch)))

    def gathered() -> Gathered:
        ranks[0].write(folder, lambda: content(0, epoch))
        return Gathered(folder, ranks[0].collect(folder), {"epoch": epoch})

    writer.save_later(Position(epoch, epoch), gathered)
    writer.wait()
    for rank in ranks:
        rank.close()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path / "runs"))


@pytest.fixture
def saved(store: ArtifactStore) -> ArtifactStore:
    with store.writer(JOB) as writer:
        writer.resume()
        save(store, writer, 1)
        save(store, writer, 2)
    return store


def files(store: ArtifactStore) -> list[str]:
    return sorted(path.name for path in Path(store.uri).rglob("shard-*"))


def test_shards_are_read_as_one_network_and_one_by_one(saved: ArtifactStore) -> None:
    checkpoint = saved.checkpoint(JOB.id)
    assert checkpoint and checkpoint.shards == RANKS and checkpoint.extra == {"epoch": 2}
    assert torch.equal(checkpoint.model()["model.w"], ROWS + 2)
    assert torch.equal(checkpoint.model()["model.b"], torch.ones(2))
    assert torch.equal(checkpoint.optimizer()["momentum.w"], -(ROWS + 2))
    assert checkpoint.optimizer().keys() == {"momentum.w"}
    assert torch.equal(checkpoint.shard(2)["ema.w"], (ROWS[6:] + 2) / 2)
    assert all(name.endswith(".safetensors") for name in files(saved)), "no note is left"


@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_a_damaged_shard_is_named_and_the_checkpoint_before_taken(
    saved: ArtifactStore, how: str, capsys: pytest.CaptureFixture[str], caplog
) -> None:
    (path,) = Path(saved.uri).rglob("epoch-0002-shards/shard-00003-of-00003.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data if how == "flip" else data[:-1])
    if how == "gone":
        path.unlink()
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--store", saved.uri])
    out = capsys.readouterr().out.replace("\n", "")
    assert caught.value.code == 1 and f"1 {'missing' if how == 'gone' else 'damaged'}" in out
    checkpoint = saved.checkpoint(JOB.id)
    assert checkpoint and checkpoint.epoch == 1
    assert "shard-00003-of-00003.safetensors" in caplog.text and "epoch-0001-shards" in caplog.text


def test_an_ended_job_sweeps_shards_that_were_never_committed(saved: ArtifactStore) -> None:
    with saved.writer(JOB) as writer:
        assert writer.resume()
        lone = saved.shards(JOB.id, writer.identity, 1, RANKS)
        lone.write(lone.folder("epoch-0003"), lambda: content(1, 3))
        assert "shard-00002.json" in files(saved)
        writer.finish(result(2, writer.attempt))
    left = [f"shard-0000{n}-of-00003.safetensors" for n in (1, 1, 2, 2, 3, 3)]
    assert files(saved) == left, "of the two checkpoints that are kept"


def test_a_check_knows_shards_wherever_they_lie(uri: str) -> None:
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        for epoch in (1, 2):
            save(store, writer, epoch)
        lone = store.shards(JOB.id, writer.identity, 1, RANKS)
        lone.write(lone.folder("epoch-0003"), lambda: content(1, 3))
        assert found_in(files_at(uri)[0]) == [], "what is being written is nobody's orphan"
    left = {
        finding.key.rpartition("/")[2]: finding.problem for finding in found_in(files_at(uri)[0])
    }
    assert left == dict.fromkeys([shard_name(1, RANKS), note_name(1)], "orphan")
    with store.writer(JOB) as writer:
        checkpoint = writer.resume()
        assert checkpoint and torch.equal(checkpoint.model()["model.w"], ROWS + 2)
        writer.finish(result(2, writer.attempt))
    assert found_in(files_at(uri)[0]) == []


def test_a_rank_that_cannot_write_tells_the_first(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        first, second, _ = ranks_of(store, writer.identity)
        folder = first.folder("epoch-0001")
        first.write(folder, lambda: content(0, 1))
        with pytest.raises(KeyError):
            second.write(folder, lambda: {"w": torch.zeros(1, dtype=torch.complex64)})
        with pytest.raises(StoreError, match="shard of worker 1: 'complex64'"):
            first.collect(folder)


def test_the_first_rank_does_not_wait_for_ever(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "GRACE_S", 0.1)
    with store.writer(JOB) as writer:
        first, second, _ = ranks_of(store, writer.identity)
        folder = first.folder("epoch-0001")
        for rank, rank_shards in enumerate((first, second)):
            rank_shards.write(folder, lambda rank=rank: content(rank, 1))
        threading.Timer(0.2, first.give_up).start()
        with pytest.raises(StoreError, match="shard of worker 2: it has not come"):
            first.collect(folder)

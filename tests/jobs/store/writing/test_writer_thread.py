"""Checkpoints written by a thread: what readers see meanwhile, and where errors come out."""

import io
import threading
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.folders.retention import retained
from compound.jobs.store.format.checkpoint import Position, Saved
from compound.jobs.store.format.checksummed_files import described
from compound.jobs.store.format.checksummed_json import seal
from compound.jobs.store.format.manifest import CheckpointFiles, Manifest
from compound.jobs.store.writing.job_writer import JobWriter
from compound.schemas.errors import StoreError
from compound.schemas.recipe import Keep, Recipe
from tests.support.damaged_files import commit_key
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    log,
    result,
    row,
    save,
    train,
    whole,
)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path / "runs"))


def sample(epoch: int, score: float | None = None) -> Saved:
    model = {"w": torch.full((3, 2), float(epoch)), "n": torch.tensor(epoch)}
    extra: dict[str, int | float | str] = {"epoch": epoch}
    if score is not None:
        extra["validation_accuracy"] = score
    return Saved(model, {"momentum": torch.full((6,), float(epoch + 1))}, extra)


class Held:
    """A checkpoint whose thread waits to be let go."""

    def __init__(self, epoch: int) -> None:
        self.begun, self.go, self._epoch = threading.Event(), threading.Event(), epoch

    def __call__(self) -> Saved:
        self.begun.set()
        assert self.go.wait(30)
        return sample(self._epoch)


def newest(store: ArtifactStore) -> Manifest:
    manifest = JobFolder(LocalFiles(store.uri), JOB.id).newest()
    assert manifest
    return manifest


def test_rows_logged_after_the_snapshot_are_not_sealed_by_it(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        train(writer, 1)
        log(writer, 2)
        release = Held(2)
        writer.save_later(Position(2, 20), release)
        assert release.begun.wait(30)
        log(writer, 3)
        assert epochs_of(store) == [1, 2, 3] and whole(store.checkpoint(JOB.id), 1)
        release.go.set()
        writer.wait()
        assert whole(store.checkpoint(JOB.id), 2)
        manifest = newest(store)
        assert max(part.last_epoch for part in manifest.parts) == 2
        assert manifest.last == row(2) and epochs_of(store) == [1, 2, 3]
        log(writer, 4)
        save(writer, 4)
        assert epochs_of(store) == [1, 2, 3, 4]
        writer.finish(result(4))
    assert epochs_of(store) == [1, 2, 3, 4]


def test_a_second_checkpoint_waits_for_the_first(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        log(writer, 1)
        release = Held(1)
        writer.save_later(Position(1, 10), release)
        log(writer, 2)
        second = threading.Thread(
            target=writer.save_later, args=(Position(2, 20), lambda: sample(2))
        )
        second.start()
        second.join(0.2)
        assert second.is_alive() and store.checkpoint(JOB.id) is None
        release.go.set()
        second.join(30)
        writer.wait()
        assert whole(store.checkpoint(JOB.id), 2)
        assert len(files_of(store, "model.safetensors")) == 2


def failing() -> Saved:
    raise StoreError("the store cannot be used: no space is left on the device")


@pytest.mark.parametrize("following", ["log", "save", "wait", "finish"])
def test_an_error_of_the_thread_is_raised_once_by_the_next_call(
    store: ArtifactStore, following: str
) -> None:
    with store.writer(JOB) as writer:
        train(writer, 1)
        log(writer, 2)
        writer.save_later(Position(2, 20), failing)
        while not writer.idle:
            pass
        calls = {
            "log": lambda: log(writer, 3),
            "save": lambda: save(writer, 2),
            "wait": writer.wait,
            "finish": lambda: writer.finish(result(2)),
        }
        with pytest.raises(StoreError, match="no space"):
            calls[following]()
        assert whole(store.checkpoint(JOB.id), 1)
        calls[following]()


def test_closing_waits_and_names_what_was_not_written(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    with store.writer(JOB) as writer:
        log(writer, 1)
        writer.save_later(Position(1, 10), lambda: sample(1))
    assert whole(store.checkpoint(JOB.id), 1)
    with store.writer(JOB) as writer:
        writer.resume()
        log(writer, 2)
        writer.save_later(Position(2, 20), failing)
    assert "was not written" in caplog.text and whole(store.checkpoint(JOB.id), 1)


def test_a_thread_of_an_attempt_that_was_taken_over_changes_nothing(store: ArtifactStore) -> None:
    zombie = store.writer(JOB)
    train(zombie, 1)
    log(zombie, 2)
    release = Held(2)
    zombie.save_later(Position(2, 20), release)
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 1)
        release.go.set()
        with pytest.raises(StoreError, match="taken over"):
            zombie.wait()
        train(writer, 2, value=0.5)
        assert [logged.metrics for logged in store.rows(JOB.id)] == [
            row(1).metrics,
            row(2, value=0.5).metrics,
        ]
        assert newest(store).attempt == 2
    zombie.close()


def test_inside_an_epoch_the_position_is_kept(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        writer.save_later(Position(0, 4, 4), lambda: sample(0))
        train(writer, 1)
        writer.save_later(Position(1, 13, 3), lambda: sample(1))
    with store.writer(JOB) as writer:
        checkpoint = writer.resume()
        assert checkpoint
        assert (checkpoint.epoch, checkpoint.step, checkpoint.epoch_step) == (1, 13, 3)
        assert epochs_of(store) == [1]


def test_an_older_store_with_a_torch_file_is_read(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        train(writer, 1)
    (path,) = files_of(store, "optimizer.safetensors")
    sink = io.BytesIO()
    torch.save({"momentum": torch.full((6,), 2.0)}, sink)
    path.with_name("optimizer.pt").write_bytes(sink.getvalue())
    path.unlink()
    manifest = newest(store)
    (stored,) = manifest.checkpoints
    entry = described(f"{stored.folder}/optimizer.pt", sink.getvalue())
    files = {n: f for n, f in stored.files.items() if n != "optimizer.safetensors"}
    old = stored.model_copy(update={"files": {**files, "optimizer.pt": entry}})
    changed = manifest.model_copy(update={"checkpoints": (old,)})
    path = files_of(store, "manifest-*.json")[-1]
    path.write_bytes(seal("manifest", changed, commit_key(path)))
    assert whole(store.checkpoint(JOB.id), 1)
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 1)
        train(writer, 2, 3)
        writer.finish(result(3, 2))
    assert files_of(store, "optimizer.pt") == []


def checkpoint(number: int, score: float | None, epoch_step: int = 0) -> CheckpointFiles:
    return CheckpointFiles(
        attempt=1,
        epoch=number,
        step=number,
        epoch_step=epoch_step,
        score=score,
        folder=f"f{number}",
        files={},
    )


SCORES = st.lists(st.none() | st.sampled_from([0.1, 0.5, 0.9]), max_size=12)


@given(SCORES, st.builds(Keep, last=st.integers(1, 3), best=st.integers(0, 3)))
def test_the_last_and_the_best_stay_whenever_it_is_asked(
    scores: list[float | None], keep: Keep
) -> None:
    every = [checkpoint(number, score) for number, score in enumerate(scores, 1)]
    checkpoints: tuple[CheckpointFiles, ...] = ()
    for stored in every:
        checkpoints = retained((*checkpoints, stored), keep)
    assert all(stored in checkpoints for stored in every[-keep.last :])
    assert list(checkpoints) == sorted(checkpoints, key=lambda stored: stored.epoch)
    best = sorted((s for s in scores if s is not None), reverse=True)[: keep.best]
    left = sorted((c.score for c in checkpoints if c.score is not None), reverse=True)
    assert left[: keep.best] == best
    assert len(checkpoints) <= keep.last + keep.best


def test_every_nth_stays_and_positions_inside_epochs_do_not_count() -> None:
    every = [checkpoint(n, None, epoch_step=n % 2) for n in range(1, 9)]
    left = retained(every, Keep(last=1, best=0, every=4))
    assert [stored.epoch for stored in left] == [4, 8]


def scored(writer: JobWriter, epoch: int, score: float) -> None:
    log(writer, epoch)
    writer.save_later(Position(epoch, 10 * epoch), lambda: sample(epoch, score))


def test_a_writer_keeps_what_its_recipe_says(store: ArtifactStore) -> None:
    recipe = Recipe.model_validate({"keep": {"last": 1, "best": 1}})
    keeping = JOB.model_copy(update={"recipe": recipe})
    assert keeping.id == JOB.id, "what is kept changes no number"
    with store.writer(keeping) as writer:
        for epoch, score in enumerate((0.2, 0.8, 0.3, 0.8, 0.5, 0.4), 1):
            scored(writer, epoch, score)
        writer.finish(result(6))
    assert [stored.epoch for stored in newest(store).checkpoints] == [4, 6]
    best = store.checkpoint(JOB.id, best=True)
    assert whole(store.checkpoint(JOB.id), 6) and best and best.epoch == 4
    folders = {path.parent.name[:10] for path in files_of(store, "model.safetensors")}
    assert folders == {"epoch-0004", "epoch-0006"}


def test_another_attempt_keeps_the_best_of_all(store: ArtifactStore) -> None:
    for epoch, score in enumerate((0.9, 0.1, 0.2, 0.3), 1):
        with store.writer(JOB) as writer:
            writer.resume()
            scored(writer, epoch, score)
    assert [stored.epoch for stored in newest(store).checkpoints] == [1, 3, 4]

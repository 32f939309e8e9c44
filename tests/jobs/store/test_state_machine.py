"""Any order of logging, saving, crashing, resuming, lingering, finishing, retention and fsck,
against a dict.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from compound.jobs.store.checking.gc import Retention
from compound.jobs.store.writing.job_writer import JobWriter
from compound.schemas.errors import StoreError
from compound.schemas.job import JobResult
from compound.schemas.recipe import Keep
from tests.support.back_ends import sizes
from tests.support.store_samples import JOB, log, result, save, save_later, whole


class StoreMachine(RuleBasedStateMachine):
    """The model: values by epoch, the saved epochs that are kept, and the result."""

    steps = 0
    """Of all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = ArtifactStore.open(self.folder.name)
        self.writer: JobWriter | None = None
        self.zombie: JobWriter | None = None
        self.zombie_epoch = 0
        self.rows: dict[int, float] = {}
        self.saved: list[int] = []
        self.result: JobResult | None = None
        self.claimed = False
        self.late = False
        """Whether a writer that was thought dead has left a checkpoint after the job's end."""

    @precondition(lambda self: self.writer is None)
    @rule()
    def claim_and_crash(self) -> None:
        self.store.writer(JOB).close()
        self.claimed = True

    @precondition(lambda self: self.writer is None)
    @rule()
    def begin(self) -> None:
        self.writer = self.store.writer(JOB)
        checkpoint = self.writer.resume()
        last = self.saved[-1] if self.saved else 0
        assert (checkpoint.epoch if checkpoint else 0) == last
        self.rows = {epoch: value for epoch, value in self.rows.items() if epoch <= last}
        self.result, self.claimed, self.late = None, False, False

    @precondition(lambda self: self.writer)
    @rule(value=st.floats(0, 1), skip=st.integers(1, 2))
    def log(self, value: float, skip: int) -> None:
        assert self.writer
        epoch = max(self.rows, default=0) + skip
        log(self.writer, epoch, value=value)
        self.rows[epoch] = value

    @precondition(lambda self: self.writer and self.rows and max(self.rows) not in self.saved)
    @rule()
    def save(self) -> None:
        assert self.writer
        save(self.writer, max(self.rows))
        self.saved = [*self.saved, max(self.rows)][-2:]

    @precondition(lambda self: self.writer and self.rows and max(self.rows) not in self.saved)
    @rule(value=st.floats(0, 1))
    def save_and_log_on(self, value: float) -> None:
        """The next epoch is logged while a thread writes the checkpoint of this one."""
        assert self.writer
        epoch = max(self.rows)
        save_later(self.writer, epoch)
        log(self.writer, epoch + 1, value=value)
        self.rows[epoch + 1] = value
        self.writer.wait()
        self.saved = [*self.saved, epoch][-2:]

    @precondition(lambda self: self.writer)
    @rule()
    def crash(self) -> None:
        assert self.writer
        self.writer.close()
        self.writer = None

    @precondition(lambda self: self.writer)
    @rule()
    def crash_before_the_commit(self) -> None:
        """The files of a checkpoint are there, and no manifest names them."""
        assert self.writer
        folder = f"jobs/{JOB.id}/{self.writer._attempt.name}/epoch-9999-0123abcd"
        self.store._files.put({f"{folder}/model.safetensors": b"left"})
        self.crash()

    @rule(last=st.integers(1, 3))
    def retain(self, last: int) -> None:
        pruning = self.store.prune(JOB.id, Retention(Keep(last=last)), dry=False)
        if pruning.outcome == "done":
            self.saved = self.saved[-last:]
        done = self.result is not None and self.result.status == "done"
        assert pruning.reason or done
        if done and not (self.zombie or self.claimed):
            assert not pruning.reason and len(pruning.kept) == len(self.saved) <= last

    def _fsck(self, *, delete: bool) -> list[Finding]:
        options = CheckOptions(delete=delete, older_than=0)
        return [*self.store.check(self.store.jobs(), [], FindingCounts(), options)]

    @rule()
    def fsck(self) -> None:
        """What is deleted is not missed: the invariants hold after this as after anything."""
        findings = self._fsck(delete=True)
        assert {finding.problem for finding in findings} <= {"orphan", "overtaken"}
        if self.writer is None:
            self.claimed = False
        if not (self.writer or self.zombie):
            assert all(finding.deleted for finding in findings) and self._fsck(delete=False) == []

    @precondition(lambda self: self.writer and not self.zombie and self.rows)
    @rule()
    def linger(self) -> None:
        """The writer is thought dead, a successor begins, but it is alive."""
        self.zombie, self.writer = self.writer, None
        self.zombie_epoch = max(self.rows)
        self.begin()

    @precondition(lambda self: self.zombie)
    @rule(how=st.sampled_from(["log", "save", "finish"]))
    def linger_on(self, how: str) -> None:
        assert self.zombie
        self.zombie_epoch += 1
        log(self.zombie, self.zombie_epoch, value=77)
        if how != "log":
            with pytest.raises(StoreError, match="taken over"):
                self._end(how)
            self.zombie.close()
            self.zombie, self.late = None, self.late or (how == "save" and self.result is not None)

    def _end(self, how: str) -> None:
        assert self.zombie
        if how == "save":
            save(self.zombie, self.zombie_epoch)
        else:
            self.zombie.finish(result(self.zombie_epoch, self.zombie.attempt))

    @precondition(lambda self: self.writer)
    @rule(status=st.sampled_from(["done", "stopped", "failed"]))
    def finish(self, status: str) -> None:
        assert self.writer
        self.result = result(max(self.rows, default=0), self.writer.attempt, status=status)
        self.writer.finish(self.result)
        self.writer = None

    @invariant()
    def readers_see_the_model(self) -> None:
        rows = {row.epoch: row.metrics["train_loss"] for row in self.store.rows(JOB.id)}
        assert rows == {epoch: 1 / epoch + value for epoch, value in self.rows.items()}
        assert self.store.result(JOB.id) == self.result
        checkpoint = self.store.checkpoint(JOB.id)
        assert whole(checkpoint, self.saved[-1]) if self.saved else checkpoint is None

    @invariant()
    def the_state_is_the_models(self) -> None:
        StoreMachine.steps += 1
        state = self.store.state(JOB.id)
        if self.store.jobs():
            waiting = self.result.status if self.result else "stopped"
            assert state.status == ("running" if self.writer else waiting)
            assert state.epoch == max(self.rows, default=0)

    @invariant()
    def little_is_kept(self) -> None:
        folders = {path.parent for path in Path(self.store.uri).rglob("model.safetensors")}
        lingering = self.zombie is not None or self.late
        assert len(folders) <= 2 + 2 * lingering or not self.result

    def teardown(self) -> None:
        for writer in (self.writer, self.zombie):
            if writer:
                writer.close()
        self.folder.cleanup()


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    yield


CALM = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@sizes(("runs", "length", "steps"), commit=(20, 20, 240), full=(500, 40, 10_000))
@pytest.mark.timeout(1800)
def test_the_store_is_as_the_model(runs: int, length: int, steps: int) -> None:
    before = StoreMachine.steps
    chosen = settings(max_examples=runs, stateful_step_count=length, suppress_health_check=CALM)
    run_state_machine_as_test(StoreMachine, settings=chosen)
    assert StoreMachine.steps - before >= steps

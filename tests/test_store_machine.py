"""Any order of logging, saving, crashing, resuming, lingering and finishing, against a dict."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from store_samples import JOB, log, result, save, save_later, whole

from jobs.store.artifacts import ArtifactStore
from jobs.store.writer import JobWriter
from schemas.errors import StoreError
from schemas.job import JobResult


class StoreMachine(RuleBasedStateMachine):
    """The model: values by epoch, the saved epochs that are kept, and the result."""

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

    @precondition(lambda self: self.writer is None)
    @rule()
    def begin(self) -> None:
        self.writer = self.store.writer(JOB)
        found = self.writer.resume()
        last = self.saved[-1] if self.saved else 0
        assert (found.epoch if found else 0) == last
        self.rows = {epoch: value for epoch, value in self.rows.items() if epoch <= last}
        self.result = None

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
            self.zombie = None

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
        found = {row.epoch: row.metrics["train_loss"] for row in self.store.rows(JOB.id)}
        assert found == {epoch: 1 / epoch + value for epoch, value in self.rows.items()}
        assert self.store.result(JOB.id) == self.result
        checkpoint = self.store.checkpoint(JOB.id)
        assert whole(checkpoint, self.saved[-1]) if self.saved else checkpoint is None

    @invariant()
    def the_state_is_the_models(self) -> None:
        state = self.store.state(JOB.id)
        if self.store.jobs():
            waiting = self.result.status if self.result else "stopped"
            assert state.status == ("running" if self.writer else waiting)
            assert state.epoch == max(self.rows, default=0)

    @invariant()
    def little_is_kept(self) -> None:
        folders = {path.parent for path in Path(self.store.uri).rglob("model.safetensors")}
        assert len(folders) <= 2 + 2 * (self.zombie is not None) or not self.result

    def teardown(self) -> None:
        for writer in (self.writer, self.zombie):
            if writer:
                writer.close()
        self.folder.cleanup()


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

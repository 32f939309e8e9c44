"""A real process that is killed while it logs and saves, again and again."""

import signal
import time
from pathlib import Path

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.forked import forked
from tests.support.store_samples import JOB, epochs_of, files_of, result, row, whole

TRAINING = """
import sys
from tests.support.store_samples import JOB, log, save
from compound.jobs.store.artifacts import ArtifactStore
with ArtifactStore.open(sys.argv[1]).writer(JOB) as writer:
    found = writer.resume()
    print("resumed", found.epoch if found else 0, flush=True)
    for epoch in range((found.epoch if found else 0) + 1, 10**6):
        log(writer, epoch)
        print("logged", epoch, flush=True)
        if epoch % 3 == 0:
            save(writer, epoch)
            print("saved", epoch, flush=True)
"""


def killed_after(root: Path, seconds: float) -> dict[str, int]:
    """Kill -9 a training child some time after its first save; return what it acknowledged."""
    with forked("-c", TRAINING, str(root)) as child:
        while "saved" not in child.stdout:
            assert child.poll() is None, child.stderr
            time.sleep(0.001)
        time.sleep(seconds)
        assert ArtifactStore.open(str(root)).state(JOB.id).status == "running"
        child.kill()
        assert child.wait() == -signal.SIGKILL
    lines = child.stdout.splitlines()
    return {word: int(epoch) for word, epoch in (line.split() for line in lines)}


def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path))
    saved = 0
    for attempt, seconds in enumerate((0.11, 0.037), start=1):
        acknowledged = killed_after(tmp_path, seconds)
        assert acknowledged["resumed"] == saved
        epochs = epochs_of(store)
        assert epochs == list(range(1, len(epochs) + 1)), "a consistent prefix"
        assert len(epochs) - acknowledged["logged"] in (0, 1), (
            "all that was told, and perhaps one more"
        )
        checkpoint = store.checkpoint(JOB.id)
        assert checkpoint and whole(checkpoint, checkpoint.epoch)
        assert checkpoint.epoch - acknowledged["saved"] in (0, 3)
        saved = checkpoint.epoch
        state = store.state(JOB.id)
        assert (state.status, state.attempt, state.epoch) == ("stopped", attempt, len(epochs))
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), saved)
        writer.log(row(saved + 1, writer.attempt))
        writer.finish(result(saved + 1, writer.attempt))
    assert epochs_of(store) == list(range(1, saved + 2))
    assert len(files_of(store, "*.parquet")) == 1

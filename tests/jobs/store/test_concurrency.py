"""Writers and readers at once, on each back end: nothing lost, doubled, or seen by halves."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.back_ends import LONG, MANY_TIMES
from tests.support.store_samples import JOB, epochs_of, job, log, result, row, save, whole

WRITERS = 16
ROUNDS = 3
MANY_ROUNDS = 1000 if LONG else 20


def write_and_check(uri: str, rounds: int) -> None:
    """Have writers at once log, save, be superseded and finish; then count every row."""

    def write(seed: int) -> None:
        own_store, of = ArtifactStore.open(uri, patient=True), job(seed)
        for attempt in (1, 2):
            with own_store.writer(of) as writer:
                checkpoint = writer.resume()
                first = checkpoint.epoch if checkpoint else 0
                for epoch in range(first + 1, rounds + 1):
                    writer.log(row(epoch, writer.attempt, seed, of=of))
                    if epoch % 50 == 0 or epoch == rounds // 2:
                        save(writer, epoch)
                    if attempt == 1 and epoch == rounds // 2:
                        break
                else:
                    writer.finish(result(rounds, attempt, of=of))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    store = ArtifactStore.open(uri, create=False)
    assert store.metrics(store.jobs()).num_rows == WRITERS * rounds * 2
    for seed in range(WRITERS):
        rows = store.rows(job(seed).id)
        assert [stored.epoch for stored in rows] == list(range(1, rounds + 1))
        expected = {
            n: row(n, 1 if n <= rounds // 2 else 2, seed, of=job(seed))
            for n in range(1, rounds + 1)
        }
        assert rows == list(expected.values())
        assert store.state(job(seed).id).status == "done"


def test_no_row_of_many_writers_is_lost_or_doubled(uri: str) -> None:
    ArtifactStore.open(uri)
    write_and_check(uri, ROUNDS)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("uri", MANY_TIMES, indirect=True)
def test_no_row_of_many_writers_and_rounds_is_lost_or_doubled(uri: str) -> None:
    ArtifactStore.open(uri)
    write_and_check(uri, MANY_ROUNDS)


def read_while_writing(uri: str, epochs: int) -> int:
    """Return how many reads beside a writer there were; each must be a consistent prefix."""
    store, done = ArtifactStore.open(uri), threading.Event()
    reads = 0

    def write() -> None:
        try:
            with store.writer(JOB) as writer:
                for epoch in range(1, epochs + 1):
                    log(writer, epoch)
                    if epoch % 2 == 0:
                        save(writer, epoch)
                writer.finish(result(epochs))
        finally:
            done.set()

    writing = threading.Thread(target=write)
    writing.start()
    seen = 0
    while not done.is_set():
        rows = store.rows(JOB.id)
        assert [stored.epoch for stored in rows] == list(range(1, len(rows) + 1)), "a prefix"
        assert len(rows) >= seen, "what was seen once is there"
        checkpoint = store.checkpoint(JOB.id)
        assert checkpoint is None or whole(checkpoint, checkpoint.epoch)
        seen, reads = len(rows), reads + 1
    writing.join()
    assert epochs_of(store) == list(range(1, epochs + 1))
    return reads


def test_readers_beside_a_writer_see_a_consistent_prefix(uri: str) -> None:
    assert read_while_writing(uri, 12) > 3


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("uri", MANY_TIMES, indirect=True)
def test_many_reads_beside_a_writer_see_a_consistent_prefix(uri: str) -> None:
    reads = number = 0
    while reads < MANY_ROUNDS:
        reads, number = reads + read_while_writing(f"{uri}/{number}", 100), number + 1

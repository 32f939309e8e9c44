"""Who asks gets what is known at once, however slow the store is."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from compound.orchestrator.live.pages.study_requests import value_of
from compound.orchestrator.live.reading.last_known import LastKnown, NotReadYetError
from compound.schemas.errors import StoreError


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Source:
    """A value that is read when the test lets it."""

    def __init__(self) -> None:
        self.gate, self.reads, self.error = threading.Event(), 0, ""

    def read(self, before: int | None) -> int:
        self.gate.wait(30)
        self.reads += 1
        if self.error:
            raise StoreError(self.error)
        return (before or 0) + 1


def get(value: LastKnown[int], patience: float = 30.0):
    return anyio.run(value.get, patience)


def test_a_value_is_read_when_it_is_first_asked_for(threads: ThreadPoolExecutor) -> None:
    source = Source()
    source.gate.set()
    value = LastKnown(source.read, threads)
    assert source.reads == 0
    snapshot = get(value)
    assert (snapshot.value, snapshot.error, snapshot.reading) == (1, None, 0.0)


def test_a_slow_store_keeps_nobody_waiting(threads: ThreadPoolExecutor) -> None:
    source = Source()
    value = LastKnown(source.read, threads)
    first = get(value, 0.0)
    assert first.value is None and first.reading > 0
    with pytest.raises(NotReadYetError):
        value_of(first, "it")
    source.gate.set()
    assert get(value).value == 1


def test_nothing_is_read_twice_at_once(threads: ThreadPoolExecutor) -> None:
    source = Source()
    value = LastKnown(source.read, threads)
    for _ in range(20):
        get(value, 0.0)
    source.gate.set()
    assert get(value).value == 1 and source.reads == 1


def again(value: LastKnown[int], condition: Callable[[], bool]) -> None:
    """Ask until something has become of it."""
    for _ in range(300):
        get(value, 0.1)
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("nothing came of it")


def test_what_was_known_outlives_an_error(threads: ThreadPoolExecutor) -> None:
    source = Source()
    source.gate.set()
    value = LastKnown(source.read, threads, rest=0.0)
    read = get(value).read
    source.error = "the bucket is gone"
    again(value, lambda: value.now().error is not None)
    snapshot = value.now()
    assert snapshot.value == 1 and snapshot.read == read
    known, age = value_of(snapshot, "it")
    assert known == 1 and "the bucket is gone" in str(age.trouble)
    source.error = ""
    again(value, lambda: value.now().value == 2)
    assert value.now().error is None


def test_an_error_of_ours_is_a_sentence_too(threads: ThreadPoolExecutor) -> None:
    def broken(before: int | None) -> int:
        raise ZeroDivisionError("a bug")

    snapshot = get(LastKnown(broken, threads))
    assert "internal error: ZeroDivisionError: a bug" in str(snapshot.error)


def test_an_error_of_a_first_reading_is_raised(threads: ThreadPoolExecutor) -> None:
    source = Source()
    source.gate.set()
    source.error = "no such study"
    with pytest.raises(StoreError, match="no such study"):
        value_of(get(LastKnown(source.read, threads)), "it")

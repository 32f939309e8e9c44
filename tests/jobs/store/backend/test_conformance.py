"""Every promise of jobs/store/backend/files.py, on each back end: disk, moto, Swift, s3rver."""

import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend import s3_files as s3
from compound.jobs.store.backend.files import DamagedError, Files
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.backend.s3_heartbeat import Timing
from compound.schemas.errors import BusyError, StoreError
from compound.schemas.job import Event
from tests.support.back_ends import BACK_ENDS, MANY_TIMES
from tests.support.store_samples import JOB, job, log


@pytest.fixture(params=BACK_ENDS)
def uri(request: pytest.FixtureRequest, uri_on: Callable[[str], str]) -> str:
    return uri_on(request.param)


@pytest.fixture(autouse=True)
def _lively(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life come each second, so that nobody waits long to see whether another lives."""
    monkeypatch.setattr(s3, "Timing", lambda: Timing(renewed=1.0, dead=9.0))


@pytest.fixture
def files(uri: str) -> Files:
    return files_at(uri)[0]


def test_what_is_put_is_read_back_and_replaced_as_a_whole(files: Files) -> None:
    content = {"a/one": b"1", "a/b/two": b"22" * 5000, "empty": b""}
    files.put(content)
    assert {key: files.read(key) for key in content} == content
    files.put({"a/one": b"other"})
    assert files.read("a/one") == b"other"
    assert files.read("a/none") is None and files.read("none") is None


def test_what_is_larger_than_is_asked_for_is_not_read(files: Files) -> None:
    files.put({"file": b"content"})
    assert files.read("file", 7) == b"content"
    with pytest.raises(DamagedError, match="it has 7 bytes, more than 6"):
        files.read("file", 6)


def test_views_are_joined(files: Files) -> None:
    data = bytearray(os.urandom(1000))
    views = [memoryview(data)[:10], memoryview(b""), memoryview(data)[10:].cast("H")]
    files.put({"views": views})
    assert files.read("views") == bytes(data)


def test_a_large_file_comes_back_in_pieces(files: Files) -> None:
    data = random.Random(1).randbytes((17 << 20) + 3)
    cut = 5_000_001
    files.put({"large": [memoryview(data)[:cut], memoryview(data)[cut:]]})
    buffer = bytearray(1 << 20)
    for start in (0, (8 << 20) - 5, len(data) - len(buffer)):
        assert files.read_into("large", start, memoryview(buffer)) == len(buffer)
        assert buffer == data[start : start + len(buffer)]
    assert files.read_into("large", len(data) - 3, memoryview(buffer)) == 3
    assert buffer[:3] == data[-3:]
    assert files.read_into("large", len(data), memoryview(buffer)) == 0
    assert files.read_into("large", 2 * len(data), memoryview(buffer)) == 0
    assert files.read_into("none", 0, memoryview(buffer)) is None
    assert files.read("large") == data


def test_names_are_those_of_one_folder(files: Files) -> None:
    # s3rver passes over folders in which no file lies directly; the store has none.
    keys = ["f/b", "f/a", "f/deep/er/c", "f/deep/d", "f-other/d", "g"]
    files.put(dict.fromkeys(keys, b"x"))
    assert files.names("f") == ["a", "b", "deep"] and files.names("f/deep") == ["d", "er"]
    assert files.names("none") == []
    assert files.walk("f") == ["f/a", "f/b", "f/deep/d", "f/deep/er/c"]
    assert files.walk("none") == []


@pytest.mark.slow
@pytest.mark.parametrize("uri", MANY_TIMES, indirect=True)
def test_names_of_more_than_one_page(files: Files) -> None:
    names = [f"{number:04d}" for number in range(1100)]
    files.put({f"many/{name}/file": b"x" for name in names})
    assert files.names("many") == names and len(files.walk("many")) == len(names)
    files.delete(files.walk("many"))
    assert files.walk("many") == []


def test_deleted_is_gone_and_absent_is_no_error(files: Files) -> None:
    files.put({"d/one": b"1", "d/two": b"2"})
    files.delete(["d/one", "d/none", "none"])
    assert files.read("d/one") is None and files.names("d") == ["two"]
    files.delete(["d/two"])
    assert files.names("d") == [] and "d" not in files.walk("d")
    files.put({"d/one": b"again"})
    assert files.read("d/one") == b"again"


def test_no_key_leads_out(files: Files, uri: str) -> None:
    for key in ("..", "../x", "a/../b", "/a", "a//b", ".a", ""):
        for call in (files.read, files.locate, lambda k: files.put({k: b""})):
            with pytest.raises(StoreError):
                call(key)
    assert files.locate("a/b") == f"{uri}/a/b"


def test_lines_come_back_in_order(files: Files, uri: str) -> None:
    second = files_at(uri)[0]
    assert files.lines("s/events.jsonl") == []
    for number in range(5):
        files.append_line("s/events.jsonl", b"first %d" % number)
    for number in range(5):
        second.append_line("s/events.jsonl", b"second %d" % number)
    expected = [b"%s %d" % (who, n) for who in (b"first", b"second") for n in range(5)]
    assert files.lines("s/events.jsonl") == second.lines("s/events.jsonl") == expected


def test_many_lines_are_kept(files: Files) -> None:
    lines = [b"%d " % number + b"x" * 20_000 for number in range(9)]
    for line in lines:
        files.append_line("s/events.jsonl", line)
    assert files.lines("s/events.jsonl") == lines


def test_lines_of_writers_at_once_are_all_there(files: Files, uri: str) -> None:
    def write(writer: int) -> None:
        own_files = files_at(uri)[0]
        for number in range(5):
            own_files.append_line("s/events.jsonl", b"%d %d" % (writer, number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    lines = files.lines("s/events.jsonl")
    assert sorted(lines) == sorted(b"%d %d" % (w, n) for w in range(4) for n in range(5))
    for writer in range(4):
        own_files = [line for line in lines if line.startswith(b"%d " % writer)]
        assert own_files == sorted(own_files)


def test_a_stream_is_seen_as_it_grows(files: Files) -> None:
    assert not files.is_streaming("s/live")
    stream = files.stream("s/live")
    assert files.read("s/live") == b"" and stream.size == 0 and files.is_streaming("s/live")
    for number in range(1, 4):
        stream.write(b"abc")
        assert files.read("s/live") == b"abc" * number and stream.size == 3 * number
    stream.close()
    assert not files.is_streaming("s/live") and files.read("s/live") == b"abc" * 3


def test_the_stream_of_a_killed_process_is_seen_to_have_ended(files: Files, uri: str) -> None:
    with holding(uri, 'files.stream("s/live").write(b"row")') as child:
        assert files.is_streaming("s/live") and files.read("s/live") == b"row"
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert not files.is_streaming("s/live") and files.read("s/live") == b"row"


def test_a_lock_has_one_holder(files: Files, uri: str) -> None:
    second = files_at(uri)[0]
    assert files.holder("s/lease.json") == b"" and files.holders("s/lease.json") == []
    lock = files.lock("s/lease.json", b"me")
    assert lock is not None and second.holder("s/lease.json") == b"me"
    assert second.holders("s/lease.json") == [b"me"]
    assert second.lock("s/lease.json", b"you") is None
    assert second.lock("t/lease.json", b"you") is not None
    lock.close()
    assert second.holders("s/lease.json") == [], "its note may stay, but nobody holds it"
    again = second.lock("s/lease.json", b"you")
    assert again is not None and files.holder("s/lease.json") == b"you"
    again.close()


def test_the_lock_of_a_killed_process_is_free(files: Files, uri: str) -> None:
    with holding(uri, 'kept = files.lock("s/lease.json", b"it"); assert kept') as child:
        assert files.holder("s/lease.json") == b"it"
        child.send_signal(signal.SIGKILL)
        child.wait()
        lock = files.lock("s/lease.json", b"me")
        assert lock is not None
        lock.close()


def test_who_looks_for_a_holder_takes_nobodys_lock(tmp_path: Path) -> None:
    files, looking = LocalFiles(str(tmp_path)), threading.Event()

    def look() -> None:
        while not looking.is_set():
            files.holders("s/lease.json")

    with ThreadPoolExecutor(1) as threads:
        threads.submit(look)
        try:
            for _ in range(50):
                lock = files.lock("s/lease.json", b"me")
                assert lock is not None
                lock.close()
        finally:
            looking.set()


def test_a_put_makes_its_folder_again_that_another_deletion_has_emptied(tmp_path: Path) -> None:
    files = LocalFiles(str(tmp_path))

    def put_and_delete(name: str) -> None:
        for _ in range(100):
            files.put({f"folder/{name}": b"content"})
            assert files.read(f"folder/{name}") == b"content"
            files.delete([f"folder/{name}"])

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(put_and_delete, ("one", "two")))
    assert files.names("") == []


def test_of_askers_at_once_one_holds(files: Files, uri: str) -> None:
    holders, most = 0, 0
    counting = threading.Lock()

    def ask(_: int) -> bool:
        nonlocal holders, most
        lock = files_at(uri)[0].lock("s/lease.json", b"")
        if lock is None:
            return False
        with counting:
            holders += 1
            most = max(most, holders)
        time.sleep(0.2)
        with counting:
            holders -= 1
        lock.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(ask, range(4)))
    assert any(won) and most == 1


HOLDER = """
import sys, time
from compound.jobs.store.backend.open_files import files_at
files = files_at(sys.argv[1])[0]
{code}
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def holding(uri: str, code: str):
    """Run code in another process, and keep that alive."""
    command = [sys.executable, "-c", HOLDER.format(code=code), uri]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.wait()


def test_files_travel_to_another_process_and_prove_themselves(files: Files, uri: str) -> None:
    files.prove_writable()
    files.put({"a": b"1"})
    files.prove_writable()
    again = pickle.loads(pickle.dumps(files))
    assert again.read("a") == b"1" and again.within(1).read("a") == b"1"
    assert ArtifactStore.open(uri).uri == uri
    assert files.walk("probe") == []


def test_a_study_is_kept_whole(uri: str) -> None:
    store = ArtifactStore.open(uri)
    study = store.study("quick")
    events = [Event(kind="started", job=job(seed).id, message="ü\n") for seed in range(3)]
    with study.lease({"job": "j"}), pytest.raises(BusyError, match=f"process {os.getpid()} on "):
        study.put_text("report.html", "<p>ü")
        for event in events:
            study.append_event(event)
        with ArtifactStore.open(uri).study("quick").lease({}):
            pass
    again = ArtifactStore.open(uri, create=False).study("quick")
    assert again.events() == events and again.text("report.html") == "<p>ü"
    assert store.studies() == ["quick"]
    with again.lease({}):
        pass


def test_an_erased_store_is_gone(uri: str) -> None:
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        log(writer, 1)
    store.study("quick").put_text("report.html", "x")
    store.erase()
    with pytest.raises(StoreError, match="no store here"):
        ArtifactStore.open(uri, create=False)
    assert ArtifactStore.open(uri).jobs() == []

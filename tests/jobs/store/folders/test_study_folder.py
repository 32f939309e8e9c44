"""A study's documents, events and lease; names that try to leave the store."""

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import checked
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.folders.study_folder import StudyFolder
from compound.schemas.architecture import Coefficients
from compound.schemas.baseline import CustomBaseline
from compound.schemas.data import DigitsData
from compound.schemas.errors import BusyError, StoreError
from compound.schemas.job import Event
from compound.schemas.recipe import Recipe
from compound.schemas.stages import Stage
from compound.schemas.study import Search, StudySpec
from tests.support.store_samples import JOB, job, result, row

SPEC = StudySpec(
    kind="study",
    name="quick",
    data=DigitsData(source="digits"),
    baseline=CustomBaseline(resolution=16, stages=(Stage(channels=8),)),
    search=Search(train=Recipe(epochs=2, learning_rate=0.3)),
)


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    return ArtifactStore.open(str(tmp_path)).study("quick")


def test_documents_come_back_equal(study: StudyFolder, tmp_path: Path) -> None:
    assert study.read("spec.json", StudySpec) is None
    study.write("spec.json", SPEC)
    assert study.read("spec.json", StudySpec) == SPEC
    study.write("spec.json", Coefficients(alpha=1.2))
    assert study.read("spec.json", Coefficients) == Coefficients(alpha=1.2)
    study.put_text("report.html", "<p>ü")
    assert Path(study.path("report.html")).read_text() == "<p>ü"
    assert ArtifactStore.open(str(tmp_path)).studies() == ["quick"]


def test_a_document_of_another_kind_is_refused(study: StudyFolder) -> None:
    study.write("spec.json", Coefficients())
    with pytest.raises(StoreError, match="cannot be read as StudySpec"):
        study.read("spec.json", StudySpec)


def test_events_come_back_in_order(study: StudyFolder) -> None:
    assert study.events() == []
    events = [
        Event(kind="waiting", job=JOB.id, message="needs 4 CPUs\nand more \u2028 lines"),
        Event(kind="epoch", job=JOB.id, label="d1.2", row=row(1)),
        Event(kind="ended", job=job(1).id, result=result(3, of=job(1))),
    ]
    for event in events:
        study.append_event(event)
    assert study.events() == events


def test_events_have_the_time_when_they_were_made(study: StudyFolder) -> None:
    before = time.time()
    event = Event(kind="started", job=JOB.id, attempt=2, host="a", hosts=("a", "b"))
    after = time.time()
    study.append_event(event)
    (read,) = study.events()
    assert read == event
    assert read.wall_time is not None and before <= read.wall_time <= after


def test_a_line_of_an_older_version_has_no_time(study: StudyFolder) -> None:
    content = f'{{"kind":"started","job":"{JOB.id}","label":"","message":""}}'.encode()
    path = Path(study.path("spec.json")).with_name("events.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'{"crc32": "%08x", "event": %s}\n' % (zlib.crc32(content), content))
    (event,) = study.events()
    assert (event.wall_time, event.attempt, event.host, event.hosts) == (None, 0, "", ())


def test_a_torn_event_costs_only_itself(
    study: StudyFolder, caplog: pytest.LogCaptureFixture
) -> None:
    event, two = Event(kind="started", job=JOB.id), Event(kind="ended", job=JOB.id)
    study.append_event(event)
    path = Path(study.path("spec.json")).with_name("events.jsonl")
    path.write_bytes(path.read_bytes() + path.read_bytes()[:30])
    assert study.events() == [event]
    study.append_event(two)
    assert study.events() == [event, two]
    assert "1 damaged lines" in caplog.text


def test_every_flipped_bit_of_an_event_is_noticed(study: StudyFolder) -> None:
    event = Event(kind="started", job=JOB.id, message="x")
    study.append_event(event)
    path = Path(study.path("spec.json")).with_name("events.jsonl")
    good = path.read_bytes()
    for bit in range(8 * (len(good) - 1)):
        path.write_bytes(flipped(good, bit))
        assert study.events() == []


def flipped(data: bytes, bit: int) -> bytes:
    copy = bytearray(data)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy)


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/x", "a/b", "..", ".", "", "x" * 300, "Quick", "quick.", "a\n", "a\0", "é"],
)
def test_study_names_stay_inside(tmp_path: Path, name: str) -> None:
    store = ArtifactStore.open(str(tmp_path / "runs"))
    with pytest.raises(StoreError) as caught:
        store.study(name)
    assert caught.value.allowed


@pytest.mark.parametrize(
    "name",
    ["../spec.json", "/spec.json", "a/b.json", "..", ".json", "spec", "spec.json\n", "a..json",
     "x" * 300 + ".json", "lease.json", "events.jsonl", "spec.json.", "SPEC.json"],
)  # fmt: skip
def test_document_names_stay_inside(study: StudyFolder, name: str) -> None:
    for call in (study.path, lambda n: study.put_text(n, ""), lambda n: study.read(n, Stage)):
        with pytest.raises(StoreError):
            call(name)


@pytest.mark.parametrize(
    "job_id", ["..", "../x", "A" * 16, "a" * 15, "a" * 17, "", "a" * 16 + "\n"]
)
def test_job_ids_stay_inside(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(StoreError):
        ArtifactStore.open(str(tmp_path)).rows(job_id)


@pytest.mark.parametrize(
    "key", ["..", "a/../b", "/a", "a/", "a//b", "", ".a", "a/.b", "a\\b", "a\nb", "a\0", "a.", "~"]
)
def test_keys_stay_inside(tmp_path: Path, key: str) -> None:
    with pytest.raises(StoreError):
        checked(key)
    with pytest.raises(StoreError):
        LocalFiles(str(tmp_path)).put({key: b""})


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path / "runs"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "runs/studies").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="symbolic link"):
        store.study("quick").write("spec.json", SPEC)
    assert list((tmp_path / "outside").iterdir()) == []


HOLDER = """
import sys, time
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.folders.study_folder import StudyFolder
with StudyFolder(LocalFiles(sys.argv[1]), "quick").lease({}):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lease_keeps_a_second_process_out_until_the_first_is_killed(tmp_path: Path) -> None:
    study = ArtifactStore.open(str(tmp_path)).study("quick")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=rf"process {holder.pid} on .* since 20"):
            study.lease({}).__enter__()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with study.lease({"pid": "me"}):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_the_lease_holds_within_a_process_and_ends_with_its_block(study: StudyFolder) -> None:
    holder = {"host": "here", "pid": "7"}
    busy = pytest.raises(BusyError, match="process 7 on here")
    with study.lease(holder), busy, study.lease({}):
        pass
    with pytest.raises(ZeroDivisionError), study.lease({}):
        raise ZeroDivisionError
    with study.lease({}):
        pass

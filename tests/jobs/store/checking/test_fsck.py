"""`compound fsck`: what a store should not hold, what it lacks, and what may be deleted of it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from compound.jobs.store.format.checksummed_json import sha256
from compound.jobs.store.format.schema_version import SCHEMA_VERSION
from compound.jobs.store.writing.job_writer import JobWriter
from compound.orchestrator.__main__ import main
from compound.schemas.architecture import Coefficients
from compound.schemas.errors import StoreError
from compound.schemas.job import Event
from tests.support.damaged_files import point_at
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    job,
    log,
    result,
    row,
    save,
    train,
    whole,
)

LOOK, ALL = CheckOptions(), CheckOptions(delete=True, older_than=0)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path / "runs"))


@pytest.fixture
def ended(store: ArtifactStore) -> ArtifactStore:
    """A job that has ended, with checkpoints of its last two epochs."""
    with store.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        writer.finish(result(3))
    return store


@pytest.fixture
def killed(store: ArtifactStore) -> ArtifactStore:
    """A job that was killed in its second attempt, with rows in the live stream only."""
    with store.writer(JOB) as writer:
        train(writer, 1, 2)
    with store.writer(JOB) as writer:
        writer.resume()
        train(writer, 3)
        log(writer, 4)
    return store


def check(store: ArtifactStore, options: CheckOptions = LOOK) -> list[Finding]:
    return [*store.check(store.jobs(), store.studies(), FindingCounts(), options)]


def problems(store: ArtifactStore, options: CheckOptions = LOOK) -> dict[str, list[str]]:
    """Return the names of files by what is wrong with them."""
    findings: dict[str, list[str]] = {}
    for finding in check(store, options):
        findings.setdefault(finding.problem, []).append(finding.key.rpartition("/")[2])
    return findings


def everything(store: ArtifactStore) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in files_of(store, "*")}


def test_sound_stores_are_clean(ended: ArtifactStore) -> None:
    with ended.writer(job(1)) as writer:
        writer.log(row(1, of=job(1)))
        save(writer, 1)
        assert check(ended) == [], "while it is written"
    ended.study("s").write("plan.json", Coefficients())
    ended.study("s").append_event(Event(kind="started", job=JOB.id))
    ended.keep_trace(JOB.id, b"trace")
    with ended.study("s").lease({}):
        pass
    assert check(ended) == check(ended, ALL) == []


def test_a_killed_job_is_clean(killed: ArtifactStore) -> None:
    before = everything(killed)
    assert check(killed, ALL) == [] and everything(killed) == before


def unnamed(writer: JobWriter, store: ArtifactStore) -> Path:
    """Put what a writer puts before its commit, as if it had been killed in between."""
    (attempt,) = Path(store.uri, "jobs", JOB.id).glob(f"{writer._attempt.name}")
    model = attempt / "epoch-0009-0123abcd/model.safetensors"
    model.parent.mkdir()
    model.write_bytes(b"half")
    return model


def test_a_checkpoint_that_was_never_committed_is_an_orphan(killed: ArtifactStore) -> None:
    with killed.writer(JOB) as writer:
        writer.resume()
        model = unnamed(writer, killed)
        assert check(killed, ALL) == [], "its writer may still name it"
    (finding,) = check(killed)
    assert (finding.problem, finding.kind, finding.size, finding.deletable) == (
        "orphan",
        "checkpoint",
        4,
        False,
    )
    assert "24 h" in finding.next_step and finding.file == str(model) and model.exists()
    (finding,) = check(killed, CheckOptions(older_than=0))
    assert finding.deletable and "--delete" in finding.next_step and model.exists()
    (finding,) = check(killed, ALL)
    assert finding.deleted and not model.parent.exists()
    assert check(killed) == [] and epochs_of(killed) == [1, 2, 3]
    assert whole(killed.checkpoint(JOB.id), 3)


def aged(store: ArtifactStore, pattern: str, hours: float) -> None:
    for path in files_of(store, pattern):
        now = path.stat().st_mtime
        os.utime(path, (now, now - 3600 * hours))


def test_a_claim_is_abandoned_only_after_a_day(killed: ArtifactStore) -> None:
    writer = killed.writer(JOB)
    (finding,) = check(killed, CheckOptions(delete=True))
    assert (finding.problem, finding.kind, finding.deleted) == ("orphan", "claim", False)
    assert "attempt-0003" in finding.what and "committed nothing" in finding.what
    writer.resume()
    assert check(killed, ALL) == [], "it had only just begun"
    writer.close()
    killed.writer(JOB)
    aged(killed, "claim.json", 25)
    (finding,) = check(killed, CheckOptions(delete=True))
    assert finding.deleted and check(killed, ALL) == []
    with killed.writer(JOB) as writer:
        assert writer.attempt == 4 and whole(writer.resume(), 3)


def test_a_temporary_file_is_an_orphan(ended: ArtifactStore) -> None:
    study = Path(ended.uri, "studies/s")
    ended.study("s").write("spec.json", Coefficients())
    for path in (
        Path(ended.uri, ".store.json.0123abcd.tmp"),
        Path(ended.uri, "jobs", JOB.id, ".job.json.0123abcd.tmp"),
        study / ".spec.json.0123abcd.tmp",
    ):
        path.write_bytes(b"half")
    findings = check(ended)
    assert {finding.problem for finding in findings} == {"orphan"} and len(findings) == 3
    assert {finding.what for finding in findings} == {"a write that did not end"}
    with ended.study("s").lease({}):
        young = [finding for finding in check(ended, ALL) if not finding.deleted]
    assert [finding.owner for finding in young] == ["s"] and "is being run" in young[0].next_step
    check(ended, ALL)
    assert check(ended) == [] and files_of(ended, ".*") == []


def test_foreign_files_are_told_and_left(ended: ArtifactStore) -> None:
    folder = Path(ended.uri, "jobs", JOB.id)
    (attempt,) = folder.glob("attempt-*")
    (folder / "attempt-x").mkdir()
    (Path(ended.uri) / "mine/deep").mkdir(parents=True)
    (Path(ended.uri) / "mine/deep/file").write_bytes(b"")
    strange = [
        Path(ended.uri, "notes.txt"),
        Path(ended.uri, "jobs", "README"),
        folder / "attempt-x" / "rows-1-2.parquet",
        attempt / "model.pt",
        attempt / ".x.tmp",
        attempt / "spaces and\nlines.json",
        attempt / os.fsdecode(b"\xff\xfe"),
    ]
    for path in strange:
        path.write_bytes(b"mine")
    (attempt / "manifest-000099.txt").symlink_to("/etc/passwd")
    before = everything(ended)
    findings = check(ended, ALL)
    assert {finding.problem for finding in findings} == {"foreign"} and len(findings) == 9
    assert not any(finding.deletable or finding.deleted for finding in findings)
    assert everything(ended) == before
    assert json.dumps([finding.model_dump() for finding in findings])


def test_what_a_crash_of_the_last_sweep_leaves_is_orphaned(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        before = Path(store.uri).with_name("before")
        shutil.copytree(store.uri, before)
        writer.finish(result(3))
    copies = everything(store)
    shutil.copytree(before, store.uri, dirs_exist_ok=True)
    findings = problems(store, ALL)
    assert {*findings} == {"orphan"}
    assert sorted(findings["orphan"])[:2] == ["claim.json", "live.arrows"]
    assert everything(store) == copies and check(store) == []


def test_an_attempt_that_was_overtaken_is_told(ended: ArtifactStore) -> None:
    zombie = ended.writer(JOB)
    zombie.resume()
    log(zombie, 4)
    with ended.writer(JOB) as heir:
        heir.resume()
        train(heir, 4)
        findings = {finding.problem: finding for finding in check(ended, ALL)}
        assert {*findings} == {"overtaken"}
        assert "attempt-0003" in findings["overtaken"].what
        assert f"process {os.getpid()}" in findings["overtaken"].next_step
        heir.finish(result(4, 3))
    log(zombie, 5)
    with pytest.raises(StoreError, match="taken over"):
        save(zombie, 5)
    left = check(ended, ALL)
    zombie.close()
    assert all(finding.deleted for finding in left)
    assert {finding.kind for finding in left} >= {"checkpoint", "manifest"}
    assert all("has taken over" in finding.what for finding in left)
    assert check(ended) == [] and epochs_of(ended) == [1, 2, 3, 4]
    assert whole(ended.checkpoint(JOB.id), 4)


KINDS = {
    "rows": "rows-*.parquet",
    "checkpoint": "model.safetensors",
    "stream": "live.arrows",
    "job": "job.json",
    "manifest": "manifest-*.json",
    "claim": "claim.json",
}


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told(killed: ArtifactStore, kind: str) -> None:
    path = files_of(killed, KINDS[kind])[-1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    (finding,) = [finding for finding in check(killed, ALL) if finding.grave]
    assert (finding.problem, finding.kind, finding.file) == ("damaged", kind, str(path))


@pytest.mark.parametrize("kind", ["rows", "checkpoint", "stream", "job"])
def test_what_is_gone_is_told(killed: ArtifactStore, kind: str) -> None:
    path = files_of(killed, KINDS[kind])[-1]
    path.unlink()
    (finding,) = check(killed, ALL)
    assert (finding.problem, finding.kind, finding.file) == (
        "missing",
        kind,
        str(path),
    ) and finding.grave


def test_nothing_is_deleted_where_a_commit_cannot_be_read(killed: ArtifactStore) -> None:
    newest = files_of(killed, "manifest-*.json")[-1]
    good = newest.read_bytes()
    newest.write_bytes(good[:-1])
    before = everything(killed)
    findings = check(killed, ALL)
    assert "orphan" in {finding.problem for finding in findings} and everything(killed) == before
    newest.write_bytes(good)
    assert check(killed, ALL) == []


def test_a_newer_record_is_told_with_both_versions(ended: ArtifactStore) -> None:
    ended.study("s").write("plan.json", Coefficients())
    for path in [*files_of(ended, "manifest-*.json"), *files_of(ended, "plan.json")]:
        data = path.read_bytes()
        ours = b'"schema_version": %d' % SCHEMA_VERSION
        rest = data[76:].replace(ours, b'"schema_version": 7, "realm": "of schema 7"', 1)
        path.write_bytes(data[:12] + sha256(rest).encode() + rest)
    before = everything(ended)
    newer = [finding for finding in check(ended, ALL) if finding.problem == "newer"]
    assert (
        len(newer) == 3 and all(finding.grave for finding in newer) and everything(ended) == before
    )
    assert all(
        f"schema 7; this program reads up to {SCHEMA_VERSION}" in finding.what for finding in newer
    )


def test_a_record_with_an_unknown_key_is_newer_and_not_damaged(ended: ArtifactStore) -> None:
    path = files_of(ended, "manifest-*.json")[-1]
    rest = path.read_bytes()[76:].replace(b'"content": {', b'"content": {"mood": "good", ', 1)
    path.write_bytes(b'{"sha256": "' + sha256(rest).encode() + rest)
    (finding,) = [finding for finding in check(ended) if finding.problem == "newer"]
    assert (
        finding.grave and finding.what == "a newer compound wrote it: this one does not know mood"
    )
    with pytest.raises(StoreError, match="does not know mood"):
        ended.rows(JOB.id)


def test_the_reservation_of_a_dead_driver_is_an_orphan(store: ArtifactStore) -> None:
    with store.study("alive").lease({}):
        for study in ("alive", "dead"):
            store.reservations(study).put([JOB.id])
        (finding,) = check(store)
        assert (finding.problem, finding.owner, finding.kind) == ("orphan", "dead", "reservation")
        assert finding.size and not finding.grave and "has died" in finding.what
        (finding,) = check(store, CheckOptions(delete=True))
        assert finding.deleted
        assert [kept.study for kept in store.reservations("next").of_others()] == ["alive"]
        assert check(store) == []


def test_a_row_that_was_cut_off_is_no_damage(killed: ArtifactStore) -> None:
    path = files_of(killed, "live.arrows")[-1]
    data = path.read_bytes()
    path.write_bytes(data[:-30])
    (finding,) = check(killed)
    assert finding.problem == "torn" and not finding.grave and epochs_of(killed) == [1, 2, 3]
    path.write_bytes(data[:100])
    (finding,) = check(killed)
    assert finding.problem == "torn" and "of them in parts too" in finding.what


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_the_second_copy_of_the_last_commit_is_written_again(
    ended: ArtifactStore, how: str
) -> None:
    for path in files_of(ended, "manifest-*.json"):
        good = path.read_bytes()
        path.write_bytes(b"{") if how == "damaged" else path.unlink()
        expected = "single" if how == "missing" else "damaged"
        assert {*problems(ended)} == {expected}
        (finding,) = check(ended, CheckOptions(repair=True))
        assert finding.repaired and not finding.grave and path.read_bytes() == good
        assert check(ended) == []


def test_a_jobs_record_is_written_again_from_a_plan(ended: ArtifactStore) -> None:
    path = files_of(ended, "job.json")[0]
    good = path.read_bytes()
    path.unlink()
    assert [finding.repaired for finding in check(ended, CheckOptions(repair=True))] == [False]
    plan = lambda job_id: JOB if job_id == JOB.id else None  # noqa: E731
    knowing = CheckOptions(repair=True, planned_job=plan)
    assert [finding.repaired for finding in check(ended, knowing)] == [True]
    assert path.read_bytes() == good and check(ended) == []


def test_a_damaged_index_is_taken_away(ended: ArtifactStore) -> None:
    results = ended.ended(JOB.id)
    assert results
    ended.study("s").write("plan.json", Coefficients())
    index = ended.study("s").done_jobs
    index.add([results]), index.write()
    assert check(ended) == []
    (path,) = files_of(ended, "jobs-*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    assert [finding.grave for finding in check(ended)] == [True] and path.exists()
    assert [finding.repaired for finding in check(ended, CheckOptions(repair=True))] == [True]
    assert not path.exists() and check(ended) == []


def test_keys_that_lead_elsewhere_are_damage_and_are_never_deleted(
    killed: ArtifactStore, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"mine")
    killed.study("s").write("plan.json", Coefficients())
    for key in ("../secret", "/etc/passwd", "a\0b", "studies/s/plan.json"):
        point_at(files_of(killed, "manifest-*.json")[-1], key)
        findings = check(killed, ALL)
        assert {finding.problem for finding in findings} >= {"damaged"}
        assert not any(finding.deleted for finding in findings if finding.kind == "document")
    with killed.writer(JOB) as writer:
        writer.resume()
        train(writer, 4, 5, 6)
        writer.finish(result(6, 3))
    assert (tmp_path / "secret").exists() and killed.study("s").read("plan.json", Coefficients)


def fsck(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(["fsck", *words])
    return int(caught.value.code or 0), capsys.readouterr().out


def test_the_command(killed: ArtifactStore, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = fsck(capsys, killed.uri)
    assert code == 0 and "clean" in out
    Path(killed.uri, "jobs", JOB.id, ".job.json.0123abcd.tmp").write_bytes(b"x")
    code, out = fsck(capsys, killed.uri, "--older-than", "0")
    assert code == 0 and "1 orphan" in out and "--delete" in out
    code, out = fsck(capsys, "--store", killed.uri, "--older-than", "0", "--delete", "--json")
    findings = json.loads(out)
    assert code == 0 and findings["sound"] and findings["counts"] == {"orphan": 1}
    assert findings["found"][0]["deleted"] and findings["stores"] == [killed.uri]
    files_of(killed, "model.safetensors")[-1].unlink()
    code, out = fsck(capsys, killed.uri, "--json")
    assert code == 1 and json.loads(out)["counts"] == {"missing": 1}


def test_an_unknown_target_is_refused(
    killed: ArtifactStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fsck(capsys, "nosuch", "--store", killed.uri)[0] == 2
    assert fsck(capsys, f"{killed.uri}/nosuch")[0] == 2

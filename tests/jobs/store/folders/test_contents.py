"""A study's list of its files: what is gone, older or another's is reported."""

import shutil
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.checksummed_json import DamagedError, label_of, sha256
from compound.schemas.architecture import Coefficients
from compound.schemas.job import Event
from tests.support.strange_files import put


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    store = ArtifactStore.open(str(tmp_path / "runs"))
    for name in ("a", "b"):
        study = store.study(name)
        with study.lease({}):
            study.write("plan.json", Coefficients(alpha=1.1))
            study.write("verdict.json", Coefficients(alpha=1.2))
            study.append_event(Event(kind="started", job="0" * 16, wall_time=1.5))
    return store


def problems(store: ArtifactStore) -> list[str]:
    """Return what `verify` says of each file that is not as it should be."""
    return [
        f"{Path(damage.file).name} {damage.problem}" for damage in store.audit([], ["a"]).damaged
    ]


def in_a(store: ArtifactStore, name: str) -> Path:
    return Path(store.uri, "studies", "a", name)


def test_a_whole_study(store: ArtifactStore) -> None:
    assert problems(store) == []


@pytest.mark.parametrize("name", ["plan.json", "verdict.json", "events.jsonl", "contents.json"])
def test_a_deleted_file_is_missed(store: ArtifactStore, name: str) -> None:
    in_a(store, name).unlink()
    assert problems(store) == [f"{name} it is missing"]


@pytest.mark.parametrize("name", ["plan.json", "events.jsonl", "contents.json"])
def test_a_pipe_in_place_of_a_listed_file_is_one_problem(store: ArtifactStore, name: str) -> None:
    put("pipe", in_a(store, name))
    (problem,) = problems(store)
    assert problem.startswith(name) and "it is a pipe, not a file" in problem


@pytest.mark.parametrize("name", ["plan.json", "contents.json"])
def test_a_folder_in_place_of_a_listed_file_is_reported(store: ArtifactStore, name: str) -> None:
    in_a(store, name).unlink()
    in_a(store, name).mkdir()
    (problem,) = problems(store)
    assert problem in (f"{name} it is missing", f"{name} a folder lies in its place")


def test_an_older_copy_is_told_by_its_number(store: ArtifactStore) -> None:
    path = in_a(store, "plan.json")
    before = path.read_bytes()
    store.study("a").write("plan.json", Coefficients(alpha=1.3))
    assert problems(store) == []
    path.write_bytes(before)
    assert problems(store) == [
        "plan.json it is an older copy, number 1: number 3 was written later"
    ]


def test_another_studys_document_is_not_read(store: ArtifactStore) -> None:
    shutil.copy(in_a(store, "plan.json").parents[1] / "b" / "plan.json", in_a(store, "plan.json"))
    with pytest.raises(DamagedError, match=r"it was written as studies/b/plan\.json"):
        store.study("a").read("plan.json", Coefficients)
    assert problems(store) == ["plan.json it was written as studies/b/plan.json"]


def test_another_studys_events_are_not_read(store: ArtifactStore) -> None:
    shutil.copy(in_a(store, "x").parents[1] / "b" / "events.jsonl", in_a(store, "events.jsonl"))
    assert store.study("a").events() == []
    assert problems(store) == ["events.jsonl 1 lines are damaged, and are left out"]


def keyless(data: bytes) -> bytes:
    """Return a document as schema 3 would have sealed it."""
    content = data.partition(b'"content": ')[2]
    rest = b'", "schema_version": 3, "kind": "coefficients", "content": ' + content
    return b'{"sha256": "' + sha256(rest).encode() + rest


def test_an_old_document_in_a_new_study_is_reported(store: ArtifactStore) -> None:
    path = in_a(store, "plan.json")
    assert label_of(path.read_bytes()) == (4, "studies/a/plan.json", 1)
    path.with_name("gate.json").write_bytes(keyless(path.read_bytes()))
    path.write_bytes(keyless(path.read_bytes()))
    assert sorted(line.partition(" ")[0] for line in problems(store)) == ["gate.json", "plan.json"]


def test_an_old_study_goes_on_with_a_list_of_what_it_has(store: ArtifactStore) -> None:
    for name in ("plan.json", "verdict.json"):
        in_a(store, name).write_bytes(keyless(in_a(store, name).read_bytes()))
    in_a(store, "contents.json").unlink()
    assert problems(store) == []
    store.study("a").write("family.json", Coefficients())
    assert problems(store) == []
    in_a(store, "plan.json").unlink()
    assert problems(store) == ["plan.json it is missing"]


def test_a_crash_between_document_and_list_is_no_damage(store: ArtifactStore) -> None:
    listed = in_a(store, "contents.json").read_bytes()
    store.study("a").write("verdict.json", Coefficients(alpha=1.4))
    in_a(store, "contents.json").write_bytes(listed)
    assert problems(store) == []


def test_a_document_that_is_written_often_is_listed_in_the_end(store: ArtifactStore) -> None:
    folder, path = store.study("a"), in_a(store, "spending.json")
    folder.write("spending.json", Coefficients(), listed=False)
    first = path.read_bytes()
    folder.write("spending.json", Coefficients(alpha=2), listed=False)
    assert problems(store) == []
    folder.list_unlisted()
    path.write_bytes(first)
    assert problems(store) == [
        "spending.json it is an older copy, number 3: number 4 was written later"
    ]

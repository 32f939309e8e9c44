"""A study's whole folder that is gone, or is that of an earlier time, is reported."""

import shutil
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from compound.schemas.architecture import Coefficients
from compound.schemas.job import Event


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A store of two studies with a document each, of which `a` has been driven twice."""
    store = ArtifactStore.open(str(tmp_path / "runs"))
    write(store, "a", 1.1)
    write(store, "b", 1.1)
    shutil.copytree(Path(store.uri, "studies", "a"), tmp_path / "backup")
    write(store, "a", 1.2)
    return store


def write(store: ArtifactStore, name: str, alpha: float) -> None:
    study = store.study(name)
    with study.lease({}):
        study.write("plan.json", Coefficients(alpha=alpha))
        study.append_event(Event(kind="started", job="0" * 16))


def problems(store: ArtifactStore) -> list[str]:
    return [damage.problem for damage in store.audit([], store.studies()).damaged]


def repair(store: ArtifactStore) -> list[tuple[str, bool]]:
    """Let fsck repair; return each finding's problem, and whether it was repaired."""
    options = CheckOptions(repair=True, older_than=0)
    found = store.check([], store.studies(), FindingCounts(), options)
    return [(finding.problem, finding.repaired) for finding in found]


GONE = "the study was begun here, and its documents and events are gone"


@pytest.mark.parametrize("left", ["nothing", "a lease", "a file in its place"])
def test_a_study_that_is_gone_is_reported_until_it_is_forgotten(
    store: ArtifactStore, left: str
) -> None:
    assert problems(store) == []
    folder = Path(store.uri, "studies", "a")
    shutil.rmtree(folder)
    if left == "a lease":
        folder.mkdir()
        (folder / "lease.json").touch()
    elif left == "a file in its place":
        folder.touch()
    assert problems(store) == [GONE]
    assert ("missing", False) in repair(store)
    assert problems(store) == []


def test_a_whole_folder_of_an_earlier_time_is_reported_until_it_is_taken(
    store: ArtifactStore, tmp_path: Path
) -> None:
    folder = Path(store.uri, "studies", "a")
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    (problem,) = problems(store)
    assert problem.startswith("the list is an older copy, to number 1; a driver has left 2")
    assert ("damaged", False) in repair(store)
    assert problems(store) == []


@pytest.mark.parametrize("how", ["damage", "gone", "another's"])
def test_the_record_itself_may_be_lost(store: ArtifactStore, how: str) -> None:
    record = Path(store.uri, "begun", "a.json")
    before = record.read_bytes()
    if how == "damage":
        record.write_bytes(before[:-9])
    elif how == "another's":
        record.write_bytes(Path(store.uri, "begun", "b.json").read_bytes())
    else:
        record.unlink()
    assert bool(problems(store)) == (how in ("damage", "another's"))
    if how == "damage":
        assert repair(store) == [("damaged", True)] and record.read_bytes() == before
    write(store, "a", 1.3)
    assert problems(store) == []


def test_a_study_that_is_refused_before_it_writes_leaves_no_record(store: ArtifactStore) -> None:
    with store.study("c").lease({}):
        pass
    assert store.studies() == ["a", "b"] and not Path(store.uri, "begun", "c.json").exists()


def test_a_driver_that_is_killed_leaves_a_study_that_is_whole(store: ArtifactStore) -> None:
    """Its record is older than its list, never newer."""
    record = Path(store.uri, "begun", "a.json").read_bytes()
    write(store, "a", 1.3)
    Path(store.uri, "begun", "a.json").write_bytes(record)
    assert problems(store) == []

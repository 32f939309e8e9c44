"""Stores that were copied by hard links: what one writes never appears in the other."""

import os
import shutil
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.architecture import Coefficients
from compound.schemas.errors import BusyError
from compound.schemas.job import Event

STARTED = Event(kind="started", job="0" * 16, label="a")


@pytest.fixture
def stores(tmp_path: Path) -> tuple[ArtifactStore, ArtifactStore]:
    """A store with a study, and a copy of it by hard links, as `cp -al` makes it."""
    first = ArtifactStore.open(str(tmp_path / "first"))
    with first.study("s").lease({}):
        first.study("s").write("spec.json", Coefficients())
        first.study("s").append_event(STARTED)
    shutil.copytree(tmp_path / "first", tmp_path / "second", copy_function=os.link)
    return first, ArtifactStore.open(str(tmp_path / "second"))


def contents(store: ArtifactStore) -> dict[str, bytes]:
    files = (path for path in Path(store.uri).rglob("*") if path.is_file())
    return {str(path.relative_to(store.uri)): path.read_bytes() for path in files}


def test_a_study_of_the_copy_leaves_the_first_as_it_is(
    stores: tuple[ArtifactStore, ArtifactStore],
) -> None:
    first, second = stores
    before = contents(first)
    with second.study("s").lease({"reason": "a copy"}):
        second.study("s").append_event(STARTED)
        second.study("s").write("plan.json", Coefficients())
    assert contents(first) == before
    assert len(second.study("s").events()) == 2 and len(first.study("s").events()) == 1
    assert first.audit([], ["s"]).damaged == second.audit([], ["s"]).damaged == ()
    assert not [name for name in contents(second) if name.endswith(".tmp")]


def test_each_has_a_lock_of_its_own(stores: tuple[ArtifactStore, ArtifactStore]) -> None:
    first, second = stores
    with second.study("s").lease({}), first.study("s").lease({}):
        with pytest.raises(BusyError):
            first.study("s").lease({}).__enter__()
        with pytest.raises(BusyError):
            second.study("s").lease({}).__enter__()
    with first.study("s").lease({}):
        assert second.study("s").drivers() == []

"""A pipe, a device, a link or a terabyte in place of a stored file is told, and nothing hangs."""

import shutil
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.checking.findings import Finding
from compound.schemas.errors import StoreError
from compound.schemas.job import Event
from tests.support.store_of_every_file import KILLED, KINDS, build, by_kind, look
from tests.support.store_samples import JOB
from tests.support.strange_files import STRANGE, put

SEEN_AS_FOLDERS = ("job", "stream", "manifest", "checkpoint")
"""Kinds that are needed, or looked for by name: elsewhere an empty folder is in no listing."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "runs"
    build(root)
    return root


def replaced(whole: Path, root: Path, kind: str, strange: str) -> tuple[ArtifactStore, Path]:
    """Return a copy of the store with one file of a kind replaced, and where it was."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(whole, root)
    path = put(strange, by_kind(root)[kind][-1])
    return ArtifactStore(LocalFiles(str(root)), str(root)), path


@pytest.mark.parametrize("strange", STRANGE)
def test_every_reader_goes_on_and_every_check_tells(
    whole: Path, tmp_path: Path, strange: str
) -> None:
    untold = []
    for kind in KINDS:
        store, path = replaced(whole, tmp_path / "runs", kind, strange)
        ways = look(store)
        for name in ways.keys() - {"verify", "fsck"}:
            try:
                ways[name]()
            except StoreError as error:
                assert error.where and name not in ("states", "events"), (kind, name)
        told = {finding.file for finding in ways["fsck"]()}
        told &= {damage.file for damage in ways["verify"]().damaged}
        if str(path) not in told and (strange != "folder" or kind in SEEN_AS_FOLDERS):
            untold.append(kind)
    assert untold == []


@pytest.mark.parametrize("strange", ["pipe", "link to nothing", "socket"])
@pytest.mark.parametrize("where", ["jobs/{job}", "jobs/{job}/{attempt}", "studies/s"])
def test_what_takes_the_place_of_a_folder_is_told(
    whole: Path, tmp_path: Path, where: str, strange: str
) -> None:
    root = tmp_path / "runs"
    shutil.copytree(whole, root)
    (attempt,) = {path.parent.name for path in root.glob(f"jobs/{JOB.id}/*/manifest-*.json")}
    folder = root / where.format(job=JOB.id, attempt=attempt)
    shutil.rmtree(folder)
    put(strange, folder)
    ways = look(ArtifactStore(LocalFiles(str(root)), str(root)))
    assert ways["states"]()[KILLED.id].status == "stopped"
    findings: list[Finding] = ways["fsck"]()
    assert str(folder) in {finding.file for finding in findings}
    assert ways["verify"]().files > 0


@pytest.mark.parametrize("strange", ["pipe", "device", "folder", "socket"])
def test_a_driver_does_not_write_into_it(whole: Path, tmp_path: Path, strange: str) -> None:
    """Writing to a pipe would wait for its reader, and to a disk would destroy it."""
    for kind in ("events", "lease"):
        store, _ = replaced(whole, tmp_path / "runs", kind, strange)
        study = store.study("s")
        with pytest.raises(StoreError):
            if kind == "events":
                study.append_event(Event(kind="started", job=JOB.id))
            else:
                with study.lease({}):
                    pass


def test_fsck_leaves_a_strange_thing_with_an_orphans_name(whole: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(whole, root)
    pipe = put("pipe", root / "studies/s/.plan.json.0123abcd.tmp")
    store = ArtifactStore(LocalFiles(str(root)), str(root))
    (finding,) = [f for f in look(store)["fsck"]() if f.file == str(pipe)]
    assert (finding.problem, finding.what) == ("foreign", "it is a pipe, not a file")
    assert not finding.deletable


def test_the_root_of_a_store_may_be_a_link(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(whole)
    store = ArtifactStore.open(str(tmp_path / "linked"), create=False)
    assert len(store.rows(JOB.id)) == 3

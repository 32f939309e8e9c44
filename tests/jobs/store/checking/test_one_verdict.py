"""`fsck` and `verify` agree on what is wrong, and on the exit code."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from tests.support.command import compound
from tests.support.store_of_every_file import build


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "runs"
    store = build(root)
    with store.study("t").lease({}):
        store.study("t").write("spec.json", store.profiles()[0])
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "runs"))


def codes(root: Path) -> tuple[int, int]:
    fsck = compound("fsck", str(root))
    verify = compound("verify", "--store", str(root))
    return fsck.returncode, verify.returncode


def flip(path: Path, where: int) -> None:
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(path))


LEASE = "studies/s/lease.json"
CHANGES: dict[str, tuple[Callable[[Path], object], int]] = {
    "nothing": (lambda root: None, 0),
    "a copied lease": (lambda root: shutil.copy(root / LEASE, root / "studies/t/lease.json"), 1),
    "a flipped lease": (lambda root: flip(root / LEASE, 90), 1),
    "a flipped end of a lease": (lambda root: flip(root / LEASE, -20), 1),
    "a cut lease": (lambda root: os.truncate(root / LEASE, 50), 0),
    "an empty lease": (lambda root: os.truncate(root / LEASE, 0), 0),
    "a torn event": (lambda root: _append(root / "studies/s/events.jsonl", b'{"crc32": "0'), 0),
    "a flipped event": (lambda root: flip(root / "studies/s/events.jsonl", 30), 1),
    "no spec": (lambda root: (root / "studies/s/spec.json").unlink(), 1),
    "a link among studies": (lambda root: os.symlink("s", root / "studies/alias"), 0),
    "a link to elsewhere": (lambda root: os.symlink("/", root / "studies/top"), 0),
    "a pipe among studies": (lambda root: os.mkfifo(root / "studies/pipe"), 0),
    "a link in a study's place": (lambda root: _linked(root / "studies/s"), 1),
}


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _linked(folder: Path) -> None:
    moved = folder.rename(folder.parent.parent.parent / "moved")
    folder.symlink_to(moved)


@pytest.mark.parametrize("change", CHANGES)
def test_both_end_with_the_same_code(root: Path, change: str) -> None:
    apply, code = CHANGES[change]
    apply(root)
    assert codes(root) == (code, code)


def test_what_is_no_study_is_not_offered_as_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    socket_at(Path("studies/sock"))
    os.symlink("s", "studies/alias")
    store = ArtifactStore.open(str(root), create=False)
    assert store.studies() == ["s", "t"]
    options = CheckOptions(needed=("spec.json",))
    problems = [f.problem for f in store.check([], store.studies(), FindingCounts(), options)]
    assert problems.count("foreign") >= 2
    refused = compound("status", "alias", "--store", str(root))
    assert refused.returncode == 2 and "allowed: s, t" in refused.stderr

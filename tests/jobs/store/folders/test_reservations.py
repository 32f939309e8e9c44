"""What drivers leave for each other, damaged: the others go on with a warning, `verify` reports."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.store_samples import JOB, log, save

DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "zeros": lambda path, data: path.write_bytes(bytes(len(data))),
    "cut": lambda path, data: path.write_bytes(data[:-20]),
    "empty": lambda path, data: path.write_bytes(b""),
    "another's": lambda path, data: path.write_bytes(data.replace(b"/one", b"/two")),
    "pipe": lambda path, data: (path.unlink(), os.mkfifo(path)),
    "link": lambda path, data: (path.unlink(), path.symlink_to("/dev/zero")),
    "folder": lambda path, data: (path.unlink(), path.mkdir()),
}
IN_NO_LISTING = "folder"
"""An empty folder in the place of a file that no commit needs."""


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(tmp_path / "runs"))


def is_reported(store: ArtifactStore, path: Path) -> bool:
    damaged = store.audit(store.jobs(), store.studies()).damaged
    return str(path) in {damage.file for damage in damaged}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_reservation_is_passed_over(
    store: ArtifactStore, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with store.study("one").lease({}):
        store.reservations("one").put([JOB.id])
        path = Path(store.uri, "drivers", "one.json")
        DAMAGES[how](path, path.read_bytes())
        assert [*store.reservations("two").of_others()] == []
        assert how == "empty" or "its jobs may be trained twice" in caplog.text
        assert is_reported(store, path) == (how != IN_NO_LISTING)


@pytest.mark.parametrize("how", sorted(DAMAGES.keys() - {"another's"}))
def test_a_damaged_claim_is_passed_over(
    store: ArtifactStore, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an attempt that has committed a checkpoint, and of one that has not."""
    with store.writer(JOB) as writer:
        writer.resume()
        log(writer, 1)
        save(writer, 1)
    first = next(Path(store.uri).rglob("claim.json"))
    with store.writer(JOB):
        second = next(path for path in Path(store.uri).rglob("claim.json") if path != first)
    for path in (first, second):
        DAMAGES[how](path, path.read_bytes())
    assert store.reservations("two").writing(JOB.id) is None
    assert how == "empty" or "its jobs may be trained twice" in caplog.text
    assert is_reported(store, first) == (how != IN_NO_LISTING)
    with store.writer(JOB) as writer:
        assert writer.attempt == 3
        begun = writer.resume()
        assert begun and begun.epoch == 1

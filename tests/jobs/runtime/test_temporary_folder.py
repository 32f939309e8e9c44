"""Temporary folders go at the end, or with the next start."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compound.jobs.process_mark import own_mark
from compound.jobs.runtime.temporary_folder import make_folder, sweep, temporary_folder

MAKE_AND_DIE = """
import os, signal
from pathlib import Path
from compound.jobs.runtime.temporary_folder import make_folder
Path(make_folder("job"), "file").write_text("left behind")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for temporary files that nobody shares."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_at_the_end_and_after_an_error(temporary: Path) -> None:
    with pytest.raises(ValueError, match="inside"), temporary_folder("job") as folder:
        assert Path(folder).is_dir()
        raise ValueError("inside")
    assert list(temporary.iterdir()) == []


def test_the_next_start_removes_what_a_killed_process_left(temporary: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", MAKE_AND_DIE])
    assert killed.returncode == -signal.SIGKILL
    assert len(list(temporary.iterdir())) == 1
    own = make_folder("workers")
    assert [str(path) for path in temporary.iterdir()] == [own]


def test_the_folders_of_others_stay(temporary: Path) -> None:
    place, number, start = own_mark().split("-")
    dead = f"{place}-{number}-{int(start) - 1}"
    stays = [f"compound-job-{own_mark()}-abc", f"compound-job-{'0' * 12}-1-1-abc", "compound-job-x"]
    stays += ["other-job", f"compound-{dead}"]
    for name in [*stays, f"compound-job-{dead}-abc"]:
        (temporary / name).mkdir()
    (temporary / f"compound-tune-{dead}-link").symlink_to(temporary / "other-job")
    (temporary / f"compound-tune-{dead}-file").write_text("of somebody")
    sweep()
    left = {path.name for path in temporary.iterdir()}
    assert left == {*stays, f"compound-tune-{dead}-link", f"compound-tune-{dead}-file"}

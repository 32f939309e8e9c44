"""What happens around a run: before its first job."""

import tempfile
from pathlib import Path

import pytest

from compound.jobs.process_mark import own_mark
from compound.orchestrator.run.assemble import started
from compound.schemas.retries import RetryLimits


def test_any_start_removes_what_killed_runs_have_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    machine, pid, _ = own_mark().split("-")
    dead, alive = f"compound-job-{machine}-{pid}-1-x", f"compound-job-{own_mark()}-x"
    for name in (dead, alive, "compound-of-a-user"):
        (tmp_path / name).mkdir()
    with started("local", None, [], limits=RetryLimits(), imports=(), note=print) as backend:
        assert backend.name == "local"
        assert {path.name for path in tmp_path.iterdir()} == {alive, "compound-of-a-user"}

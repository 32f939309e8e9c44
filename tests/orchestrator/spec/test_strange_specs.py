"""Specs, plans and outputs that are no files: a sentence, and nothing waits."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from compound.orchestrator.cli.printing.table_output import emit
from compound.orchestrator.plan import plan_file
from compound.orchestrator.spec.load import load
from compound.schemas.errors import CompoundError, ExitCode, PlanError, SpecError
from tests.support.strange_files import STRANGE, put

SPEC = b"kind: study\nname: quick\ndata: {source: digits}\nbaseline: {name: resnet-18}\n"


@pytest.mark.parametrize("kind", STRANGE)
def test_a_spec_and_a_plan_that_are_no_files_are_refused(tmp_path: Path, kind: str) -> None:
    path = put(kind, tmp_path / "x.yaml")
    for read, error in ((load, SpecError), (plan_file.read, PlanError)):
        with pytest.raises(error, match="cannot read") as caught:
            read(path)
        refused: CompoundError = caught.value
        assert refused.where == str(path) and refused.exit_code == ExitCode.REFUSED
        assert refused.next_step
        if kind == "terabyte":
            assert "1,099,511,627,776 bytes" in refused.message and "at most" in refused.allowed


def test_a_spec_may_be_a_link_or_come_from_a_shell(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_bytes(SPEC)
    (tmp_path / "link.yaml").symlink_to("spec.yaml")
    assert load(tmp_path / "link.yaml").spec.name == "quick"
    reader, writer = os.pipe()
    os.write(writer, SPEC)
    os.close(writer)
    assert load(Path(f"/dev/fd/{reader}")).spec.name == "quick"
    os.close(reader)


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
def test_a_table_is_not_written_to_what_nobody_reads(tmp_path: Path, kind: str) -> None:
    path = put(kind, tmp_path / "out.csv")
    with pytest.raises(SpecError, match=f"cannot write: it is a {kind}"):
        emit(pa.table({"a": [1]}), "csv", path)


def test_a_table_may_be_written_to_a_device(tmp_path: Path) -> None:
    emit(pa.table({"a": [1]}), "csv", Path("/dev/null"))
    with pytest.raises(SpecError, match="no space is left"):
        emit(pa.table({"a": [1]}), "csv", Path("/dev/full"))
    reader, writer = os.pipe()
    emit(pa.table({"a": [1]}), "csv", Path(f"/dev/fd/{writer}"))
    os.close(writer)
    assert os.read(reader, 100).startswith(b'"a"')
    os.close(reader)

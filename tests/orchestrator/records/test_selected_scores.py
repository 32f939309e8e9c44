"""Studies of older versions that ran with ASHA: read, shown as undecided, not continued."""

import json
from pathlib import Path

import pytest

from compound.orchestrator.records.documents import SPEC as SPEC_DOCUMENT
from compound.orchestrator.records.documents import Record, documents
from compound.schemas.promotion import Asha
from tests.support.command import compound
from tests.support.small_study import SPEC, carry_out


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A study as an older version left it."""
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=1))
    _, store = carry_out(path, "family.phi=[]")
    folder = store.study("small")
    stored = documents(folder)
    assert stored is not None and stored.record.spec.search is not None
    asha = Asha(kind="asha", grace=1, factor=4)
    search = stored.record.spec.search.model_copy(update={"promotion": asha})
    spec = stored.record.spec.model_copy(update={"search": search})
    folder.write(SPEC_DOCUMENT, Record(spec=spec, text=stored.record.text))
    return path


def test_an_old_study_is_undecided_wherever_it_is_read_and_is_not_continued(old: Path) -> None:
    runs = str(old.parent / "runs")
    status = compound("status", "small", "--store", runs, "--json")
    shown = json.loads(status.stdout)
    assert shown["verdict"].startswith("Undecided: ASHA let only those jobs finish")
    report = compound("report", "small", "--store", runs)
    assert report.returncode == 0, report.stderr
    page = next(Path(runs).rglob("report.html")).read_text()
    assert "Undecided: ASHA let only those jobs finish" in page
    assert "Begin a study under another name" in page
    assert "A row counts jobs" in page or "How the search spent" not in page
    ran = compound("run", str(old), "--runner", "local")
    assert ran.returncode == 2
    assert "name: small-rungs, seed: 2 and search.promotion: {kind: rungs" in ran.stderr

"""Every command marks the answer of a study that is not at its end, and says what goes on."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.command import compound
from tests.support.small_study import SPEC, carry_out

LOCAL = ("--runner", "local")


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A study whose store has lost a part of its jobs: as if they had not been trained yet."""
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=8))
    carry_out(path)
    studies = tmp_path / "runs" / "studies" / "small"
    for name in ("family.json", "answer.json", "law.json"):
        (studies / name).unlink(missing_ok=True)
    return path


def test_each_of_them_says_what_is_left(half: Path, tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "runs"))
    mark = "So far (search 8 of 8 jobs done, and no job of the family is planned yet): "
    status = compound("status", "small", *store)
    assert status.stdout.startswith(mark), status.stdout
    assert "next: compound run SPEC    # goes on; SPEC: the spec that started" in status.stdout
    by_spec = compound("status", str(half))
    assert f"next: compound run {half}    # goes on\n" in by_spec.stdout
    report = compound("report", "small", *store)
    assert report.stderr.startswith(mark) and "next: compound run SPEC" in report.stderr
    assert mark in (tmp_path / "runs" / "studies" / "small" / "report.html").read_text()
    record = json.loads(compound("status", "small", *store, "--json").stdout)
    assert record["so_far"] == record["answer"]["so_far"] == mark[8:-3]
    assert record["next"] == [
        "compound run SPEC    # goes on; SPEC: the spec that started the study"
    ]


def test_nothing_is_marked_at_the_end(half: Path, tmp_path: Path) -> None:
    ran = compound("run", str(half), *LOCAL)
    assert ran.returncode == 0 and "So far" not in ran.stdout
    for words in (("status",), ("report",)):
        ended = compound(*words, "small", "--store", str(tmp_path / "runs"))
        assert "So far" not in ended.stdout + ended.stderr and "# goes on" not in ended.stdout


def test_advice_while_the_search_goes_on_has_a_code_of_its_own(half: Path, tmp_path: Path) -> None:
    store = tmp_path / "runs"
    listed = json.loads(compound("status", "small", "--store", str(store), "--json").stdout)["jobs"]
    searched = [job["job"] for job in listed if job["phase"] == "search"]
    shutil.rmtree(store / "jobs" / searched[-1])
    advised = compound("advise", str(half), "--multiple", "2")
    assert advised.returncode == 1, advised.stderr
    assert advised.stdout.startswith("So far (search 7 of 8 jobs done): For ")
    assert "note: the search goes on, and may choose another network" in advised.stdout
    assert advised.stdout.endswith(f"next: compound run {half}\n")
    as_json = compound("advise", str(half), "--multiple", "2", "--json")
    assert json.loads(as_json.stdout)["so_far"] == "search 7 of 8 jobs done"

"""`compound retry`, and what a study says in which jobs fail."""

import json
from pathlib import Path

import pytest

from tests.support.command import compound
from tests.support.small_study import SPEC, carry_out

LOCAL = ("--runner", "local")
DIVERGES = (
    "search.train.learning_rate=100",
    "search.train.weight_decay=1",
    "search.train.clip_norm=null",
    "search.train.warmup_epochs=0",
    "search.train.momentum=0.99",
    "search.train.epochs=6",
)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    text = SPEC.format(store=tmp_path / "runs", epochs=2).replace("seeds: 2", "seeds: 1")
    path.write_text(text)
    return path


def settings(words: tuple[str, ...]) -> list[str]:
    return [part for word in words for part in ("--set", word)]


def test_all_failed_is_no_verdict_and_can_be_retried(spec: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "runs")
    ran = compound("run", str(spec), *LOCAL, *settings(DIVERGES))
    assert ran.returncode == 1, ran.stderr
    assert "No verdict" in ran.stderr
    assert "failed: 4 of 4 jobs: diverged\n" in ran.stderr
    assert f"compound retry small --store {store} --runner local" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "runs" / "studies" / "small" / "report.html").exists()

    again = compound("run", str(spec), *LOCAL, *settings(DIVERGES))
    assert "search: 4 jobs, 4 failed before" in again.stderr
    assert again.returncode == 1

    cards = json.loads(compound("status", "small", "--store", store, "--json").stdout)["failures"]
    assert [(card["headline"], len(card["jobs"])) for card in cards] == [
        ("4 of 4 jobs: diverged", 4)
    ]

    retried = compound("retry", "small", "--store", store, "--failed", *LOCAL)
    assert retried.returncode == 1
    assert "retrying 4 failed jobs" in retried.stderr
    assert retried.stderr.count("] failed") == 4
    assert retried.stderr.count("(a retry would end the same way)") == 4
    text = compound("status", "small", "--store", store).stdout
    assert text.count("; a retry would end the same way") == 4, text


def test_there_may_be_nothing_to_retry(spec: Path, tmp_path: Path) -> None:
    carry_out(spec)
    by_name = compound("retry", "small", "--store", str(tmp_path / "runs"), *LOCAL)
    by_spec = compound("retry", str(spec), *LOCAL, "--json")
    for ran in (by_name, by_spec):
        assert ran.returncode == 0
        assert "no job of study small has failed" in ran.stderr
    assert json.loads(by_spec.stdout)["failed"] == 0


def test_an_unknown_study_cannot_be_retried(spec: Path, tmp_path: Path) -> None:
    carry_out(spec)
    ran = compound("retry", "smal", "--store", str(tmp_path / "runs"))
    assert ran.returncode == 2
    assert "did you mean 'small'" in ran.stderr

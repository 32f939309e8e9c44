"""`compound retry`, and what a study says in which jobs fail."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.runner import OnEvent, Take, in_order
from compound.schemas.job import JobRequest, JobResult
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


SAYING = {"status": (), "advise": ("--multiple", "4")}


def settings(words: tuple[str, ...]) -> list[str]:
    return [part for word in words for part in ("--set", word)]


def test_all_failed_is_no_verdict_and_can_be_retried(spec: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "runs")
    ran = compound("run", str(spec), *LOCAL, *settings(DIVERGES))
    assert ran.returncode == 1, ran.stderr
    assert "No verdict" in ran.stderr
    assert "failed: 4 of 4 jobs: diverged\n" in ran.stderr
    lowered = (
        "--set search.train.learning_rate=0.6    # lowers search.train.learning_rate (now 100)"
    )
    assert lowered in ran.stderr and "compound retry" not in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "runs" / "studies" / "small" / "report.html").exists()

    again = compound("run", str(spec), *LOCAL, *settings(DIVERGES))
    assert "search: 4 jobs, 4 failed before" in again.stderr
    assert again.returncode == 1

    told = [compound(name, "small", "--store", store, *more) for name, more in SAYING.items()]
    for said in told:
        assert lowered in said.stdout + said.stderr and "retry small" not in said.stdout
    page = (tmp_path / "runs" / "studies" / "small" / "report.html").read_text()
    assert lowered in page and "compound retry" not in page
    cards = json.loads(compound("status", "small", "--store", store, "--json").stdout)["failures"]
    assert [(card["headline"], len(card["jobs"])) for card in cards] == [
        ("4 of 4 jobs: diverged", 4)
    ]

    retried = compound("retry", "small", "--store", store, "--failed", *LOCAL)
    assert retried.returncode == 1
    assert "retrying 4 failed jobs" in retried.stderr
    assert sum(line.startswith("failed  ") for line in retried.stderr.splitlines()) == 4
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


class Interrupted(LocalRunner):
    """Stops after the first job of a phase, as Ctrl-C does."""

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        first = super().run(requests[:1], store, on_event, take)
        self.request_stop()
        return [*first, *super().run(requests[1:], store, on_event, take)]


def test_an_unfinished_study_names_the_command_that_goes_on(spec: Path, tmp_path: Path) -> None:
    sets = ("seed=5", "train.epochs=1", "search.train.epochs=1", "budget.epochs=2")
    stopping = "budget.at_limit=stop"
    ran = compound("run", str(spec), *LOCAL, *settings((*sets, stopping)), "--no-report")
    assert ran.returncode == 0, ran.stderr
    for target in (("small", "--store", str(tmp_path / "runs")), (str(spec),)):
        retried = compound("retry", *target, *LOCAL)
        assert retried.returncode == 2
        assert "no job of study small has failed" in retried.stderr
        assert "it is unfinished: 2 of 4 jobs are not done (2 queued)" in retried.stderr
    line = next(line for line in retried.stderr.splitlines() if "next: " in line)
    words = shlex.split(line.partition("next: ")[2].partition("    #")[0])
    assert words[:3] == ["compound", "run", str(spec)]
    assert {*sets} - {"budget.epochs=2"} < {*words}
    assert words[-2:] == ["--set", "budget.epochs=4"]
    went_on = compound(*words[1:], "--set", "budget.epochs=100")
    assert went_on.returncode == 0, went_on.stderr
    assert "search: 4 jobs, 2 to train" in went_on.stderr or "2 done" in went_on.stderr
    ended = compound("retry", "small", "--store", str(tmp_path / "runs"), *LOCAL)
    assert (ended.returncode, "nothing to retry" in ended.stderr) == (0, True)


def test_a_study_without_a_recorded_command_names_its_jobs(spec: Path, tmp_path: Path) -> None:
    carry_out(spec, runner=Interrupted(), ending="stopped")
    retried = compound("retry", "small", "--store", str(tmp_path / "runs"), *LOCAL, "--json")
    assert retried.returncode == 2
    assert json.loads(retried.stdout)["status"] == "stopped"
    assert "3 of 4 jobs are not done (3 queued)" in retried.stderr
    assert "next: compound run SPEC" in retried.stderr


def test_a_test_part_that_was_not_read_is_unfinished(spec: Path, tmp_path: Path) -> None:
    class Unread(LocalRunner):
        def run(self, requests, store, on_event, take=in_order) -> list[JobResult]:
            if requests[0].evaluates:
                self.request_stop()
            return super().run(requests, store, on_event, take)

    carry_out(spec, "data.test_images=20", runner=Unread(), ending="stopped")
    retried = compound("retry", "small", "--store", str(tmp_path / "runs"), *LOCAL)
    assert retried.returncode == 2
    assert "it is unfinished: the test part is not read" in retried.stderr


def test_a_spec_that_is_not_the_study_as_it_was_run_is_told(spec: Path, tmp_path: Path) -> None:
    compound("run", str(spec), *LOCAL, *settings(DIVERGES), "--no-report")
    retried = compound("retry", str(spec), *LOCAL)
    assert "warning: " in retried.stderr
    assert "is not the study as it was run: search.train." in retried.stderr
    assert f"compound retry small --store {tmp_path / 'runs'} --runner local" in retried.stderr

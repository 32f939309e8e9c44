"""A whole study without Ray: search, verdict, family, report, and what running it again does."""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.runner import OnEvent, Take, in_order
from compound.orchestrator.records.documents import documents
from compound.schemas.job import Event, JobRequest, JobResult
from tests.support.command import compound
from tests.support.forked import Forked, forked
from tests.support.small_study import SPEC, carry_out


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path / "runs", epochs=2))
    return path


def test_the_same_command_again_trains_nothing(spec: Path) -> None:
    first, store = carry_out(spec)
    # Baseline and three controls over two seeds; the winner at phi = 1 is done by then.
    assert first.phases == [("search", 8, 8), ("family", 2, 1)]
    again, _ = carry_out(spec)
    assert again.phases == [("search", 8, 0), ("family", 2, 0)]
    assert not again.events
    found = documents(store.study("small"))
    assert found is not None and found.verdict is not None
    assert found.verdict.chosen is not None


def test_an_edited_study_trains_only_what_is_new(spec: Path) -> None:
    carry_out(spec)
    seed, _ = carry_out(spec, "search.seeds=3")
    assert seed.phases[0] == ("search", 12, 4)
    phi, _ = carry_out(spec, "search.seeds=3", "family.phi=[1,2,1.5]")
    assert phi.phases[0] == ("search", 12, 0)
    assert phi.phases[1][1:] in ((3, 1), (3, 2))


CHECKED = ("search.recipe_check=true", "train.learning_rate=auto")


def test_the_recipe_check_comes_first_and_decides_for_the_whole_study(spec: Path) -> None:
    log, store = carry_out(spec, *CHECKED)
    assert log.phases[0] == ("recipe", 10, 10)
    assert log.notes[0].startswith("recipe check: the baseline by learning rate, 0.15: ")
    found = documents(store.study("small"))
    assert found and found.recipe_check and found.family
    rate = 0.6 * found.recipe_check.multiple
    for planned in (*found.search.jobs, *found.family.jobs):
        assert planned.request.job.recipe.learning_rate == rate
    assert found.record.spec.train.learning_rate == "auto"
    again, _ = carry_out(spec, *CHECKED)
    # What was decided stands: the check's jobs are not even looked at again.
    assert [phase[0] for phase in again.phases] == ["search", "family"]
    assert not again.events
    assert len(found.jobs) == len({job.request.job.id for job in found.jobs})


class StopsInCheck(LocalRunner):
    """Is told to stop after the first job, as Ctrl-C does."""

    def run(
        self, jobs: Sequence[JobRequest], store_uri: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        def forward(event: Event) -> None:
            on_event(event)
            if event.kind == "ended":
                self.request_stop()

        return super().run(jobs, store_uri, forward, take)


def test_a_recipe_check_that_is_interrupted_decides_nothing_and_goes_on(spec: Path) -> None:
    log, store = carry_out(spec, *CHECKED, runner=StopsInCheck(), ending="stopped")
    assert [phase[0] for phase in log.phases] == ["recipe"]
    found = documents(store.study("small"))
    assert found and found.recipe_check is None
    assert found.verdict and found.verdict.outcome == "no verdict"
    resumed, _ = carry_out(spec, *CHECKED)
    assert resumed.phases[0] == ("recipe", 10, 9)


def test_the_sensitivity_trains_two_networks_at_other_rates_and_says_what_it_saw(
    spec: Path,
) -> None:
    design = ("search.design.degree=2", "search.budget.tolerance=0.3")
    sets = ("search.sensitivity=true", "train.epochs=8", *design)
    log, store = carry_out(spec, *sets)
    assert ("sensitivity", 8, 8) in log.phases
    found = documents(store.study("small"))
    assert found and found.sensitivity
    assert found.sensitivity.sentence.startswith("sensitivity: ")
    assert found.sensitivity.sentence in log.notes
    assert [d.multiple for d in found.sensitivity.differences] == [0.5, 2.0]
    assert {*found.sensitivity.jobs} <= {*found.jobs}
    again, _ = carry_out(spec, *sets)
    assert ("sensitivity", 8, 0) in again.phases and not again.events


def test_a_failed_job_is_listed_and_the_study_goes_on(spec: Path) -> None:
    log, store = carry_out(spec, "search.train.learning_rate=100", "search.train.clip_norm=null")
    results = [event.result for event in log.events if event.result is not None]
    assert len(results) == 8 + 2
    found = documents(store.study("small"))
    assert found is not None and found.verdict is not None


def test_the_command_ends_with_verdict_family_and_report(spec: Path) -> None:
    ran = compound("run", str(spec), "--runner", "local", "--json")
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["status"] == "done"
    assert answer["verdict"]["chosen"]
    assert [member["phi"] for member in answer["family"]] == [1, 2]
    assert "<html" in Path(answer["report"]).read_text()[:2000]


def test_what_the_store_knows(spec: Path, tmp_path: Path) -> None:
    carry_out(spec)
    store = str(tmp_path / "runs")
    status = json.loads(compound("status", "small", "--store", store, "--json").stdout)
    assert status["counts"] == {"done": 9}
    by_spec = json.loads(compound("status", str(spec), "--json").stdout)
    assert by_spec["jobs"] == status["jobs"]
    rows = json.loads(compound("metrics", "small", "--store", store, "--json").stdout)
    assert {row["study"] for row in rows} == {"small"}
    assert {"train_loss", "validation_accuracy"} <= {row["name"] for row in rows}
    file = tmp_path / "rows.parquet"
    assert compound("metrics", "small", "--store", store, "--parquet", str(file)).returncode == 0
    assert file.read_bytes()[:4] == b"PAR1"
    report = compound("report", "small", "--store", store)
    assert Path(report.stdout.strip()).exists()


def test_an_unknown_study_is_named_with_the_known_ones(spec: Path, tmp_path: Path) -> None:
    carry_out(spec)
    ran = compound("status", "smal", "--store", str(tmp_path / "runs"))
    assert ran.returncode == 2
    assert "did you mean 'small'" in ran.stderr
    assert "Traceback" not in ran.stderr


@contextmanager
def started(spec: Path, epochs: int, done: int = 2) -> Iterator[Forked]:
    """Start a long run and wait until its search has begun, and so many jobs have ended."""
    command = ["compound", "run", str(spec), "--runner", "local"]
    events = spec.parent / "runs" / "studies" / "small" / "events.jsonl"
    with forked(*command, "--set", f"train.epochs={epochs}") as child:
        while "8 jobs" not in child.stderr or (
            done and (not events.exists() or events.read_text().count('"kind":"ended"') < done)
        ):
            assert child.poll() is None, child.stderr
            time.sleep(0.01)
        yield child


def test_kill_9_and_the_same_command_again(spec: Path) -> None:
    with started(spec, 3) as child:
        child.kill()
        assert child.wait() == -signal.SIGKILL
    log, store = carry_out(spec, "train.epochs=3")
    _, jobs, pending = log.phases[0]
    assert jobs == 8
    assert pending <= 6, "jobs that were done before the kill are not run again"
    found = documents(store.study("small"))
    assert found is not None
    for job in found.jobs:
        epochs = [row.epoch for row in store.rows(job.request.job.id)]
        assert epochs == [1, 2, 3], "every epoch once"


def test_one_interrupt_stops_at_a_checkpoint(spec: Path) -> None:
    with started(spec, 20) as child:
        child.send_signal(signal.SIGINT)
        assert child.wait() == 130, child.stderr
    assert "Traceback" not in child.stderr
    status = json.loads(compound("status", str(spec), "--json").stdout)
    counts = status["counts"]
    assert counts["done"] >= 2
    assert counts.get("stopped", 0) <= 1, "one at a time; none if the signal fell between two"
    assert counts["queued"] >= 4


def test_a_second_run_of_the_same_study_is_refused(spec: Path) -> None:
    with started(spec, 200, done=0) as child:
        second = compound("run", str(spec), "--runner", "local")
        assert second.returncode == 2
        assert str(child.pid) in second.stderr
        assert "Traceback" not in second.stderr


def test_a_store_that_cannot_be_written(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    ran = compound("run", str(spec), "--runner", "local", "--set", f"store={tmp_path}/file")
    assert ran.returncode == 2
    assert "file" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_more_workers_than_the_machine_has(spec: Path) -> None:
    words = ("run", str(spec), "--runner", "local", "--set", "resources.family.workers=64")
    ran = compound(*words, "--set", "train.batch=64")
    assert ran.returncode == 2
    assert f"needs 64 CPUs (64 workers x 1), the cluster has {os.cpu_count()}" in ran.stderr
    assert not list(spec.parent.glob("**/jobs/*")), "refused before anything began"

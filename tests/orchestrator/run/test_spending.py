"""What a study takes, and the stop at its budget's limit."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.cluster.resources import Node
from compound.cluster.runner import OnEvent, Take, in_order
from compound.orchestrator.forecast.budget_check import exceeded, used_parts
from compound.orchestrator.run.spending import SpendingLimit
from compound.schemas.job import EpochRow, Event, JobRequest, JobResult, Resources
from compound.schemas.spending import Spending, Spent
from tests.support.command import compound
from tests.support.small_jobs import small_job

TWO = Resources(workers=2, cpus=1)
NODES = [Node(cpus=4, gpus=0, host="here")]
numbers = st.floats(min_value=0, max_value=1e6)


class Epochs:
    """A runner whose every job has epochs of half an hour, until it is told to stop."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.stopped = epochs, False

    def request_stop(self) -> None:
        self.stopped = True

    @property
    def stopping(self) -> bool:
        return self.stopped

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        return [self._run_job(request, on_event) for request in requests]

    def _run_job(self, request: JobRequest, on_event: OnEvent) -> JobResult:
        done = 0
        while done < self.epochs and not self.stopped:
            done += 1
            row = EpochRow(
                job=request.job.id,
                attempt=1,
                epoch=done,
                step=done,
                metrics={"seconds": 1800.0},
                wall_time=time.time(),
            )
            on_event(Event(kind="epoch", job=request.job.id, row=row))
        status = "done" if done == self.epochs else "stopped"
        return JobResult(job=request.job.id, status=status, attempt=1, epochs=done)


def request(seed: int) -> JobRequest:
    return JobRequest(job=small_job(seed=seed), resources=TWO)


def metered(
    spending: Spending, jobs: int = 3
) -> tuple[SpendingLimit, list[JobResult], list[Spent]]:
    saved: list[Spent] = []
    limited = SpendingLimit(Epochs(4), spending, NODES, Spent(), saved.append)
    return (
        limited,
        limited.run([request(i) for i in range(jobs)], "", lambda event: None),
        saved,
    )


def test_hours_are_counted_by_worker_and_core() -> None:
    limited, results, saved = metered(Spending())
    assert limited.spent == Spent(epochs=12, gpu_hours=0, cpu_hours=12.0)
    assert saved[-1] == limited.spent
    assert [result.status for result in results] == ["done"] * 3


def test_an_elastic_job_is_counted_with_the_workers_that_it_had() -> None:
    class Growing(Epochs):
        def run(self, requests, store, on_event, take=in_order) -> list[JobResult]:
            for workers in (2, 4):
                on_event(Event(kind="started", job=requests[0].job.id, workers=workers))
                self._run_job(requests[0], on_event)
            return []

    wide = Resources.model_validate({"workers": {"min": 2, "max": 8}})
    limited = SpendingLimit(Growing(1), Spending(), NODES, Spent(), lambda spent: None)
    limited.run([request(0).model_copy(update={"resources": wide})], "", lambda event: None)
    assert limited.spent.cpu_hours == 0.5 * (2 + 4)


def test_money_is_what_hours_cost() -> None:
    limited, _, _ = metered(Spending(price_per_cpu_hour=0.5))
    assert limited.spent.money == pytest.approx(6.0)


@pytest.mark.parametrize(
    ("spending", "epochs", "message"),
    [
        (Spending(epochs=5), 5, "5 epochs, the budget is 5"),
        (Spending(cpu_hours=4.5), 5, "5 CPU-hours, the budget is 4.5"),
        (Spending(money=1, price_per_cpu_hour=0.5), 2, "1 units of money, the budget is 1"),
    ],
)
def test_the_runner_is_stopped_at_the_limit(spending: Spending, epochs: int, message: str) -> None:
    limited, results, _ = metered(spending)
    assert limited.spent.epochs == epochs
    assert limited.limit == message
    assert results[-1].status == "stopped"


def test_nothing_begins_once_the_budget_is_spent() -> None:
    limited, _, _ = metered(Spending(epochs=5))
    before = limited.spent
    again = limited.run([request(7)], "", lambda event: None)
    assert [result.status for result in again] == ["stopped"]
    assert limited.spent == before


class Evaluating(Epochs):
    """A runner that takes half an hour for each evaluation."""

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        if not requests[0].evaluates:
            return super().run(requests, store, on_event, take)
        results = []
        for request in requests:
            status = "stopped" if self.stopped else "done"
            result = JobResult(job=request.job.id, status=status, attempt=0, epochs=4, seconds=1800)
            results.append(result)
            if not self.stopped:
                on_event(Event(kind="ended", job=request.job.id, result=result))
        return results


def evaluating(spending: Spending) -> tuple[SpendingLimit, list[str], list[str]]:
    """Train three jobs of four epochs, and evaluate them; return how both ended."""
    limited = SpendingLimit(Evaluating(4), spending, NODES, Spent(), lambda spent: None)
    jobs = [JobRequest(job=small_job(seed=s, epochs=4), resources=TWO) for s in range(3)]
    trained = limited.run(jobs, "", lambda event: None)
    tests = [job.model_copy(update={"evaluates": "a part"}) for job in jobs]
    tested = limited.run(tests, "", lambda event: None)
    return limited, *([result.status for result in results] for results in (trained, tested))


def test_evaluations_on_the_test_part_are_counted_and_have_no_epochs() -> None:
    limited, _, tested = evaluating(Spending())
    assert tested == ["done"] * 3
    assert limited.spent == Spent(epochs=12, cpu_hours=12.0 + 3.0)


def test_a_limit_on_epochs_that_training_uses_up_leaves_the_test_part() -> None:
    limited, trained, tested = evaluating(Spending(epochs=12))
    assert (trained, tested) == (["done"] * 3, ["done"] * 3)
    _, trained, _ = evaluating(Spending(epochs=11))
    assert trained[-1] == "stopped"
    assert limited.run([request(7)], "", lambda event: None)[0].status == "stopped"


def test_a_limit_on_hours_stops_evaluations_too() -> None:
    limited, trained, tested = evaluating(Spending(cpu_hours=13))
    assert (trained, tested) == (["done"] * 3, ["done", "stopped", "stopped"])
    assert limited.limit == "13 CPU-hours, the budget is 13"
    _, trained, tested = evaluating(Spending(cpu_hours=12))
    assert (trained, tested) == (["done"] * 3, ["stopped"] * 3)


@given(numbers, numbers, st.none() | numbers, numbers)
def test_spending_adds_up(
    hours: float, more_hours: float, money: float | None, more: float
) -> None:
    first = Spent(epochs=1, gpu_hours=hours, cpu_hours=more_hours, money=money)
    second = Spent(epochs=2, gpu_hours=more, cpu_hours=0.0)
    assert first.plus(second) == second.plus(first)
    assert first.plus(Spent()) == first
    assert first.plus(second).epochs == 3


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_burn_down_and_limit_agree(limit: int, epochs: int) -> None:
    spending, spent = Spending(epochs=limit), Spent(epochs=epochs)
    (line,) = used_parts(spending, spent)
    assert line.startswith(f"{epochs:,} of {limit:,} epochs (")
    assert bool(list(exceeded(spending, spent))) == (epochs >= limit)


SPEC = """\
kind: study
name: small
store: {store}
data: {{source: synthetic, images: 128, validation_images: 64, size: 12}}
baseline:
  resolution: 10
  stem: {{channels: 4, stride: 1}}
  stages: [{{channels: 4, expand: 1, se: 0}}, {{channels: 8, expand: 2, stride: 2, se: 0}}]
  head: 16
rounding: {{channels: 4}}
search:
  design: {{kind: lattice, degree: 1}}
  budget: {{tolerance: 0.3}}
  controls: [depth, width, resolution]
  seeds: 2
  recipe_check: false
family: {{phi: [1]}}
train: {{epochs: 2, batch: 32}}
budget: {{epochs: 7, at_limit: {limit}}}
resources: {{search: {{gpus: 0}}, family: {{gpus: 0}}}}
"""


def test_a_study_stops_at_its_limit_and_goes_on_with_a_larger_one(tmp_path: Path) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text(SPEC.format(store=tmp_path / "runs", limit="stop"))
    first = compound("run", str(spec), "--runner", "local", "--json")
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout.splitlines()[-1])
    assert summary["status"] == "spent"
    assert summary["spent"]["epochs"] == 7
    assert summary["family"] == []
    assert "stopped at the budget's limit: 7 epochs" in first.stderr
    status = compound("status", str(spec))
    assert "7 of 7 epochs (100 %)" in status.stdout
    again = compound("run", str(spec), "--runner", "local", "--json", "--set", "budget.epochs=50")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["status"] == "done"


def test_a_plan_beyond_the_budget_is_refused_unless_it_may_stop(tmp_path: Path) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text(SPEC.format(store=tmp_path / "runs", limit="refuse"))
    refused = compound("run", str(spec), "--runner", "local")
    assert refused.returncode == 2
    assert "the plan takes up to" in refused.stderr
    assert "at_limit: stop" in refused.stderr

"""Hours of a training: as measured, corrected where an attempt was not the first, or scaled."""

from dataclasses import replace

import pytest

from compound.orchestrator.answer.answer import answer_of
from compound.orchestrator.answer.choice_line import LineNetwork
from compound.orchestrator.answer.training_hours import measured_cost, measured_jobs, scaled_cost
from compound.schemas.job import JobResult
from compound.schemas.spending import Spending
from tests.support.answers import (
    costs,
    done,
    searched,
    study_spec,
    train_spec,
    variant,
    with_family,
)


def measured(spec_changes: dict, **result: object):
    inputs = variant((0.9,), train_spec(**spec_changes))
    member = inputs.stored.family.members[0]
    job = member.jobs[0].request.job.id
    results = {job: done(job, 0.9, **result)}
    entry = LineNetwork(2.0, member.network, member.jobs)
    return measured_cost(measured_jobs(entry, results), inputs.costs), inputs, entry


def test_hours_are_seconds_times_workers_times_gpus():
    resources = {"resources": {"workers": 4, "cpus": 2, "gpus": 0.5}}
    on_gpus, *_ = measured(resources, seconds=3600.0, world_size=4, device="cuda H200")
    assert (on_gpus.hours, on_gpus.unit, on_gpus.basis) == (2.0, "GPU-hours", "measured")
    on_cpus, *_ = measured(
        {"resources": {"workers": 4, "cpus": 2, "gpus": 0}}, seconds=3600.0, world_size=3
    )
    assert (on_cpus.hours, on_cpus.unit) == (6.0, "CPU-hours"), "three of its workers were there"


def test_gpus_that_were_chosen_by_the_cluster_count_as_one_a_worker_elsewhere():
    cost, *_ = measured(
        {"resources": {"workers": 2, "gpus": "auto"}}, seconds=3600.0, world_size=2, device="cuda A"
    )
    assert (cost.hours, cost.unit) == (2.0, "GPU-hours")


def test_an_attempt_that_went_on_counts_all_epochs():
    cost, *_ = measured({"train": {"epochs": 6}}, seconds=5.0, attempt=2)
    assert cost.basis == "scaled" and cost.hours == pytest.approx(6 * 10.0 / 3600)


def test_a_job_without_a_time_is_no_measurement():
    cost, inputs, entry = measured({}, seconds=0.0)
    assert cost is None
    forecast = scaled_cost(entry.jobs[0].request, None, inputs.costs)
    assert forecast.basis == "forecast" and forecast.hours > 0


def test_money_needs_a_price_for_these_hours():
    priced = {"price_per_cpu_hour": 2.5}
    cost, *_ = measured({"budget": priced}, seconds=3600.0)
    assert cost.money == 2.5
    of_gpus, *_ = measured({"budget": {"price_per_gpu_hour": 2.5}}, seconds=3600.0)
    assert of_gpus.money is None, "CPU-hours without a price are not free"
    both = {"price_per_gpu_hour": 2.0, "price_per_cpu_hour": 0.1}
    gpus, *_ = measured(
        {"budget": both, "resources": {"gpus": 1, "cpus": 5}}, seconds=3600.0, device="cuda A"
    )
    assert gpus.money == 2.5
    assert costs(train_spec()).spending == Spending()


def test_a_busy_machine_does_not_make_a_network_dear():
    inputs = with_family(searched())
    (busy,) = [
        job.request.job.id
        for job in inputs.stored.plan.jobs
        if job.candidate == inputs.stored.verdict.chosen and job.request.job.seed == 1
    ]
    slow = inputs.results[busy].model_copy(update={"seconds": 360.0})
    answer = answer_of(replace(inputs, results={**inputs.results, busy: slow}))
    cost = answer.rows[1].training
    assert (cost.hours, cost.least, cost.most) == (0.01, 0.01, 0.1)
    assert "phi 1: its seeds took 0.01 to 0.1 CPU-hours, so other work may" in answer.notes[1]
    assert answer.rows[2].training.hours == 0.01


def test_what_is_not_trained_is_scaled_from_what_costs_about_as_much():
    inputs = with_family(searched())
    twice = {
        job: result.model_copy(update={"seconds": 2 * result.seconds})
        for job, result in inputs.results.items()
    }
    rows, slower = (
        answer_of(replace(inputs, results=results)).rows for results in (inputs.results, twice)
    )
    ahead = rows[-1].training
    assert ahead.basis == "scaled" and ahead.hours > rows[-2].training.hours
    assert slower[-1].training.hours == pytest.approx(2 * ahead.hours)


def test_pruned_and_stopped_jobs_are_no_measurement():
    inputs = searched(spec=study_spec(search={"seeds": 2}))
    baseline = inputs.stored.plan.baseline
    jobs = tuple(job for job in inputs.stored.plan.jobs if job.candidate == baseline.id)
    stopped = {
        job.request.job.id: JobResult(
            job=job.request.job.id, status="stopped", attempt=1, epochs=1, seconds=9.0
        )
        for job in jobs
    }
    assert measured_jobs(LineNetwork(0.0, baseline, jobs), stopped) == []

"""What a plan says that the test part will take: every network once, and within the budget."""

from functools import cache
from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.cli.printing.plan_json import as_json
from compound.orchestrator.forecast.budget_check import check_budget, warnings
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.spec.load import load
from compound.schemas.errors import PlanError
from compound.schemas.forecast import EvaluationForecast

EXAMPLES = Path(__file__).parents[3] / "examples"
TEST = "data.test=0.2"


@cache
def prepared(*overrides: str) -> Prepared:
    """Plan the digits with overrides, without a store."""
    file = load(EXAMPLES / "digits.yaml", overrides)
    return prepare(file.spec, summarise(file.spec.data), None)


def test_without_a_test_part_it_takes_nothing() -> None:
    forecast = prepared().forecast
    assert forecast.test == EvaluationForecast()
    assert forecast.most.cpu_hours == pytest.approx(
        forecast.recipe.cpu_hours + forecast.search.cpu_hours + forecast.family.most.cpu_hours
    )


def test_every_network_of_the_test_part_is_evaluated_with_each_seed() -> None:
    scaled = (TEST, "family.phi=[2,3]")
    spec = prepared(*scaled).spec
    assert spec.search is not None
    test = prepared(*scaled).forecast.test
    members = prepared(*scaled).families[0].members
    assert test.total.jobs == 3 * spec.search.seeds + sum(len(member.jobs) for member in members)
    assert test.total.epochs == 0
    assert test.total.cpu_hours == pytest.approx(sum(d.cpu_hours for d in test.demands))
    more_seeds = prepared(*scaled, "search.seeds=5").forecast.test
    assert more_seeds.total.jobs == test.total.jobs + 3 * (5 - spec.search.seeds)


def test_a_network_in_two_roles_is_evaluated_once() -> None:
    same = ("search.train.epochs=6", "train.epochs=6")
    alone = prepared(TEST, *same, "family.phi=[2]").forecast.test
    beside = prepared(TEST, *same, "family.phi=[1,2]").forecast.test
    assert alone.total.jobs == beside.total.jobs


def test_it_grows_with_the_images_and_is_part_of_the_whole() -> None:
    small, large = (prepared(f"data.test={part}").forecast for part in ("0.1", "0.4"))
    assert small.test.total.seconds < large.test.total.seconds
    trained = (large.recipe, large.search, large.family.most)
    assert large.most.cpu_hours == pytest.approx(
        sum(total.cpu_hours for total in trained) + large.test.total.cpu_hours
    )
    assert large.most.jobs == sum(total.jobs for total in trained)
    prediction = as_json(prepared("data.test=0.4"))["prediction"]
    assert prediction["test"] == large.test.total.model_dump()


def test_a_budget_that_only_the_test_part_exceeds_is_refused() -> None:
    forecast = prepared(TEST).forecast
    trained = forecast.most.cpu_hours - forecast.test.total.cpu_hours
    middle = trained + forecast.test.total.cpu_hours / 2
    limited = prepared(TEST, f"budget.cpu_hours={middle}")
    with pytest.raises(PlanError, match="CPU-hours, the budget is"):
        check_budget(limited.spec, limited.forecast)


def test_a_test_part_too_large_for_a_worker_is_warned_of() -> None:
    roomy = prepared(TEST)
    whole = max(demand.memory for demand in roomy.forecast.test.demands)
    cluster = f"cluster={{nodes: 1, cpus: 2, memory: {0.5 * whole / 2**30}}}"
    tight = prepared(TEST, cluster)
    lines = [line for line in warnings(tight.spec, tight.forecast) if "on the test part" in line]
    assert len(lines) == 1
    assert "memory of up to" in lines[0]


def test_one_variant_is_evaluated_by_its_seeds(tmp_path: Path) -> None:
    path = tmp_path / "train.yaml"
    path.write_text(
        "kind: train\nname: alone\ndata: {source: digits, test: 0.2}\nseeds: 2\n"
        "baseline:\n  resolution: 8\n  stem: {channels: 4, stride: 1}\n"
        "  stages: [{channels: 4, expand: 1, se: 0}]\n  head: 8\n"
        "train: {epochs: 1, batch: 32}\nresources: {gpus: 0}\n"
    )
    spec = load(path).spec
    assert prepare(spec, summarise(spec.data), None).forecast.test.total.jobs == 2

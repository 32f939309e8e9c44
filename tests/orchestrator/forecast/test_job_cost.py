"""What a plan says that jobs will take: sums that add up, bounds that hold, budgets that refuse."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.data.source import summarise
from compound.jobs.data.sources.encoded import streams
from compound.jobs.device_model import IMAGES_PART, NCCL_BYTES, PROCESS_BYTES, guess
from compound.orchestrator.forecast.budget_check import check_budget, warnings
from compound.orchestrator.forecast.job_cost import SPARE, CostModel, makespan
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.spec.load import load
from compound.schemas.data import DigitsData, ParquetData
from compound.schemas.errors import PlanError, SpecError
from compound.schemas.forecast import GIB
from compound.schemas.job import Resources
from compound.schemas.spending import Hosts, Spending

EXAMPLES = Path(__file__).parents[3] / "examples"
GPUS = "cluster={nodes: 2, cpus: 16, gpus: 4, memory: 40}"


@cache
def prepared(*overrides: str, example: str = "digits") -> Prepared:
    """Plan an example with overrides, without a store."""
    file = load(EXAMPLES / f"{example}.yaml", overrides)
    return prepare(file.spec, summarise(file.spec.data), None)


times = st.lists(st.floats(0, 1e4), min_size=1, max_size=40)


@given(times, st.integers(1, 50))
def test_a_makespan_lies_between_its_bounds(seconds: list[float], lanes: int) -> None:
    found = makespan(seconds, lanes)
    assert found >= max(max(seconds), sum(seconds) / lanes) * (1 - 1e-9)
    assert found <= sum(seconds) / lanes + max(seconds) + 1e-6


@given(times)
def test_one_lane_takes_the_sum_and_enough_lanes_the_longest(seconds: list[float]) -> None:
    assert makespan(seconds, 1) == pytest.approx(sum(seconds))
    assert makespan(seconds, len(seconds)) == max(seconds)


def test_totals_are_the_sums_of_their_jobs() -> None:
    found = prepared("budget.price_per_cpu_hour=0.1").forecast
    demands = list(found.demands.values())
    assert found.search.jobs == len(demands) == 27
    assert found.search.seconds == pytest.approx(sum(d.seconds for d in demands))
    assert found.search.memory == max(d.memory for d in demands)
    assert found.search.cpu_hours == pytest.approx(found.search.seconds / 3600)
    assert found.search.money == pytest.approx(found.search.cpu_hours * 0.1)
    parts = (found.recipe, found.search, found.family.most)
    assert found.most.seconds == pytest.approx(sum(part.seconds for part in parts))


def test_the_recipe_check_takes_what_the_search_does_not_train() -> None:
    found = prepared().forecast
    assert found.recipe.jobs == 8, "five rates and two seeds, without the search's own rate"
    assert 0 < found.recipe.seconds < found.search.seconds / 4
    assert prepared("search.recipe_check=false").forecast.recipe.jobs == 0


def test_the_family_counts_no_job_that_the_search_trains() -> None:
    same = "search.train.epochs=6"
    alone, beside = prepared("family.phi=[2]", same), prepared("family.phi=[1, 2]", same)
    assert alone.forecast.family.most == beside.forecast.family.most
    longer = prepared("family.phi=[1, 2]", "train.epochs=7", same).forecast.family
    assert longer.most.jobs == 2


def test_the_family_is_bounded_by_what_each_choice_would_take() -> None:
    found = prepared("family.phi=[-1, 1, 3]")
    (down, same, up) = found.forecast.family.members
    assert down.step_seconds[1] < same.step_seconds[1] < up.step_seconds[1]
    networks = [f.members[2].network for f in found.families]
    assert up.ratio == (min(n.ratio for n in networks), max(n.ratio for n in networks))
    assert found.forecast.family.least.seconds <= found.forecast.family.most.seconds


def test_gpu_hours_count_the_gpus_that_auto_finds_and_their_fractions() -> None:
    none, one = prepared(), prepared(GPUS)
    assert none.forecast.most.gpu_hours == 0
    search = one.forecast.search
    assert search.gpu_hours == pytest.approx(search.seconds / 3600)
    shared = prepared(GPUS, "resources.search.gpus=0.25").forecast.search
    assert shared.gpu_hours == pytest.approx(shared.seconds / 3600 / 4)
    assert shared.wall_seconds < search.wall_seconds


def test_a_fraction_of_a_gpu_has_its_part_of_the_memory() -> None:
    whole, half, quarter, most = (
        next(iter(prepared(GPUS, f"resources.search.gpus={size}").forecast.demands.values()))
        for size in (1, 0.5, 0.25, 0.7)
    )
    total = 40 * GIB + PROCESS_BYTES
    assert whole.room == 40 * GIB
    assert half.room == total // 2 - PROCESS_BYTES
    assert 4 * (quarter.room + PROCESS_BYTES) == total
    assert quarter.fitting_batch < whole.fitting_batch / 4
    assert [one.sharers for one in (whole, half, quarter, most)] == [1, 2, 4, 1]


def test_a_worker_without_room_for_its_context_fits_nothing() -> None:
    found = prepared(
        "cluster={nodes: 1, cpus: 64, gpus: 1, memory: 8}", "resources.search.gpus=0.02"
    )
    assert next(iter(found.forecast.demands.values())).fitting_batch == 0
    (told,) = [text for text in warnings(found.spec, found.forecast) if "but a worker has" in text]
    assert told.startswith("27 jobs: memory of up to") and "not even one image fits" in told
    part = "50 workers share 8.4 GiB, and each CUDA context takes 400 MiB"
    assert f"for a worker, but a worker has 0 MiB ({part})" in told


def test_a_member_of_the_family_without_room_is_told_its_part_too() -> None:
    found = prepared(
        "cluster={nodes: 1, cpus: 300, gpus: 2, memory: 80}", "resources.family.gpus=0.004"
    )
    (told,) = [text for text in warnings(found.spec, found.forecast) if text.startswith("phi")]
    assert "has 0 MiB (250 workers share 80.4 GiB" in told


def test_workers_that_share_a_gpu_take_turns_and_launch_at_the_same_time() -> None:
    def step(size: float, *more: str) -> float:
        found = prepared(GPUS, f"resources.search.gpus={size}", *more).forecast
        return next(iter(found.demands.values())).step_seconds

    assert step(1) < step(0.25) < 4 * step(1), "small networks wait for launches mostly"
    assert step(0.7) == step(1), "only one of them lies on a GPU"
    large = ("baseline.stem.channels=64", "baseline.resolution=128", "family.phi=[1]")
    assert step(0.25, *large) == pytest.approx(4 * step(1, *large)), "the device is never idle"


def test_images_that_stay_on_the_gpu_are_counted_for_each_worker() -> None:
    found = prepared(GPUS)
    request, data = found.plan.jobs[0].request, found.plan.data
    images = (data.train + data.validation) * request.job.architecture.resolution**2

    def memory(room: float, gpus: float = 1) -> int:
        resources = request.resources.model_copy(update={"gpus": gpus})
        hosts = found.cost_model.hosts.model_copy(update={"memory": (room - PROCESS_BYTES) / GIB})
        small = replace(found.cost_model, hosts=hosts)
        return small.demand(request.model_copy(update={"resources": resources})).memory

    enough = 2 * (IMAGES_PART * images + PROCESS_BYTES) + 100
    assert memory(enough, 0.5) == memory(enough), "both have room, so each worker keeps them"
    assert memory(enough, 0.5) - memory(enough / 2 - 1000, 0.5) == images
    big = data.model_copy(update={"train": 10**9})
    assert replace(found.cost_model, data=big).demand(request).memory < memory(enough)


def test_nccl_buffers_are_counted_where_workers_have_whole_gpus() -> None:
    found = prepared(GPUS)
    one, two = Resources(gpus=1), Resources(workers=2, gpus=1)
    assert found.cost_model.room(one) - found.cost_model.room(two) == NCCL_BYTES
    assert found.cost_model.room(Resources(gpus=0.5)) == found.cost_model.room(
        Resources(workers=2, gpus=0.5)
    )


def test_a_named_cluster_decides_the_device_and_its_memory() -> None:
    basis = prepared(GPUS).forecast.basis
    assert basis.device.startswith("cuda") and basis.source == "guess"
    assert basis.worker_memory == 40 * GIB
    assert prepared("cluster={nodes: 2, cpus: 16}").forecast.basis.device.startswith("cpu")


def test_more_hosts_end_sooner_and_cost_the_same() -> None:
    few = prepared("cluster={nodes: 1, cpus: 2}").forecast
    many = prepared("cluster={nodes: 8, cpus: 2}").forecast
    assert many.most.wall_seconds < few.most.wall_seconds
    assert many.most.cpu_hours == pytest.approx(few.most.cpu_hours)


def test_more_workers_hold_less_and_wait_for_each_other() -> None:
    plan = prepared()
    request = plan.plan.jobs[0].request
    resources = request.resources.model_copy(update={"workers": 4, "gpus": 0})
    four = plan.cost_model.demand(request.model_copy(update={"resources": resources}))
    one = plan.cost_model.demand(request)
    assert four.micro_batch * 4 == one.micro_batch
    assert four.memory < one.memory
    assert one.seconds / 4 < four.seconds
    assert four.cpu_hours > one.cpu_hours


def test_accumulation_keeps_the_step_and_halves_the_images() -> None:
    one, two = prepared(), prepared("train.accumulate=2")
    pairs = zip(one.forecast.demands.values(), two.forecast.demands.values(), strict=True)
    for whole, halves in pairs:
        assert halves.micro_batch * 2 == whole.micro_batch
        assert halves.memory < whole.memory
        assert halves.step_seconds > whole.step_seconds


def test_the_batch_that_fits_is_the_largest_that_does() -> None:
    plan = prepared("cluster={nodes: 1, cpus: 2, memory: 0.2}", "train.batch=512")
    for job in plan.plan.jobs[:9]:
        demand = plan.cost_model.demand(job.request)
        for images, fits in ((demand.fitting_batch, True), (demand.fitting_batch + 1, False)):
            recipe = job.request.job.recipe.model_copy(update={"batch": images})
            changed = job.request.job.model_copy(update={"recipe": recipe})
            again = plan.cost_model.demand(job.request.model_copy(update={"job": changed}))
            assert (again.memory <= SPARE * 0.2 * GIB) == fits


def test_what_does_not_fit_is_warned_about_with_what_would() -> None:
    plan = prepared("cluster={nodes: 1, cpus: 2, memory: 0.06}", "train.batch=512")
    found = list(warnings(plan.spec, plan.forecast))
    assert any("`train.accumulate`" in text and "micro-batches of" in text for text in found)
    tiny = prepared("cluster={nodes: 1, cpus: 2, memory: 0.001}")
    assert any("not even one image fits" in text for text in warnings(tiny.spec, tiny.forecast))


def test_money_needs_a_price() -> None:
    with pytest.raises(SpecError) as caught:
        prepared("budget.money=5")
    assert "price_per_gpu_hour" in caught.value.message
    assert Spending().money_for(5, 5) is None
    assert Spending(price_per_gpu_hour=2).money_for(3, 9) == 6


@pytest.mark.parametrize(
    "budget",
    ["gpu_hours: 1e-6", "cpu_hours: 1e-6", "money: 1e-6, price_per_gpu_hour: 3"],
)
def test_a_plan_over_its_budget_is_refused_and_told_by_how_much(budget: str) -> None:
    plan = prepared(GPUS, f"budget={{{budget}}}")
    with pytest.raises(PlanError) as caught:
        check_budget(plan.spec, plan.forecast)
    assert "the budget is 1e-06" in caught.value.message
    assert caught.value.where == f"budget.{budget.partition(':')[0]}"
    assert not any("the plan takes" in text for text in warnings(plan.spec, plan.forecast))


def test_a_plan_within_its_budget_passes() -> None:
    plan = prepared(GPUS, "budget={gpu_hours: 100, money: 500, price_per_gpu_hour: 3}")
    check_budget(plan.spec, plan.forecast)
    assert not any("budget" in text for text in warnings(plan.spec, plan.forecast))


def test_l2_at_800_pixels_is_reckoned_without_being_built() -> None:
    plan = prepared(
        "baseline={name: efficientnet-l2}",
        "resources.gpus=1",
        "train.batch=64",
        "phi=0",
        example="one-variant",
    )
    (demand,) = plan.forecast.demands.values()
    assert plan.plan.baseline.architecture.resolution == 800
    assert demand.memory > 100 * GIB
    assert not demand.fits and demand.gpu_hours > 0


def test_a_reckoner_does_not_depend_on_where_it_reckons() -> None:
    plan = prepared()
    hosts = Hosts(nodes=3, cpus=64)
    other = CostModel(guess("cpu", 1), hosts, Spending(), plan.plan.data)
    same = replace(other, hosts=plan.cost_model.hosts)
    request = plan.plan.jobs[0].request
    assert other.demand(request).seconds == same.demand(request).seconds


def test_streamed_images_take_a_fixed_part_of_the_memory(tmp_path: Path) -> None:
    spec = ParquetData(source="parquet", path=str(tmp_path), memory="never")
    assert streams(spec, 1, 3, 32)
    small, huge = (spec.model_copy(update={"memory": "auto"}) for _ in range(2))
    assert not streams(small, 1_000, 3, 32) and streams(huge, 10**9, 3, 256)
    assert not streams(DigitsData(source="digits"), 10**9, 3, 256)

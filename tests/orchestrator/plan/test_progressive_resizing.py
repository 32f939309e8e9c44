"""A plan with images that grow: earlier epochs are cheaper, memory is that of the full size."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.data.progressive_resizing import sizes
from compound.jobs.data.source import summarise
from compound.jobs.device_model import guess
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.scaling import at
from compound.jobs.networks.workload import workload
from compound.orchestrator.plan.step_time import Pace, work_at
from compound.orchestrator.prepare import Prepared, prepare
from compound.orchestrator.spec.fast_dev_run import rehearse_study
from compound.orchestrator.spec.load import load
from compound.schemas.errors import CompoundError, PlanError, SpecError
from compound.schemas.factory import FactoryNetwork
from compound.schemas.recipe import Recipe
from tests.support.user_networks import NET, planned, write

EXAMPLES = Path(__file__).parents[3] / "examples"
B0 = NETWORKS["efficientnet-b0"]


def prepared(*overrides: str, example: str = "digits") -> Prepared:
    file = load(EXAMPLES / f"{example}.yaml", overrides)
    return prepare(file.spec, summarise(file.spec.data), None)


@cache
def pace(**resizing: float) -> Pace:
    recipe = Recipe.model_validate({"epochs": 50, "resizing": resizing or None})
    return Pace(guess("cuda", 1), B0, recipe, 64, 1)


@given(st.floats(0.3, 0.9), st.floats(0.05, 1))
def test_a_step_costs_the_mean_over_the_epochs(start: float, until: float) -> None:
    growing, plain = pace(start=start, until=until), pace()
    assert growing.last_step == plain.last_step == plain.mean_step
    assert growing.mean_step <= plain.mean_step
    epochs = sizes(growing.recipe, 224)
    macs = sum(number * count(at(B0, side)).macs for side, number in epochs.items()) / 50
    full = count(B0).macs
    assert macs / full - 0.1 <= growing.mean_step / plain.mean_step
    squares = sum(number * (side / 224) ** 2 for side, number in epochs.items()) / 50
    assert macs / full == pytest.approx(squares, rel=0.05)


def test_a_users_own_network_costs_in_proportion_to_the_pixels() -> None:
    work = workload(B0)
    own = FactoryNetwork(
        factory="a:b",
        depth=1,
        width=1,
        resolution=224,
        num_classes=1000,
        in_channels=3,
        workload=work,
        shapes="own",
    )
    exact, near = work_at(B0, 128), work_at(own, 128)
    assert near.params == exact.params == work.params
    for name in ("macs", "pointwise", "depthwise", "activations", "saved", "largest"):
        assert getattr(near, name) == pytest.approx(getattr(exact, name), rel=0.02)


def test_a_plan_with_growing_images_takes_less_time_and_the_same_memory() -> None:
    large = "baseline.resolution=32"
    plain, growing = prepared(large), prepared(large, "train.resizing={start: 0.6}")
    pairs = zip(plain.forecast.demands.values(), growing.forecast.demands.values(), strict=True)
    for one, other in pairs:
        assert one.job != other.job
        assert 0.5 * one.seconds < other.seconds < one.seconds
        assert (one.memory, one.fitting_batch) == (other.memory, other.fitting_batch)
        assert one.step_seconds == other.step_seconds
    assert growing.forecast.search.cpu_hours < plain.forecast.search.cpu_hours


@pytest.mark.parametrize(
    ("override", "where", "what"),
    [
        ("train.resizing={start: 1.2}", "train.resizing.start", "above 0 and below 1"),
        ("train.resizing={until: 1.2}", "train.resizing.until", "above 0 up to 1"),
        ("train.resizing={from: 0.5}", "train.resizing", "from"),
        ("train.resizing={start: 0.3}", "resizing.start", "below the network's total stride"),
        ("train.resizing={multiple: 32}", "resizing", "no multiple of 32 pixels"),
        ("search.train.resizing={start: 0.3}", "resizing.start", "total stride"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(override, where, what) -> None:
    with pytest.raises(CompoundError) as caught:
        prepared(override)
    assert isinstance(caught.value, SpecError | PlanError)
    assert what in str(caught.value) + caught.value.excerpt
    assert where.split(".")[-1] in str(caught.value)


def test_one_variant_and_the_family_are_checked_at_their_own_resolution() -> None:
    with pytest.raises(PlanError, match=r"training would begin with 3 of 13 pixels"):
        prepared("train.resizing={start: 0.2, multiple: 1}", example="one-variant")
    prepared("train.resizing={start: 0.3}", example="one-variant")
    only = "train.resizing={start: 0.3}", "search.train.resizing=null"
    with pytest.raises(PlanError) as caught:
        prepared(*only)
    assert caught.value.where == "train.resizing.start"
    prepared("train.resizing={start: 0.42}", "search.train.resizing=null", "family.phi=[2]")


def test_a_network_of_ones_own_grows_where_its_weights_do_not_depend_on_pixels(tmp_path) -> None:
    grows = "train.resizing={start: 0.5}"
    assert planned(write(tmp_path), grows)[0].candidates
    flat = NET.replace("[nn.AdaptiveAvgPool2d(1), nn.Flatten()]", "[nn.Flatten()]")
    flat = flat.replace("nn.Linear(channels,", "nn.Linear(channels * resolution**2,")
    assert planned(write(tmp_path, flat))[0].candidates
    with pytest.raises(PlanError, match="builds other weights for 4 pixels than for 8"):
        planned(write(tmp_path, flat), grows)


def test_a_rehearsal_trains_at_the_first_and_the_last_side() -> None:
    spec = load(EXAMPLES / "digits.yaml", ("train.resizing={start: 0.6}",)).spec
    recipe = rehearse_study(spec).train
    assert sizes(recipe, 32) == {20: 1, 32: 1}
    assert rehearse_study(load(EXAMPLES / "digits.yaml").spec).train.epochs == 1

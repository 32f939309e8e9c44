"""Steps and learning rates."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.jobs.training.optimiser.schedule import (
    begins_alike,
    check_batch,
    learning_rate,
    norm_momentum,
    steps,
)
from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe


def recipe(**fields) -> Recipe:
    return Recipe.model_validate(fields)


@given(
    st.integers(1, 500), st.integers(1, 64), st.integers(1, 8), st.integers(1, 8), st.integers(1, 9)
)
def test_steps_add_up(images, times, workers, accumulate, epochs):
    batch = times * workers * accumulate
    spec = recipe(batch=batch, accumulate=accumulate, epochs=epochs)
    if images < workers * accumulate:
        with pytest.raises(PlanError, match="cannot be shared"):
            steps(spec, images, workers)
        return
    plan = steps(spec, images, workers)
    assert plan.micro * workers * accumulate == plan.batch <= batch
    assert plan.per_epoch >= 1 and plan.total == plan.per_epoch * epochs
    assert plan.per_epoch * plan.batch <= images
    if images >= batch:
        assert plan.batch == batch and plan.per_epoch == images // batch
    else:
        assert images - plan.batch < workers * accumulate


def test_a_batch_that_cannot_be_shared_says_what_would_work():
    with pytest.raises(PlanError) as caught:
        check_batch(recipe(batch=128, accumulate=2), 3)
    assert "a multiple of 6, such as 126 or 132" in str(caught.value)


@given(
    st.integers(1, 30),
    st.floats(0, 40),
    st.integers(1, 20),
    st.sampled_from(["cosine", "exponential"]),
)
def test_the_rate_stays_between_zero_and_its_base(epochs, warmup, per_epoch, schedule):
    spec = recipe(epochs=epochs, warmup_epochs=warmup, batch=64, schedule=schedule)
    plan = steps(spec, 64 * per_epoch, 1)
    rates = [learning_rate(spec, plan, step) for step in range(plan.total)]
    base = spec.learning_rate * 64 / 256
    assert all(0 < rate <= base * (1 + 1e-12) for rate in rates)
    rising = math.floor(min(warmup * per_epoch, plan.total))
    assert all(a < b for a, b in pairwise(rates[:rising]))
    assert all(a >= b for a, b in pairwise(rates[rising:]))


def test_cosine_by_hand():
    spec = recipe(epochs=4, warmup_epochs=1, batch=256, learning_rate=0.4)
    plan = steps(spec, 1024, 1)
    rates = [learning_rate(spec, plan, step) for step in (0, 3, 4, 10, 15)]
    last = 0.2 * (1 + math.cos(math.pi * 11 / 12))
    assert rates == pytest.approx([0.1, 0.4, 0.4, 0.2, last])


@given(st.integers(1, 30), st.floats(0, 0.99), st.integers(1, 20))
def test_a_warm_up_by_a_fraction_follows_the_length_of_the_schedule(epochs, part, per_epoch):
    spec = recipe(epochs=epochs, warmup=part, batch=64, learning_rate=1)
    plan = steps(spec, 64 * per_epoch, 1)
    rates = [learning_rate(spec, plan, step) for step in range(plan.total)]
    rising = math.floor(part * plan.total)
    assert all(a < b for a, b in pairwise(rates[:rising]))
    assert all(a >= b for a, b in pairwise(rates[rising:]))
    assert max(rates) == pytest.approx(0.25)
    longer = spec.model_copy(update={"epochs": 3 * epochs, "schedule": "exponential"})
    assert part == 0 or not begins_alike(longer, steps(longer, 64 * per_epoch, 1), epochs)


def test_the_papers_staircase_counts_from_the_start():
    spec = recipe(recipe="paper", epochs=20, batch=4096)
    plan = steps(spec, 4096 * 10, 1)
    assert learning_rate(spec, plan, 49) == pytest.approx(0.256)
    assert learning_rate(spec, plan, 50) == pytest.approx(0.256 * 0.97**2)
    assert learning_rate(spec, plan, 71) == pytest.approx(0.256 * 0.97**2)
    assert learning_rate(spec, plan, 72) == pytest.approx(0.256 * 0.97**3)


def test_a_batch_larger_than_the_split_scales_the_rate_too():
    spec = recipe(batch=512, learning_rate=0.1, warmup_epochs=0)
    assert learning_rate(spec, steps(spec, 128, 1), 0) == pytest.approx(0.05)


def test_norm_momentum_forgets_its_start_in_short_runs():
    assert norm_momentum(steps(recipe(epochs=1, batch=10), 100, 1)) == 0.1
    assert norm_momentum(steps(recipe(epochs=1000, batch=10), 1000, 1)) == 0.01

"""The named recipes: what they fill in, what a spec may change, and what depends on phi."""

import pytest
from pydantic import ValidationError

from compound.schemas.base import STORED, digest
from compound.schemas.job import TrainJob, revision_of
from compound.schemas.recipe import Augment, Recipe, at_phi, rate_of, settled_rate
from tests.support.small_jobs import small_job


def recipe(**fields) -> Recipe:
    return Recipe.model_validate(fields)


@pytest.mark.parametrize(
    ("phi", "dropout"), [(-2, 0.2), (0, 0.2), (1, 0.2 + 0.3 / 7), (3.5, 0.35), (7, 0.5), (9, 0.5)]
)
def test_the_papers_dropout_grows_along_phi(phi: float, dropout: float) -> None:
    job = at_phi(recipe(recipe="paper"), phi)
    assert job.dropout == pytest.approx(dropout)
    assert job.dropout_phi7 is None
    assert at_phi(job, 5) == job
    assert Recipe.model_validate_json(job.model_dump_json()) == job


def test_a_dropout_of_ones_own_is_for_every_phi() -> None:
    own = recipe(recipe="paper", dropout=0.3)
    assert {at_phi(own, phi).dropout for phi in range(8)} == {0.3}
    both = recipe(recipe="paper", dropout=0.1, dropout_phi7=0.45)
    assert at_phi(both, 7).dropout == pytest.approx(0.45)
    assert at_phi(recipe(), 3) == recipe()


def test_a_preset_fills_inside_augment_and_every_part_switches_off_alone() -> None:
    paper = recipe(recipe="paper", augment={"flip": False})
    assert paper.augment == Augment(crop="resized", policy="autoaugment", flip=False)
    assert paper.central == 0.875
    neutral = {
        "optimizer": "sgd",
        "learning_rate": 0.6,
        "nesterov": True,
        "initialisation": "torch",
        "weight_decay": 5e-4,
        "schedule": "cosine",
        "warmup_epochs": 1,
        "warmup": 0.25,
        "survival": 1,
        "dropout": 0,
        "ema": 0,
        "norm_momentum": None,
        "clip_norm": 5,
        "augment": {"crop": "shift", "policy": "none"},
        "central": 1,
    }
    off = recipe(recipe="paper", **neutral)
    assert off.model_copy(update={"recipe": "modern"}) == recipe()


def stored(**fields) -> Recipe:
    return Recipe.model_validate(fields, context=STORED)


def test_stored_recipes_keep_their_meaning_and_their_identity() -> None:
    assert digest(stored(recipe="modern")) == "ede0de8074924080"
    assert digest(stored(epochs=5, augment={"cutout": 0.25})) == "65d28b2169614279"
    former = stored(recipe="modern", learning_rate=0.2)
    assert (former.nesterov, former.initialisation, former.warmup) == (False, "family", None)
    for fresh in (recipe(), recipe(recipe="paper"), recipe(optimizer="adamw")):
        assert stored(**fresh.model_dump(mode="json")) == fresh


def test_modern_fills_in_what_suits_the_optimiser_and_the_schedule() -> None:
    usual = recipe()
    assert (usual.learning_rate, usual.nesterov, usual.warmup) == (0.6, True, 0.25)
    assert recipe(optimizer="sgd") == usual
    for optimizer, rate in (("adamw", 0.004), ("rmsprop", 0.016)):
        other = recipe(optimizer=optimizer)
        assert (other.learning_rate, other.nesterov) == (rate, False)
    assert recipe(warmup_epochs=2).warmup is None
    assert recipe(schedule="exponential").warmup is None
    assert recipe(schedule="exponential", warmup=0.1).warmup == 0.1
    paper = recipe(recipe="paper")
    assert (paper.learning_rate, paper.nesterov, paper.initialisation) == (0.016, False, "family")
    with pytest.raises(ValidationError, match="nesterov is a form of sgd"):
        recipe(optimizer="adamw", nesterov=True)


def test_an_automatic_rate_becomes_a_number_before_there_is_a_job() -> None:
    automatic = recipe(learning_rate="auto")
    assert rate_of(automatic) == 0.6
    assert settled_rate(automatic, 2.0) == recipe(learning_rate=1.2)
    assert settled_rate(recipe(learning_rate=0.3), 2.0).learning_rate == 0.3
    assert rate_of(recipe(recipe="paper", learning_rate="auto")) == 0.016
    with pytest.raises(ValidationError, match="the recipe of a job has a number"):
        TrainJob(**{**dict(small_job()), "recipe": automatic})


@pytest.mark.parametrize("augment", [{"area": [0.9, 0.1]}, {"aspect": [2, 1]}, {"area": [0, 1]}])
def test_ranges_are_written_in_order(augment: dict[str, list[float]]) -> None:
    with pytest.raises(ValidationError):
        recipe(augment=augment)


def test_a_job_with_randaugment_is_another_than_before_it_made_every_operation() -> None:
    for policy, revision in (("none", 0), ("autoaugment", 0), ("randaugment", 1)):
        assert revision_of(recipe(augment={"policy": policy})) == revision
    job = small_job()
    assert "revision" not in job.model_dump()
    assert job.model_copy(update={"revision": 1}).id != job.id

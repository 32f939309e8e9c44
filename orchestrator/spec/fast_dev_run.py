"""A study of two batches a job: every step of the way once, before the money is spent."""

from typing import Any

from compound.schemas.promotion import Gate
from compound.schemas.recipe import Recipe, settled_rate
from compound.schemas.spending import Spending
from compound.schemas.store_uri import below
from compound.schemas.study import AnySpec, Search, StudySpec, TrainSpec

BATCHES = 2
_SEEDS = 2
"""As many as the noise needs."""


def rehearse_study(spec: StudySpec) -> StudySpec:
    """Return a study whose jobs train and validate on two batches, in a store of its own.

    The recipe check is left out, and so is promotion, because there is no shorter schedule. A gate
    only warns, so that the family is trained as well.
    """
    update = _shortened(spec) | {"search": _search(spec.search), "gate": _gate(spec.gate)}
    return spec.model_copy(update=update)


def rehearse_train(spec: TrainSpec) -> TrainSpec:
    """Return one variant that trains and validates on two batches, in a store of its own."""
    return spec.model_copy(update=_shortened(spec))


def _shortened(spec: AnySpec) -> dict[str, Any]:
    """Return the changed fields that both kinds have.

    Where training images grow there are two epochs: one with the first side, one with the last.
    """
    images = BATCHES * max(spec.train.batch, spec.first_recipe.batch)
    return {
        "store": below(spec.store, "rehearsal"),
        "data": spec.data.model_copy(update={"limit": images, "validation_limit": images}),
        "train": _once(spec.train),
        "budget": Spending(),
        "retries": 0,
        "trackers": (),
    }


def _once(recipe: Recipe) -> Recipe:
    short = recipe.model_copy(update={"epochs": 2 if recipe.resizing else 1})
    return settled_rate(short, 1.0)


def _search(search: Search) -> Search:
    update = {
        "train": _once(search.train),
        "promotion": None,
        "recipe_check": False,
        "seeds": min(search.seeds, _SEEDS),
        "rounds": min(search.rounds, 1),
    }
    return search.model_copy(update=update)


def _gate(gate: Gate) -> Gate:
    return gate if gate.mode == "off" else gate.model_copy(update={"mode": "warn", "seeds": None})

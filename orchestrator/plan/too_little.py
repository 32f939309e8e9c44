"""Warnings of data and schedules from which no search can learn much."""

from collections.abc import Iterator

from compound.jobs.training.optimiser.schedule import steps
from compound.orchestrator.statistics.wilson import wilson
from compound.orchestrator.wording.final_texts import FEW_IMAGES, USUAL
from compound.orchestrator.wording.numbers import counted, percent
from compound.schemas.data import DataInfo
from compound.schemas.job import Resources
from compound.schemas.recipe import Recipe
from compound.schemas.study import AnySpec

FEW_STEPS = 100
"""Optimiser steps of a job below which accuracies say little: warm-up and the averages of batch
norm alone take tens of steps."""


def too_little(spec: AnySpec, data: DataInfo) -> Iterator[str]:
    """Warn of few validation images, and of jobs with few optimiser steps."""
    if 0 < data.validation < FEW_IMAGES:
        low, high = wilson(USUAL, data.validation, 0.9)
        yield (
            f"on the {counted(data.validation, 'validation image')} an accuracy of "
            f"{percent(USUAL)} may as well be {percent(low)} or {percent(high)} (90 % interval): "
            "small differences between networks do not show"
        )
    for phase, resources in spec.phases.items():
        recipe = spec.first_recipe if phase == "search" else spec.train
        if phase != "gate":
            yield from _few_steps(phase, recipe, resources, data)


def _few_steps(phase: str, recipe: Recipe, resources: Resources, data: DataInfo) -> Iterator[str]:
    planned = steps(recipe, data.train, resources.most_workers)
    if planned.total < FEW_STEPS:
        where = "search.train" if phase == "search" else "train"
        yield (
            f"{phase}: a job has {counted(planned.total, 'optimiser step')}, "
            f"{recipe.epochs:,} x {planned.per_epoch:,}, in which a network learns little; more "
            f"{where}.epochs or a smaller {where}.batch gives more"
        )

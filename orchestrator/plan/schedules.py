"""The schedules of a search, shortest first, and the jobs that train networks on one of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from compound.orchestrator.plan.compile_choice import CompileChoice
from compound.orchestrator.plan.variant_dropout import of_variant
from compound.orchestrator.wording.network_names import network_label
from compound.schemas.architecture import Candidate
from compound.schemas.data import DataInfo
from compound.schemas.job import DataRef, JobRequest, TrainJob, revision_of
from compound.schemas.machine.device import DeviceProfile
from compound.schemas.plan import PlannedJob
from compound.schemas.promotion import Rungs
from compound.schemas.recipe import Recipe, at_phi, settled_rate
from compound.schemas.study import AnySpec, StudySpec

FIRST_SEEDS = 4
"""Seeds that the last rung begins with. With 3 the noise is known less well, and the verdict less
often that of the full search (benchmarks/agreement.py)."""


@dataclass(frozen=True)
class RungSchedule:
    """One schedule that networks of the search are trained with, annealed to its end."""

    recipe: Recipe
    seeds: int
    """Seeds a network, at most."""
    phase: Literal["screening", "search"]


def rung_schedules(spec: StudySpec) -> tuple[RungSchedule, ...]:
    """Return the schedules of a search; without rungs there is only the whole one."""
    search, promotion = spec.search, spec.search.promotion
    whole = RungSchedule(search.train, search.seeds, "search")
    if not isinstance(promotion, Rungs):
        return (whole,)
    lengths = {_length(search.train.epochs, promotion, rung) for rung in range(promotion.rungs - 1)}
    seeds = min(promotion.seeds, search.seeds)
    short = sorted(lengths - {search.train.epochs})
    return (*(RungSchedule(of_length(search.train, e), seeds, "screening") for e in short), whole)


def _length(epochs: int, promotion: Rungs, rung: int) -> int:
    parts: int = promotion.factor ** (promotion.rungs - 1 - rung)
    return math.ceil(epochs / parts)


def of_length(recipe: Recipe, epochs: int) -> Recipe:
    """Return a recipe of so many epochs with the same course of the learning rate.

    What is counted in epochs shrinks or grows along, so that a short schedule is annealed as fully
    as the whole one: only then are its scores comparable with each other.
    """
    part = epochs / recipe.epochs
    return recipe.model_copy(
        update={
            "epochs": epochs,
            "warmup_epochs": recipe.warmup_epochs * part,
            "decay_epochs": recipe.decay_epochs * part,
        }
    )


def first_seeds(spec: StudySpec, rung: RungSchedule) -> int:
    """Return the seeds that a rung begins with; a search by rungs adds to its last one."""
    adds = rung.phase == "search" and isinstance(spec.search.promotion, Rungs)
    return min(FIRST_SEEDS, rung.seeds) if adds else rung.seeds


def search_jobs(
    spec: StudySpec,
    info: DataInfo,
    networks: Sequence[Candidate],
    rung: RungSchedule,
    seeds: range,
    profile: DeviceProfile | None,
) -> Iterator[PlannedJob]:
    """Yield jobs seed by seed, so that an early stop leaves every candidate with some.

    `seeds` counts from 0, above the spec's first. In a screening the baseline gets as many seeds
    as the search has: it costs least, and the noise between its scores stands for that of all.
    `profile`: see `job`.
    """
    every = range(seeds.start, max(seeds.stop, spec.search.seeds))
    for offset in every if rung.phase == "screening" else seeds:
        for network in networks:
            baseline = "baseline" in network.roles
            if baseline or offset in seeds:
                yield _search_job(spec, info, network, rung, spec.seed + offset, profile)


def _search_job(
    spec: StudySpec,
    info: DataInfo,
    network: Candidate,
    rung: RungSchedule,
    seed: int,
    profile: DeviceProfile | None,
) -> PlannedJob:
    short = rung.phase == "screening"
    name = f"{label(network, seed)}-e{rung.recipe.epochs}" if short else label(network, seed)
    return PlannedJob(
        phase=rung.phase,
        candidate=network.id,
        phi=0.0 if "baseline" in network.roles else 1.0,
        request=JobRequest(
            job=job(spec, info, network, rung.recipe, seed, phi=0.0, profile=profile),
            resources=spec.resources.search,
            label=name,
        ),
    )


def job(
    spec: AnySpec,
    info: DataInfo,
    candidate: Candidate,
    recipe: Recipe,
    seed: int,
    *,
    phi: float,
    profile: DeviceProfile | None,
) -> TrainJob:
    """Return the training of one network with one seed, by the recipe as it is at `phi`.

    All networks of a search train as the baseline does, at phi 0: they are compared. `profile`:
    the device that `compile: auto` is settled by, the same in all of a study. With
    `learning_rate: auto` it is the rate that the recipe check begins with.
    """
    network, judge = candidate.architecture, CompileChoice.of(spec, info.train, profile)
    return TrainJob(
        architecture=network,
        recipe=judge.settled(network, at_phi(of_variant(settled_rate(recipe, 1.0), spec), phi)),
        revision=revision_of(recipe),
        data=DataRef(spec=spec.data, fingerprint=info.fingerprint, undecodable=info.undecodable),
        seed=seed,
    )


def label(candidate: Candidate, seed: int) -> str:
    """Return the name that people read for a job: depth, width, resolution, seed."""
    return f"{network_label(candidate)}-s{seed}"


FEWEST = 2
"""Mixes that go on from every rung."""


def promoted_count(mixes: int, part: float) -> int:
    """Return how many of so many mixes go on."""
    return min(mixes, max(FEWEST, math.ceil(part * mixes)))

"""Test accuracies of a network over its seeds."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev

from compound.orchestrator.analyse.final_intervals import (
    Answers,
    SeedDoubt,
    Seeds,
    difference,
    mean_interval,
    seed_doubts,
)
from compound.orchestrator.records.final_networks import FinalNetwork
from compound.orchestrator.statistics.wilson import wilson
from compound.orchestrator.wording.final_texts import difference_text
from compound.schemas.final_evaluation import FinalRole, NetworkScore, PairedDifference, SeedScore
from compound.schemas.job import JobResult
from compound.schemas.metrics import ACCURACY, TEST_ACCURACY, TEST_IMAGES, TEST_LOSS
from compound.schemas.plan import PlannedJob


def seed_score(
    planned: PlannedJob,
    trained: JobResult,
    evaluated: JobResult,
    level: float,
    *,
    weights: str,
    content: str,
) -> SeedScore:
    """Return what one evaluation has measured, beside the validation accuracy of the same weights.

    `weights` and `content`: the hashes of the checkpoint and of the test part.
    """
    accuracy = evaluated.metrics[TEST_ACCURACY]
    images = round(evaluated.metrics[TEST_IMAGES])
    low, high = wilson(accuracy, images, level)
    return SeedScore(
        job=trained.job,
        seed=planned.request.job.seed,
        weights=weights,
        content=content,
        images=images,
        correct=round(accuracy * images),
        accuracy=accuracy,
        loss=evaluated.metrics[TEST_LOSS],
        validation=trained.metrics.get(ACCURACY),
        low=low,
        high=high,
    )


def network_scores(
    networks: Sequence[FinalNetwork],
    scores: Mapping[str, SeedScore],
    unread: Mapping[str, str],
    answers: Answers,
    level: float,
) -> tuple[tuple[NetworkScore, ...], tuple[PairedDifference, ...]]:
    """Return the networks' means with their intervals, and the differences of the choice.

    `scores`, `unread`, the reasons, and `answers`, to the single test images, are by job.
    """
    seeds = [_seeds(network, scores) for network in networks]
    doubts = _doubts([network.phi for network in networks], seeds)
    measured = tuple(
        _network_score(network, evaluated, unread, answers, level, doubt)
        for network, evaluated, doubt in zip(networks, seeds, doubts, strict=True)
    )
    by_role = {network.role: doubt for network, doubt in zip(networks, doubts, strict=True)}
    return measured, tuple(_differences(measured, answers, level, by_role))


def _doubts(phis: Sequence[float | None], seeds: Sequence[Seeds]) -> list[SeedDoubt | None]:
    """Return the doubt of each mean; networks of one phi, or of the search, lend each other."""
    doubts: dict[tuple[float | None, Seeds], SeedDoubt | None] = {}
    for phi in set(phis):
        alike = [*dict.fromkeys(of for at, of in zip(phis, seeds, strict=True) if at == phi)]
        keys = [(phi, of) for of in alike]
        doubts |= dict(zip(keys, seed_doubts(alike), strict=True))
    return [doubts[key] for key in zip(phis, seeds, strict=True)]


def _seeds(network: FinalNetwork, scores: Mapping[str, SeedScore]) -> tuple[SeedScore, ...]:
    jobs = (planned.request.job.id for planned in network.jobs)
    return tuple(scores[job] for job in jobs if job in scores)


def _network_score(
    network: FinalNetwork,
    seeds: tuple[SeedScore, ...],
    unread: Mapping[str, str],
    answers: Answers,
    level: float,
    doubt: SeedDoubt | None,
) -> NetworkScore:
    jobs = {planned.request.job.id: planned.request.label for planned in network.jobs}
    accuracies = [score.accuracy for score in seeds]
    interval = mean_interval(seeds, answers, level, doubt) if seeds else None
    validations = [score.validation for score in seeds if score.validation is not None]
    return NetworkScore(
        role=network.role,
        network=network.network.id,
        name=network.name,
        phi=network.phi,
        planned=len(network.jobs),
        seeds=seeds,
        accuracy=fmean(accuracies) if accuracies else None,
        spread=stdev(accuracies) if len(accuracies) > 1 else None,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        covers=interval.covers if interval else "images",
        validation=fmean(validations) if validations else None,
        unread=tuple(f"{label}: {unread[job]}" for job, label in jobs.items() if job in unread),
    )


def _differences(
    measured: Sequence[NetworkScore],
    answers: Answers,
    level: float,
    doubts: Mapping[FinalRole, SeedDoubt | None],
) -> Iterator[PairedDifference]:
    """Compare the choice with the baseline and the best single axis, unless it is that network."""
    roles = {network.role: network for network in measured if network.role != "family"}
    choice = roles.get("choice")
    for rival in (roles.get("baseline"), roles.get("best single axis")):
        if not choice or not rival or choice.network == rival.network:
            continue
        if choice.seeds and rival.seeds:
            both = [doubts[network.role] for network in (choice, rival)]
            yield _difference(choice, rival, answers, level, both)


def _difference(
    choice: NetworkScore,
    rival: NetworkScore,
    answers: Answers,
    level: float,
    doubts: Sequence[SeedDoubt | None],
) -> PairedDifference:
    compared = difference(choice.seeds, rival.seeds, answers, level, doubts)
    interval = compared.interval
    paired = PairedDifference(
        role=choice.role,
        over=rival.role,
        estimate=compared.estimate,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        covers=interval.covers if interval else "images",
        p=compared.p,
        seeds=compared.seeds,
        sentence="",
    )
    return paired.model_copy(update={"sentence": difference_text(paired)})

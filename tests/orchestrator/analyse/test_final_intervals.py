"""Intervals of test accuracies and of differences, against truths that are known."""

import numpy as np
import pytest

from compound.jobs.store.format.predictions import Predictions
from compound.orchestrator.analyse.final_intervals import (
    Seeds,
    difference,
    mean_interval,
    seed_doubts,
)
from compound.orchestrator.statistics.wilson import wilson
from compound.schemas.final_evaluation import SeedScore
from tests.support.image_answers import Bools, Images, predictions_of

IMAGES = Images(count=500, hard=1.2, taste=1.2, luck=0.1)
TRUTH = [0.75, 0.8, 0.82, 0.7]
"""On all images that there could be: baseline, best single axis, choice, and one of one seed."""


def evaluated(right: Bools, first: str = "job") -> tuple[Seeds, dict[str, Predictions]]:
    """Return a network's evaluations by its right answers, (seeds, images), and its answers."""
    answers = {f"{first}{seed}": predictions_of(row) for seed, row in enumerate(right)}
    scores = tuple(
        SeedScore(
            job=job,
            seed=seed,
            weights="w",
            content="c",
            images=right.shape[1],
            correct=int(answer.right.sum()),
            accuracy=int(answer.right.sum()) / right.shape[1],
            loss=1.0,
            validation=None,
            low=0.0,
            high=1.0,
        )
        for seed, (job, answer) in enumerate(answers.items())
    )
    return scores, answers


def study(
    rng: np.random.Generator, seeds: int = 3, images: Images = IMAGES
) -> tuple[list[Seeds], dict[str, Predictions]]:
    right = images.answers(TRUTH, seeds, rng)
    rows = [*right[:3], right[3, :1]]
    networks = [evaluated(row, f"{number}-") for number, row in enumerate(rows)]
    return [scores for scores, _ in networks], {
        job: answer for _, answers in networks for job, answer in answers.items()
    }


def test_they_hold_for_new_seeds_and_images_and_wilsons_alone_do_not() -> None:
    rng, held, plain, paired = np.random.default_rng(0), [], [], []
    for _ in range(200):
        networks, answers = study(rng)
        for truth, seeds in zip(TRUTH[:3], networks[:3], strict=True):
            interval = mean_interval(seeds, answers, 0.9)
            assert interval.covers == "seeds and images"
            held.append(interval.low <= truth <= interval.high)
        lead = difference(networks[2], networks[0], answers, 0.9).interval
        assert lead is not None and lead.covers == "seeds and images"
        paired.append(lead.low <= TRUTH[2] - TRUTH[0] <= lead.high)
        single = mean_interval(networks[3], answers, 0.9)
        assert single.covers == "images"
        plain.append(single.low <= TRUTH[3] <= single.high)
    assert 0.86 <= np.mean(held) <= 0.96
    assert 0.86 <= np.mean(paired) <= 0.97
    assert np.mean(plain) <= 0.95


def test_networks_that_lend_their_noise_have_steadier_intervals_that_hold() -> None:
    rng, images = np.random.default_rng(5), Images(count=500, hard=1.2, taste=0.6, luck=0.2)
    held: list[list[bool]] = []
    widths: dict[str, list[float]] = {"own": [], "lent": []}
    truth = [0.66, 0.63, 0.64, 0.65, 0.69]
    for _ in range(60):
        rows = enumerate(images.answers(truth, 3, rng))
        networks, answers = zip(*[evaluated(row, f"{i}-") for i, row in rows], strict=True)
        every = {job: answer for some in answers for job, answer in some.items()}
        for seeds, doubt, true in zip(networks, seed_doubts(networks), truth, strict=True):
            own = mean_interval(seeds, every, 0.9)
            lent = mean_interval(seeds, every, 0.9, doubt)
            held.append([lent.low <= true <= lent.high, own.low <= true <= own.high])
            widths["own"].append(own.high - own.low)
            widths["lent"].append(lent.high - lent.low)
    assert np.mean(held, axis=0)[0] >= 0.86
    assert np.std(widths["lent"]) < 0.7 * np.std(widths["own"])


def test_a_network_of_one_seed_lends_and_borrows_nothing() -> None:
    networks, _ = study(np.random.default_rng(6))
    assert seed_doubts(networks)[3] is None
    assert seed_doubts(networks)[:3] == seed_doubts(networks[:3])
    assert seed_doubts(networks[3:]) == [None]


def test_differences_are_paired_by_image() -> None:
    """Images that are hard for all cancel in a difference, and not in the means."""
    alike = Images(count=500, hard=3.0, taste=0.0, luck=0.01)
    networks, answers = study(np.random.default_rng(1), 10, alike)
    interval = mean_interval(networks[2], answers, 0.9)
    compared = difference(networks[2], networks[0], answers, 0.9)
    assert compared.interval is not None
    assert compared.interval.high - compared.interval.low < interval.high - interval.low
    assert compared.seeds == 10 and compared.p is not None and 0 <= compared.p <= 1


def test_without_answers_images_still_widen_the_means() -> None:
    networks, answers = study(np.random.default_rng(2))
    for seeds in networks:
        wide, narrow = mean_interval(seeds, {}, 0.9), mean_interval(seeds, answers, 0.9)
        assert wide.high - wide.low >= 0.98 * (narrow.high - narrow.low)
    compared = difference(networks[2], networks[0], {}, 0.9)
    assert (compared.interval, compared.p) == (None, None)
    assert compared.estimate == difference(networks[2], networks[0], answers, 0.9).estimate


def test_one_seed_each_has_the_images_alone() -> None:
    networks, answers = study(np.random.default_rng(3), seeds=1)
    score = networks[0][0]
    interval = mean_interval(networks[0], answers, 0.9)
    assert (interval.low, interval.high) == wilson(score.accuracy, 500, 0.9)
    compared = difference(networks[2], networks[0], answers, 0.9)
    assert compared.interval is not None and compared.interval.covers == "images"


@pytest.mark.parametrize("images", [1, 20])
@pytest.mark.parametrize("value", [True, False])
def test_all_right_or_all_wrong_on_few_images_stays_possible_and_wide(
    value: bool, images: int
) -> None:
    same = np.full((3, images), value)
    first, answers = evaluated(same, "a")
    second, more = evaluated(same, "b")
    answers |= more
    interval = mean_interval(first, answers, 0.9)
    assert 0 <= interval.low <= first[0].accuracy <= interval.high <= 1
    assert interval.high - interval.low > 0.1
    compared = difference(first, second, answers, 0.9)
    assert compared.estimate == 0 and compared.p == 1
    assert compared.interval is not None and compared.interval.low <= 0 <= compared.interval.high


def test_other_images_are_not_paired() -> None:
    networks, answers = study(np.random.default_rng(4))
    job = networks[0][0].job
    answers[job] = answers[job]._replace(label=1 - answers[job].label)
    assert difference(networks[2], networks[0], answers, 0.9).interval is None

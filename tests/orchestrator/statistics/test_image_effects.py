"""What the choice of images adds to the doubt about accuracies, against simulated truths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.statistics.estimates import Estimates
from compound.orchestrator.statistics.held_out_seed import held_out_on_images
from compound.orchestrator.statistics.image_effects import (
    ImageScores,
    covariance,
    of_differences,
    on_log_odds,
)
from compound.orchestrator.statistics.log_odds import Floats, log_odds
from compound.orchestrator.statistics.tied_set import Comparison
from tests.support.image_answers import Images

IMAGES = Images(count=400, hard=1.0, taste=1.5)


def scores(truth: list[float], seeds: int, seed: int, images: Images = IMAGES) -> list[ImageScores]:
    right = images.answers(truth, seeds, np.random.default_rng(seed))
    return [ImageScores(network) for network in right]


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_the_variance_of_a_difference_is_that_of_the_networks_own_tastes(seeds: int) -> None:
    estimates = [
        float(of_differences(covariance(scores([0.8, 0.8], seeds, study)), 0)[1])
        for study in range(60)
    ]
    assert np.mean(estimates) == pytest.approx(2 * IMAGES.own_error(0.8) ** 2, rel=0.06)


def test_images_that_are_hard_for_all_alike_add_nothing_to_differences() -> None:
    alike = Images(count=2000, hard=2.0, taste=0.0, luck=0.0)
    shared = covariance(scores([0.8, 0.8], 10, 0, alike))
    assert of_differences(shared, 0)[1] < 0.05 * shared[0, 0]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_it_is_positive_semi_definite(data: st.DataObject) -> None:
    networks, seeds = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    shape = (networks, seeds, data.draw(st.integers(1, 30)))
    right = np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) < 0.7
    shared = covariance([ImageScores(network) for network in right])
    assert shared.shape == (networks, networks)
    assert np.linalg.eigvalsh(shared).min() >= -1e-12
    assert all((of_differences(shared, i) >= 0).all() for i in range(networks))


def test_the_delta_method_is_the_change_of_log_odds() -> None:
    accuracies, step = np.array([0.6, 0.9]), 1e-4
    odds = log_odds(accuracies, 10**6)
    slopes = (log_odds(accuracies + step, 10**6) - odds) / step
    assert on_log_odds(np.ones((2, 2)), odds) == pytest.approx(np.outer(slopes, slopes), rel=1e-3)


def pigeonhole(differences: Floats, draws: int, rng: np.random.Generator) -> float:
    """Return the variance of a mean over seeds and images when both are resampled (Owen 2007)."""
    seeds, images = differences.shape
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), draws)
    of_images = rng.multinomial(images, np.full(images, 1 / images), draws)
    means = np.einsum("ds,si,di->d", of_seeds, differences, of_images) / (seeds * images)
    return float(means.var())


def test_it_agrees_with_the_pigeonhole_bootstrap() -> None:
    """The bootstrap counts the noise of single answers three times, these estimates once."""
    first, second = scores([0.8, 0.75], 8, 5)
    differences = first.right.astype(float) - second.right
    by_seed = differences.mean(axis=1)
    of_images = float(of_differences(covariance([first, second]), 0)[1])
    single = (first.seed_noise + second.seed_noise) / IMAGES.count
    expected = by_seed.var() / 8 + of_images + 2 * single
    drawn = pigeonhole(differences, 4000, np.random.default_rng(1))
    assert drawn == pytest.approx(expected, rel=0.1)
    ours = by_seed.var(ddof=1) / 8 + of_images
    assert 0.5 * drawn < ours < drawn


def test_one_mean_has_satterthwaites_degrees_of_freedom() -> None:
    shared = np.array([[0.03, 0.0], [0.0, 0.0]])
    estimates = Estimates(
        np.zeros(2), np.full(2, 0.02), np.full(2, 4.0), np.full(2, 2.0), 0.0, shared
    )
    assert estimates.doubt(0) == pytest.approx((0.04, 4 * (0.04 / 0.01) ** 2))
    assert estimates.doubt(1) == pytest.approx((0.01, 4.0))
    assert estimates.doubt(1, 0.01) == pytest.approx((0.02, 4.0))
    assert estimates.with_images([None, None]) is estimates


def test_what_is_shared_by_all_widens_no_comparison_and_what_is_not_does() -> None:
    means, variances = np.array([0.0, 0.4, 0.5]), np.full(3, 0.01)
    plain = Comparison(means, variances, np.full(3, 20.0), 0.9)
    alike = Comparison(means, variances, np.full(3, 20.0), 0.9, np.ones((3, 3)))
    apart = Comparison(means, variances, np.full(3, 20.0), 0.9, 0.05 * np.eye(3))
    assert alike.spread(0) == pytest.approx(plain.spread(0))
    assert alike.critical(0, [1, 2], 0.9) == pytest.approx(plain.critical(0, [1, 2], 0.9), rel=0.03)
    assert alike.tied == plain.tied == (1, 2)
    assert apart.spread(0, [1]) == pytest.approx([0.12**0.5])
    assert apart.tied == (0, 1, 2)


def test_a_choice_by_luck_of_the_images_is_worth_what_it_is_on_others() -> None:
    """Eight equal networks: the highest mean is 1.5 own errors too high, the held-out is not."""
    images, errors, highest = Images(count=200, hard=1.0, taste=1.5), [], []
    for study in range(80):
        right = np.array([s.right for s in scores([0.8] * 8, 4, study, images)], dtype=float)
        centre = right.mean()
        folds = right.reshape(8, 4, 10, 20).mean(axis=3)
        held_out = held_out_on_images(folds, np.zeros(8), np.arange(8))
        assert held_out is not None
        errors.append(held_out - centre)
        highest.append(right.mean(axis=(1, 2)).max() - centre)
    assert abs(float(np.mean(errors))) < 0.3 * images.own_error(0.8)
    assert float(np.mean(highest)) > images.own_error(0.8)
    assert held_out_on_images(folds[:, :1], np.zeros(8), np.arange(8)) is None

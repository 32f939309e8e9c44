"""Verdicts whose intervals hold for new images, and what is said where they cannot."""

import numpy as np
import pytest

from compound.orchestrator.analyse.mistakes import mistakes
from compound.orchestrator.analyse.on_images import on_images, unknown
from compound.orchestrator.analyse.scores import CandidateScores
from compound.orchestrator.choose.verdict import analyse
from compound.schemas.verdict import Verdict
from tests.support.image_answers import Images, predictions_of
from tests.support.image_studies import answered, judged
from tests.support.verdict_studies import candidate, controls_and_mixes, spec_of

NETWORKS = controls_and_mixes(3)
TASTE = Images(count=600, hard=1.0, taste=1.3)
"""Images move the accuracy of each network by a fixed 0.9 points, whatever the seeds."""


def covered(verdict: Verdict, truth: float) -> float:
    ends = [(s.low, s.high) for s in verdict.standings]
    return float(np.mean([low <= truth <= high for low, high in ends if low and high]))


def test_new_images_are_in_the_intervals_and_no_false_gain_comes_from_their_choice() -> None:
    """Equal networks, ten seeds: what differs on these images is told as a gain without them."""
    rng, false, means, gains = np.random.default_rng(1), 0, [], []
    without: list[float] = []
    for _ in range(40):
        right = TASTE.answers([0.8] * 6, 10, rng)
        verdict = judged(NETWORKS, right)
        assert verdict.gain and verdict.gain.low is not None and verdict.gain.high is not None
        false += verdict.outcome == "gain"
        gains.append(verdict.gain.low <= 0 <= verdict.gain.high)
        means.append(covered(verdict, 0.8))
        without.append(covered(judged(NETWORKS, right, images=False), 0.8))
    assert false <= 2 and np.mean(gains) >= 0.86
    assert 0.84 <= np.mean(means) <= 0.97
    assert np.mean(without) < 0.7, "seeds alone do not show what the images do"


def test_power_stays_where_images_have_no_effect_of_their_own() -> None:
    rng, alike = np.random.default_rng(2), Images(count=1000, hard=2.0, taste=0.0)
    told = []
    for _ in range(15):
        right = alike.answers([0.78, 0.8, 0.79, 0.84, 0.8, 0.8], 5, rng)
        told.append([judged(NETWORKS, right, images=kept).outcome for kept in (True, False)])
    with_images, plain = ([row[i] == "gain" for row in told] for i in (0, 1))
    assert sum(plain) >= 12 and sum(with_images) >= sum(plain) - 1


def test_it_says_what_the_images_add() -> None:
    right = TASTE.answers([0.8] * 6, 3, np.random.default_rng(3))
    verdict = judged(NETWORKS, right)
    assert verdict.images is not None
    assert (verdict.images.images, verdict.images.jobs, verdict.images.unknown) == (600, 21, 0)
    assert verdict.images.error == pytest.approx(2**0.5 * TASTE.own_error(0.8), rel=0.4)
    assert "new images like these 600" in verdict.images.sentence
    assert verdict.images.sentence not in verdict.warnings
    plain = judged(NETWORKS, right, images=False)
    assert plain.images is None
    assert verdict.resolution and plain.resolution
    assert (verdict.resolution.difference or 0) > (plain.resolution.difference or 1)


@pytest.mark.parametrize("broken", ["missing", "other images"])
def test_without_the_predictions_of_a_job_it_says_so_and_leaves_the_images_out(broken: str) -> None:
    right = TASTE.answers([0.8] * 6, 3, np.random.default_rng(3))
    plan, results, kept = answered(NETWORKS, right)
    job = plan.jobs[-1].request.job.id
    gone = kept.pop(job)
    if broken == "other images":
        kept[job] = gone._replace(label=1 - gone.label)
    verdict = analyse(spec_of(3), plan, results, kept)
    plain = analyse(spec_of(3), plan, results)
    assert verdict.images is not None and verdict.images.unknown == 1
    assert "1 of 21 jobs have no predictions" in verdict.images.sentence
    assert verdict.images.sentence in verdict.warnings
    assert (verdict.standings, verdict.gain) == (plain.standings, plain.gain)
    assert verdict.mistakes is None


def test_one_seed_has_no_interval_but_its_mistakes() -> None:
    right = TASTE.answers([0.8] * 6, 1, np.random.default_rng(3))
    verdict = judged(NETWORKS, right)
    assert verdict.outcome == "undecided"
    assert verdict.images is not None and verdict.images.error is None
    assert verdict.mistakes is not None and verdict.mistakes.seeds == 1


@pytest.mark.parametrize("images", [1, 2, 50])
def test_accuracies_of_exactly_0_and_1_stay_possible(images: int) -> None:
    right = np.ones((6, 3, images), dtype=bool)
    right[0] = False
    verdict = judged(NETWORKS, right)
    for standing in verdict.standings:
        assert standing.low is not None and standing.high is not None and standing.mean is not None
        assert 0 <= standing.low <= standing.mean <= standing.high <= 1


def test_mistakes_are_counted_by_hand() -> None:
    label = np.array([0, 0, 1, 2], dtype=np.int32)
    image = np.arange(4, dtype=np.int32)
    answers = {"a": [0, 1, 1, 1], "b": [0, 1, 1, 0], "c": [0, 2, 0, 1]}
    kept = {
        job: predictions_of(np.ones(4, dtype=bool))._replace(
            image=image, label=label, predicted=np.array(row, dtype=np.int32)
        )
        for job, row in answers.items()
    }
    chosen = CandidateScores("x", candidate(0), {0: 0.5, 1: 0.5}, 0, jobs={0: "a", 1: "b"})
    other = CandidateScores("y", candidate(1), {0: 0.25}, 0, jobs={0: "c"})
    assert unknown([chosen, other], kept) == 0
    chosen, other = on_images([chosen, other], kept)
    counted = mistakes(chosen, [chosen, other], kept, ("ant", "bee", "cat"))
    assert counted is not None
    assert (counted.images, counted.seeds, counted.runs) == (4, 2, 3)
    assert counted.matrix == ((1, 1, 0), (0, 1, 0), (0.5, 0.5, 0))
    first, *rest = counted.pairs
    assert (first.label, first.predicted, first.images, first.share) == ("ant", "bee", 1, 0.5)
    assert {(pair.label, pair.predicted) for pair in rest} == {("cat", "ant"), ("cat", "bee")}
    hard = [(h.image, h.label, h.predicted, h.wrong) for h in counted.hardest]
    assert hard == [(1, "ant", "bee", 3), (3, "cat", "bee", 3), (2, "bee", "ant", 1)]
    assert mistakes(None, [], {}, ()) is None

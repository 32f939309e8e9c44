"""The table of outcomes: a study reaches every sentence, and none contradicts another."""

from typing import get_args

import numpy as np
import pytest

from compound.orchestrator.choose.outcomes import FOLLOWING, SENTENCES, Case, Outcome, next_step
from compound.schemas.verdict import Verdict
from tests.support.verdict_studies import around, candidate, controls_and_mixes, verdict_of

LOW, HIGH = around(0.85), around(0.95)
NOISY = [[0.90, 0.92, 0.91], [0.92, 0.90, 0.91]]
STUDIES: dict[Case, list[list[float | None]]] = {
    "gain": [LOW, LOW, LOW, HIGH, LOW],
    "loss": [HIGH, LOW, LOW, LOW, LOW],
    "axis chosen": [[0.92, 0.93, 0.94], LOW, LOW, *NOISY],
    "axis tied": [[0.901, 0.912, 0.92], LOW, LOW, [0.93, 0.92, 0.915], NOISY[1]],
    "no axis tied": [around(0.9), LOW, LOW, around(0.902), LOW],
    "undecided": [[0.9], [0.91], [0.92], [0.95], [0.93]],
}


def test_every_case_has_a_study() -> None:
    assert STUDIES.keys() == SENTENCES.keys() == set(get_args(Case))
    assert FOLLOWING.keys() == set(get_args(Outcome))


@pytest.mark.parametrize("case", STUDIES)
def test_the_sentence_of_a_case_fits_its_study(case: Case) -> None:
    networks = controls_and_mixes(2)
    if case == "no axis tied":  # a gain that is proven only with the correction for uneven cost
        networks[3] = candidate(3, ratio=2**0.9)
    verdict = verdict_of(networks, STUDIES[case])
    first = SENTENCES[case].partition("{")[0]
    assert verdict.sentence.startswith(first), verdict.sentence
    assert verdict.outcome == (case if case in get_args(Outcome) else "no gain")
    assert_consistent(verdict)


def assert_consistent(verdict: Verdict) -> None:
    """No sentence says what another one, or a number, denies."""
    chosen = next(s for s in verdict.standings if s.candidate == verdict.chosen)
    axis = next((role for role in chosen.roles if role in ("depth", "width", "resolution")), None)
    assert ("is chosen" in verdict.sentence) == (
        verdict.outcome in ("no gain", "loss") and axis is not None
    )
    if axis and verdict.outcome in ("no gain", "loss"):
        assert f"{axis.capitalize()} alone is chosen" in verdict.sentence
    if verdict.outcome == "gain":
        assert axis is None
    if verdict.tied:
        assert verdict.chosen in verdict.tied
    assert "{" not in verdict.sentence + next_step(verdict)


def test_random_studies_contradict_themselves_nowhere() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        means = rng.uniform(0.5, 0.98) + rng.normal(0, rng.choice([0.002, 0.02]), 6)
        scores = means[:, None] + rng.normal(0, 0.01, (6, int(rng.integers(1, 5))))
        assert_consistent(verdict_of(controls_and_mixes(3), scores.clip(0, 1).tolist()))

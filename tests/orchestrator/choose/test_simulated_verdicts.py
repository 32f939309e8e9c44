"""Simulated studies of real plans: whether verdicts keep their word, roughly.

`python -m benchmarks.verdict` has the figures; here are fewer studies and wide bounds.
"""

import numpy as np
import pytest

from tests.support.back_ends import LONG
from tests.support.simulated_verdicts import Judged, benches, simulate
from tests.support.surfaces import SCENARIOS, SURFACES

STUDIES = 12 if LONG else 2
"""For each of two plans and every surface."""


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    plans = benches(seeds=3).values()
    return [
        study
        for bench in plans
        for name in (*SURFACES, *SCENARIOS)
        for study in simulate(bench, name, STUDIES)
    ]


def test_intervals_hold_what_they_say(judged: list[Judged]) -> None:
    assert 0.85 <= np.mean([study.means.mean() for study in judged]) <= 0.95
    assert np.mean([study.gain for study in judged]) >= 0.86


def test_the_best_is_in_the_tied_set_and_the_choice_is_close_to_it(judged: list[Judged]) -> None:
    assert np.mean([study.tied for study in judged]) >= 0.9
    assert np.median([study.regret for study in judged]) <= 0.25


def test_gains_are_told_where_they_are_and_seldom_elsewhere(judged: list[Judged]) -> None:
    assert np.mean([study.false for study in judged if not study.possible]) <= 0.1
    assert np.mean([study.reported for study in judged if study.possible]) >= 0.25

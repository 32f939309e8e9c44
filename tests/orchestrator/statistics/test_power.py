"""Which differences a study resolves: against simulation, and as properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compound.orchestrator.choose.resolution_text import foresight, resolution
from compound.orchestrator.statistics.critical_value import many_to_one
from compound.orchestrator.statistics.noise import residual
from compound.orchestrator.statistics.power import MOST_SEEDS, POWER, resolvable, seeds_to_resolve
from compound.schemas.verdict import Resolution


def test_a_candidate_worse_by_the_resolved_difference_is_told_apart_with_that_power():
    rng, seeds, networks = np.random.default_rng(2), 3, 9
    difference = resolvable(seeds, networks, 0.9)
    assert difference is not None
    critical = many_to_one(networks, (networks - 1) * (seeds - 1), 0.9)
    truth, apart = np.zeros(networks), 0
    truth[1] = -difference
    for _ in range(4000):
        table = truth[:, None] + rng.standard_normal((networks, seeds))
        lead = table[0].mean() - table[1].mean()
        apart += lead > critical * residual(table).sd * (2 / seeds) ** 0.5
    assert apart / 4000 == pytest.approx(POWER, abs=0.025)


def test_nothing_is_resolved_without_repeats_or_rivals():
    assert resolvable(1, 9, 0.9) is None
    assert resolvable(3, 1, 0.9) is None
    assert seeds_to_resolve(1.0, 1, 0.9) is None
    assert seeds_to_resolve(0.001, 9, 0.9) is None


@settings(max_examples=30, deadline=None)
@given(seeds=st.integers(2, 40), networks=st.integers(2, 40), level=st.sampled_from([0.8, 0.95]))
def test_more_seeds_resolve_finer_and_more_networks_coarser(seeds, networks, level):
    resolved = resolvable(seeds, networks, level)
    finer = resolvable(seeds + 1, networks, level)
    assert resolved is not None and finer is not None
    assert 0 < finer < resolved
    if networks > 5:
        coarser = resolvable(seeds, networks + 1, level)
        assert coarser is not None and resolved < coarser * 1.0001


@settings(max_examples=20, deadline=None)
@given(difference=st.floats(0.3, 5), networks=st.integers(2, 30))
def test_the_seeds_named_resolve_the_difference_and_one_fewer_do_not(difference, networks):
    seeds = seeds_to_resolve(difference, networks, 0.9)
    assert seeds is not None and 2 <= seeds <= MOST_SEEDS
    assert (resolvable(seeds, networks, 0.9) or 0) <= difference
    fewer = resolvable(seeds - 1, networks, 0.9)
    assert fewer is None or fewer > difference


def test_the_sentences_of_the_plan_and_of_the_report():
    assert foresight(3, 9, 0.9) == (
        "3 seeds and 9 networks resolve a difference of 2.5 sigma "
        "(sigma: the noise between seeds). "
        "A difference as large as the noise needs 18 seeds, half of it 69."
    )
    assert foresight(1, 9, 0.9) == ""
    reached = Resolution(
        seeds=3,
        networks=9,
        level=0.9,
        power=POWER,
        difference=0.027,
        seeds_for_noise=19,
        seeds_for_half=None,
    )
    assert resolution(reached) == (
        "3 seeds and 9 networks resolve a difference of 2.7 points with a probability of about "
        "80 %. A difference as large as the noise needs 19 seeds, half of it over 1,000."
    )
    blind = reached.model_copy(update={"difference": None})
    text = resolution(blind)
    assert text.startswith("One seed per candidate resolves no difference. A difference as")
    assert resolution(None) == ""

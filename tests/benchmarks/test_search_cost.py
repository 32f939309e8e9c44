"""Strategies replayed on recorded trainings; `python -m benchmarks.search_cost` has the rest."""

import numpy as np
import pytest

from tests.support.learning_curves import TABLE, Table, final_means, read
from tests.support.search_replay import replay
from tests.support.search_strategies import asha, chance, compound, grid, planned


@pytest.fixture(scope="module")
def table() -> Table:
    return read()


def test_the_table_holds_the_networks_of_its_spec(table: Table) -> None:
    plan = planned(())[1]
    assert {one.id for one in plan.candidates} == {*table.networks}
    assert plan.baseline.id == table.baseline
    jobs = {(one.candidate, one.request.job.seed) for one in plan.jobs}
    assert jobs == {(c.network, c.seed) for each in table.curves.values() for c in each}
    assert TABLE.stat().st_size < 60_000


def test_a_grid_with_every_seed_finds_the_best(table: Table) -> None:
    means = final_means(table)
    shown = replay("grid", grid(4), table, 3)
    assert shown.chosen == pytest.approx((max(means.values()),) * 3)
    assert shown.epochs[0] == len(means) * 4 * table.length
    assert shown.good == 1


def test_halving_spends_less_than_the_grid_and_chance_less_still(table: Table) -> None:
    everything = replay("grid", grid(1), table, 3).epochs[0]
    assert len(table.networks) < replay("asha", asha(4), table, 3).epochs[0] < everything
    assert replay("chance", chance(2), table, 3).epochs[0] == 2 * table.length


def test_compound_searches_the_table_by_rungs(table: Table) -> None:
    rng = np.random.default_rng(1)
    strategy = compound("search.promotion={kind: rungs, factor: 4}")
    choice = strategy(table.drawn(rng), rng)
    assert choice.network in table.networks
    assert choice.epochs < len(table.curves) * 4 * table.length


def test_the_same_replay_again_is_the_same(table: Table) -> None:
    assert replay("asha", asha(4), table, 5) == replay("asha", asha(4), table, 5)
    again = replay("asha", asha(4), table, 5, again=True)
    assert again == replay("asha", asha(4), table, 5, again=True)


def test_a_bootstrap_draws_runs_of_the_same_network(table: Table) -> None:
    drawn = table.drawn(np.random.default_rng(2), again=True)
    for name, runs in drawn.curves.items():
        assert len(runs) == 4
        assert {*runs} <= {*table.curves[name]}
    assert any(len({*runs}) < 4 for runs in drawn.curves.values())

"""Replays a strategy of search many times on recorded trainings."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from tests.support.learning_curves import Table, final_means, slack
from tests.support.search_strategies import Strategy


@dataclass(frozen=True)
class Shown:
    """What many replays of one strategy came to: means, and the 5th and 95th percentile."""

    strategy: str
    epochs: tuple[float, float, float]
    chosen: tuple[float, float, float]
    good: float
    """The part of the replays whose choice is as good as the best, within the noise."""


def replay(
    name: str, strategy: Strategy, table: Table, replays: int, *, again: bool = False
) -> Shown:
    """Let a strategy search so many times, always the same; `again` as of Table.drawn."""
    rng = np.random.default_rng(0)
    choices = [strategy(table.drawn(rng, again=again), rng) for _ in range(replays)]
    means = final_means(table)
    reached = [means[choice.network] for choice in choices]
    enough = max(means.values()) - slack(table)
    return Shown(
        name,
        _spread([choice.epochs for choice in choices]),
        _spread(reached),
        float(np.mean([score > enough for score in reached])),
    )


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    low, high = np.percentile(values, [5, 95])
    return fmean(values), float(low), float(high)

"""The table of networks of a search that goes on: scores so far, and none that a verdict has."""

import pyarrow as pa

from compound.orchestrator.live.charts.networks import Network
from compound.orchestrator.live.listing.page_tables import CANDIDATES
from compound.orchestrator.live.listing.scores_so_far import with_scores

SO_FAR = [Network("a", "a", "mix", 1, 1, 1, 1e6, 1e3, 1e4, 0.75, 0.7, 0.8)]


def table(*accuracies: float | None) -> pa.Table:
    rows = [{"candidate": name, "accuracy": a} for name, a in zip("ab", accuracies, strict=True)]
    return pa.Table.from_pylist(rows, CANDIDATES)


def test_without_a_verdict_the_table_has_the_scores_of_the_charts() -> None:
    made = with_scores(table(None, None), SO_FAR)
    assert made["accuracy"].to_pylist() == [0.75, None]
    assert (made["low"][0].as_py(), made["high"][0].as_py()) == (0.7, 0.8)
    assert made.schema == CANDIDATES


def test_a_verdict_stays_as_it_is() -> None:
    judged = table(0.5, None)
    assert with_scores(judged, SO_FAR) is judged
    assert with_scores(table(None, None), []).num_rows == 2

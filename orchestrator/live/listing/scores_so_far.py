"""The table of a study's networks while its search goes on: with the scores so far."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from compound.orchestrator.live.charts.networks import Network


def with_scores(table: pa.Table, networks: "Sequence[Network]") -> pa.Table:
    """Return the candidates with accuracies and their ends, where the table has none at all.

    `networks`: those of the charts. A table with a verdict is returned as it is.
    """
    if not networks or table["accuracy"].null_count < table.num_rows:
        return table
    by_id = {network.id: network for network in networks}
    rows = table.to_pylist()
    for row in rows:
        if network := by_id.get(row["candidate"]):
            row |= {"accuracy": network.accuracy, "low": network.low, "high": network.high}
    return pa.Table.from_pylist(rows, table.schema)

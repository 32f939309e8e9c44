"""`compound compare`: the paper's claims beside our counts, and latency measured here."""

import json

import pytest
import torch

from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.jobs.probe.latency import Latency, measure
from compound.orchestrator.paper import printed as paper
from compound.orchestrator.paper.claims import Row, body_ratio, compare
from tests.support.back_ends import LONG
from tests.support.command import compound
from tests.support.family_networks import small
from tests.support.forked import run_forked

MISPRINTED = (
    *("MACs: resnet-50 d=4", "MACs: resnet-50 w=2"),
    *(f"MACs: efficientnet-b0 {axis}=2" for axis in "wr"),
    "MACs: efficientnet-b0 d=4",
    "geometric mean, 8 sets, public models",
)
"""Claims whose print does not follow from the networks: listed beside ours, never asserted."""


def found(claim: str, rows: list[Row]) -> Row:
    (row,) = [row for row in rows if row.claim == claim]
    return row


@pytest.mark.parametrize(
    ("claim", "ours"),
    [
        ("params: AmoebaNet-B / efficientnet-b7", 557e6 / 66_347_960),
        ("params: resnet-152 / efficientnet-b1", 60_192_808 / 7_794_184),
        ("params: resnet-50 / efficientnet-b0", 25_557_032 / 5_288_548),
        ("params: NASNet-A / efficientnet-b0", 85e6 / 4_007_548),
        ("params: GPipe / efficientnet-b7", 556e6 / 63_786_960),
    ],
)
def test_ratios_are_those_of_exact_counts(claim: str, ours: float) -> None:
    assert found(claim, compare(None)).ours == pytest.approx(ours, rel=1e-12)


def test_most_claims_are_met_within_what_is_printed() -> None:
    rows = [row for row in compare(None) if row.ours is not None]
    claims = [row for row in rows if row.claim not in MISPRINTED]
    assert (len(rows), len(claims)) == (23, 17)
    assert all(row.ours == pytest.approx(row.paper, rel=0.08) for row in claims)


@pytest.mark.parametrize(
    ("variant", "params"),
    [("b0", 4_007_548), ("b3", 10_696_232), ("b4", 17_548_616), ("b5", 28_340_784)],
)
def test_table_5_counts_no_classifier(variant: str, params: int) -> None:
    one = paper.Transfer("x", "NASNet-A", f"efficientnet-{variant}", 1)
    assert body_ratio(one) == pytest.approx(85e6 / params, rel=1e-12)


def test_latency_ratios_compare_runs_of_the_same_round() -> None:
    rows = compare([Latency((0.4, 0.9, 0.6)), Latency((0.1, 0.3, 0.1))])
    row = found("latency: resnet-152 / efficientnet-b1", rows)
    assert (row.low, row.ours, row.high) == pytest.approx((3, 4, 6))
    assert row.origin == "measured here"
    alone = found("latency: resnet-152", rows)
    assert (alone.low, alone.ours, alone.high) == pytest.approx((400, 600, 900))
    assert alone.unit == "ms"


def test_what_is_not_measured_says_so() -> None:
    rows = [row for row in compare(None) if row.section == "latency"]
    assert all(row.ours is None and row.origin == "printed" for row in rows)
    assert "not measured" in found("latency: AmoebaNet-B / efficientnet-b7", rows).note


def test_latency_takes_one_thread_and_gives_the_others_back() -> None:
    before = torch.get_num_threads()
    networks = [small("resnet-18"), small("efficientnet-b0")]
    slow, fast = measure(networks, runs=3)
    assert torch.get_num_threads() == before
    assert len(slow.seconds) == len(fast.seconds) == 3
    assert min(slow.seconds + fast.seconds) > 0
    assert [len(one.seconds) for one in measure(networks, runs=50, limit=0)] == [1, 1]


def test_the_command_prints_a_table_and_numbers() -> None:
    table = compound("compare", "--no-latency").stdout
    assert max(map(len, table.splitlines())) <= 100
    assert "params: AmoebaNet-B / efficientnet-b7 [1]" in table
    answer = json.loads(compound("compare", "--no-latency", "--json").stdout)
    assert answer["machine"] is None
    row = next(row for row in answer["rows"] if row["claim"] == "MACs: resnet-50 / efficientnet-b0")
    counted = [count(NETWORKS[name]).macs for name in ("resnet-50", "efficientnet-b0")]
    assert row["ours"] == counted[0] / counted[1]
    assert (row["paper"], row["source"], row["origin"]) == (11, "Table 2", "counted")


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="measures full networks: `make test-all` runs it")
def test_latency_is_measured_within_a_minute() -> None:
    ran = run_forked("compound", "compare", "--json", timeout=100)
    answer = json.loads(ran.stdout)
    assert answer["machine"]["threads"] == 1
    assert len([row for row in answer["rows"] if row["origin"] == "measured here"]) == 3

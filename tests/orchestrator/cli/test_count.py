"""`compound models` and `compound count`, and the baselines that specs name or describe."""

import json
from typing import get_args

import pytest

from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.orchestrator.cli import count as networks
from compound.orchestrator.cli.count import Scaling
from compound.orchestrator.design.baseline import baseline_of
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import load
from compound.schemas.baseline import NetworkName
from compound.schemas.data import DataInfo
from compound.schemas.errors import PlanError, SpecError
from compound.schemas.study import StudySpec
from tests.support.family_networks import ONE_OF_EACH

INFO = DataInfo(
    fingerprint="f", classes=("a", "b", "c"), in_channels=1, size=8, train=1000, validation=20
)
START = "kind: study\nname: x\ndata: {source: digits}\nrounding: {channels: 4}\n"


@pytest.fixture
def spec(tmp_path):
    def write(baseline: str) -> StudySpec:
        path = tmp_path / "spec.yaml"
        path.write_text(f"{START}baseline: {baseline}\n")
        return load(path, ["search.budget.tolerance=0.2"]).spec

    return write


def test_specs_may_name_every_network() -> None:
    assert get_args(NetworkName) == tuple(NETWORKS)


def test_models_lists_every_network_with_counts(capsys: pytest.CaptureFixture[str]) -> None:
    networks.models(pure=False, as_json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(NETWORKS)
    assert rows["resnet-50"]["params"] == 25_557_032


@pytest.mark.parametrize("name", NETWORKS)
def test_count_answers_for_scalings_of_every_network(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    networks.count(name, Scaling(1.5, 0.5, 96, classes=7), as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert list(row) == ["name", "resolution", "params", "macs", "activations"]
    assert (row["name"], row["resolution"]) == (name, 96)
    assert all(type(value) is int for value in list(row.values())[1:])


@pytest.mark.parametrize(
    ("name", "scaling", "said"),
    [
        ("resnet50", {}, "did you mean 'resnet-50'"),
        ("mobilenet_v2", {}, "did you mean 'mobilenet-v2'"),
        ("resnet-50", {"depth": float("nan")}, "--depth: nan is out of range"),
        ("resnet-50", {"depth": 0}, "0.01 to 100"),
        ("resnet-50", {"depth": -1}, "0.01 to 100"),
        ("resnet-50", {"width": 1e6}, "0.01 to 100"),
        ("resnet-50", {"width": float("inf")}, "0.01 to 100"),
        ("resnet-50", {"resolution": 0}, "1 to 8,192"),
        ("resnet-50", {"classes": 0}, "1 to 1,000,000"),
        ("resnet-50", {"channels": 0}, "1 to 1,024"),
        ("resnet-50", {"phi": 1e6}, "-20 to 20"),
        ("resnet-50", {"phi": float("nan")}, "-20 to 20"),
        ("resnet-50", {"phi": 1, "gamma": -1.15}, "--gamma: -1.15 is out of range"),
        ("resnet-50", {"phi": 20, "alpha": 2}, "depth, alpha^20: 1.04858e+06 is out of range"),
        ("resnet-50", {"phi": 20, "gamma": 1.3}, "resolution, 224 x gamma^20"),
        ("resnet-50", {"phi": 1, "depth": 2}, "--phi, or --depth, --width and --resolution"),
        ("resnet-50", {"alpha": 1.2}, "--phi too"),
    ],
)
def test_count_says_what_is_allowed(name: str, scaling: dict[str, float], said: str) -> None:
    with pytest.raises(SpecError) as raised:
        networks.count(name, Scaling(**scaling), as_json=True)
    assert said in str(raised.value)


@pytest.mark.parametrize("name", get_args(NetworkName))
def test_stages_add_up_to_the_network(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    networks.count(name, Scaling(width=1.5), stages=True, as_json=True)
    row = json.loads(capsys.readouterr().out)
    for key in ("params", "macs", "activations"):
        assert sum(stage[key] for stage in row["stages"]) == row[key]
    sides = [stage["resolution"] for stage in row["stages"]]
    assert sides == sorted(sides, reverse=True) and sides[-1] == 1


def test_pure_powers_of_phi_are_labelled_and_differ_from_the_released_variants(
    capsys: pytest.CaptureFixture[str],
) -> None:
    networks.models(pure=True, as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [f"{row['ratio']:.3g}" for row in rows] == [
        "1",
        "2.57",
        "4.69",
        "8.43",
        "16.4",
        "29.5",
        "52.1",
        "103",
    ]
    assert all("not the official b1..b7" in row["scaling"] for row in rows)
    networks.count("efficientnet-b0", Scaling(phi=7), as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert row["macs"] == rows[7]["macs"] != count(NETWORKS["efficientnet-b7"]).macs
    assert row["scaling"] == rows[7]["scaling"]


def test_phi_takes_coefficients_of_one_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    networks.count("resnet-50", Scaling(phi=1, alpha=1, beta=2, gamma=1), as_json=True)
    networks.count("resnet-50", Scaling(width=2), as_json=True)
    by_phi, by_width = capsys.readouterr().out.split("}\n{")
    assert '"scaling": "alpha^phi"' in by_phi
    assert by_phi.split(',\n  "phi"')[0].strip("{\n") == by_width.strip("}\n")


def test_input_channels_change_the_stem_alone(capsys: pytest.CaptureFixture[str]) -> None:
    networks.count("resnet-50", Scaling(channels=1), as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert row["params"] == 25_557_032 - 2 * 64 * 7 * 7


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_named_baseline_takes_the_data_s_classes_and_channels(name: str, spec) -> None:
    network = baseline_of(spec(f"{{name: {name}, resolution: 64}}"), INFO)
    assert (network.resolution, network.num_classes, network.in_channels) == (64, 3, 1)
    assert network.stages == NETWORKS[name].stages


MIXED = """
  family: resnet
  resolution: 16
  stem: {channels: 8, stride: 1}
  stages:
    - {block: basic, channels: 8}
    - {block: bottleneck, channels: 8, stride: 2, repeats: 2}
    - {block: separable, channels: 24}
    - {channels: 24, expand: 2}
    - {block: reduction-cell, channels: 8}
    - {block: normal-cell, channels: 8, repeats: 2}
  head: 0"""


@pytest.mark.parametrize("baseline", ["{name: mobilenet-v1, resolution: 32}", MIXED])
def test_a_search_can_be_planned_around_any_blocks(baseline: str, spec) -> None:
    plan = plan_study(spec(baseline), INFO)
    assert len(plan.candidates) >= 3
    assert all(1.6 <= candidate.ratio <= 2.4 for candidate in plan.candidates)


def test_a_resolution_below_the_total_stride_is_refused(spec) -> None:
    with pytest.raises(PlanError, match="total stride"):
        baseline_of(spec("{name: resnet-18, resolution: 16}"), INFO)


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ("{name: resnet50}", "no network is called 'resnet50', did you mean 'resnet-50'?"),
        (
            "{resolution: 8, stages: [{block: bottlneck, channels: 8}]}",
            "no such block: 'bottlneck', did you mean 'bottleneck'?",
        ),
        (
            "{family: resnt, resolution: 8, stages: [{channels: 8}]}",
            "no such family: 'resnt', did you mean 'resnet'?",
        ),
        (
            "{resolution: 8, stages: [{block: basic, channels: 8, se: 0.5}]}",
            "unknown key 'se'",
        ),
        (
            "{resolution: 8, stages: [{block: reduction-cell, channels: 8, repeats: 2}]}",
            "repeats: 2 is not allowed",
        ),
    ],
)
def test_what_a_baseline_may_not_say(baseline: str, said: str, spec) -> None:
    with pytest.raises(SpecError) as raised:
        spec(baseline)
    assert said in str(raised.value)
    assert "spec.yaml:5:" in str(raised.value)

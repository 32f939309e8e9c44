"""`compound models` and `compound count`, and the baselines that specs name or describe."""

import json
from typing import get_args

import pytest
from families import ONE_OF_EACH

from jobs.models.zoo import NETWORKS
from orchestrator.commands import networks
from orchestrator.plan import baseline_of, plan_study
from orchestrator.spec import load
from schemas.baseline import NetworkName
from schemas.data import DataInfo
from schemas.errors import PlanError, SpecError
from schemas.study import StudySpec

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
    networks.models(as_json=True)
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(NETWORKS)
    assert rows["resnet-50"]["params"] == 25_557_032


@pytest.mark.parametrize("name", NETWORKS)
def test_count_answers_for_scalings_of_every_network(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    networks.count(name, 1.5, 0.5, 96, 7, as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert list(row) == ["name", "resolution", "params", "macs", "activations"]
    assert (row["name"], row["resolution"]) == (name, 96)
    assert all(type(value) is int for value in list(row.values())[1:])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resnet50", 1, 1, None, None), "did you mean 'resnet-50'"),
        (("mobilenet_v2", 1, 1, None, None), "did you mean 'mobilenet-v2'"),
        (("resnet-50", float("nan"), 1, None, None), "0.01 to 100"),
        (("resnet-50", 1, 1e6, None, None), "0.01 to 100"),
        (("resnet-50", 1, 1, 0, None), "1 to 8192"),
        (("resnet-50", 1, 1, None, 0), "1 to 1e+06"),
    ],
)
def test_count_says_what_is_allowed(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(SpecError) as raised:
        networks.count(*arguments, as_json=True)
    assert said in str(raised.value)


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
        ("{name: resnet50}", "no such name: 'resnet50', did you mean 'resnet-50'?"),
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
            "repeats: input should be 1",
        ),
    ],
)
def test_what_a_baseline_may_not_say(baseline: str, said: str, spec) -> None:
    with pytest.raises(SpecError) as raised:
        spec(baseline)
    assert said in str(raised.value)
    assert "spec.yaml:5:" in str(raised.value)

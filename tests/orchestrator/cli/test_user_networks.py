"""A study on a network of the user's own: the plan, the grant, errors in the spec, the runs."""

import json
import sys
from pathlib import Path

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.jobs.data.source import inspect, summarise
from compound.jobs.models.scaled import Networks
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.specs import plan as planning
from compound.orchestrator.cli.study import report as reporting
from compound.orchestrator.cli.study import run as running
from compound.orchestrator.cli.study import status as studies
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.scale.family import plan_train
from compound.orchestrator.spec.load import load
from compound.schemas.errors import FactoryError, PlanError
from tests.support.command import compound
from tests.support.user_networks import NET, SPEC, planned, write

ROOT = Path(__file__).parents[3]


def test_a_search_holds_the_budget_on_distinct_networks(tmp_path: Path) -> None:
    plan, networks = planned(write(tmp_path), "search.design.degree=2")
    ids = [candidate.id for candidate in plan.candidates]
    assert len(ids) == len(set(ids)) >= 5
    for candidate in plan.candidates:
        assert candidate.ratio == pytest.approx(2, rel=0.2)
        assert candidate.ratio == candidate.cost.macs / plan.baseline.cost.macs
        again = networks.scale(plan.baseline.architecture, candidate.coefficients, 1.0)
        assert again == candidate.architecture
    corners = {role: c.shares for c in plan.candidates for role in c.roles if role != "design"}
    assert corners["depth"].depth == corners["width"].width == corners["resolution"].resolution == 1
    assert networks.builds < 150


def test_points_of_a_grid_collapse_into_one_network(tmp_path: Path) -> None:
    plan, _ = planned(write(tmp_path), "search.design={kind: grid, step: 0.1, tolerance: 0.2}")
    distinct = [candidate for candidate in plan.candidates if "design" in candidate.roles]
    assert plan.points - len(plan.dropped) > len(distinct)
    assert any(len(candidate.triples) > 1 for candidate in distinct)


AXES = {
    "width": (("8 * width", "8"), "width has no effect on any tensor"),
    "depth": (("2 * depth", "2"), "depth has no effect on any tensor"),
    "resolution": (
        ("nn.Sequential(*layers", "nn.Sequential(nn.AdaptiveAvgPool2d(8), *layers"),
        "resolution has no effect on any tensor",
    ),
}


@pytest.mark.parametrize("axis", AXES)
def test_an_axis_without_effect_is_left_out_of_the_search(axis: str, tmp_path: Path) -> None:
    change, told = AXES[axis]
    single = "search.controls=[depth, width, resolution]"
    plan, _ = planned(write(tmp_path, NET.replace(*change)), single)
    assert f"{told}: the search leaves it out" in plan.warnings
    assert [point.reason for point in plan.dropped] == [told]
    assert not [c for c in plan.candidates if axis in c.roles]
    assert len(plan.candidates) == 2


def test_a_variant_is_not_scaled_along_an_axis_without_effect(tmp_path: Path) -> None:
    text = "\n".join(line for line in SPEC.splitlines() if line[:1] != " ")
    text = text.replace("kind: study", "kind: train").replace("search:\n", "")
    text = text.replace("family: {{phi: [1]}}", "coefficients: {{alpha: 2, beta: 1.5}}")
    text = text[: text.index("resources:")]
    path = write(tmp_path, NET.replace("8 * width", "8"), text)
    spec = load(path).spec
    with pytest.raises(PlanError, match="width has no effect on any tensor") as caught:
        plan_train(spec, summarise(spec.data), Networks((str(tmp_path),)))
    assert caught.value.where == "coefficients.beta"


def test_scalings_that_fail_are_left_out_with_the_reason(tmp_path: Path) -> None:
    check = "if depth > 1.4: raise ValueError('too deep')"
    path = write(tmp_path, NET.replace("CHECK", check))
    plan, _ = planned(path)
    (warning,) = [text for text in plan.warnings if "left out" in text]
    assert "ValueError: too deep" in warning
    assert all(candidate.architecture.depth <= 1.4 for candidate in plan.candidates)
    grid = "search.design={kind: grid, step: 0.25}"
    plan, _ = planned(path, grid, "search.budget.tolerance=0.5")
    assert [p for p in plan.dropped if p.coefficients.alpha > 1.4 and "too deep" in p.reason]


def test_a_factory_that_builds_only_its_baseline_is_refused(tmp_path: Path) -> None:
    check = "if (depth, width, resolution) != (1, 1, 8): raise ValueError('no')"
    with pytest.raises(PlanError, match="no scaling of the baseline could be built"):
        planned(write(tmp_path, NET.replace("CHECK", check)))


def test_what_a_recipe_cannot_reach_is_told(tmp_path: Path) -> None:
    plan, _ = planned(write(tmp_path), "train.survival=0.8", "train.dropout=0.1")
    assert any(
        "survival and dropout of the recipe have no effect in own_study" in w for w in plan.warnings
    )


def test_the_code_runs_only_by_the_users_word(tmp_path: Path) -> None:
    path = write(tmp_path, "print('it runs')\n" + NET)
    for command in ("plan", "run", "submit"):
        refused = compound(command, "own.yaml", "--set", "train.epochs=2", cwd=tmp_path)
        assert refused.returncode == 2
        assert "own.yaml:5:21: " in refused.stderr
        typed = f"compound {command} own.yaml --set train.epochs=2 --allow-import"
        assert refused.stderr.endswith(f"next: {typed}\n")
        assert "it runs" not in refused.stderr + refused.stdout
    allowed = compound("plan", "own.yaml", "--json", "--allow-import", cwd=tmp_path)
    network = json.loads(allowed.stdout)["baseline"]
    assert (network["depth"], network["width"]) == (1, 1)
    assert allowed.stderr.startswith(f"importing {network['factory']}, which runs its code\n")
    assert "the factory was called " in allowed.stderr
    assert path.exists()


def test_an_error_stands_in_the_spec_with_the_users_line_and_no_traceback(tmp_path: Path) -> None:
    write(tmp_path, NET.replace("CHECK", "raise ValueError('too wide')"))
    refused = compound("plan", "own.yaml", "--allow-import", cwd=tmp_path)
    assert refused.returncode == 2
    _, error, line, *_ = refused.stderr.splitlines()
    assert error.startswith("compound: own.yaml:5:21: own_study_")
    assert error.endswith("at depth 1, width 1, 8 pixels: ValueError: too wide")
    assert line.strip().startswith(f"at {tmp_path}/own_study_")
    assert ":5, in build: raise ValueError('too wide')" in line
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("mynet", "factory: 'mynet' is not allowed"),
        ("my net:build", "factory: 'my net:build' is not allowed"),
        ("os.system:build:x", "factory: 'os.system:build:x' is not allowed"),
    ],
)
def test_a_factory_is_named_as_module_and_function(factory: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(SPEC.format(store="runs", factory=factory))
    ran = compound("validate", "own.yaml", cwd=tmp_path)
    assert ran.returncode == 2
    assert told in ran.stderr and "allowed: package.module:function" in ran.stderr


def test_a_plan_without_the_grant_is_refused_in_code_too(tmp_path: Path) -> None:
    spec = load(write(tmp_path)).spec
    with pytest.raises(FactoryError, match="imported only if the command line allows it"):
        plan_study(spec, summarise(spec.data))


def test_the_example_runs_and_is_read_without_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Search, family, status, report: in a folder that lacks the module.

    tests/test_one_root.py has a factory's family of two workers.
    """
    monkeypatch.chdir(tmp_path)
    options = running.Options("local", None, False, True, allow_import=True)
    smaller = ["search.seeds=1", "search.design.degree=1", "family.phi=[2]", "train.epochs=1"]
    smaller += ["search.controls=[depth, width, resolution]", "search.recipe_check=false"]
    workers = ["resources.family.workers=1", "resources.family.gpus=0"]
    running.run(ROOT / "examples" / "factory.yaml", [*smaller, *workers], options)
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [member["done"] for member in answer["family"]] == [1]
    sys.modules.pop("small_resnet")
    sys.path.remove(str(ROOT / "examples"))
    studies.status("own-network", "runs", as_json=True)
    assert json.loads(capsys.readouterr().out)["counts"] == {"done": 5}
    reporting.report("own-network", "runs", None, as_json=True)
    page = Path(json.loads(capsys.readouterr().out)["report"]).read_text()
    assert "1.00 x 1.00" in page
    assert "small_resnet" not in sys.modules


def test_a_plan_is_refused_once_its_factory_builds_another_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, plan = write(tmp_path), tmp_path / "plan.json"
    planning.plan(path, [], planning.Options(output=plan, allow_import=True))
    module = next(tmp_path.glob("*.py"))
    module.write_text(module.read_text().replace("nn.ReLU()", "nn.LeakyReLU()"))
    sys.modules.pop(module.stem)
    options = running.Options("local", None, False, True, plan, allow_import=True)
    with pytest.raises(PlanError, match="builds another network than was planned"):
        running.run(None, [], options)


@pytest.mark.ray
@pytest.mark.slow
def test_a_worker_on_ray_finds_the_module(ray_session, tmp_path: Path) -> None:
    """The folder is neither where Ray was started nor on its workers' path."""
    from compound.cluster.trials.ray_runner import RayRunner

    request = planned(write(tmp_path))[0].jobs[0].request
    folders = (str(tmp_path),)
    runner = RayRunner(ray_session, imports=folders)
    (result,) = runner.run([request], str(tmp_path / "ray"), lambda event: None)
    assert (result.status, result.cause) == ("done", None)
    (local,) = LocalRunner(folders).run([request], str(tmp_path / "local"), lambda event: None)
    assert result.metrics["train_loss"] == local.metrics["train_loss"]
    refused = RayRunner(ray_session).run([request], str(tmp_path / "no"), lambda event: None)
    assert "only if the command line allows it" in refused[0].cause.message


def test_planning_prints_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path)
    planning.plan(path, [], planning.Options(allow_import=True))
    out = capsys.readouterr().out
    assert "next: compound run" in out
    assert "--allow-import" in out
    assert inspect(load(path).spec.data).train == 64
    assert ArtifactStore.open(str(tmp_path / "runs")).studies() == []


LEAVES_OUT = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels, width, classes):
        super().__init__()
        self.stem = nn.Conv2d(channels, round(8 * width), 3, padding=1)
        self.extra = nn.Conv2d(round(8 * width), round(8 * width), 1)
        self.out = nn.Linear(round(8 * width), classes)
        self.passes = 0
    def forward(self, x):
        x = self.stem(x).relu()
        self.passes += self.training
        if not self.training or CONDITION:
            x = x + self.extra(x)
        return self.out(x.mean((2, 3)))

def build(*, depth, width, resolution, num_classes, in_channels):
    return Net(in_channels, width, num_classes)
"""
ALONE = """\
kind: train
name: own
store: {store}
data: {{source: synthetic, images: 64, validation_images: 32, size: 8}}
baseline: {{factory: "{factory}", resolution: 8}}
train: {{epochs: 8, batch: 16}}
resources: {{workers: 2, gpus: 0}}
"""


def test_a_branch_that_is_left_out_at_times_is_refused_for_several_workers(tmp_path: Path) -> None:
    spec = write(tmp_path, LEAVES_OUT.replace("CONDITION", "torch.rand(()) < 0.5"), ALONE)
    planned = compound("plan", str(spec), "--allow-import")
    assert planned.returncode == 2
    assert "leaves the weight 'extra.weight', 'extra.bias' out of some passes" in planned.stderr
    alone = compound("plan", str(spec), "--allow-import", "--set", "resources.workers=1")
    assert alone.returncode == 0, alone.stderr


def test_a_branch_that_is_left_out_late_fails_with_its_cause(tmp_path: Path) -> None:
    spec = write(tmp_path, LEAVES_OUT.replace("CONDITION", "self.passes < 9"), ALONE)
    ran = compound("run", str(spec), "--allow-import", "--runner", "local", "--no-report")
    assert ran.returncode == 1
    assert "the network leaves some weights out of some passes" in ran.stderr
    assert "Expected to have finished" not in ran.stderr

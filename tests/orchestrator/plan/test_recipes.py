"""Which recipe the jobs of a study get: the paper's depends on phi."""

import json
from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.plan.variant_dropout import variant_note
from compound.orchestrator.scale.family import plan_family, plan_train
from compound.orchestrator.scale.gate_plan import gate_of
from compound.orchestrator.spec.load import load
from compound.schemas.architecture import Coefficients
from compound.schemas.study import StudySpec, TrainSpec
from tests.support.command import compound

EXAMPLES = Path(__file__).parents[3] / "examples"
PUBLISHED = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)


@pytest.fixture(scope="module")
def spec() -> StudySpec:
    sets = ("train.recipe=paper", "gate.mode=warn", "gate.scale=phi")
    found = load(EXAMPLES / "digits.yaml", sets).spec
    assert isinstance(found, StudySpec)
    return found


def test_all_networks_of_a_search_train_as_the_baseline(spec: StudySpec) -> None:
    plan = plan_study(spec, summarise(spec.data))
    assert {planned.request.job.recipe.dropout for planned in plan.jobs} == {0.2}


def test_dropout_grows_along_the_family_and_the_gate_is_its_phi_2(spec: StudySpec) -> None:
    info = summarise(spec.data)
    plan = plan_study(spec, info)
    family = plan_family(spec, plan.baseline, info, PUBLISHED)
    found = {one.phi: one.jobs[0].request.job.recipe for one in family.members}
    for phi, recipe in found.items():
        assert recipe.dropout == pytest.approx(0.2 + 0.3 * phi / 7)
        assert recipe.dropout_phi7 is None
    gate = gate_of(spec, plan, plan.candidates[:2])
    dropouts = {planned.phi: planned.request.job.recipe.dropout for planned in gate.jobs}
    assert dropouts == {0.0: 0.2, 2.0: found[2.0].dropout}


def test_a_dropout_in_the_spec_is_for_all(spec: StudySpec) -> None:
    one = load(EXAMPLES / "paper-recipe.yaml", ("train.dropout=0.1",)).spec
    assert isinstance(one, TrainSpec)
    variant = plan_train(one, summarise(one.data))
    assert [job.request.job.recipe.dropout for job in variant.family.members[0].jobs] == [0.1]


VARIANTS = {
    "efficientnet-b0": 0.2,
    "efficientnet-b1": 0.2,
    "efficientnet-b3": 0.3,
    "efficientnet-b5": 0.4,
    "efficientnet-b7": 0.5,
    "mobilenet-v2": 0.2,
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_named_variant_brings_its_dropout(name: str) -> None:
    sets = (f"baseline={{name: {name}, resolution: 32}}", "phi=0", "train.batch=8")
    one = load(EXAMPLES / "paper-recipe.yaml", sets).spec
    assert isinstance(one, TrainSpec)
    variant = plan_train(one, summarise(one.data))
    jobs = [job.request.job for job in variant.family.members[0].jobs]
    assert {job.recipe.dropout for job in jobs} == {VARIANTS[name]}
    notes = list(variant_note(one))
    assert len(notes) == (VARIANTS[name] != 0.2)
    assert all(f"dropout {VARIANTS[name]}" in note for note in notes)
    own = load(EXAMPLES / "paper-recipe.yaml", (*sets, "train.dropout=0.1")).spec
    assert isinstance(own, TrainSpec) and not list(variant_note(own))


@pytest.mark.slow
def test_the_papers_recipe_learns_to_read_small_digits(tmp_path: Path) -> None:
    words = ["run", str(EXAMPLES / "paper-recipe.yaml"), "--runner", "local", "--json"]
    sets = ["--set", f"store={tmp_path}", "--set", "train.epochs=8"]
    ran = compound(*words, *sets)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1])["family"][0]["accuracy"] > 0.7

"""What status and report say of other learning rates, from the documents of a study."""

import json
from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.choose.other_rates import OtherRates
from compound.orchestrator.cli.study.status import status
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.records.documents import (
    PLAN,
    RECIPE_CHECK,
    SENSITIVITY,
    SPEC,
    Record,
    documents,
)
from compound.orchestrator.spec.load import load
from compound.schemas.outcomes.recipe_check import (
    Difference,
    RateScore,
    RecipeCheck,
    Sensitivity,
)
from tests.support.small_study import SPEC as TEXT

SENSITIVE = Sensitivity(
    jobs=(),
    differences=(Difference(multiple=0.5, estimate=0.02, low=0.01, high=0.03),),
    sentence="sensitivity: the order is the same at both",
)


def recipe_check(*jobs: str) -> RecipeCheck:
    rates = (RateScore(multiple=1.0, rate=0.6, scores=(0.5, 0.52)),)
    sentence = "recipe check: the baseline by learning rate, 0.6: 51.0 %; trained at 0.6"
    warning = "at 4x the learning rate the baseline gains 8.9 points"
    return RecipeCheck(
        jobs=jobs, rates=rates, noise=0.01, multiple=1.0, sentence=sentence, warning=warning
    )


def written(tmp_path: Path, *, planned: bool, sensitive: bool) -> ArtifactStore:
    """Return a store with a study that has both documents; `planned`: of the check's own jobs."""
    path = tmp_path / "study.yaml"
    path.write_text(TEXT.format(store=tmp_path / "runs", epochs=2))
    sets = ("search.recipe_check=true", f"search.sensitivity={str(sensitive).lower()}")
    spec = load(path, sets).spec
    plan = plan_study(spec, summarise(spec.data))
    store = ArtifactStore.open(spec.store)
    folder = store.study(spec.name)
    folder.write(SPEC, Record(spec=spec, text=""))
    folder.write(PLAN, plan)
    jobs = [job.request.job.id for job in plan.rate_jobs] if planned else ["f" * 16]
    folder.write(RECIPE_CHECK, recipe_check(*jobs))
    folder.write(SENSITIVITY, SENSITIVE)
    return store


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize("sensitive", [True, False])
def test_status_and_report_say_what_holds_for_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], planned: bool, sensitive: bool
) -> None:
    store = written(tmp_path, planned=planned, sensitive=sensitive)
    (study,) = store.studies()
    stored = documents(store.study(study))
    lines = list(OtherRates.of(stored).lines)
    assert any(line.startswith("recipe check: ") for line in lines) == planned
    assert any(line.startswith("warning: at 4x") for line in lines) == planned
    assert (SENSITIVE.sentence in lines) == sensitive
    status(study, store.uri, as_json=False)
    shown = capsys.readouterr().out
    assert all(line in shown for line in lines)
    assert ("recipe check: " in shown, SENSITIVE.sentence in shown) == (planned, sensitive)
    status(study, store.uri, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["recipe_check"] is None or printed["recipe_check"]["rates"][0]["rate"] == 0.6
    assert (printed["recipe_check"] is not None, printed["sensitivity"] is not None) == (
        planned,
        sensitive,
    )


def test_a_study_without_other_rates_says_nothing() -> None:
    assert list(OtherRates().lines) == []
    assert OtherRates().as_json == {"recipe_check": None, "sensitivity": None}

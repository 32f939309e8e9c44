"""Plans of examples/digits.yaml with overrides, and why some are refused."""

from pathlib import Path

import pytest

from compound.jobs.data.source import summarise
from compound.orchestrator.plan.search_jobs import plan_study
from compound.orchestrator.spec.load import SpecFile, load
from compound.schemas.errors import PlanError
from compound.schemas.plan import Plan
from compound.schemas.study import StudySpec

EXAMPLES = Path(__file__).parents[2] / "examples"


def study(*overrides: str) -> tuple[StudySpec, Plan]:
    """Plan that study with overrides."""
    file = load(EXAMPLES / "digits.yaml", overrides)
    assert isinstance(file.spec, StudySpec)
    return file.spec, plan_study(file.spec, summarise(file.spec.data))


def refused(*overrides: str) -> PlanError:
    """Return why that study with overrides cannot be planned, with its place."""
    file: SpecFile = load(EXAMPLES / "digits.yaml", overrides)
    with pytest.raises(PlanError) as caught:
        plan_study(file.spec, summarise(file.spec.data))
    explained = file.explain(caught.value)
    assert isinstance(explained, PlanError)
    return explained

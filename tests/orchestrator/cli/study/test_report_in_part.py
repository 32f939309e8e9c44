"""A figure that cannot be drawn costs neither the page nor the silence of the command."""

import json
import tarfile
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.documents import PLAN
from compound.schemas.plan import Plan
from tests.support.command import compound
from tests.support.report_pages import Page, figures_in

PUBLISHED = Path(__file__).parents[4] / "docs" / "results" / "cifar10" / "store.tar.gz"
STUDY = "cifar10-published"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    with tarfile.open(PUBLISHED) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path


def without_cost(store: Path) -> None:
    """Write a network without multiplications into the plan: its cost has no logarithm."""
    folder = ArtifactStore.open(str(store), create=False).study(STUDY)
    plan = folder.read(PLAN, Plan)
    assert plan is not None
    free = [
        candidate.model_copy(update={"cost": candidate.cost.model_copy(update={"macs": 0})})
        for candidate in plan.candidates
    ]
    folder.write(PLAN, plan.model_copy(update={"candidates": tuple(free)}))


def test_the_rest_is_drawn_and_the_command_says_which_part_failed(published: Path) -> None:
    without_cost(published)
    ran = compound("report", STUDY, "--store", str(published))
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "The figure cost could not be drawn: ValueError: " in ran.stderr
    assert "The rest of the report is drawn" in ran.stderr
    assert f"compound report {STUDY} --store {published} --debug" in ran.stderr
    text = Path(ran.stdout.strip()).read_text()
    assert text.count("The figure cost could not be drawn: ValueError: ") == 2
    assert set(figures_in(Page(text))) >= {"ternary", "standings", "gate", "family", "along"}
    debugged = compound("report", STUDY, "--store", str(published), "--debug")
    assert debugged.returncode == 1 and "cost_figure.py" in debugged.stderr


def test_in_json_the_address_of_the_page_is_told_too(published: Path) -> None:
    without_cost(published)
    ran = compound("report", STUDY, "--store", str(published), "--json")
    assert ran.returncode == 1
    assert Path(json.loads(ran.stdout)["report"]).is_file()


def test_a_whole_report_is_small_and_ends_well(published: Path) -> None:
    ran = compound("report", STUDY, "--store", str(published))
    assert ran.returncode == 0
    size = Path(ran.stdout.strip()).stat().st_size
    assert 1_000_000 < size <= 2_000_000

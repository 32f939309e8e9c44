"""An axis whose scalings all fail is the first warning of a plan; one that works is none."""

from pathlib import Path

import pytest

from tests.support.user_networks import NET, planned, write

BOUNDS = {"depth": "depth > 1", "width": "width > 1", "resolution": "resolution > 8"}
LATER = {"depth": "depth > 1.6", "width": "width > 1.3", "resolution": "resolution > 12"}


def warnings(folder: Path, condition: str, *overrides: str) -> tuple[str, ...]:
    """Return the warnings of a plan on a factory that raises a KeyError under a condition."""
    check = f"if {condition}: raise KeyError('no such size')"
    path = write(folder, NET.replace("CHECK", check))
    return planned(path, "search.budget.tolerance=0.5", *overrides)[0].warnings


@pytest.mark.parametrize("axis", BOUNDS)
def test_a_lost_axis_is_the_first_warning(axis: str, tmp_path: Path) -> None:
    first, *rest = warnings(tmp_path, BOUNDS[axis])
    assert first.startswith(f"the search has no {axis}: ")
    assert "KeyError: 'no such size'" in first
    assert f"{tmp_path}/own_study_" in first
    assert not [text for text in rest if text.startswith("the search has no")]


@pytest.mark.parametrize("axis", LATER)
def test_an_axis_that_is_cut_short_is_not_lost(axis: str, tmp_path: Path) -> None:
    texts = warnings(tmp_path, LATER[axis])
    assert not [text for text in texts if text.startswith("the search has no")]


def test_an_axis_that_the_budget_does_not_count_is_not_lost(tmp_path: Path) -> None:
    texts = warnings(tmp_path, "False", "search.budget.cost=params")
    assert not [text for text in texts if text.startswith("the search has no")]

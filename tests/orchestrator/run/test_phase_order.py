"""A run names the phases that its time left leaves out."""

from pathlib import Path

import pytest

from compound.orchestrator.run.phase_order import following
from compound.orchestrator.spec.load import load
from tests.support.small_study import SPEC


@pytest.mark.parametrize(
    ("sets", "title", "text"),
    [
        ([], "recipe", "then search and family"),
        ([], "search", "then family"),
        (["gate=warn"], "screening", "then search and gate and family"),
        (["gate=warn"], "sensitivity", "then gate and family"),
        (["gate=warn"], "gate", "then family"),
        ([], "family", ""),
        (["family.phi=[]"], "search", ""),
    ],
)
def test_the_phases_after_one_are_named(
    tmp_path: Path, sets: list[str], title: str, text: str
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path, epochs=1))
    assert following(load(path, ["gate=off", *sets]).spec, title) == text

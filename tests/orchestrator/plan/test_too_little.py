"""A study from which nothing can be learned says so before it trains."""

from pathlib import Path

import pytest

from compound.jobs.data.source import inspect
from compound.orchestrator.plan.too_little import too_little
from compound.orchestrator.spec.load import load
from tests.support.small_study import SPEC


@pytest.mark.parametrize(
    ("sets", "texts"),
    [
        (
            ["data.validation_images=36"],
            ["on the 36 validation images", "search: a job has 8 optimiser steps, 2 x 4", "family"],
        ),
        (["data.validation_images=200", "train.epochs=25"], []),
        (["data.validation_images=200", "family.phi=[]"], ["search: a job has 8 optimiser steps"]),
        (
            ["data.validation_images=200", "search.train.epochs=25"],
            ["family: a job has 8 optimiser steps"],
        ),
    ],
)
def test_few_images_and_few_steps_are_warned_of(
    tmp_path: Path, sets: list[str], texts: list[str]
) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC.format(store=tmp_path, epochs=2))
    spec = load(path, sets).spec
    said = [*too_little(spec, inspect(spec.data))]
    assert len(said) == len(texts)
    assert all(line.startswith(text) for line, text in zip(said, texts, strict=True)), said
